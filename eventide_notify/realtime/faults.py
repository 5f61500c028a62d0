"""What clients do wrong, in the log: counted and summed up, so that nobody can fill it."""

from __future__ import annotations

import logging
import time
from collections import Counter

logger = logging.getLogger(__name__)

PAUSE = 10.0
"""Seconds between two lines about the same kind of fault."""
DETAIL_MAX = 100


class ClientFaults:
    """Counts faults by their kind. The first one is logged at once, and later ones together, every `PAUSE` seconds."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}

    def note(self, kind: str, detail: str = "") -> None:
        """A client did this. `kind` is one of a few fixed texts; `detail` may have something of the client's in it."""
        self._count[kind] += 1
        now = time.monotonic()
        if now - self._logged_at.get(kind, -PAUSE) >= PAUSE:
            self._logged_at[kind] = now
            told = f" (the last one: {detail[:DETAIL_MAX]!a})" if detail else ""
            logger.info("%d client(s) %s%s", self._count.pop(kind), kind, told)
