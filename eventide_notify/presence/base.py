"""Presence: who is connected. A hint for people and for counts; delivery never depends on it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..models import UserId

ConnectionId = str


@dataclass(frozen=True, slots=True)
class Online:
    """Some of the connected users, in the order of their ids, and how many there are in all."""

    users: Sequence[UserId]
    count: int
    more: bool
    """Whether there are users after these."""


class Presence(Protocol):
    """Who has how many open connections, over all instances."""

    async def connected(self, user: UserId, connection: ConnectionId) -> None:
        """Note an open connection. Repeating it changes nothing."""

    async def disconnected(self, user: UserId, connection: ConnectionId) -> None:
        """Note that the connection ended. Unknown ones are passed over."""

    async def online(self, *, limit: int, after: UserId = "") -> Online:
        """The users with at least one connection: at most so many, with ids after this one."""

    async def connections(self, user: UserId) -> int:
        """How many connections the user has."""


class MemoryPresence:
    """Presence of a single instance."""

    def __init__(self) -> None:
        self._connections: dict[UserId, set[ConnectionId]] = {}

    async def connected(self, user: UserId, connection: ConnectionId) -> None:
        """See `Presence`."""
        self._connections.setdefault(user, set()).add(connection)

    async def disconnected(self, user: UserId, connection: ConnectionId) -> None:
        """See `Presence`."""
        open_ones = self._connections.get(user, set())
        open_ones.discard(connection)
        if not open_ones:
            self._connections.pop(user, None)

    async def online(self, *, limit: int, after: UserId = "") -> Online:
        """See `Presence`."""
        users = sorted(self._connections)
        start = bisect_right(users, after)
        return Online(users[start : start + limit], len(users), len(users) > start + limit)

    async def connections(self, user: UserId) -> int:
        """See `Presence`."""
        return len(self._connections.get(user, ()))
