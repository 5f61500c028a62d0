"""Whether every part works that the service needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import EventideError

logger = logging.getLogger(__name__)

CHECK_TIMEOUT = 3.0
"""Seconds that a part has to answer."""

Check = Callable[[], Awaitable[None]]
"""Returns when the part works; raises otherwise."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    status: Literal["ready", "degraded", "unavailable"]
    problems: Sequence[str]


class Readiness:
    """Asks every part."""

    def __init__(self, checks: Mapping[str, Check], degradations: Callable[[], Sequence[str]]) -> None:
        self._checks = checks
        self._degradations = degradations
        self._running: asyncio.Task[Report] | None = None
        self._last = Report("ready", [])
        self._logged: set[tuple[str, type[Exception]]] = set()
        """What nobody expected is logged once, however often it is asked for."""

    async def report(self) -> Report:
        """What works now, within `CHECK_TIMEOUT`."""
        results = await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
        self._last = self._judge([reason for reason in results if reason is not None])
        return self._last

    async def report_within(self, seconds: float) -> Report:
        """Likewise, or what was found last if that takes longer. However many ask, it is looked at once."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self.report(), name="readiness")
        await asyncio.wait([self._running], timeout=seconds)
        return self._running.result() if self._running.done() else self._last

    async def close(self) -> None:
        """End what is still being asked."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _judge(self, reasons: Sequence[str]) -> Report:
        if reasons:
            return Report("unavailable", reasons)
        if degraded := self._degradations():
            return Report("degraded", degraded)
        return Report("ready", [])

    async def _ask(self, name: str, check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await check()
        except TimeoutError:
            return f"{name}: no answer within {CHECK_TIMEOUT:g} s"
        except EventideError as error:
            return f"{name}: {error.message}"
        except Exception as error:
            if (kind := (name, type(error))) not in self._logged:
                self._logged.add(kind)
                logger.exception("the check of the %s has failed", name)
            return f"{name}: {type(error).__name__}, see the log"
        return None
