"""The use cases: what REST, the sockets, the command line and other Python code can do. The only place with rules."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from .. import wire
from ..errors import Conflict, FieldError, InvalidRequest, NotFound
from ..metrics import Metrics
from ..models import (
    RECIPIENTS_MAX,
    USER_ID_MAX,
    Announcement,
    Audience,
    Draft,
    IdGenerator,
    Notification,
    NotificationId,
    Page,
    UserId,
    is_notification_id,
    user_key,
)
from ..presence.base import Presence
from ..store.base import Claim, Store
from .fanout import Fanout
from .ordering import Turn, Turns

logger = logging.getLogger(__name__)

IDEMPOTENCY_WINDOW = timedelta(hours=24)
"""How long a request with an idempotency key is answered again instead of being carried out again."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of state did: the notifications it is about, and the user's unread count after it."""

    ids: Sequence[NotificationId]
    unread_count: int


class NotificationService:
    """Notifications of users. Every method raises `Unavailable` while the store is unavailable, with nothing changed.

    Ids that are unknown, malformed or another user's are all the same: `NotFound`.
    """

    def __init__(
        self,
        store: Store,
        fanout: Fanout,
        presence: Presence,
        *,
        clock: Callable[[], datetime],
        metrics: Metrics,
        announcement_lifetime: timedelta,
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._presence = presence
        self._clock = clock
        self._metrics = metrics
        self._announcement_lifetime = announcement_lifetime
        self._new_id = IdGenerator()
        self._turns = Turns()

    # Sending

    async def send(
        self, users: Iterable[UserId | int], draft: Draft, *, idempotency_key: str | None = None
    ) -> Sequence[Notification]:
        """Save one notification for each user, show it to those who are connected, and return them in that order.

        Users named twice get it once. With an `idempotency_key` that came before with the same users and draft,
        within 24 hours, the answer is that of the first time and nothing is sent again; with others: `Conflict`.
        Raises `InvalidRequest` for no users, more than 10,000, or ids that are none.
        """
        recipients = _recipients(users)
        now = self._clock()
        async with self._turns.take(recipients) as turn:
            items = [Notification(self._new_id(now), user, draft, now) for user in recipients]
            if idempotency_key is not None:
                return await self._send_once(idempotency_key, items, draft, turn)
            await self._save_and_show(items, turn)
            return items

    async def _save_and_show(self, items: Sequence[Notification], turn: Turn) -> None:
        await self._store.add(items)
        self._metrics.created.inc(len(items))
        await turn.wait()
        await self._fanout.deliver(items)

    async def _send_once(
        self, key: str, items: Sequence[Notification], draft: Draft, turn: Turn
    ) -> Sequence[Notification]:
        now = items[0].created_at
        mine = Claim(key, _fingerprint(items, draft), [(item.id, item.user_id) for item in items], now)
        held = await self._store.claim(mine, expired_before=now - IDEMPOTENCY_WINDOW)
        if held.fingerprint != mine.fingerprint:
            raise Conflict
        items = [Notification(id, user, draft, held.claimed_at) for id, user in held.items]
        if not held.complete:
            # Ours, or one that was interrupted between claim and save: the ids are those of the claim, so that
            # whoever saves twice saves the same.
            await self._save_and_show(items, turn)
            await self._store.complete(key)
        return items

    async def announce(
        self, draft: Draft, *, audience: Audience = "everyone", expires_at: datetime | None = None
    ) -> Announcement:
        """Announce something.

        To `everyone`: saved once, shown to those who are connected, and part of every user's notifications, also of
        those who first appear later, until `expires_at`. To `connected`: shown, and not saved.
        Raises `InvalidRequest` when `expires_at` is not in the future.
        """
        now = self._clock()
        if expires_at is not None and expires_at <= now:
            raise InvalidRequest(errors=[FieldError("expiresAt", "must be in the future")])
        announcement = Announcement(self._new_id(now), draft, now, expires_at)
        if audience == "everyone":
            announcement = replace(announcement, expires_at=expires_at or now + self._announcement_lifetime)
            await self._store.add_announcement(announcement)
        await self._fanout.announce(announcement)
        return announcement

    async def retract(self, id: NotificationId) -> None:
        """Remove an announcement for everybody, and from every open screen. `NotFound` when there is none."""
        if not is_notification_id(id) or not await self._store.remove_announcement(id):
            raise NotFound("There is no such announcement.")
        await self._fanout.retract(id)

    async def publish(self, event: str, payload: Any, users: Iterable[UserId | int] | None) -> None:
        """Emit an event of the caller's own to whoever of the users (None: of all) is connected. Nothing is saved.

        Raises `InvalidRequest` for a name that the protocol uses itself.
        """
        if event in wire.RESERVED_EVENTS:
            raise InvalidRequest(errors=[FieldError("event", f"the name {event!r} is reserved")])
        await self._fanout.emit(event, payload, None if users is None else _recipients(users))

    # A user's own

    async def get(self, user: UserId, id: NotificationId) -> Notification:
        """One notification."""
        found = await self._store.get(user, id, now=self._clock()) if is_notification_id(id) else None
        if found is None:
            raise NotFound
        return found

    async def page(
        self,
        user: UserId,
        *,
        limit: int = 20,
        cursor: NotificationId | None = None,
        offset: int = 0,
        unread: bool | None = None,
        type: str | None = None,
    ) -> Page:
        """A stretch of the user's notifications, newest first, with the unread count."""
        if cursor is not None and not is_notification_id(cursor):
            raise InvalidRequest(errors=[FieldError("cursor", "is not a cursor of this service")])
        found = await self._store.page(
            user, now=self._clock(), limit=limit + 1, before=cursor, offset=offset, unread=unread, type=type
        )
        following = found[limit - 1].id if len(found) > limit else None
        return Page(found[:limit], await self.unread_count(user), following)

    async def unread_count(self, user: UserId) -> int:
        """How many of the user's notifications are not read."""
        return (await self._store.unread_counts([user], now=self._clock()))[user]

    async def mark_read(self, user: UserId, ids: Collection[NotificationId]) -> Change:
        """Mark these as read and tell all of the user's sockets. Repeating it changes nothing.

        Of several, those that are not the user's are passed over; `NotFound` when none is.
        """
        found = await self._store.mark_read(user, _known(ids), now=self._clock())
        return await self._changed(user, ids, found, wire.NOTIFICATION_READ)

    async def mark_all_read(self, user: UserId, *, up_to: NotificationId | None = None) -> tuple[int, int]:
        """Mark all as read, or those not newer than `up_to`; how many changed, and the unread count."""
        if up_to is not None and not is_notification_id(up_to):
            raise InvalidRequest(errors=[FieldError("upTo", "is not the id of a notification")])
        updated = await self._store.mark_all_read(user, up_to=up_to, now=self._clock())
        count = await self.unread_count(user)
        await self._fanout.emit(wire.NOTIFICATION_READ, wire.all_read(up_to, count), [user])
        return updated, count

    async def delete(self, user: UserId, ids: Collection[NotificationId]) -> Change:
        """Remove these and tell all of the user's sockets; `NotFound` when none is the user's."""
        found = await self._store.delete(user, _known(ids), now=self._clock())
        return await self._changed(user, ids, found, wire.NOTIFICATION_DELETED)

    async def _changed(
        self, user: UserId, asked: Collection[NotificationId], found: Collection[NotificationId], event: str
    ) -> Change:
        if not found:
            raise NotFound
        own = set(found)
        change = Change([id for id in dict.fromkeys(asked) if id in own], await self.unread_count(user))
        await self._fanout.emit(event, wire.read(change.ids, change.unread_count), [user])
        return change

    # Connected users

    async def online_users(self) -> Collection[UserId]:
        """The users with an open connection."""
        return await self._presence.online()

    async def connections(self, user: UserId) -> int:
        """How many connections the user has."""
        return await self._presence.connections(user)

    async def purge(self) -> None:
        """Forget idempotency keys that no longer hold, and announcements that have expired."""
        now = self._clock()
        await self._store.purge(claimed_before=now - IDEMPOTENCY_WINDOW, now=now)


def _known(ids: Collection[NotificationId]) -> list[NotificationId]:
    return [id for id in dict.fromkeys(ids) if is_notification_id(id)]


def _recipients(users: Iterable[UserId | int]) -> list[UserId]:
    recipients = list(dict.fromkeys(user_key(user) for user in users))
    if not 1 <= len(recipients) <= RECIPIENTS_MAX:
        raise InvalidRequest(errors=[FieldError("userIds", f"must name 1 to {RECIPIENTS_MAX} users")])
    if not all(1 <= len(user) <= USER_ID_MAX for user in recipients):
        raise InvalidRequest(errors=[FieldError("userIds", f"must have 1 to {USER_ID_MAX} characters each")])
    return recipients


def _fingerprint(items: Iterable[Notification], draft: Draft) -> str:
    body = [[item.user_id for item in items], draft.model_dump(mode="json")]
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
