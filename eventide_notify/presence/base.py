"""Presence: who is connected. A hint for people and for counts; delivery never depends on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ..models import UserId

ConnectionId = str


class Presence(Protocol):
    """Who has how many open connections, over all instances."""

    async def connected(self, user: UserId, connection: ConnectionId) -> None:
        """Note an open connection. Repeating it changes nothing."""

    async def disconnected(self, user: UserId, connection: ConnectionId) -> None:
        """Note that the connection ended. Unknown ones are passed over."""

    async def online(self) -> Collection[UserId]:
        """The users with at least one connection, in the order of their ids."""

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

    async def online(self) -> Collection[UserId]:
        """See `Presence`."""
        return sorted(self._connections)

    async def connections(self, user: UserId) -> int:
        """See `Presence`."""
        return len(self._connections.get(user, ()))
