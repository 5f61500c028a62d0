"""What clients do wrong, in the log: counted and summed up, so that nobody can fill it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from .context import nobodys

logger = logging.getLogger(__name__)

PAUSE = 10.0
"""Seconds between two lines about the same kind of fault."""
DETAIL_MAX = 100


class ClientFaults:
    """Counts faults by their kind. The first one is logged at once, and later ones together, every `PAUSE` seconds."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._detail: dict[str, str] = {}
        self._logged_at: dict[str, float] = {}
        self._later: set[str] = set()

    def note(self, kind: str, detail: str = "") -> None:
        """A client did this. `kind` is one of a few fixed texts; `detail` may have something of the client's in it."""
        self._count[kind] += 1
        self._detail[kind] = detail[:DETAIL_MAX]
        if kind in self._later:
            return
        left = self._logged_at.get(kind, -PAUSE) + PAUSE - time.monotonic()
        if left <= 0:
            self._log(kind)
        elif (loop := _running_loop()) is not None:
            self._later.add(kind)
            loop.call_later(left, self._log, kind, context=nobodys())

    def _log(self, kind: str) -> None:
        self._later.discard(kind)
        self._logged_at[kind] = time.monotonic()
        detail = self._detail.pop(kind)
        told = f" (the last one: {detail!a})" if detail else ""
        logger.info("%d client(s) %s%s", self._count.pop(kind), kind, told)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None  # the next one tells of those before it
