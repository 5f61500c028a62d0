"""What one user may have in flight: so that nobody's requests, however many, keep all others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import RateLimited
from ..models import UserId

AT_ONCE = 3
"""Requests of one user that are carried out at the same moment."""
WAITING_MAX = 500
"""Requests of one user that wait for that; one more is refused."""


class _Line:
    """The requests of one user."""

    __slots__ = ("count", "places")

    def __init__(self) -> None:
        self.count = 0
        self.places = asyncio.Semaphore(AT_ONCE)


class InFlight:
    """Carries out `AT_ONCE` requests of a user at the same moment; the rest wait their turn, in order."""

    def __init__(self) -> None:
        self._lines: dict[UserId, _Line] = {}

    def __len__(self) -> int:
        """Of how many users something is in flight."""
        return len(self._lines)

    @asynccontextmanager
    async def of(self, user: UserId) -> AsyncIterator[None]:
        """The block is a request of this user; it begins when it is its turn. Raises `RateLimited`."""
        line = self._lines.get(user)
        if line is None:
            line = self._lines[user] = _Line()
        if line.count >= AT_ONCE + WAITING_MAX:
            raise RateLimited
        line.count += 1
        try:
            async with line.places:
                try:
                    yield
                finally:
                    # It counts until all others had their turn: what waits for nothing, as a request that is refused,
                    # would be over before the next one comes, and any number of them be carried out one by one.
                    await asyncio.sleep(0)
        finally:
            line.count -= 1
            if not line.count:
                del self._lines[user]
