"""What leaves the screens although its user has not removed it: it has expired, something newer has taken its place,
the user is not subscribed to its topic any more, or it was retracted.

A copy of it may still be under way, from another instance or in a replay. So who is told that it is gone is not shown
it any more, nor is who connects only afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from .. import wire
from ..errors import Unavailable
from ..models import Counts, NotificationId, UserId
from ..service.fanout import Gone
from . import writes
from .frames import Content
from .session import Session
from .writer import Writer, Writes

logger = logging.getLogger(__name__)

COUNTS_WITHIN = 1.0
"""Seconds that is waited for the counts that belong to it."""
USERS_MAX = 10_000
IDS_MAX = 100
"""Of how many users is remembered what was gone last, and how many of each."""

ReadCounts = Callable[[Collection[UserId]], Awaitable[Mapping[UserId, Counts]]]


class Leaving:
    """Takes from one instance's screens what is gone. `of_user`: the sessions of each connected user."""

    def __init__(
        self,
        writer: Writer,
        of_user: Mapping[UserId, Sequence[Session]],
        *,
        read_counts: ReadCounts,
        counts_changed: Callable[[Iterable[UserId]], None],
    ) -> None:
        self._writer = writer
        self._of_user = of_user
        self._read_counts = read_counts
        self._counts_changed = counts_changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone: dict[UserId, deque[NotificationId]] = {}

    def joins(self, session: Session) -> None:
        """It is new, and is not to be shown what was gone before."""
        if ids := self._gone.get(session.user):
            session.withdraw(ids)

    async def take_away(self, reason: wire.Reason | None, gone: Sequence[Gone]) -> None:
        """Tell that these are gone; `reason`: None: they were retracted. Does not wait for the counts that belong to
        that, from the store."""
        for each in gone:
            if each.replaced_by is not None and each.user is not None:
                self._remember(each.user, each.ids)
        here = [each for each in gone if each.user is None or each.user in self._of_user]
        if here:
            await self._writer.write(lambda: ((self._meant(each.user), writes.withdraw(each.ids)) for each in here))
            task = asyncio.create_task(self._tell(reason, here), name="what is gone")
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def close(self) -> None:
        """End what is still being told."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _remember(self, user: UserId, ids: Iterable[NotificationId]) -> None:
        remembered = self._gone.pop(user, None) or deque(maxlen=IDS_MAX)
        remembered.extend(ids)
        self._gone[user] = remembered
        if len(self._gone) > USERS_MAX:
            del self._gone[next(iter(self._gone))]

    async def _tell(self, reason: wire.Reason | None, gone: Sequence[Gone]) -> None:
        everybody = any(each.user is None for each in gone)
        users = list(self._of_user) if everybody else list({each.user for each in gone if each.user is not None})
        counts: Mapping[UserId, Counts] = {}
        try:
            async with asyncio.timeout(COUNTS_WITHIN):
                counts = await self._read_counts(users)
        except (Unavailable, TimeoutError):
            pass  # they follow
        await self._writer.write(lambda: self._telling(reason, gone, counts))
        self._counts_changed([user for user in users if user in self._of_user])

    def _telling(self, reason: wire.Reason | None, gone: Sequence[Gone], counts: Mapping[UserId, Counts]) -> Writes:
        for each in gone:
            encoded: dict[Counts | None, Content] = {}  # once, of an announcement that many had
            for user in list(self._of_user) if each.user is None else (each.user,):
                count = counts.get(user)
                if count not in encoded:
                    encoded[count] = Content.of(wire.gone(each.ids, reason, count, each.replaced_by))
                yield self._meant(user), writes.tell(wire.NOTIFICATION_DELETED, encoded[count])

    def _meant(self, user: UserId | None) -> Sequence[Session]:
        if user is None:
            return [session for sessions in self._of_user.values() for session in sessions]
        return self._of_user.get(user, ())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("what is gone could not be told", exc_info=error)
