"""Which tokens are no longer accepted, and the end of their transports, on all instances.

Every instance has all revocations in memory, so that checking a token needs no query. New ones come in two ways: as
orders over the channel, at once; and from the store, about every second, whatever became of Redis. What was removed is
noticed when everything is read again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pydantic import TypeAdapter

from ..errors import FieldError, InvalidRequest, NotFound
from ..models import IdGenerator, Principal, UserId, id_at, is_notification_id
from ..revocation import Revocation, RevocationId
from ..store.base import Store
from .once import save_once
from .users import checked

logger = logging.getLogger(__name__)

READ_EVERY = 1.0
"""Seconds between two readings of what is new."""
READ_ALL_EVERY = 60.0
"""Seconds between two readings of everything."""
MARGIN = timedelta(seconds=60)
"""How far the clocks of instances may differ, and how long a save may take, in all."""
BATCH = 1_000
"""Revocations in one query."""
DISCONNECT_KEPT = timedelta(minutes=10)
"""How long a disconnect is in the store, for instances that have not heard of it."""
SECOND = timedelta(seconds=1)
CLOCK_STEP = 0.01
"""Seconds by which the clock of a loop and that of the system may differ after a second."""
_LAST = datetime(9999, 12, 31, tzinfo=UTC)

REVOKE, UNREVOKE, DISCONNECT = "revoke", "unrevoke", "disconnect"
"""The calls between instances."""

End = Callable[[Revocation], int]
"""Closes the transports here that a revocation is about; how many."""
Subject = tuple[UserId | None, str | None]
_json = TypeAdapter(Revocation)


class Calls(Protocol):
    """Calls between instances, see `channel.calls`."""

    def handle(self, name: str, handler: Callable[[Mapping[str, Any]], Any]) -> None: ...
    async def order(self, name: str, **arguments: Any) -> None: ...
    async def ask(self, name: str, **arguments: Any) -> Mapping[str, Any]: ...


class Revocations:
    """The revocations, as one instance knows them.

    What changes something raises `Unavailable` while the store is unavailable, and `OutcomeUnknown` when it does not
    say whether it has saved it.
    """

    def __init__(
        self,
        store: Store,
        calls: Calls,
        end: End,
        *,
        kept: timedelta,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`kept`: how long a revocation is kept of which nobody says when its tokens have expired."""
        self._store = store
        self._calls = calls
        self._end = end
        self._kept = kept
        self._clock = clock
        self._monotonic = monotonic
        self._new_id = IdGenerator()
        self._known: dict[RevocationId, Revocation] = {}
        self._by_subject: dict[Subject, dict[RevocationId, Revocation]] = {}
        self._removed: set[RevocationId] = set()
        self._read_at: datetime | None = None
        self._all_at = 0.0
        self._warned = False
        for name, handler in ((REVOKE, self._told), (UNREVOKE, self._told_not), (DISCONNECT, self._told)):
            calls.handle(name, handler)

    def is_revoked(self, principal: Principal) -> bool:
        """Whether the token is no longer accepted. Costs no query."""
        if not self._known:
            return False
        if principal.expires_at - self._kept > self._clock():
            self._warn(principal.expires_at)
        of_user = self._by_subject.get((principal.user_id, None), _NONE)
        of_token = self._by_subject.get((None, principal.token_id), _NONE)
        return any(revocation.refuses(principal) for revocation in (*of_user.values(), *of_token.values()))

    def _warn(self, expires_at: datetime) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "a token is valid until %s: longer than revocations are kept by default (%d days). "
                "Raise EVENTIDE_REVOCATION_DAYS, or give expiresAt when you revoke such tokens",
                expires_at.date(), self._kept.days,
            )  # fmt: skip

    # Revoking

    async def revoke_user(
        self, user: UserId, *, issued_before: datetime | None = None, expires_at: datetime | None = None
    ) -> Revocation:
        """Revoke the user's tokens that were issued before then; by default: all up to now.

        Tokens say only in which second they were issued. So by default all of the current second are revoked, and this
        returns when it is over: a token that is issued after that is accepted.
        """
        now = self._clock()
        before = issued_before or now.replace(microsecond=0) + SECOND
        made = Revocation(
            self._new_id(now), now, self._until(max(now, before), expires_at), checked(user), issued_before=before
        )
        await self._revoke(made)
        if issued_before is None:
            await asyncio.sleep((before - self._clock()).total_seconds() + CLOCK_STEP)
        return made

    async def revoke_token(self, token_id: str, *, expires_at: datetime | None = None) -> Revocation:
        """Revoke the tokens with this `jti`."""
        now = self._clock()
        made = Revocation(self._new_id(now), now, self._until(now, expires_at), token_id=token_id)
        await self._revoke(made)
        return made

    def _until(self, start: datetime, expires_at: datetime | None) -> datetime:
        if expires_at is None:
            return min(start, _LAST - self._kept) + self._kept
        if expires_at <= self._clock():
            raise InvalidRequest(errors=[FieldError("expiresAt", "must be in the future")])
        return expires_at

    async def _revoke(self, made: Revocation) -> None:
        await self._save(made)
        await self._calls.order(REVOKE, **_json.dump_python(made, mode="json"))

    async def unrevoke(self, id: RevocationId) -> Revocation | None:
        """Accept these tokens again; what was revoked, as far as it is known here. `NotFound` if there is none."""
        found = self._known.get(id)
        if (found is not None and found.is_disconnect) or not is_notification_id(id):
            raise NotFound("There is no such revocation.")
        if not await self._store.remove_revocation(id):
            raise NotFound("There is no such revocation.")
        await self._calls.order(UNREVOKE, id=id)
        return found

    async def disconnect(self, user: UserId) -> int:
        """Close every transport of the user; how many, on all instances that answer in time."""
        now = self._clock()
        made = Revocation(self._new_id(now), now, now + DISCONNECT_KEPT, checked(user))
        answers = await self._calls.ask(DISCONNECT, **_json.dump_python(made, mode="json"))
        await self._save(made)  # for the instances that have not answered
        return sum(closed for closed in answers.values() if isinstance(closed, int))

    async def _save(self, made: Revocation) -> None:
        await save_once(lambda _: self._store.add_revocation(made), None)

    def listed(self, *, limit: int, cursor: RevocationId | None = None) -> Sequence[Revocation]:
        """The newest `limit` revocations, or of those before this one, newest first."""
        if cursor is not None and not is_notification_id(cursor):
            raise InvalidRequest(errors=[FieldError("cursor", "is not a cursor of this service")])
        older = (id for id, each in self._known.items() if not each.is_disconnect and (cursor is None or id < cursor))
        return [self._known[id] for id in sorted(older, reverse=True)[:limit]]

    # What other instances did

    async def read(self) -> None:
        """Read what is new from the store; everything for the first time, and when that was long ago."""
        began, now = self._clock(), self._monotonic()
        if self._read_at is None or now >= self._all_at:
            await self._read_all()
            self._all_at = now + READ_ALL_EVERY
        else:
            async for batch in self._batches(id_at(self._read_at - MARGIN)):
                self._take(batch)
        self._read_at = began

    async def _read_all(self) -> None:
        before = set(self._known)
        found: set[RevocationId] = set()
        async for batch in self._batches(""):
            self._take(batch)
            found.update(revocation.id for revocation in batch)
        for id in before - found:
            if not self._is_new_disconnect(id):
                self._forget(id)
        self._removed &= found  # these were removed while they were being read

    def _is_new_disconnect(self, id: RevocationId) -> bool:
        """It is carried out first, and saved then; when it is found there, it has been carried out."""
        known = self._known.get(id)
        return known is not None and known.is_disconnect and known.expires_at > self._clock()

    async def _batches(self, start: RevocationId) -> AsyncIterator[Sequence[Revocation]]:
        while True:
            batch = await self._store.revocations(after=start, limit=BATCH)
            yield batch
            if len(batch) < BATCH:
                return
            start = batch[-1].id

    async def _told(self, arguments: Mapping[str, Any]) -> int:
        return self._learn(_json.validate_python(arguments))

    async def _told_not(self, arguments: Mapping[str, Any]) -> None:
        self._removed.add(arguments["id"])
        self._forget(arguments["id"])

    def _take(self, batch: Sequence[Revocation]) -> None:
        for revocation in batch:
            self._learn(revocation)

    def _learn(self, revocation: Revocation) -> int:
        """From now on it counts here; how many transports were closed for it."""
        id = revocation.id
        if id in self._known or id in self._removed:
            return 0
        self._known[id] = revocation
        self._by_subject.setdefault(_subject(revocation), {})[id] = revocation
        return self._end(revocation)

    def _forget(self, id: RevocationId) -> None:
        revocation = self._known.pop(id, None)
        if revocation is not None:
            same = self._by_subject[_subject(revocation)]
            del same[id]
            if not same:
                del self._by_subject[_subject(revocation)]


_NONE: Mapping[RevocationId, Revocation] = {}


def _subject(revocation: Revocation) -> Subject:
    return revocation.user_id, revocation.token_id
