"""Delivery in the order of ids, although saves end in any order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager

from ..models import UserId


class Turns:
    """Lines up those who have something for the same user.

    Whoever takes a turn first delivers first; those for other users are not held up.
    """

    def __init__(self) -> None:
        self._last: dict[UserId, asyncio.Event] = {}
        self._last_for_all: asyncio.Event | None = None

    @asynccontextmanager
    async def take(self, users: Collection[UserId]) -> AsyncIterator[Turn]:
        """A place in the line of each of these users, until the block ends."""
        done = asyncio.Event()
        earlier = {self._last[user] for user in users if user in self._last}
        turn = Turn(earlier if self._last_for_all is None else {*earlier, self._last_for_all})
        self._last.update(dict.fromkeys(users, done))
        try:
            yield turn
        finally:
            done.set()
            self._leave(users, done)

    @asynccontextmanager
    async def take_for_all(self) -> AsyncIterator[Turn]:
        """A place in the line of every user there is."""
        done = asyncio.Event()
        earlier = set(self._last.values())
        turn = Turn(earlier if self._last_for_all is None else {*earlier, self._last_for_all})
        self._last_for_all = done
        try:
            yield turn
        finally:
            done.set()
            if self._last_for_all is done:
                self._last_for_all = None

    def _leave(self, users: Iterable[UserId], done: asyncio.Event) -> None:
        for user in users:
            if self._last.get(user) is done:
                del self._last[user]


class Turn:
    """A place in the line."""

    def __init__(self, earlier: Collection[asyncio.Event]) -> None:
        self._earlier = earlier

    async def wait(self) -> None:
        """Return when all who came before have left."""
        for event in self._earlier:
            await event.wait()
