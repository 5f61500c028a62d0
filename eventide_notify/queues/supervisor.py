"""Keeps the consumers of all queues at work: starts them, and starts them again whatever has happened to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from ..metrics import Metrics
from .address import QueueAddress
from .base import HOLD_EVERY, Broker, Message
from .intake import Intake

logger = logging.getLogger(__name__)

T = TypeVar("T")

START_TIMEOUT = 20.0
"""Seconds for connecting, and for making the queues."""
CALL_TIMEOUT = 30.0
"""Seconds after which a broker that has not returned is given up, whatever its driver waits for."""
PAUSE, PAUSE_MAX = 0.25, 5.0
"""Seconds between two starts, the first and the longest ones; with some jitter."""
SOUND_AFTER = 10.0
"""Seconds after which a consumer that ends is started again as quickly as the first time."""
STOP_SECONDS = 5.0
"""How long a stop waits for messages that are being saved."""
CLOSE_TIMEOUT = 5.0
REASON_MAX = 500
"""Characters of what a driver says."""
STARTING = "is being connected"


class Consumer:
    """One queue."""

    def __init__(
        self,
        address: QueueAddress,
        intake: Intake,
        *,
        broker: Callable[[QueueAddress], Broker],
        metrics: Metrics,
    ) -> None:
        self.address = address
        self.problem: str | None = STARTING
        """Why no messages can come now."""
        self._intake = intake
        self._make = broker
        self._in_hand_since: float | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        metrics.queue_connected.labels(address.label).set_function(lambda: self.problem is None)
        metrics.queue_waiting.labels(address.label).set_function(self._waiting)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"queue {self.address.label}")

    async def stop(self) -> None:
        """Take nothing more. What is being saved is finished; what cannot be within `STOP_SECONDS` is left to others,
        unacknowledged."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_TIMEOUT)

    async def _run(self) -> None:
        pause = PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                await self._consume()
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # also a driver's own, which are not all an `Exception`
                self._failed(error)
            if time.monotonic() - began > SOUND_AFTER:
                pause = PAUSE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            pause = min(PAUSE_MAX, pause * 2)

    async def _consume(self) -> None:
        broker = self._make(self.address)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await broker.connect()
                await broker.subscribe()
            logger.info("messages of the queue %s are taken", self.address.label)
            self.problem = None
            while (messages := await self._unless_stopped(_in_time(broker.receive()))) is not None:
                if messages:
                    await self._deal_with(messages, broker)
        finally:
            await closed(broker)

    async def _deal_with(self, messages: Sequence[Message], broker: Broker) -> None:
        self._in_hand_since = time.monotonic()
        work = asyncio.create_task(self._intake.process(messages, broker))
        try:
            while not work.done():
                await asyncio.wait([work], timeout=HOLD_EVERY)
                if not work.done():
                    await _in_time(broker.hold(messages))
            await work
            await _in_time(broker.acknowledge(messages))
        finally:
            self._in_hand_since = None
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _unless_stopped(self, call: Coroutine[Any, Any, T]) -> T | None:
        """The call's result, or None at a stop."""
        task = asyncio.ensure_future(call)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
            return None if stopping.done() else task.result()
        finally:
            for each in (task, stopping):
                each.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    def _failed(self, error: BaseException) -> None:
        reason = told(error, self.address)
        if self.problem != reason:
            logger.warning("no messages of the queue %s can come, it is tried again: %s", self.address.label, reason)
        self.problem = reason

    def _waiting(self) -> float:
        return 0.0 if self._in_hand_since is None else time.monotonic() - self._in_hand_since


class Supervisor:
    """All queues of an instance."""

    def __init__(self, consumers: Sequence[Consumer]) -> None:
        self.consumers = consumers

    def start(self) -> None:
        """Begin to take messages. Does not wait for any broker."""
        for consumer in self.consumers:
            consumer.start()

    async def stop(self) -> None:
        """End all; see `Consumer.stop`."""
        await asyncio.gather(*(consumer.stop() for consumer in self.consumers))

    @property
    def problems(self) -> list[str]:
        """Which queues are not consumed, and why."""
        return [f"{each.address.label}: {each.problem}" for each in self.consumers if each.problem is not None]


async def _in_time(call: Awaitable[T]) -> T:
    async with asyncio.timeout(CALL_TIMEOUT):
        return await call


async def closed(broker: Broker) -> None:
    """Close it, in a moment, whatever it says."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await broker.close()


def told(error: BaseException, address: QueueAddress) -> str:
    """What an error says, in one line, without anything secret; of several at the same time the first one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError) and not str(error):
        return "does not answer"
    said = " ".join(str(error).split()) or type(error).__name__
    return address.without_secrets(said)[:REASON_MAX]
