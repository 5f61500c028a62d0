"""One timer for all transports."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ...context import nobodys

RESOLUTION = 0.25
"""Seconds between two looks; what is due is done up to that much later."""


class Timed(Protocol):
    """What wants to be looked at from time to time."""

    def tick(self, now: float) -> float | None:
        """Do what is due; in how many seconds to call again, None: never. `now`: on the event loop's clock."""


class TimerWheel:
    """Calls `tick` of each of its members when they asked for it.

    A member is kept in the slot of its time, so neither adding one nor a look costs more when there are many.
    """

    def __init__(self) -> None:
        self._slots: dict[int, set[Timed]] = {}
        self._slot_of: dict[Timed, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Timed, seconds: float) -> None:
        """Look at it in so many seconds."""
        loop = asyncio.get_running_loop()
        self._put(member, loop.time() + seconds)
        if self._timer is None:
            self._timer = loop.call_later(RESOLUTION, self._look, context=nobodys())

    def remove(self, member: Timed) -> None:
        """Do not look at it any more."""
        if (slot := self._slot_of.pop(member, None)) is not None:
            self._slots[slot].discard(member)

    def stop(self) -> None:
        """Look at nobody any more."""
        self._slots.clear()
        self._slot_of.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _put(self, member: Timed, due: float) -> None:
        slot = self._slot_of[member] = int(due / RESOLUTION) + 1
        self._slots.setdefault(slot, set()).add(member)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        current = int(now / RESOLUTION)
        for slot in [slot for slot in self._slots if slot <= current]:
            for member in list(self._slots[slot]):
                self.remove(member)
                if (seconds := member.tick(now)) is not None:
                    self._put(member, now + seconds)
            del self._slots[slot]
        self._timer = loop.call_later(RESOLUTION, self._look) if self._slots else None
