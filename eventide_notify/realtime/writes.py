"""What can be written to a session, however many get it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from .. import wire
from ..models import NotificationId, UserId, time_of
from ..wire import Payload
from .frames import Content, Shown
from .session import Session
from .writer import Write

SKEW = timedelta(seconds=2)
"""How far the clocks of instances may differ."""


def show(shown: Shown, count: Content | None = None) -> Write:
    """Show a notification or an announcement, and tell the unread count with it."""
    return lambda session: session.show(shown, count)


def only(users: Collection[UserId] | None, write: Write) -> Write:
    """For the sessions of these users; None: for all."""
    if users is None:
        return write
    meant = set(users)
    return lambda session: session.user in meant and write(session)


class Copies:
    """A notification that some sessions may lack, live or marked as a copy; either is encoded once, if at all."""

    def __init__(self, payload: Payload, *, late: bool, how: str) -> None:
        self.made_at = time_of(payload["id"])
        self._payload = payload
        self._late = late
        self._how = how
        self._shown: dict[bool, Shown] = {}

    def show(self, session: Session) -> bool:
        """Show it; a `Write`."""
        return session.show(self._for(self.may_be_copy(session)))

    def may_be_copy(self, session: Session) -> bool:
        """Whether the client may have got it over the transport before."""
        return self.made_at < session.opened_at + SKEW

    def _for(self, copy: bool) -> Shown:
        shown = self._shown.get(copy)
        if shown is None:
            payload = {**self._payload, "replayed": True} if copy else self._payload
            shown = self._shown[copy] = Shown.of(payload, late=self._late, how=self._how)
        return shown


def tell(event: str, content: Content) -> Write:
    """Emit any other event."""

    def tell(session: Session) -> bool:
        session.tell(event, content)
        return True

    return tell


def remind(shown: Shown) -> Write:
    """Show an announcement once more."""
    return lambda session: session.remind(shown)


def tell_gone(event: str, payload: Payload, content: Content) -> Write:
    """Tell that these (`ids`), or all up to one, were deleted or archived, and show none of them any more."""
    withdrawing = withdraw_all(payload["upTo"]) if payload.get("all") else withdraw(payload["ids"])
    telling = tell(event, content)
    return lambda session: withdrawing(session) and telling(session)


def takes_away(event: str, payload: Any) -> bool:
    """Whether what this event is about leaves the list."""
    if event == wire.NOTIFICATION_UPDATED:
        return bool(payload["changes"].get("archived"))
    return event == wire.NOTIFICATION_DELETED


def withdraw(ids: Sequence[NotificationId]) -> Write:
    """Show none of these any more."""

    def withdraw(session: Session) -> bool:
        session.withdraw(ids)
        return True

    return withdraw


def withdraw_all(up_to: NotificationId) -> Write:
    """Show none up to this one any more."""

    def withdraw(session: Session) -> bool:
        session.withdraw_all(up_to)
        return True

    return withdraw
