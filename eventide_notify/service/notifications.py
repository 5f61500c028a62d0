"""What back ends can do: send, announce, and see who is connected. What users can do is in `inbox`.

These two are the use cases, of REST, the sockets, the command line and other Python code. Only here are there rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack, overload

from .. import wire
from ..due import Work
from ..errors import Conflict, FieldError, InvalidRequest, NotFound
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
    time_of,
)
from ..presence.base import Online, Presence
from ..store.base import Claim, Collapsed, Store
from .asked import Announcing, Sending
from .expiry import KEPT
from .fanout import Fanout, Gone
from .journal import CHANGES_AT_ONCE, Journal, by
from .once import IDEMPOTENCY_WINDOW, Items, Once, save_once
from .ordering import Turn, Turns
from .reminders import first_reminder
from .scheduling import ANNOUNCE, SEND, Schedule, Scheduled, claim_on_work
from .users import checked, recipients

MADE_AT_ONCE = 500
"""Notifications that are made, or read, before others have their turn: some milliseconds."""

_MakeClaim = Callable[[Items, datetime], Claim | None]


class Identified(TypedDict, total=False):
    """What makes a repeated call one."""

    idempotency_key: str | None
    caller: str
    claim_lifetime: timedelta


class SendOptions(Identified, total=False):
    """What `send` may be told beside its time."""

    expires_at: datetime | None
    collapse_key: str | None


class AnnounceOptions(Identified, total=False):
    """Likewise `announce`."""

    audience: Audience
    topic: str | None
    expires_at: datetime | None
    require_ack: bool
    remind_after: int | None


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
        self.schedule = Schedule(store, clock=clock)
        """What is sent later."""

    # Sending

    @overload
    async def send(
        self, users: Iterable[UserId | int], draft: Draft, *, send_at: None = None, **options: Unpack[SendOptions]
    ) -> Sequence[Notification]: ...

    @overload
    async def send(
        self, users: Iterable[UserId | int], draft: Draft, *, send_at: datetime | None, **options: Unpack[SendOptions]
    ) -> Sequence[Notification] | Scheduled: ...

    async def send(
        self,
        users: Iterable[UserId | int],
        draft: Draft,
        *,
        send_at: datetime | None = None,
        expires_at: datetime | None = None,
        collapse_key: str | None = None,
        idempotency_key: str | None = None,
        caller: str = "",
        claim_lifetime: timedelta = IDEMPOTENCY_WINDOW,
    ) -> Sequence[Notification] | Scheduled:
        """Save one notification for each user, show it to those who are connected, and return them in that order.

        From `expires_at` on nobody has it. With a `collapse_key` it takes the place of those of its user with the same
        key that are neither read nor archived, and counts them (`collapsed`).
        Users named twice get it once. With an `idempotency_key` that came before from the same `caller` (any text that
        names it) with the same users and draft, within `claim_lifetime`, the answer is that of the first time and
        nothing is sent again; with others: `Conflict`.
        With a `send_at` in the future, within 366 days, it is sent then, unless it has expired by then, and nothing is
        saved now but that.

        Raises `InvalidRequest` for no users, more than 10,000, or ids that are none, for a key that is none or an
        `expires_at` that is not in the future or not after `send_at`, and `OutcomeUnknown`.
        """
        asked = Sending(recipients(users), draft, caller, expires_at, collapse_key)
        asked.check()
        once = Once(idempotency_key, caller, lambda: asked.body() + _time(send_at), claim_lifetime)
        await self._check_expiry(expires_at, send_at, once)
        return await self.schedule.either(SEND, send_at, once, asked.pack, lambda: self._send(asked, once.claim))

    async def send_due(self, work: Work) -> None:
        """Send what was scheduled, unless it was cancelled or has expired. It may be called again, by another instance
        too."""
        asked = Sending.unpack(work.payload)
        if not self._has_expired(asked, work):
            with suppress(Conflict):  # cancelled
                await self._send(asked, claim_on_work(work), again=True)

    async def _send(
        self, asked: Sending, make_claim: _MakeClaim, *, again: bool = False
    ) -> Sequence[Notification] | None:
        """What was sent, or had been sent before under the same claim; None: what this claim is on is scheduled.

        `again`: show also what was saved before, for whoever saved it may not have come to that.
        """
        now = self._clock()
        async with self._turns.take(asked.users) as turn:
            items = await self._make(asked, now)
            claim = make_claim([(item.id, item.user_id) for item in items], now)
            outcome = Collapsed(None, items, {})
            if asked.collapse_key is None:
                held = await save_once(lambda claim: self._store.add(items, claim=claim), claim)
            else:
                held, outcome = await self._collapse(items, claim, now)
            if held is not None:
                if claim is not None and held.fingerprint != claim.fingerprint:
                    return None
                # Who was erased meanwhile is named no more.
                items = [asked.notification(id, user, held.claimed_at) for id, user in held.items if user]
            if held is None or not held.complete:
                self._metrics.created.inc(len(items))
                self._journal.created(items[0].id, items[-1].id, len(items), asked.caller)
                await self._show(asked, items, outcome, turn, late=held is not None)
            elif again:
                await self._show_again(asked, items)
            return items

    async def _show(
        self, asked: Sending, items: Sequence[Notification], outcome: Collapsed, turn: Turn, *, late: bool
    ) -> None:
        await turn.wait()
        late = late or turn.overtaken
        if asked.collapse_key is None:
            await self._fanout.deliver(items, late=late)
        else:
            await self._deliver_collapsed(outcome, asked.users, late=late)

    async def _show_again(self, asked: Sending, items: Sequence[Notification]) -> None:
        """Show what was saved before, by another instance that may have died before it came to that."""
        async for some in self._pending(items):
            await self._deliver_alike(some, late=True)
        if asked.collapse_key is not None:
            await self._fanout.emit(wire.RELOAD, {}, asked.users)  # for nobody knows any more what was replaced

    async def _pending(self, items: Sequence[Notification]) -> AsyncIterator[Sequence[Notification]]:
        """Those of them, which were made together, that no client has received yet; some at a time, for others have
        their turn."""
        if not items:
            return
        after, before = id_at(time_of(items[0].id)), id_at(time_of(items[-1].id) + timedelta(milliseconds=1))
        ids = {item.id for item in items}
        while found := await self._store.overdue(after=after, before=before, limit=MADE_AT_ONCE):
            yield [item for item in found if item.id in ids]
            after = found[-1].id

    async def _collapse(
        self, items: Sequence[Notification], claim: Claim | None, now: datetime
    ) -> tuple[Claim | None, Collapsed]:
        outcome = Collapsed(None, (), {})

        async def save(claim: Claim | None) -> Claim | None:
            nonlocal outcome
            outcome = await self._store.add_collapsing(items, claim=claim, now=now)
            return outcome.held

        return await save_once(save, claim), outcome

    async def _deliver_collapsed(self, outcome: Collapsed, users: Sequence[UserId], *, late: bool) -> None:
        """Show what is there now, and then take away what it has replaced. What was saved before, although the store
        did not say so, the sweep shows."""
        await self._deliver_alike(outcome.saved, late=late)
        gone = [Gone(item.user_id, outcome.replaced.get(item.id, ()), item.id) for item in outcome.saved]
        gone = [each for each in gone if each.ids]
        for each in gone[:CHANGES_AT_ONCE]:
            self._journal.changed(each.ids, "replaced", None)
        self._metrics.replaced.inc(sum(len(each.ids) for each in gone))
        await self._fanout.take_away("collapsed", gone)
        if outcome.repeated or outcome.held is not None:
            await self._fanout.emit(wire.RELOAD, {}, users)  # for nobody knows what was replaced the first time

    async def _deliver_alike(self, items: Iterable[Notification], *, late: bool) -> None:
        """Show those of one send that may have replaced different numbers of others."""
        alike: dict[int, list[Notification]] = {}
        for item in items:
            alike.setdefault(item.collapsed, []).append(item)
        for some in alike.values():
            await self._fanout.deliver(some, late=late)

    async def _make(self, asked: Sending, now: datetime) -> list[Notification]:
        ids = self._new_id.take(len(asked.users), now)
        made: list[Notification] = []
        for start in range(0, len(asked.users), MADE_AT_ONCE):
            if len(asked.users) > MADE_AT_ONCE:
                await asyncio.sleep(0)  # others have their turn
            some = asked.users[start : start + MADE_AT_ONCE]
            made += [asked.notification(id, user, now) for user, id in zip(some, ids, strict=False)]
        return made

    @overload
    async def announce(
        self, draft: Draft, *, send_at: None = None, **options: Unpack[AnnounceOptions]
    ) -> Announcement: ...

    @overload
    async def announce(
        self, draft: Draft, *, send_at: datetime | None, **options: Unpack[AnnounceOptions]
    ) -> Announcement | Scheduled: ...

    async def announce(
        self,
        draft: Draft,
        *,
        send_at: datetime | None = None,
        audience: Audience = "everyone",
        topic: str | None = None,
        expires_at: datetime | None = None,
        require_ack: bool = False,
        remind_after: int | None = None,
        idempotency_key: str | None = None,
        caller: str = "",
        claim_lifetime: timedelta = IDEMPOTENCY_WINDOW,
    ) -> Announcement | Scheduled:
        """Announce something.

        To `everyone`: saved once, shown to those who are connected, and part of every user's notifications, also of
        those who first appear later, until `expires_at`. To `connected`: shown, and not saved. With a `topic` to its
        subscribers only: to whoever is subscribed, also those who will be. `idempotency_key` and `send_at` are as for
        `send`.

        `require_ack`: it stays unread until the user acknowledges it; who has not is shown it again every
        `remind_after` seconds while they are connected. Raises `InvalidRequest` when `expires_at` is not in the future
        or not after `send_at`, or these do not fit, and `OutcomeUnknown`.
        """
        asked = Announcing(draft, caller, audience, topic, expires_at, require_ack, remind_after)
        asked.check()
        once = Once(idempotency_key, caller, lambda: asked.body() + _time(send_at), claim_lifetime)
        await self._check_expiry(expires_at, send_at, once)
        return await self.schedule.either(
            ANNOUNCE, send_at, once, asked.pack, lambda: self._announce(asked, once.claim)
        )

    async def announce_due(self, work: Work) -> None:
        """Make the announcement that was scheduled, unless it was cancelled or has expired; see `send_due`."""
        asked = Announcing.unpack(work.payload)
        if not self._has_expired(asked, work):
            with suppress(Conflict):  # cancelled
                await self._announce(asked, claim_on_work(work), again=True)

    async def _announce(self, asked: Announcing, make_claim: _MakeClaim, *, again: bool = False) -> Announcement | None:
        """As `_send`."""
        now = self._clock()
        async with self._turns.take_for_all() as turn:
            made = asked.announcement(self._new_id(now), now, self._announcement_lifetime)
            claim = make_claim([(made.id, "")], now)
            if made.remind_after is not None:  # before it: what reminds of nothing is dropped
                await self._store.add_due(first_reminder(made))
            held = await save_once(lambda claim: self._save(made, claim), claim)
            if held is not None:
                if claim is not None and held.fingerprint != claim.fingerprint:
                    return None
                made = asked.announcement(held.items[0][0], held.claimed_at, self._announcement_lifetime)
            is_new = held is None or not held.complete
            if is_new:
                self._journal.created(made.id, made.id, 1, asked.caller)
                self._metrics.announced.labels(asked.audience).inc()
            if is_new or (again and await self._is_there(made)):
                await turn.wait()
                await self._fanout.announce(made)
            return made

    async def _is_there(self, made: Announcement) -> bool:
        """Whether it was not retracted since."""
        return not made.stored or await self._store.announcement(made.id, now=self._clock()) is not None

    async def _save(self, announcement: Announcement, claim: Claim | None) -> Claim | None:
        if announcement.stored:
            return await self._store.add_announcement(announcement, claim=claim)
        return await self._store.add([], claim=claim) if claim is not None else None

    async def _check_expiry(self, expires_at: datetime | None, send_at: datetime | None, once: Once) -> None:
        """Raises `InvalidRequest` for what would have expired when it is sent; but not if the request comes again: its
        answer is that of the first time."""
        if expires_at is None:
            return
        now = self._clock()
        if expires_at > max(now, send_at or now):
            return
        key = once.claimed
        if key is None or not await self._store.is_claimed(key, now=now):
            raise InvalidRequest(errors=[FieldError("expiresAt", "must be in the future, and after sendAt")])

    def _has_expired(self, asked: Sending | Announcing, work: Work) -> bool:
        """Whether it has expired before it was sent; counted."""
        expired = asked.expires_at is not None and asked.expires_at <= self._clock()
        if expired:
            self._metrics.due.labels(work.kind, "expired").inc()
        return expired

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
        if found is None or found.has_expired(self._clock()):
            raise NotFound
        return found

    async def announcements(self, *, limit: int, before: NotificationId | None = None) -> Sequence[Announcement]:
        """The newest `limit` announcements that have not expired, or of those before this id; newest first."""
        if before is not None and not is_notification_id(before):
            raise InvalidRequest(errors=[FieldError("cursor", "is not a cursor of this service")])
        return await self._store.newest_announcements(before=before, now=self._clock(), limit=limit)

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
        # An announcement that has just expired may not have left all screens yet.
        await self._store.purge(claimed_before=now - IDEMPOTENCY_WINDOW, now=now - KEPT)


def _time(send_at: datetime | None) -> list[str]:
    """What further identifies a request for another time."""
    return [] if send_at is None else [wire.iso(send_at)]
