"""Presence: who is connected. A hint for people and for counts; delivery never depends on it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..models import UserId

SessionId = str


@dataclass(frozen=True, slots=True)
class Online:
    """Some of the connected users, in the order of their ids, and how many there are in all."""

    users: Sequence[UserId]
    count: int
    more: bool
    """Whether there are users after these."""


class Presence(Protocol):
    """Who has how many sessions, over all instances."""

    async def connected(self, user: UserId, session: SessionId) -> None:
        """Note a session. Repeating it changes nothing."""

    async def disconnected(self, user: UserId, session: SessionId) -> None:
        """Note that the session ended. Unknown ones are passed over."""

    async def online(self, *, limit: int, after: UserId = "") -> Online:
        """The users with at least one session: at most so many, with ids after this one."""

    async def sessions(self, user: UserId) -> int:
        """How many sessions the user has."""


class MemoryPresence:
    """Presence of a single instance."""

    def __init__(self) -> None:
        self._sessions: dict[UserId, set[SessionId]] = {}

    async def connected(self, user: UserId, session: SessionId) -> None:
        """See `Presence`."""
        self._sessions.setdefault(user, set()).add(session)

    async def disconnected(self, user: UserId, session: SessionId) -> None:
        """See `Presence`."""
        open_ones = self._sessions.get(user, set())
        open_ones.discard(session)
        if not open_ones:
            self._sessions.pop(user, None)

    async def online(self, *, limit: int, after: UserId = "") -> Online:
        """See `Presence`."""
        users = sorted(self._sessions)
        start = bisect_right(users, after)
        return Online(users[start : start + limit], len(users), len(users) > start + limit)

    async def sessions(self, user: UserId) -> int:
        """See `Presence`."""
        return len(self._sessions.get(user, ()))
