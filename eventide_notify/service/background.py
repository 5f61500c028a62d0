"""Background work under supervision: a round that fails is logged, counted and tried again, and never ends the loop."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from time import perf_counter

from ..errors import OutcomeUnknown, Unavailable
from ..metrics import Metrics

logger = logging.getLogger(__name__)

BACKOFF_MAX = 30.0
"""Seconds between two rounds of work that keeps failing, at most."""
SAMPLE_EVERY = 0.1
"""Seconds between two looks how late the event loop is."""


class Background:
    """The loops of one application, from `every` until `stop`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Call `work` again and again, `seconds` after it last ended."""
        self._tasks[name] = asyncio.create_task(self._loop(seconds, name, work), name=name)

    def watch_loop(self) -> None:
        """From now on measure how late the event loop is with what is due."""
        loop = asyncio.get_running_loop()

        def look(due: float) -> None:
            now = loop.time()
            self._metrics.loop_lag.observe(max(0.0, now - due))
            self._timer = loop.call_at(now + SAMPLE_EVERY, look, now + SAMPLE_EVERY)

        look(loop.time())

    @property
    def failing(self) -> dict[str, str]:
        """The loops whose last round failed, with the reason."""
        dead = {name: "has ended" for name, task in self._tasks.items() if task.done()}
        return {**self._failures, **dead}

    async def stop(self) -> None:
        """End all loops and wait until they have."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _loop(self, seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        failures = 0
        observe = self._metrics.background.labels(name).observe
        while True:
            began = perf_counter()
            try:
                await work()
                failures = 0
                self._failures.pop(name, None)
            except (Unavailable, OutcomeUnknown) as error:
                # Which its own check says. When the dependency is back, so is this work, without a pause.
                logger.debug("%s has to wait: %s", name, error)
                failures = 0
            except Exception as error:
                failures += 1
                self._failures[name] = str(error)
                self._metrics.failures.labels(name).inc()
                logger.warning("%s failed (%d in a row): %s", name, failures, error, exc_info=failures == 1)
            observe(perf_counter() - began)
            pause = seconds if not failures else min(BACKOFF_MAX, max(seconds, 0.1) * 2 ** min(failures, 10))
            await asyncio.sleep(pause * random.uniform(0.8, 1.2) if failures else pause)  # noqa: S311 - jitter
