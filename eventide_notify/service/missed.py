"""What the channel between instances has lost, made good from the store.

The channel may lose anything: Redis is down or frozen, an instance is killed between saving and publishing. Two rounds
of background work find what was lost, and show it to those of this instance's sessions that have not been shown it.

* When something is *lacking* (the channel knows exactly: envelopes are numbered), everything new since then is read.
  Live notifications wait meanwhile, so that the older ones come first. While this instance is deaf that is
  done about every second, and takes its place.
* The *sweep* looks at what is `PENDING` at the age of `FIRST_LOOK`, and again at twice that age, and so on up to
  `LAST_LOOK`: each notification is looked at less and less often. It costs a small query for each age, by an index;
  nothing per connected user.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from ..metrics import Metrics
from ..models import Announcement, Notification, NotificationId, UserId, id_at
from ..store.base import Store

MARGIN = timedelta(seconds=6)
"""How far the clocks of instances may differ, and how long a save may take, in all."""
LOOK_EVERY = 0.1
"""Seconds between two looks whether something is lacking."""
READ_EVERY = 1.0
"""Seconds between two readings while something goes on being lost."""
COUNT_EVERY = 5.0
"""Seconds between two readings of all unread counts meanwhile."""
RELOAD_EVERY = 5.0
"""Seconds between two requests to all clients to read again what they show."""
FIRST_LOOK = timedelta(seconds=5)
LAST_LOOK = timedelta(hours=1)
BATCH = 1_000
"""Notifications in one query."""
BATCHES = 20
"""Queries in one round of the sweep, at most; the next look at the rest is due at twice the age."""


class Screens(Protocol):
    """This instance's sessions."""

    def hold(self) -> Sequence[Any]:
        """Let live notifications wait from now on; what has waited until now."""

    async def show_held(self, held: Sequence[Any]) -> None:
        """Show what has waited."""

    async def release(self) -> bool:
        """Show what waits, and let nothing wait any more. Whether all that has waited was shown."""

    async def show_missed(self, items: Iterable[Notification], *, how: str) -> None: ...
    async def show_missed_announcements(self, items: Iterable[Announcement], *, how: str) -> None: ...
    def counts_changed(self) -> None: ...

    def connected(self, user: UserId) -> bool:
        """Whether the user has one."""

    async def reload(self) -> None:
        """Have all clients read again what they show."""


class Health(Protocol):
    """What is known of the channel. Times in seconds on a monotonic clock."""

    deaf: bool
    gaps: int

    @property
    def lacking_since(self) -> float | None: ...

    def made_good(self, *, since: float, read_at: float) -> bool:
        """Whether changes of state may have been lost, and no more are."""


class MissedReader:
    """Reads everything new while something is lacking. Call `round` every `LOOK_EVERY`."""

    def __init__(
        self,
        store: Store,
        screens: Screens,
        health: Health,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._screens = screens
        self._health = health
        self._clock = clock
        self._monotonic = monotonic
        self._next_at = 0.0
        self._gaps = 0
        self._reload = False
        self._reload_at = 0.0
        self._count_at = 0.0

    async def round(self) -> None:
        """Read and show what is new, if something is lacking."""
        now = self._monotonic()
        since = self._health.lacking_since
        if since is not None and (now >= self._next_at or self._health.gaps != self._gaps):
            self._next_at, self._gaps = now + READ_EVERY, self._health.gaps
            if await self._make_good(since, now):
                self._reload = self._health.made_good(since=since, read_at=now) or self._reload
            if now >= self._count_at:
                self._count_at = now + COUNT_EVERY
                self._screens.counts_changed()
        if self._reload and now >= self._reload_at:
            self._reload, self._reload_at = False, now + RELOAD_EVERY
            await self._screens.reload()

    async def _make_good(self, since: float, now: float) -> bool:
        """Show what may be lacking, and then what has waited for that. Whether that was everything."""
        held = self._screens.hold()
        try:
            await self._read(id_at(self._clock() - timedelta(seconds=now - since) - MARGIN))
        except BaseException:
            # What waits is not to wait for a store that is unavailable; late is better than not at all.
            await self._screens.show_held(held)
            await self._screens.release()
            raise
        await self._screens.show_held(held)
        # While this instance is deaf, what has come during the reading is shown after the next one.
        return self._health.deaf or await self._screens.release()

    async def _read(self, start: NotificationId) -> None:
        async for batch in _batches(self._store, start):
            await self._screens.show_missed(batch, how="gap")
        announcements = await self._store.announcements(after=start, now=self._clock())
        await self._screens.show_missed_announcements(announcements, how="gap")


async def _batches(store: Store, start: NotificationId) -> AsyncIterator[Sequence[Notification]]:
    while True:
        batch = await store.since(start, limit=BATCH)
        yield batch
        if len(batch) < BATCH:
            return
        start = batch[-1].id


class _Found(NamedTuple):
    at: datetime
    number: int
    connected: int


class Sweep:
    """Looks for what is overdue. Call `round` about every `FIRST_LOOK`."""

    def __init__(self, store: Store, screens: Screens, *, clock: Callable[[], datetime], metrics: Metrics) -> None:
        self._store = store
        self._screens = screens
        self._clock = clock
        self._metrics = metrics
        self._looked: dict[timedelta, NotificationId] = {}
        self._found: dict[timedelta, deque[_Found]] = {}

    async def round(self) -> None:
        """Look at what has reached one of the ages since the last round."""
        now = self._clock()
        age = FIRST_LOOK
        while age <= LAST_LOOK:
            end = id_at(now - age)
            number, connected = await self._look(self._looked.get(age, id_at(now - 2 * age)), end)
            self._looked[age] = end
            self._count(age, _Found(now, number, connected))
            age *= 2
        self._metrics.overdue.set(sum(found.connected for age in self._found for found in self._found[age]))

    async def _look(self, after: NotificationId, before: NotificationId) -> tuple[int, int]:
        """How many there were, and how many of them are for users who are connected here."""
        number = connected = 0
        for _ in range(BATCHES):
            batch = await self._store.overdue(after=after, before=before, limit=BATCH)
            now = self._clock()
            there = [item for item in batch if not item.has_expired(now)]
            number += len(there)
            connected += sum(self._screens.connected(item.user_id) for item in there)
            await self._screens.show_missed(there, how="sweep")
            if len(batch) < BATCH:
                break
            after = batch[-1].id
        return number, connected

    def _count(self, age: timedelta, found: _Found) -> None:
        """What was found at this age counts until it is looked at again: at twice the age."""
        lately = self._found.setdefault(age, deque())
        if found.number:
            lately.append(found)
        while lately and found.at - lately[0].at >= age:
            lately.popleft()
        self._metrics.pending.labels(f"{age.total_seconds():g}").set(sum(each.number for each in lately))
