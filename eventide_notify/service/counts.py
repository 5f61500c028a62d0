"""Unread and unseen counts: told whenever they changed, exact, and at most once per user in `SPACING` seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime

from ..errors import Unavailable
from ..models import Counts, UserId
from ..store.base import Store

logger = logging.getLogger(__name__)

SPACING = 0.1
"""Seconds between two tellings."""
RETRY = 1.0
"""Seconds until the next try while the store is unavailable."""

Tell = Callable[[Mapping[UserId, Counts]], Awaitable[None]]


class UnreadCountPublisher:
    """Collects the users whose counts may have changed, reads the counts of all of them at once, and tells them.

    Tellings follow one another, and each reads the store after the changes it tells of; so the last one is right.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._tell: Tell | None = None
        self._changed: set[UserId] = set()
        self._task: asyncio.Task[None] | None = None

    def open(self, tell: Tell) -> None:
        """From now on give the counts to `tell`."""
        self._tell = tell

    def changed(self, users: Iterable[UserId]) -> None:
        """These users' counts may be others now."""
        self._changed.update(users)
        if self._changed and self._tell is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(self._tell), name="counts")

    async def read(self, users: Collection[UserId]) -> Mapping[UserId, Counts]:
        """The counts of these users, as they are now."""
        return await self._store.counts(users, now=self._clock())

    async def close(self) -> None:
        """Stop telling."""
        self._tell = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, tell: Tell) -> None:
        while self._changed:
            users, self._changed = self._changed, set()
            try:
                await tell(await self.read(users))
            except Unavailable:
                self._changed |= users
                await asyncio.sleep(RETRY)
            except Exception:
                logger.exception("counts could not be told")
            await asyncio.sleep(SPACING)
