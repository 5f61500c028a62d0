"""Reminds those who are connected of what they have not acknowledged, again and again.

It is due work, one for each announcement and under its id. Whichever instance does it has all instances look which of
their own connected users are concerned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from .. import wire
from ..due import Work
from ..errors import OutcomeUnknown, Unavailable
from ..models import Announcement, NotificationId, UserId, time_of
from ..store.base import Store
from .due import Later

logger = logging.getLogger(__name__)

REMIND = "remind"
"""The kind of the work, and the name of the order."""
SAVE_WITHIN = timedelta(seconds=60)
"""An announcement is saved after its work: one that is younger may not be there yet."""
AT_ONCE = 1_000
"""Users whom the store is asked about at once."""
ATTEMPTS = 30
RETRY = 1.0
"""Seconds between two attempts to ask the store."""

Order = Callable[[NotificationId], Awaitable[None]]


def first_reminder(announcement: Announcement) -> Work:
    """The work that reminds of it."""
    after = timedelta(seconds=announcement.remind_after or 0)
    return Work(announcement.id, REMIND, announcement.created_at + after)


class Screens(Protocol):
    """The sessions of this instance."""

    def users(self) -> Sequence[UserId]:
        """Those who are connected."""

    def watch(self, id: NotificationId) -> AbstractContextManager[Collection[UserId | None]]:
        """Collects who is told meanwhile that this one is otherwise now, or gone; None: all are."""

    async def remind(self, payload: wire.Payload, users: Collection[UserId], unless: Collection[UserId | None]) -> None:
        """Show it once more to these users' sessions; but not to those, as they are when it is written."""


class Reminders:
    """Reminders, on one instance."""

    def __init__(self, store: Store, screens: Screens, *, order: Order, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._screens = screens
        self._order = order
        self._clock = clock
        self._tasks: dict[NotificationId, asyncio.Task[None]] = {}

    async def due(self, work: Work) -> Later | None:
        """It is time to remind of an announcement: have all instances do so, and again after as long."""
        now = self._clock()
        found = await self._store.announcement(work.id, now=now)
        if found is None or found.remind_after is None:
            return Later(now + SAVE_WITHIN, {}) if now - time_of(work.id) < SAVE_WITHIN else None
        await self._order(found.id)
        after = timedelta(seconds=found.remind_after)
        return Later(work.at + after if work.at + after > now else now + after, {})

    async def remind(self, order: Mapping[str, Any]) -> None:
        """Remind this instance's users, in the background: what comes over the channel does not wait for the store."""
        id = order["id"]
        if id not in self._tasks:
            self._tasks[id] = asyncio.create_task(self._remind(id), name="reminder")
            self._tasks[id].add_done_callback(lambda _: self._tasks.pop(id))

    async def close(self) -> None:
        """End what is still going on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _remind(self, id: NotificationId) -> None:
        users = self._screens.users()
        for start in range(0, len(users), AT_ONCE):
            await self._remind_some(id, users[start : start + AT_ONCE])

    async def _remind_some(self, id: NotificationId, users: Sequence[UserId]) -> None:
        for _ in range(ATTEMPTS):
            try:
                with self._screens.watch(id) as changed:
                    found = await self._store.announcement(id, now=self._clock())
                    if found is None:
                        return
                    waiting = await self._store.unacknowledged(found, users)
                    payload = wire.announcement(found) | {"reminder": True}
                    await self._screens.remind(payload, waiting, unless=changed)
                return
            except (Unavailable, OutcomeUnknown):
                await asyncio.sleep(RETRY)
            except Exception:
                logger.exception("a reminder failed")
                return
