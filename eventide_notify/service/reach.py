"""Whom an announcement has reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from ..errors import FieldError, InvalidRequest, NotFound
from ..models import REMIND_AFTER_MAX, Announcement, NotificationId, Reach, UserId, is_notification_id
from ..store.base import Store
from .known import KnownUsers


class Reaches:
    """What became of announcements, as whoever sent them wants to know. `NotFound` where there is none."""

    def __init__(self, store: Store, known: KnownUsers, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._known = known
        self._clock = clock

    async def of(self, id: NotificationId) -> Reach:
        """How many it is for, and how many of them have received, read and acknowledged it."""
        announcement = await self._announcement(id)
        await self._known.round()  # who has just come counts
        return await self._store.reach(announcement)

    async def missing(self, id: NotificationId, *, after: UserId = "", limit: int) -> Sequence[UserId]:
        """Those who have not acknowledged it (where that is not required: not read it), after that user."""
        announcement = await self._announcement(id)
        await self._known.round()
        return await self._store.missing(announcement, after=after, limit=limit)

    async def _announcement(self, id: NotificationId) -> Announcement:
        found = await self._store.announcement(id, now=self._clock()) if is_notification_id(id) else None
        if found is None:
            raise NotFound("There is no such announcement.")
        return found


def check_acknowledgement(stored: bool, require_ack: bool, remind_after: int | None) -> None:
    """Raises `InvalidRequest` for what cannot be."""
    if require_ack and not stored:
        raise InvalidRequest(errors=[FieldError("requireAck", "is not possible for connected users only")])
    if remind_after is None:
        return
    if not require_ack:
        raise InvalidRequest(errors=[FieldError("remindAfter", "is for requireAck: true")])
    if not 1 <= remind_after <= REMIND_AFTER_MAX:
        raise InvalidRequest(errors=[FieldError("remindAfter", f"must be 1 to {REMIND_AFTER_MAX} seconds")])
