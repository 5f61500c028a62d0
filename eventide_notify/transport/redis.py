"""Fan-out between instances over Redis: python-socketio's Redis manager, with a publisher and a listener of our own.

The manager's format and channel stay, so that other python-socketio code on the same Redis (a write-only manager in
a worker) can emit to `user:42` and reach the user on every instance. What is ours:

* What is to be published goes into an outbox, and one task sends all that is in it in one pipeline. `emit` waits until
  Redis has it, so that what the caller sends next, through another instance, does not overtake it; but hardly, and not
  at all while Redis is slow. (Out of the box each emit awaits its own PUBLISH, and a frozen Redis holds it for 10 s.)
* What could not be published is tried again while it is fresh, after a word that it is late: what others published
  meanwhile may be newer, so receivers read from the store what is stored. They open an envelope once.
* Every second each instance publishes a heartbeat. An instance that does not hear its own is deaf; one that no longer
  hears another's cannot know what it misses. Both are *degraded* (`Hearing`), and read from the store meanwhile.
* The listener subscribes again after a moment of silence. (Out of the box it waits up to a minute after an error, and
  for ever on a connection that died silently.) Whatever was published before a subscription is lost, so for a moment
  after each one but the first the instance is degraded too; also after one that the driver made by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import socketio

from .codec import Json
from .fanout import LocalFanout

logger = logging.getLogger(__name__)

CHANNEL = "socketio"
HEARTBEAT = 1.0
"""Seconds between two heartbeats."""
SILENCE = 3.0
"""Seconds without a heartbeat after which it counts as lost."""
INTERRUPTED = 3.0
"""Seconds for which an interruption is a problem: long enough to be noticed by whoever makes good what was missed."""
FORGET = 60.0
"""Seconds after which a silent instance counts as gone for good; until then what it may have sent is read."""
PROMPT = 0.05
"""Seconds within which Redis takes what is published, if all is well. A call waits no longer."""
PUBLISH_TIMEOUT = 2.0
"""Seconds that Redis has for a batch."""
FRESH = 10.0
"""Seconds that a message is tried to be published; afterwards the receivers have read it from the store."""
OUTBOX_MAX = 10_000
BATCH_MAX = 200

_HEARTBEAT = "heartbeat"


class Hearing:
    """Who was heard when. No I/O; time is passed in, in seconds on any one clock."""

    def __init__(self, own: str, *, now: float) -> None:
        self._own = own
        self._heard = {own: now}
        self._subscribed = False
        self._interrupted_at: float | None = None

    def heard(self, instance: str, *, now: float) -> None:
        """Something of this instance's came through the channel."""
        self._heard[instance] = now

    def left(self, instance: str) -> None:
        """This instance said that it is going."""
        if instance != self._own:
            self._heard.pop(instance, None)

    def subscribed(self, *, now: float) -> None:
        """From now on something is heard; what was said since the last time has been missed."""
        if self._subscribed:
            self.interrupted(now=now)
        self._subscribed = True

    def interrupted(self, *, now: float) -> None:
        """Something did not come, or comes late."""
        self._interrupted_at = now

    def problems(self, *, now: float) -> list[str]:
        """What is not heard, in words; empty: all is well."""
        for instance, at in list(self._heard.items()):
            if instance != self._own and now - at > FORGET:
                del self._heard[instance]
        if self.deaf(now=now):
            return [f"this instance has not heard itself through Redis for {now - self._heard[self._own]:.0f} s"]
        if self._interrupted_at is not None and now - self._interrupted_at < INTERRUPTED:
            return [f"Redis was interrupted until {now - self._interrupted_at:.0f} s ago"]
        return [
            f"instance {instance[:8]} has not been heard for {now - at:.0f} s"
            for instance, at in self._heard.items()
            if now - at > SILENCE
        ]

    def deaf(self, *, now: float) -> bool:
        """Whether this instance does not hear itself."""
        return now - self._heard[self._own] > SILENCE


@dataclass(slots=True, eq=False)
class _Message:
    """What is to be published."""

    at: float
    text: str
    sent: asyncio.Future[None] | None = None
    """Who waits for it to be sent."""


class RedisFanout(socketio.AsyncRedisManager, LocalFanout):
    """The manager for many instances. `start` it with the application, and `stop` it."""

    host_id: str
    channel: str
    json: Any
    redis: Any
    pubsub: Any

    def __init__(self, url: str) -> None:
        options = {
            "socket_timeout": PUBLISH_TIMEOUT,
            "socket_connect_timeout": PUBLISH_TIMEOUT,
            "retry_on_timeout": False,
        }
        socketio.AsyncRedisManager.__init__(self, url, channel=CHANNEL, redis_options=options)
        self.json = Json
        self.hearing = Hearing(self.host_id, now=time.monotonic())
        self._outbox: deque[_Message] = deque(maxlen=OUTBOX_MAX)
        self._filled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._publishing: Any = None
        self._trouble = False
        self._late = False
        self._prompt = True

    def may_reach(self, user: str) -> bool:
        return True  # on another instance, for all we know

    def initialize(self) -> None:
        """python-socketio calls this with the first connection; instances must hear one another from the start."""

    async def start(self) -> None:
        """Listen and publish from now on. Does not wait for Redis, and does not need it to be there."""
        self.hearing.heard(self.host_id, now=time.monotonic())
        self._tasks = [
            asyncio.create_task(self._thread(), name="redis listener"),
            asyncio.create_task(self._publish_all(), name="redis publisher"),
        ]

    async def stop(self) -> None:
        """Say goodbye, so that the others do not wait for heartbeats, and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await self._send([*(message.text for message in self._outbox), self._heartbeat(left=True)])
        await self._close(self.redis)
        await self._close(self._publishing)

    def problems(self) -> list[str]:
        """Why this instance is degraded; empty when it is not."""
        return self.hearing.problems(now=time.monotonic())

    def _passes_over(self) -> bool:
        # At once, and not only when the store is read for the first time: until then newer ones could be shown.
        return super()._passes_over() or bool(self.problems())

    # Publishing

    async def _publish(self, data: Mapping[str, Any]) -> None:
        message = _Message(time.monotonic(), self.json.dumps(data))
        self._outbox.append(message)
        self._filled.set()
        if not self._prompt:
            return
        message.sent = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PROMPT):
                await message.sent
        except TimeoutError:
            self._prompt = False  # the next ones need not wait to find out

    async def _publish_all(self) -> None:
        beat_at = 0.0
        while True:
            now = time.monotonic()
            if now >= beat_at:
                beat_at = now + HEARTBEAT
                self._outbox.append(_Message(now, self._heartbeat()))
            if self._outbox:
                await self._publish_batch()
                continue
            self._filled.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, beat_at - time.monotonic())):
                    await self._filled.wait()

    async def _publish_batch(self) -> None:
        batch = [self._outbox.popleft() for _ in range(min(BATCH_MAX, len(self._outbox)))]
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await self._send([*([self._heartbeat(late=True)] * self._late), *(message.text for message in batch)])
            self._late = False
            self._prompt = True
            for message in batch:
                if message.sent is not None and not message.sent.done():
                    message.sent.set_result(None)
        except Exception as error:  # each driver has its own
            self._troubled("Redis does not take what is published (%r)", error)
            await self._close(self._publishing)
            self._publishing = None
            self._late = True
            oldest = time.monotonic() - FRESH
            self._outbox.extendleft(reversed([message for message in batch if message.at > oldest]))
            await asyncio.sleep(0.2)

    def _heartbeat(self, **news: bool) -> str:
        return str(self.json.dumps({"method": _HEARTBEAT, "host_id": self.host_id, **news}))

    async def _send(self, messages: list[str]) -> None:
        if self._publishing is None:
            self._publishing = self._new_client()
        pipeline = self._publishing.pipeline(transaction=False)
        for message in messages:
            pipeline.publish(self.channel, message)
        await pipeline.execute()
        if self._trouble:
            self._trouble = False
            logger.warning("Redis takes what is published again")

    def _troubled(self, message: str, error: Exception) -> None:
        logger.log(logging.DEBUG if self._trouble else logging.WARNING, message, error)
        self._trouble = True

    def _new_client(self) -> Any:
        # python-socketio knows how to read the URL, Sentinel's too; its own client is for listening.
        listening, pubsub = self.redis, self.pubsub
        self._redis_connect()
        client, self.redis, self.pubsub = self.redis, listening, pubsub
        return client

    # Listening

    async def _listen(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            try:
                await self._close(self.redis)
                self._redis_connect()
                self.pubsub.ignore_subscribe_messages = False
                await self.pubsub.subscribe(self.channel)
                subscribed_at = time.monotonic()
                while not self._should_resubscribe(subscribed_at):
                    raw = await self.pubsub.get_message(timeout=HEARTBEAT)
                    message = self._received(raw)
                    if message is not None:
                        yield message
                logger.warning("nothing is heard through Redis: subscribing again")
            except Exception as error:  # each driver has its own
                self._troubled("Redis cannot be listened to (%r)", error)
                await asyncio.sleep(HEARTBEAT)

    def _should_resubscribe(self, subscribed_at: float) -> bool:
        now = time.monotonic()
        return self.hearing.deaf(now=now) and now - subscribed_at > SILENCE

    def _received(self, raw: Any) -> dict[str, Any] | None:
        if raw is not None and raw.get("type") == "subscribe":
            self.hearing.subscribed(now=time.monotonic())
        if raw is None or raw.get("type") != "message":
            return None
        try:
            message = self.json.loads(raw["data"])
            instance = message["host_id"]
        except (ValueError, KeyError, TypeError):
            return None  # somebody else's, and nothing that python-socketio would understand
        if message.get("method") != _HEARTBEAT:
            return message if isinstance(message, dict) else None
        if message.get("left"):
            self.hearing.left(instance)
        else:
            self.hearing.heard(instance, now=time.monotonic())
        if message.get("late"):
            self.hearing.interrupted(now=time.monotonic())
        return None

    @staticmethod
    async def _close(client: Any) -> None:
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await client.aclose()
