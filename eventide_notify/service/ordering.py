"""Delivery in the order of ids, although saves end in any order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager, suppress

from ..models import UserId

PATIENCE = 2.0
"""Seconds. A save takes milliseconds."""


class Turns:
    """Lines up those who have something for the same user.

    Whoever takes a turn first delivers first, also when one between two of them leaves without waiting; those for
    other users are not held up. Nobody is waited for longer than `PATIENCE`, as one whose save the database does not
    answer: such a turn is `overtaken`.
    """

    def __init__(self) -> None:
        self._last: dict[UserId, Turn] = {}
        self._last_for_all: Turn | None = None

    @asynccontextmanager
    async def take(self, users: Collection[UserId]) -> AsyncIterator[Turn]:
        """A place in the line of each of these users, until the block ends."""
        turn = self._follow((self._last[user] for user in users if user in self._last), users)
        self._last.update(dict.fromkeys(users, turn))
        try:
            yield turn
        finally:
            self._leave(turn)

    @asynccontextmanager
    async def take_for_all(self) -> AsyncIterator[Turn]:
        """A place in the line of every user there is."""
        turn = self._last_for_all = self._follow(self._last.values())
        try:
            yield turn
        finally:
            self._leave(turn)

    def _follow(self, earlier: Iterable[Turn], users: Collection[UserId] = ()) -> Turn:
        return Turn({*earlier} if self._last_for_all is None else {*earlier, self._last_for_all}, users)

    def _leave(self, turn: Turn) -> None:
        for over in turn.leave():
            if self._last_for_all is over:
                self._last_for_all = None
            for user in over.users:
                if self._last.get(user) is over:
                    del self._last[user]


class Turn:
    """A place in the line. It is over when its owner has left, and all who came before."""

    def __init__(self, earlier: Collection[Turn], users: Collection[UserId]) -> None:
        self.users = users
        self.overtaken = False
        """Whether one who came later has not waited for it any longer."""
        self._earlier = earlier
        self._ahead = len(earlier)
        """How many of those who came before are not over."""
        self._later: list[Turn] = []
        self._left = self._over = False
        self._first = asyncio.Event()
        for turn in earlier:
            turn._later.append(self)
        if not earlier:
            self._first.set()

    async def wait(self) -> None:
        """Return when all who came before have left, or their time is over."""
        if self._first.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._first.wait()
                return
        overtaken = list(self._earlier)
        for turn in overtaken:  # which grows meanwhile
            if not turn._over and not turn.overtaken:
                turn.overtaken = True
                overtaken.extend(turn._earlier)

    def leave(self) -> list[Turn]:
        """The owner does not want it any more; the turns that are over now."""
        self._left = True
        over = [] if self._ahead else [self]
        for turn in over:  # which grows meanwhile
            turn._over, turn._earlier = True, ()
            for later in turn._later:
                later._ahead -= 1
                if not later._ahead:
                    later._first.set()
                    if later._left:
                        over.append(later)
        return over
