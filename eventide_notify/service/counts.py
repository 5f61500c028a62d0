"""Unread and unseen counts: told whenever they changed, exact, and at most once per user in `SPACING` seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime

from ..context import nobodys
from ..errors import Unavailable
from ..models import Counts, UserId
from ..store.base import Store

logger = logging.getLogger(__name__)

SPACING = 0.1
"""Seconds between two tellings."""
RETRY = 1.0
"""Seconds until the next try while the store is unavailable."""
MANY = 100
"""Users whose counts tell, when they are read together, how long that takes for each."""

Tell = Callable[[Mapping[UserId, Counts]], Awaitable[None]]


class UnreadCountPublisher:
    """Collects the users whose counts may have changed, reads the counts of all of them at once, and tells them.

    Tellings follow one another, and each reads the store after the changes it tells of; so the last one is right. Who
    has something to tell many users anyway may take their counts along (`at_once`). No user's count is read twice at
    the same time, and so none comes after a newer one.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._tell: Tell | None = None
        self._changed: set[UserId] = set()
        self._taken: set[UserId] = set()
        """Whose counts are being read, or were told less than `SPACING` ago."""
        self._seconds_each = 0.0
        """How long it took for each user when many were last read: a count takes longer the higher it is."""
        self._task: asyncio.Task[None] | None = None
        self._rounds: set[asyncio.Task[None]] = set()

    def open(self, tell: Tell) -> None:
        """From now on give the counts to `tell`."""
        self._tell = tell

    def changed(self, users: Iterable[UserId]) -> None:
        """These users' counts may be others now."""
        self._changed.update(users)
        if self._changed and self._tell is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(self._tell), name="counts", context=nobodys())

    async def at_once(self, users: Collection[UserId], within: float) -> Mapping[UserId, Counts]:
        """The counts of these users, which have changed: for the caller to tell now, before it awaits anything else.

        Of those who may be told now, if the store says it within so many seconds. It is not waited for if it took
        longer the last time. All others are told as by `changed`.
        """
        if self._tell is None or self._seconds_each * len(users) > within:
            self.changed(users)
            return {}
        mine = self._take(users)
        self.changed(set(users) - mine)
        self._changed -= mine
        if not mine:
            return {}
        wanted: asyncio.Future[Mapping[UserId, Counts]] = asyncio.get_running_loop().create_future()
        round = self._round(mine, self._tell, wanted)
        task = asyncio.create_task(round, name="counts at once", context=nobodys())
        self._rounds.add(task)
        task.add_done_callback(self._rounds.discard)
        try:
            await asyncio.wait([wanted], timeout=within)
        except asyncio.CancelledError:
            if wanted.done():
                self.changed(mine)  # for nobody tells them now
            raise
        finally:
            wanted.cancel()
        return {} if wanted.cancelled() else wanted.result()

    async def read(self, users: Collection[UserId]) -> Mapping[UserId, Counts]:
        """The counts of these users, as they are now."""
        start = time.monotonic()
        counts = await self._store.counts(users, now=self._clock())
        if len(users) >= MANY:
            self._seconds_each = (time.monotonic() - start) / len(users)
        return counts

    async def close(self) -> None:
        """Stop telling."""
        self._tell = None
        tasks = [*self._rounds, *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, tell: Tell) -> None:
        while self._changed:
            if users := self._take(self._changed):
                self._changed -= users
                await self._round(users, tell)
            await asyncio.sleep(SPACING)

    def _take(self, users: Iterable[UserId]) -> set[UserId]:
        """Those of them who may be told now. Nobody else takes them until they have been told."""
        mine = set(users).difference(self._taken)
        self._taken |= mine
        return mine

    async def _round(
        self, users: set[UserId], tell: Tell, wanted: asyncio.Future[Mapping[UserId, Counts]] | None = None
    ) -> None:
        """Read the counts, and tell them; or leave that to who still wants them."""
        pause = SPACING
        try:
            counts = await self.read(users)
            if wanted is None or wanted.done():
                await tell(counts)
            else:
                wanted.set_result(counts)
        except Unavailable:
            self.changed(users)
            pause = RETRY
        except Exception:
            logger.exception("counts could not be told")
        finally:
            asyncio.get_running_loop().call_later(pause, self._taken.difference_update, users)
            if wanted is not None:
                wanted.cancel()
