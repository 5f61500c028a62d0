"""The channel between instances over Redis: python-socketio's Redis manager, with our own publisher and listener.

The manager's format and channel stay, so that other python-socketio code on the same Redis (a write-only manager in
a worker) can emit to `user:42` and reach the user on every instance. Beside the manager's messages there are ours:

    {"method": "envelopes", "host_id": …, "age": seconds, "first": number, "late": bool, "envelopes": […]}
    {"method": "heartbeat", "host_id": …, "age": seconds, "last": number, "left": bool}

* What is to be published goes into an outbox, and one task publishes all that is in it together. `publish` waits until
  Redis has it, so that what the caller sends next, through another instance, does not overtake it; but hardly, and not
  at all while Redis is slow. (Out of the box each emit awaits its own PUBLISH, and a frozen Redis holds it for 10 s.)
* What could not be published is tried again while it is fresh, marked as late: what others published meanwhile may be
  newer, so receivers read from the store what is stored of it.
* Envelopes are numbered, and every second each instance publishes a heartbeat: `ChannelHealth` makes of these what is
  lacking here, and `service.missed` reads it from the store.
* The listener subscribes again after a moment of silence. (Out of the box it waits up to a minute after an error, and
  for ever on a connection that died silently.)

Of python-socketio's names that begin with an underscore two are overridden, `_publish` and `_listen`, see
`realtime.seams`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import orjson
import socketio

from ..metrics import Metrics, timed
from ..models import UserId
from ..realtime.codec import Json
from ..realtime.hub import Hub
from ..redis_client import TIMEOUT, connect
from .calls import Calls
from .envelopes import Envelope, is_found_in_store, open_envelope
from .health import SILENCE, ChannelHealth
from .publisher import CHANNEL, Publisher, close
from .rooms import HubManager

logger = logging.getLogger(__name__)

HEARTBEAT = 1.0
"""Seconds between two heartbeats."""
PROMPT = 0.05
"""Seconds within which Redis takes what is published, if all is well. A call waits no longer."""
SUBSCRIBED_WITHIN = 1.0
"""Seconds that the start waits for the subscription; with it, nothing is lacking from the beginning."""
FRESH = 10.0
"""Seconds that a message is tried to be published; afterwards the receivers have read it from the store."""
OUTBOX_MAX = 10_000
OUTBOX_BYTES = 32 * 1024 * 1024
"""Most that waits for Redis. What is more is not published, and so it is a gap to the others."""
BATCH_MAX = 200
BATCH_BYTES = 1024 * 1024
"""Most in one message, unless an envelope is larger: Redis cuts off subscribers for which too much waits."""

_HEARTBEAT, _ENVELOPES = "heartbeat", "envelopes"


@dataclass(slots=True, eq=False)
class _Message:
    """What is to be published: an envelope with its number, or a message of python-socketio's."""

    at: float
    text: bytes
    number: int = 0
    sent: asyncio.Future[None] | None = None
    """Who waits for it to be sent."""

    def tell_sent(self) -> None:
        """Let whoever waits for it go on."""
        if self.sent is not None and not self.sent.done():
            self.sent.set_result(None)


class RedisChannel(socketio.AsyncRedisManager, HubManager):
    """See `Channel`. The manager for many instances. `start` it with the application, and `stop` it."""

    host_id: str
    channel: str
    json: Any
    redis: Any
    pubsub: Any
    thread: asyncio.Task[None] | None

    def __init__(self, url: str, hub: Hub, metrics: Metrics) -> None:
        super().__init__(url, channel=CHANNEL)  # type: ignore[call-arg]  # mypy sees HubManager only
        self.hub = hub
        self.json = Json
        self.health = ChannelHealth(self.host_id, now=time.monotonic())
        self.calls = Calls(self.host_id, self.publish, others=lambda: self.health.others)
        self._own_start = f'{{"method":"{_ENVELOPES}","host_id":"{self.host_id}",'.encode()
        self._began = time.monotonic()
        self._outbox: deque[_Message] = deque()
        self._outbox_bytes = 0
        self._number = 0
        self._filled = asyncio.Event()
        self._publisher: asyncio.Task[None] | None = None
        self._publishing: Any = None
        self._trouble = False
        self._failed_at = 0.0
        self._prompt = True
        self._impatience: asyncio.TimerHandle | None = None
        self._subscribed = asyncio.Event()
        self._metrics = metrics
        self._around = partial(
            timed, metrics.redis.labels("publish").observe, metrics.redis_errors.labels("publish").inc
        )
        metrics.channel_outbox.set_function(lambda: len(self._outbox))
        metrics.channel_instances.set_function(lambda: 1 + len(self.health.others))
        metrics.channel_deaf.set_function(lambda: self.health.deaf)
        metrics.channel_degraded.set_function(lambda: bool(self.health.problems))
        self._checked_at = self._began
        self._gaps = 0

    def initialize(self) -> None:
        """python-socketio calls this with the first connection; instances must hear one another from the start."""

    async def start(self) -> None:
        """Listen and publish from now on. Waits for Redis for a moment, and does not need it to be there."""
        super().initialize()  # begins to listen
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBED_WITHIN):
                await self._subscribed.wait()
        self.health.began(now=time.monotonic())
        self._publisher = asyncio.create_task(self._publish_all(), name="redis publisher")

    async def stop(self) -> None:
        """Say goodbye, so that the others do not wait for heartbeats, and end."""
        await self.calls.close()
        running = [task for task in (self._publisher, self.thread) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._publisher is not None:
            await self._say_goodbye()
        await close(self.redis)
        await close(self._publishing)

    async def _say_goodbye(self) -> None:
        await close(self._publishing)  # it may still wait for an answer
        self._publishing = None
        with contextlib.suppress(Exception):
            async with asyncio.timeout(TIMEOUT):
                await self._send([*self._packed(self._outbox), self._heartbeat(self._number, left=True)])

    @property
    def waiting(self) -> int:
        """How much is to be published."""
        return len(self._outbox)

    def may_reach(self, user: UserId) -> bool:
        """See `Channel`."""
        return True  # on another instance, for all we know

    # Publishing

    async def publish(self, envelope: Envelope) -> None:
        """See `Channel`. Who is cancelled meanwhile has published it all the same."""
        text = orjson.dumps(envelope)
        self._number += 1
        message = _Message(time.monotonic(), text, self._number)
        self._put(message)
        await open_envelope(envelope, self.hub, self.calls, own=True)
        await self._sent(message)

    async def _publish(self, data: Mapping[str, Any]) -> None:
        message = _Message(time.monotonic(), orjson.dumps(data))
        self._put(message)
        await self._sent(message)

    def _put(self, message: _Message) -> None:
        if len(self._outbox) >= OUTBOX_MAX or self._outbox_bytes + len(message.text) > OUTBOX_BYTES:
            return
        self._outbox.append(message)
        if self._prompt:
            message.sent = asyncio.get_running_loop().create_future()
            if self._impatience is None:
                self._be_patient()
        self._outbox_bytes += len(message.text)
        self._filled.set()

    async def _sent(self, message: _Message) -> None:
        """Return when Redis has it, but soon."""
        if message.sent is not None:
            await message.sent

    def _wait_no_longer(self) -> None:
        """Redis is slow: nobody waits for it, and the next ones need not wait to find out."""
        self._prompt = False
        self._impatience = None
        for message in self._outbox:
            message.tell_sent()

    def _be_patient(self) -> None:
        """The first one that still waits has as much time as any other."""
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        if self._outbox:
            self._impatience = asyncio.get_running_loop().call_later(PROMPT, self._wait_no_longer)

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
            wake = asyncio.get_running_loop().call_later(max(0.0, beat_at - time.monotonic()), self._filled.set)
            await self._filled.wait()
            wake.cancel()

    def _check(self, now: float) -> None:
        was_deaf = self.health.deaf
        self.health.check(now=now)
        self._count(now)
        if self.health.deaf and not was_deaf:
            self.hub.begin_to_hold()  # what is newer is not to be shown before what has to be read from the store

    def _count(self, now: float) -> None:
        if self.health.problems:
            self._metrics.channel_degraded_seconds.inc(now - self._checked_at)
        self._metrics.channel_gaps.inc(self.health.gaps - self._gaps)
        self._checked_at, self._gaps = now, self.health.gaps

    async def _publish_batch(self, beat: bool) -> None:
        batch = self._next_batch()
        following = next((message.number for message in islice(self._outbox, len(batch), None) if message.number), None)
        last = self._number if following is None else following - 1
        try:
            with self._around():
                async with asyncio.timeout(TIMEOUT):
                    await self._send([*self._packed(batch), *([self._heartbeat(last)] if beat else [])])
        except Exception as error:  # each driver has its own
            self._troubled("Redis does not take what is published (%r)", error)
            await close(self._publishing)
            self._publishing = None
            self._failed_at = time.monotonic()
            self._drop_unfresh()
            await asyncio.sleep(0.2)
        else:
            self._prompt = True
            for message in batch:
                self._take_first()
                message.tell_sent()
            self._be_patient()

    def _next_batch(self) -> list[_Message]:
        """What is published next. It stays in the outbox until Redis has it."""
        batch: list[_Message] = []
        size = 0
        for message in islice(self._outbox, BATCH_MAX):
            size += len(message.text)
            if batch and size > BATCH_BYTES:
                break
            batch.append(message)
        return batch

    def _drop_unfresh(self) -> None:
        oldest = time.monotonic() - FRESH
        while self._outbox and self._outbox[0].at <= oldest:
            self._take_first()

    def _take_first(self) -> None:
        self._outbox_bytes -= len(self._outbox.popleft().text)

    def _packed(self, batch: Iterable[_Message]) -> list[bytes]:
        """The messages as they are published: envelopes with numbers that follow one another together."""
        groups: list[list[_Message]] = []
        for message in batch:
            before = groups[-1][-1] if groups else None
            if before is not None and before.number and self._continues(before, message):
                groups[-1].append(message)
            else:
                groups.append([message])
        return [self._envelopes(group) if group[0].number else group[0].text for group in groups]

    def _continues(self, before: _Message, message: _Message) -> bool:
        return message.number == before.number + 1 and self._is_late(message) == self._is_late(before)

    def _is_late(self, message: _Message) -> bool:
        return message.at <= self._failed_at

    def _envelopes(self, messages: Sequence[_Message]) -> bytes:
        late = b"true" if self._is_late(messages[0]) else b"false"
        texts = b",".join(message.text for message in messages)
        return self._start_of(_ENVELOPES) + b'"first":%d,"late":%s,"envelopes":[%s]}' % (
            messages[0].number,
            late,
            texts,
        )

    def _heartbeat(self, last: int, *, left: bool = False) -> bytes:
        return self._start_of(_HEARTBEAT) + b'"last":%d,"left":%s}' % (last, b"true" if left else b"false")

    def _start_of(self, method: str) -> bytes:
        age = time.monotonic() - self._began
        return f'{{"method":"{method}","host_id":"{self.host_id}","age":{age:.3f},'.encode()

    async def _send(self, messages: list[bytes]) -> None:
        if self._publishing is None:
            self._publishing = Publisher(self.redis_url, self.channel)
        await self._publishing.publish(messages)
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
                await close(self.redis)
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
            self._subscribed.set()
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
        if message["host_id"] == self.host_id:
            self._metrics.channel_lag.observe(max(0.0, time.monotonic() - self._began - message["age"]))
        tell = self.health.left if message["left"] else self.health.heard
        gaps = self.health.gaps
        tell(message["host_id"], message["last"], age=message["age"], now=time.monotonic())
        self._hold_after(gaps)

    def _hold_after(self, gaps: int) -> None:
        if self.health.gaps != gaps:
            self.hub.begin_to_hold()

    async def _open(self, message: Mapping[str, Any]) -> None:
        envelopes, late, gaps = message["envelopes"], message["late"], self.health.gaps
        instance, age, now = message["host_id"], message["age"], time.monotonic()
        held_up = late or self.health.delayed(instance, age=age, now=now)
        copies = self.health.received(instance, message["first"], len(envelopes), age=age, late=late, now=now)
        self._hold_after(gaps)
        for envelope in envelopes[copies:]:
            if held_up and is_found_in_store(envelope):
                continue  # it is read from the store, in its place
            try:
                await open_envelope(envelope, self.hub, self.calls)
            except Exception:
                logger.exception("an envelope could not be opened")
