"""The channel between instances over Redis: python-socketio's Redis manager, with our own publisher and listener.

The manager's format and channel stay, so that other python-socketio code on the same Redis (a write-only manager in
a worker) can emit to `user:42` and reach the user on every instance. Beside the manager's messages there are ours:

    {"method": "envelopes", "host_id": …, "first": number, "late": bool, "envelopes": […]}
    {"method": "heartbeat", "host_id": …, "last": number, "left": bool}

* What is to be published goes into an outbox, and one task publishes all that is in it together. `publish` waits until
  Redis has it, so that what the caller sends next, through another instance, does not overtake it; but hardly, and not
  at all while Redis is slow. (Out of the box each emit awaits its own PUBLISH, and a frozen Redis holds it for 10 s.)
* What could not be published is tried again while it is fresh, marked as late: what others published meanwhile may be
  newer, so receivers read from the store what is stored of it.
* Envelopes are numbered, and every second each instance publishes a heartbeat: `ChannelHealth` makes of these what is
  lacking here, and `service.missed` reads it from the store.
* The listener subscribes again after a moment of silence. (Out of the box it waits up to a minute after an error, and
  for ever on a connection that died silently.)

Of python-socketio's names that begin with an underscore two are overridden, `_publish` and `_listen`: they are what its
managers for other brokers have to provide.
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

import orjson
import socketio

from ..models import UserId
from ..realtime.codec import Json
from ..realtime.hub import Hub
from ..redis_client import TIMEOUT, connect
from .envelopes import Envelope, open_envelope
from .health import SILENCE, ChannelHealth
from .rooms import HubManager

logger = logging.getLogger(__name__)

CHANNEL = "socketio"
HEARTBEAT = 1.0
"""Seconds between two heartbeats."""
PROMPT = 0.05
"""Seconds within which Redis takes what is published, if all is well. A call waits no longer."""
FRESH = 10.0
"""Seconds that a message is tried to be published; afterwards the receivers have read it from the store."""
OUTBOX_MAX = 10_000
BATCH_MAX = 200

_HEARTBEAT, _ENVELOPES = "heartbeat", "envelopes"


@dataclass(slots=True, eq=False)
class _Message:
    """What is to be published: an envelope with its number, or a message of python-socketio's."""

    at: float
    text: bytes
    number: int = 0
    sent: asyncio.Future[None] | None = None
    """Who waits for it to be sent."""


class RedisChannel(socketio.AsyncRedisManager, HubManager):
    """See `Channel`. The manager for many instances. `start` it with the application, and `stop` it."""

    host_id: str
    channel: str
    json: Any
    redis: Any
    pubsub: Any
    thread: asyncio.Task[None]

    def __init__(self, url: str, hub: Hub) -> None:
        super().__init__(url, channel=CHANNEL)  # type: ignore[call-arg]  # mypy sees HubManager only
        self.hub = hub
        self.json = Json
        self.health = ChannelHealth(self.host_id, now=time.monotonic())
        self._own_start = self._start_of(_ENVELOPES)
        self._outbox: deque[_Message] = deque(maxlen=OUTBOX_MAX)
        self._number = 0
        self._filled = asyncio.Event()
        self._publisher: asyncio.Task[None] | None = None
        self._publishing: Any = None
        self._trouble = False
        self._late = False
        self._prompt = True

    def initialize(self) -> None:
        """python-socketio calls this with the first connection; instances must hear one another from the start."""

    async def start(self) -> None:
        """Listen and publish from now on. Does not wait for Redis, and does not need it to be there."""
        self.health.began(now=time.monotonic())
        super().initialize()  # begins to listen
        self._publisher = asyncio.create_task(self._publish_all(), name="redis publisher")

    async def stop(self) -> None:
        """Say goodbye, so that the others do not wait for heartbeats, and end."""
        if self._publisher is None:
            return
        for task in (self._publisher, self.thread):
            task.cancel()
        await asyncio.gather(self._publisher, self.thread, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(TIMEOUT):
                await self._send([*self._packed(list(self._outbox)), self._heartbeat(self._number, left=True)])
        await _close(self.redis)
        await _close(self._publishing)

    def may_reach(self, user: UserId) -> bool:
        """See `Channel`."""
        return True  # on another instance, for all we know

    # Publishing

    async def publish(self, envelope: Envelope) -> None:
        """See `Channel`."""
        await open_envelope(envelope, self.hub)
        self._number += 1
        await self._put(_Message(time.monotonic(), orjson.dumps(envelope), self._number))

    async def _publish(self, data: Mapping[str, Any]) -> None:
        await self._put(_Message(time.monotonic(), orjson.dumps(data)))

    async def _put(self, message: _Message) -> None:
        self._outbox.append(message)
        self._filled.set()
        if not self._prompt:
            return
        message.sent = asyncio.get_running_loop().create_future()
        done, _ = await asyncio.wait([message.sent], timeout=PROMPT)
        if not done:
            self._prompt = False  # the next ones need not wait to find out

    async def _publish_all(self) -> None:
        beat_at = 0.0
        while True:
            now = time.monotonic()
            self._check(now)
            beat = now >= beat_at
            if beat:
                beat_at = now + HEARTBEAT
            if self._outbox or beat:
                await self._publish_batch(beat)
                continue
            self._filled.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, beat_at - time.monotonic())):
                    await self._filled.wait()

    def _check(self, now: float) -> None:
        self.health.check(now=now)
        if self.health.deaf:
            self.hub.begin_to_hold()  # what is newer is not to be shown before what has to be read from the store

    async def _publish_batch(self, beat: bool) -> None:
        batch = [self._outbox.popleft() for _ in range(min(BATCH_MAX, len(self._outbox)))]
        last = next((message.number - 1 for message in self._outbox if message.number), self._number)
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._send([*self._packed(batch), *([self._heartbeat(last)] if beat else [])])
            self._late = False
            self._prompt = True
            for message in batch:
                if message.sent is not None and not message.sent.done():
                    message.sent.set_result(None)
        except Exception as error:  # each driver has its own
            self._troubled("Redis does not take what is published (%r)", error)
            await _close(self._publishing)
            self._publishing = None
            self._late = True
            oldest = time.monotonic() - FRESH
            self._outbox.extendleft(reversed([message for message in batch if message.at > oldest]))
            await asyncio.sleep(0.2)

    def _packed(self, batch: list[_Message]) -> list[bytes]:
        """The messages as they are published: envelopes together."""
        envelopes = [message for message in batch if message.number]
        others = [message.text for message in batch if not message.number]
        if not envelopes:
            return others
        late = b"true" if self._late else b"false"
        head = b'%s"first":%d,"late":%s,"envelopes":[' % (self._own_start, envelopes[0].number, late)
        return [head + b",".join(message.text for message in envelopes) + b"]}", *others]

    def _start_of(self, method: str) -> bytes:
        return f'{{"method":"{method}","host_id":"{self.host_id}",'.encode()

    def _heartbeat(self, last: int, *, left: bool = False) -> bytes:
        return self._start_of(_HEARTBEAT) + b'"last":%d,"left":%s}' % (last, b"true" if left else b"false")

    async def _send(self, messages: list[bytes]) -> None:
        if self._publishing is None:
            self._publishing = connect(self.redis_url)
        if len(messages) == 1:
            await self._publishing.publish(self.channel, messages[0])
        else:
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

    # Listening

    async def _listen(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            try:
                await _close(self.redis)
                self.redis = connect(self.redis_url)
                self.pubsub = self.redis.pubsub()
                await self.pubsub.subscribe(self.channel)
                subscribed_at = time.monotonic()
                while not self._should_resubscribe(subscribed_at):
                    raw = await self.pubsub.get_message(timeout=HEARTBEAT)
                    if raw is not None and (message := await self._received(raw)) is not None:
                        yield message
                logger.warning("nothing is heard through Redis: subscribing again")
            except Exception as error:  # each driver has its own
                self._troubled("Redis cannot be listened to (%r)", error)
                await asyncio.sleep(HEARTBEAT)

    def _should_resubscribe(self, subscribed_at: float) -> bool:
        return self.health.deaf and time.monotonic() - subscribed_at > SILENCE

    async def _received(self, raw: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take what is ours; a message of python-socketio's is returned."""
        data: Any = raw.get("data")
        if raw.get("type") == "subscribe":
            self.health.subscribed(now=time.monotonic())
        if raw.get("type") != "message" or data.startswith(self._own_start):
            return None
        try:
            message = orjson.loads(data)
            if message["method"] == _ENVELOPES:
                await self._open(message)
            elif message["method"] == _HEARTBEAT:
                self._heard(message)
            else:
                return message if isinstance(message, dict) else None
        except (ValueError, KeyError, TypeError):
            logger.debug("a message in Redis that is not understood")
        return None

    def _heard(self, message: Mapping[str, Any]) -> None:
        tell = self.health.left if message["left"] else self.health.heard
        gaps = self.health.gaps
        tell(message["host_id"], message["last"], now=time.monotonic())
        self._hold_after(gaps)

    def _hold_after(self, gaps: int) -> None:
        if self.health.gaps != gaps:
            self.hub.begin_to_hold()

    async def _open(self, message: Mapping[str, Any]) -> None:
        envelopes, late, gaps = message["envelopes"], message["late"], self.health.gaps
        copies = self.health.received(
            message["host_id"], message["first"], len(envelopes), late=late, now=time.monotonic()
        )
        self._hold_after(gaps)
        for envelope in envelopes[copies:]:
            if late and envelope["stored"]:
                continue  # it is read from the store, in its place
            try:
                await open_envelope(envelope, self.hub)
            except Exception:
                logger.exception("an envelope could not be opened")


async def _close(client: Any) -> None:
    if client is not None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await client.aclose()
