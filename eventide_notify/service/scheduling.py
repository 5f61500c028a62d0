"""Sends and announcements for later: each is due work, and becomes a notification when it is due.

It gets its ids only then, so that the order of ids stays that of what users have seen. Whether it was sent or cancelled
is decided by a claim whose key follows from the work's id: one of the two can take it, and sending twice saves once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ..due import Work, WorkId
from ..errors import Conflict, FieldError, InvalidRequest, NotFound, OutcomeUnknown
from ..models import Draft, IdGenerator, UserId, cut_to_milliseconds, is_notification_id
from ..store.base import Claim, Store
from .due import place
from .once import Items, Once, save_once

SEND, ANNOUNCE = KINDS = ("send", "announcement")
AHEAD_MAX = timedelta(days=366)
SETTLED_FOR = timedelta(days=8)
"""How long after it was due it is known whether work was done, if it could not be removed then."""
LOOKED_AT_ONCE = 100
"""Works that are read at once: each may name thousands of users."""
HELD_TRIES, HELD_PAUSE = 50, 0.1
"""How often what is being sent at this moment is looked at again, and seconds before that."""
_SENT, _CANCELLED = "sent", "cancelled"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A send or an announcement for later."""

    id: WorkId
    kind: str
    """`SEND` or `ANNOUNCE`."""
    send_at: datetime
    users: int | None
    """How many it is for; None: it is an announcement."""
    content: Draft
    audience: str | None = None
    """Of an announcement."""
    topic: str | None = None
    require_ack: bool = False
    expires_at: datetime | None = None


class Schedule:
    """What is sent later. Raises `Unavailable` and `OutcomeUnknown` as `NotificationService` does."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = IdGenerator()

    async def either(
        self,
        kind: str,
        send_at: datetime | None,
        once: Once,
        payload: Callable[[], Mapping[str, Any]],
        now: Callable[[], Awaitable[T | None]],
    ) -> T | Scheduled:
        """Do it `now`, or when `send_at` says so, unless that is past.

        Under an idempotency key it is what it was the first time, though it may be due by now: whichever is asked
        returns None if the key is taken by the other.
        """
        if send_at is None and (sent := await now()) is not None:  # as most of the time
            return sent
        at = cut_to_milliseconds(send_at or self._clock())
        later = send_at is None or self._is_later(at)
        while True:
            done = await (self._add(kind, at, once, payload()) if later else now())
            if done is not None:
                return done
            later = not later

    async def page(self, *, after: WorkId | None, limit: int) -> Sequence[Scheduled]:
        """The first `limit` after this id, in the order in which they were scheduled."""
        found = await self._store.due(kinds=KINDS, after=place(after), limit=limit)
        return [scheduled(work) for work in found]

    async def cancel(self, id: WorkId) -> None:
        """Let it not be sent; `NotFound` if it was, or if there is none."""
        work = await self._store.find_due(id) if is_notification_id(id) else None
        if work is None or work.kind not in KINDS:
            raise _gone()
        now = self._clock()
        claim = Claim(_key(work), _CANCELLED, [], now, lifetime=max(work.at - now, timedelta()) + SETTLED_FOR)
        try:
            await save_once(lambda claim: self._store.add([], claim=claim), claim)
        except Conflict:
            raise _gone() from None
        if not await self._store.cancel_due(id):
            raise _gone()

    async def forget(self, user: UserId) -> int:
        """Send nothing of it to this user, and nothing that could not be sent so far; the number of sends that had
        named the user. Raises `OutcomeUnknown` if one of them takes too long."""
        number = 0
        async for work in self._naming(user):
            number += await self._leave_out(user, work)
        return number

    async def _naming(self, user: UserId) -> AsyncIterator[Work]:
        """All sends to the user, those that have failed for good last."""
        after = ""
        while works := await self._store.due(kinds=[SEND], after=after, limit=LOOKED_AT_ONCE):
            for work in works:
                if user in work.payload["users"]:
                    yield work
            after = works[-1].id
        after = ""
        while dead := await self._store.dead(after=after, limit=LOOKED_AT_ONCE):
            for each in dead:
                if each.work.kind == SEND and user in each.work.payload["users"]:
                    yield each.work
            after = dead[-1].work.id

    async def _leave_out(self, user: UserId, work: Work) -> bool:
        """Whether it was sent to the others only; False: it was sent, or cancelled."""
        for _ in range(HELD_TRIES):
            others = [each for each in work.payload["users"] if each != user]
            if not others:
                return await self._drop(work.id)
            if await self._store.revise_due(work, {**work.payload, "users": others}, now=self._clock()):
                return True
            await asyncio.sleep(HELD_PAUSE)  # it is being sent, or was changed for another user
            found = await self._store.find_due(work.id)
            if found is None or user not in found.payload["users"]:
                return False
            work = found
        raise OutcomeUnknown

    async def _drop(self, id: WorkId) -> bool:
        """Whether it had not been sent."""
        try:
            await self.cancel(id)
        except NotFound:
            return await self._store.remove_dead(id)
        return True

    def _is_later(self, at: datetime) -> bool:
        now = self._clock()
        if at > now + AHEAD_MAX:
            raise InvalidRequest(errors=[FieldError("sendAt", f"must be within {AHEAD_MAX.days} days")])
        return at > now

    async def _add(self, kind: str, at: datetime, once: Once, payload: Mapping[str, Any]) -> Scheduled | None:
        now = self._clock()
        work = Work(self._new_id(now), kind, at, payload)
        claim = once.claim([(work.id, "")], now, later=True)
        held = await save_once(lambda claim: self._store.add_due(work, claim=claim), claim)
        if held is not None and claim is not None and held.fingerprint != claim.fingerprint:
            return None
        return scheduled(work, id=held.items[0][0] if held is not None else work.id)


def scheduled(work: Work, *, id: WorkId | None = None) -> Scheduled:
    """What this work will be."""
    users = work.payload.get("users")
    number = None if users is None else len(users)
    said = work.payload
    expires_at = said.get("expires_at")
    return Scheduled(
        id or work.id,
        work.kind,
        work.at,
        number,
        draft_of(work),
        audience=said.get("audience"),
        topic=said.get("topic"),
        require_ack=said.get("require_ack", False),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
    )


def draft_of(work: Work) -> Draft:
    """What it will say."""
    return Draft.model_validate(work.payload["draft"])


def recipients(work: Work) -> int:
    """How many users a send is to; 1 for what names none, which fails by itself when it is done."""
    return len(work.payload.get("users", ())) or 1


def claim_on_work(work: Work) -> Callable[[Items, datetime], Claim]:
    """Makes claims to send what this work is, as `Once.claim` does."""
    # Those of callers have a line feed in their keys.
    return lambda items, now: Claim(_key(work), _SENT, items, now, lifetime=SETTLED_FOR)


def _key(work: Work) -> str:
    return f"due {work.id}"


def _gone() -> NotFound:
    return NotFound("There is no such scheduled send; it may have been sent.")
