"""What the fan-out may have lost, made good from the store.

The channel between instances may lose anything: Redis is away or frozen, an instance is killed between saving and
publishing. Two rounds of background work find what was lost, and show it to those of this instance's sockets that
have not been sent it.

* While the channel is *degraded*, and for `MARGIN` before and after, everything new is read about every second. That
  takes the place of the channel, of which only a part would come, and in the wrong order.
* The *sweep* looks at what is `PENDING` at the age of `FIRST_LOOK`, and again at twice that age, and so on up to
  `LAST_LOOK`: each notification is looked at less and less often. It costs a small query for each age, by an index;
  nothing per connected user.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ..models import Announcement, Notification, NotificationId, id_at
from ..store.base import Store

MARGIN = timedelta(seconds=6)
"""How far before its discovery a fault of the channel may have begun, how far the clocks of instances may differ, and
how long a save may take, in all."""
FIRST_LOOK = timedelta(seconds=5)
LAST_LOOK = timedelta(hours=1)
BATCH = 1_000
"""Notifications in one query."""
BATCHES = 20
"""Queries in one round of the sweep, at most; the next look at the rest is due at twice the age."""


class Screens(Protocol):
    """This instance's sockets."""

    reading_store: bool
    """Set while the store takes the place of the channel."""

    async def show_missed(self, items: Iterable[Notification]) -> None: ...
    async def show_missed_announcements(self, items: Iterable[Announcement]) -> None: ...
    def counts_changed(self) -> None: ...


class MissedReader:
    """Reads everything new while the channel is degraded. Call `round` about every second."""

    def __init__(
        self, store: Store, screens: Screens, *, problems: Callable[[], Sequence[str]], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._screens = screens
        self._problems = problems
        self._clock = clock
        self._degraded_at: datetime | None = None
        self._read_from: NotificationId | None = None

    async def round(self) -> None:
        """Read and show what is new, if the channel is degraded or was until just now."""
        now = self._clock()
        if self._problems():
            self._degraded_at = now
        if self._degraded_at is None:
            return
        if self._read_from is None:
            self._read_from = id_at(now - MARGIN)
            self._screens.reading_store = True
        async for batch in _batches(self._store, self._read_from):
            await self._screens.show_missed(batch)
        await self._screens.show_missed_announcements(await self._store.announcements(after=self._read_from, now=now))
        self._screens.counts_changed()
        # Slow saves become visible late: the last stretch is read again the next time.
        self._read_from = max(self._read_from, id_at(now - MARGIN))
        if now - self._degraded_at > MARGIN:
            self._degraded_at = self._read_from = None
            self._screens.reading_store = False


async def _batches(store: Store, start: NotificationId) -> AsyncIterator[Sequence[Notification]]:
    while True:
        batch = await store.since(start, limit=BATCH)
        yield batch
        if len(batch) < BATCH:
            return
        start = batch[-1].id


class Sweep:
    """Looks for what is overdue. Call `round` about every `FIRST_LOOK`."""

    def __init__(self, store: Store, screens: Screens, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._screens = screens
        self._clock = clock
        self._looked: dict[timedelta, NotificationId] = {}

    async def round(self) -> None:
        """Look at what has reached one of the ages since the last round."""
        now = self._clock()
        age = FIRST_LOOK
        while age <= LAST_LOOK:
            end = id_at(now - age)
            await self._look(self._looked.get(age, id_at(now - 2 * age)), end)
            self._looked[age] = end
            age *= 2

    async def _look(self, after: NotificationId, before: NotificationId) -> None:
        for _ in range(BATCHES):
            batch = await self._store.overdue(after=after, before=before, limit=BATCH)
            await self._screens.show_missed(batch)
            if len(batch) < BATCH:
                return
            after = batch[-1].id
