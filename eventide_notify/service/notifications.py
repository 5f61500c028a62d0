"""What back ends can do: send, announce, and see who is connected. What users can do is in `inbox`.

These two are the use cases, of REST, the sockets, the command line and other Python code. Only here are there rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import wire
from ..errors import FieldError, InvalidRequest, NotFound
from ..metrics import Metrics
from ..models import (
    Announcement,
    Audience,
    Draft,
    IdGenerator,
    Notification,
    NotificationId,
    UserId,
    id_at,
    is_notification_id,
)
from ..presence.base import Online, Presence
from ..store.base import Claim, Store
from .fanout import Fanout
from .journal import Journal, by
from .once import IDEMPOTENCY_WINDOW, claim_on, save_once
from .ordering import Turns
from .reach import check_acknowledgement
from .reminders import first_reminder
from .users import checked, recipients

MADE_AT_ONCE = 500
"""Notifications that are made before others have their turn: some milliseconds."""


class NotificationService:
    """Notifications of users.

    Every method raises `Unavailable` while the store is unavailable, with nothing changed; those that change something
    raise `OutcomeUnknown` when the store does not say whether it has done so. Ids that are unknown, malformed or
    another user's are all the same: `NotFound`. User ids that are none are an `InvalidRequest`.
    """

    def __init__(
        self,
        store: Store,
        fanout: Fanout,
        presence: Presence,
        *,
        clock: Callable[[], datetime],
        metrics: Metrics,
        journal: Journal,
        announcement_lifetime: timedelta,
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._presence = presence
        self._clock = clock
        self._metrics = metrics
        self._journal = journal
        self._announcement_lifetime = announcement_lifetime
        self._new_id = IdGenerator()
        self._turns = Turns()

    # Sending

    async def send(
        self, users: Iterable[UserId | int], draft: Draft, *, idempotency_key: str | None = None, caller: str = ""
    ) -> Sequence[Notification]:
        """Save one notification for each user, show it to those who are connected, and return them in that order.

        Users named twice get it once. With an `idempotency_key` that came before from the same `caller` (any text that
        names it) with the same users and draft, within 24 hours, the answer is that of the first time and nothing is
        sent again; with others: `Conflict`.
        Raises `InvalidRequest` for no users, more than 10,000, or ids that are none, and `OutcomeUnknown`.
        """
        named = recipients(users)
        now = self._clock()
        async with self._turns.take(named) as turn:
            items = await self._make(named, draft, now)
            claim = None
            if idempotency_key is not None:
                body = [named, _body_of(draft)]
                claim = claim_on(idempotency_key, caller, body, [(item.id, item.user_id) for item in items], now)
            held = await save_once(lambda claim: self._store.add(items, claim=claim), claim)
            if held is not None:
                # Who was erased meanwhile is named no more.
                items = [Notification(id, user, draft, held.claimed_at) for id, user in held.items if user]
            if held is None or not held.complete:
                self._metrics.created.inc(len(items))
                self._journal.created(items[0].id, items[-1].id, len(items), caller)
                await turn.wait()
                await self._fanout.deliver(items, late=held is not None or turn.overtaken)
            return items

    async def _make(self, users: Sequence[UserId], draft: Draft, now: datetime) -> list[Notification]:
        ids = self._new_id.take(len(users), now)
        made: list[Notification] = []
        for start in range(0, len(users), MADE_AT_ONCE):
            if len(users) > MADE_AT_ONCE:
                await asyncio.sleep(0)  # others have their turn
            some = users[start : start + MADE_AT_ONCE]
            made += [Notification(id, user, draft, now) for user, id in zip(some, ids, strict=False)]
        return made

    async def announce(
        self,
        draft: Draft,
        *,
        audience: Audience = "everyone",
        expires_at: datetime | None = None,
        require_ack: bool = False,
        remind_after: int | None = None,
        idempotency_key: str | None = None,
        caller: str = "",
    ) -> Announcement:
        """Announce something.

        To `everyone`: saved once, shown to those who are connected, and part of every user's notifications, also of
        those who first appear later, until `expires_at`. To `connected`: shown, and not saved. An `idempotency_key` is
        as for `send`.

        `require_ack`: it stays unread until the user acknowledges it; who has not is shown it again every
        `remind_after` seconds while they are connected. Raises `InvalidRequest` when `expires_at` is not in the future
        or these do not fit, and `OutcomeUnknown`.
        """
        now = self._clock()
        if expires_at is not None and expires_at <= now:
            raise InvalidRequest(errors=[FieldError("expiresAt", "must be in the future")])
        stored = audience == "everyone"
        check_acknowledgement(stored, require_ack, remind_after)

        def announcement(id: NotificationId, created_at: datetime) -> Announcement:
            until = expires_at or (created_at + self._announcement_lifetime if stored else None)
            return Announcement(
                id, draft, created_at, until, stored, require_ack=require_ack, remind_after=remind_after
            )

        async with self._turns.take_for_all() as turn:
            made = announcement(self._new_id(now), now)
            claim = None
            if idempotency_key is not None:
                body = [audience, expires_at and wire.iso(expires_at), _body_of(draft)]
                body += [{"requireAck": True, "remindAfter": remind_after}] if require_ack else []
                claim = claim_on(idempotency_key, caller, body, [(made.id, "")], now)
            if made.remind_after is not None:  # before it: what reminds of nothing is dropped
                await self._store.add_due(first_reminder(made))
            held = await save_once(lambda claim: self._save(made, claim, stored), claim)
            if held is not None:
                made = announcement(held.items[0][0], held.claimed_at)
            if held is None or not held.complete:
                self._journal.created(made.id, made.id, 1, caller)
                self._metrics.announced.labels(audience).inc()
                await turn.wait()
                await self._fanout.announce(made)
            return made

    async def _save(self, announcement: Announcement, claim: Claim | None, stored: bool) -> Claim | None:
        if stored:
            return await self._store.add_announcement(announcement, claim=claim)
        return await self._store.add([], claim=claim) if claim is not None else None

    async def retract(self, id: NotificationId, *, caller: str = "") -> None:
        """Remove an announcement for everybody, and from every open screen. `NotFound` when there is none."""
        if not is_notification_id(id) or not await self._store.remove_announcement(id):
            raise NotFound("There is no such announcement.")
        self._journal.note(id, "retracted", detail=by(caller))
        await self._fanout.retract(id)

    async def publish(self, event: str, payload: Any, users: Iterable[UserId | int] | None) -> None:
        """Emit an event of the caller's own to whoever of the users (None: of all) is connected. Nothing is saved.

        Raises `InvalidRequest` for a name that the protocol uses itself.
        """
        if event in wire.RESERVED_EVENTS:
            raise InvalidRequest(errors=[FieldError("event", f"the name {event!r} is reserved")])
        await self._fanout.emit(event, payload, None if users is None else recipients(users))

    async def find(self, id: NotificationId) -> Notification:
        """One notification, whoever has it. `NotFound` also for an announcement."""
        found = await self._store.find(id) if is_notification_id(id) else None
        if found is None:
            raise NotFound
        return found

    async def announcements(self, *, limit: int, before: NotificationId | None = None) -> Sequence[Announcement]:
        """The newest `limit` announcements that have not expired, or of those before this id; newest first."""
        if before is not None and not is_notification_id(before):
            raise InvalidRequest(errors=[FieldError("cursor", "is not a cursor of this service")])
        found = await self._store.announcements(after=_FIRST, now=self._clock())
        older = [item for item in reversed(found) if before is None or item.id < before]
        return older[:limit]

    # Connected users

    async def online_users(self, *, limit: int = 10_000, after: UserId = "") -> Online:
        """The users with a session."""
        return await self._presence.online(limit=limit, after=after)

    async def sessions(self, user: UserId) -> int:
        """How many sessions the user has."""
        return await self._presence.sessions(checked(user))

    async def purge(self) -> None:
        """Forget idempotency keys that no longer hold, and announcements that have expired."""
        now = self._clock()
        await self._store.purge(claimed_before=now - IDEMPOTENCY_WINDOW, now=now)


_FIRST = id_at(datetime.fromtimestamp(0, UTC))


def _body_of(draft: Draft) -> dict[str, Any]:
    """What identifies the draft under an idempotency key, also to the version before this one, which had no actions."""
    return draft.model_dump(mode="json", exclude=None if draft.actions else {"actions"})
