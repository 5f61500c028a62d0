"""What brings things from the service to the sessions, as the service sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from ..models import Announcement, Notification, NotificationId, UserId
from ..wire import Reason


class Gone(NamedTuple):
    """What leaves the screens."""

    user: UserId | None
    """Whose it was; None: everybody's."""
    ids: Sequence[NotificationId]
    replaced_by: NotificationId | None = None


class Fanout(Protocol):
    """Brings things to the sessions of all instances.

    Best effort: it never raises, and it may lose what it is given. The store has the truth, and what was lost is made
    good on the next connect. Each method returns once the frames for this instance's sessions are written or wait in
    a backlog.
    """

    async def deliver(self, notifications: Sequence[Notification], *, late: bool = False) -> None:
        """Show each to every session of its user, in the order given.

        `late`: they were saved long after their ids were made, so newer ones may have been shown already.
        """

    async def announce(self, announcement: Announcement) -> None:
        """Show it to every session, or to those of its topic's subscribers."""

    async def retract(self, id: NotificationId) -> None:
        """Remove an announcement from every open screen, with each user's new unread count."""

    async def take_away(self, reason: Reason, gone: Sequence[Gone]) -> None:
        """Remove these from every open screen of their users, with their new counts."""

    async def emit(self, event: str, payload: Any, users: Sequence[UserId] | None) -> None:
        """Emit an event to every session of these users; None: of all users."""
