"""Removes notifications that are older, or were read longer ago, than the settings allow.

A walk goes along the ids from the oldest on, in small batches. How many a batch removes follows from how long the last
one held others up, and the pause after it from how long it took: while the database is busy, there are fewer, and
longer pauses. A walk goes on where it was when the database was unavailable; after a restart it begins anew, where
nothing is left of what it has removed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

from ..metrics import Metrics
from ..models import NotificationId, UserId, id_at
from ..store.base import Removed, Store

logger = logging.getLogger(__name__)

WALK_EVERY = 3_600.0
"""Seconds from the end of one walk to the beginning of the next one."""
HELD_SECONDS = 0.003
"""For how long a batch is to hold up others who write."""
PAUSE = 3.0
"""How many times as long as a batch the pause after it is."""
LEAST, MOST = 10, 250
"""Notifications that a batch removes at most: at the least, and at the most."""
LOOK = 2_000
"""Notifications that are not due at which a batch looks."""

CountsChanged = Callable[[Collection[UserId]], Awaitable[None]]


class Retention:
    """Call `round` every few seconds: most of the time it has nothing to do.

    `days`, `read_days`: how old notifications may become, and how long ago they may have been read; None: any time.
    `is_chosen`: whether it is this instance that does the work. That several do is harmless, and no faster.
    `counts_changed`: is told whose unread notifications were removed.
    """

    def __init__(
        self,
        store: Store,
        *,
        days: float | None,
        read_days: float | None,
        clock: Callable[[], datetime],
        is_chosen: Callable[[], bool],
        counts_changed: CountsChanged,
        metrics: Metrics,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._age = None if days is None else timedelta(days=days)
        self._read_age = None if read_days is None else timedelta(days=read_days)
        self._clock = clock
        self._is_chosen = is_chosen
        self._counts_changed = counts_changed
        self._metrics = metrics
        self._monotonic = monotonic
        self._sleep = sleep
        self._position: NotificationId | None = ""
        self._next_at = 0.0
        self._began_at = 0.0
        self._due_at = clock()
        self._removed = 0
        self._limit = LEAST

    async def round(self) -> None:
        """Walk, or go on with a walk that was interrupted, if it is time to."""
        if (self._age is None and self._read_age is None) or self._monotonic() < self._next_at:
            return
        if not self._is_chosen():
            self._position = ""
            return
        if not self._position:
            self._began_at, self._removed = self._monotonic(), 0
            # For the whole walk: if it moved on, there would always be something older to look at first.
            self._due_at = self._clock()
        while self._position is not None:
            start = self._monotonic()
            self._fit(await self._batch(self._position))
            await self._sleep(PAUSE * (self._monotonic() - start))
        if self._removed:
            seconds = self._monotonic() - self._began_at
            logger.info("retention has removed %d notifications in %.0f s", self._removed, seconds)
        self._position, self._next_at = "", self._monotonic() + WALK_EVERY

    async def _batch(self, after: NotificationId) -> Removed:
        now = self._due_at
        removed = await self._store.remove_old(
            older="" if self._age is None else id_at(now - self._age),
            read_before=None if self._read_age is None else now - self._read_age,
            after=after,
            look=LOOK,
            limit=self._limit,
        )
        self._position = removed.position
        self._removed += removed.number
        self._metrics.expired.inc(removed.number)
        if removed.users:
            await self._counts_changed(removed.users)
        return removed

    def _fit(self, done: Removed) -> None:
        """Let the next batch hold others up for about as long as it may."""
        if done.held > HELD_SECONDS:
            self._limit = max(LEAST, int(self._limit * 0.8))
        elif done.held < HELD_SECONDS / 2 and done.number == self._limit:
            self._limit = min(MOST, int(self._limit * 1.5))
