"""Announcements to a topic: who of this instance's users is subscribed is asked of the store, for each of them.

So nobody's subscriptions are held in memory, where they could be out of date, and a connect costs nothing for them.
The announcements wait here for the answer, and for one another; nothing else waits for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from ..context import nobodys
from ..errors import Unavailable
from ..models import NotificationId, UserId

logger = logging.getLogger(__name__)

WAITING_MAX = 1_000
"""Announcements that wait at most; of those that are dropped the store has what is stored."""
AT_ONCE = 2_500
"""Users that the store is asked about at once."""
RETRY = 1.0
"""Seconds until the store is asked again while it is unavailable."""

Subscribed = Callable[[str, Collection[UserId]], Awaitable[Collection[UserId]]]
"""Those of the users who are subscribed to the topic. Raises `Unavailable`."""
Show = Callable[[Collection[UserId]], Awaitable[None]]
"""Shows an announcement to these users."""


@dataclass(slots=True, eq=False)
class _Waiting:
    id: NotificationId
    topic: str
    show: Show
    shown: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    gone: bool = False

    def tell_shown(self) -> None:
        """Let whoever waits for it go on."""
        if not self.shown.done():
            self.shown.set_result(None)


class Lookups:
    """Shows announcements to those who are subscribed, one after the other, in the order in which they came.

    `users`: this instance's users. `dropped`: is called when announcements were dropped, once the others are shown.
    """

    def __init__(
        self, subscribed: Subscribed, users: Callable[[], Collection[UserId]], dropped: Callable[[], Awaitable[object]]
    ) -> None:
        self._subscribed = subscribed
        self._users = users
        self._dropped = dropped
        self._has_dropped = False
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, id: NotificationId, topic: str, show: Show) -> asyncio.Future[None]:
        """Show it to the topic's subscribers. Done when that is so, or cannot be so soon."""
        waiting = _Waiting(id, topic, show)
        if len(self._waiting) >= WAITING_MAX:
            self._has_dropped = True
            waiting.tell_shown()
            return waiting.shown
        self._waiting.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="announcements to topics", context=nobodys())
        return waiting.shown

    def forget(self, id: NotificationId) -> None:
        """It was retracted: show it to nobody any more."""
        for waiting in self._waiting:
            waiting.gone = waiting.gone or waiting.id == id

    async def of(self, topic: str) -> Sequence[UserId]:
        """This instance's users who are subscribed to it."""
        return [user for part in self._parts() for user in await self._subscribed(topic, part)]

    async def close(self) -> None:
        """Show nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for waiting in self._waiting:
            waiting.tell_shown()

    def _parts(self) -> list[list[UserId]]:
        users = list(self._users())
        return [users[start : start + AT_ONCE] for start in range(0, len(users), AT_ONCE)]

    async def _run(self) -> None:
        try:
            while self._waiting:
                if not await self._show(self._waiting[0]):
                    await asyncio.sleep(RETRY)
                    continue
                self._waiting.popleft()
                if not self._waiting and self._has_dropped:
                    self._has_dropped = False
                    await self._dropped()
        finally:
            self._task = None

    async def _show(self, waiting: _Waiting) -> bool:
        """Whether it was shown to all; who was shown it before is not shown it again."""
        try:
            for part in self._parts():
                found = [] if waiting.gone else await self._subscribed(waiting.topic, part)
                if found and not waiting.gone:
                    await waiting.show(found)
        except Unavailable:
            return False
        except Exception:
            logger.exception("an announcement could not be shown to its topic's subscribers")
        finally:
            waiting.tell_shown()
        return True
