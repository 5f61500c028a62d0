"""What users do to notifications in MongoDB: read, decided here, and written if nothing else happened meanwhile.

What comes while that goes on goes together into the next turn, in the order in which it came: one command reads all
that is concerned, and one or two write what became of it. A document is written under the condition that it is as it
was read. Where one is not, because another instance was faster, it is read and decided again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from ..errors import EventideError, OutcomeUnknown, Refused
from ..models import WITHHELD, Change, NotificationId, UserId
from .mongo_client import Document, MongoClient, group
from .mongo_errors import is_about_some, one_call
from .mongo_state import FIELDS, State, acknowledged, after, as_it_was, differences, packed, state_of
from .records import DELETED

Key = tuple[UserId, NotificationId]
NOT_DELETED: Document = {"status": {"$ne": DELETED}}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants to happen to notifications, and the action that they choose with it (`READ`), or whether they
    acknowledge it."""

    user: UserId
    change: Change
    ids: Collection[NotificationId]
    now: datetime
    action: str | None = None
    acknowledge: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of it."""

    owned: set[NotificationId] = field(default_factory=set)
    changed: set[NotificationId] = field(default_factory=set)
    withheld: set[NotificationId] = field(default_factory=set)
    chosen: bool = False
    """Whether the action is the one that is chosen now."""
    error: EventideError | None = None
    """What the server has against one of them."""


class Found(NamedTuple):
    """What a user has."""

    state: State
    saved: Any
    """The document that says so, or the documents."""
    until: datetime | None = None
    """When they do not have it any more."""
    require_ack: bool = False


class Decided(NamedTuple):
    """What is to become of it."""

    key: Key
    found: Found
    state: State | None
    """None: it is deleted."""
    at: datetime


class Written(NamedTuple):
    """What did not go as decided."""

    again: Collection[Key]
    """Those that somebody else may have changed meanwhile."""
    lost: Collection[Key]
    """Those that somebody else has deleted."""
    failed: Mapping[Key, EventideError]
    """Those that the server refuses to change so."""


class Changes(ABC):
    """Changes to one kind of what users have."""

    def __init__(self) -> None:
        self._wishes = group(self._do_together, weigh=lambda wish: len(wish.ids))

    async def do(self, wish: Wish) -> Outcome:
        outcome = await self._wishes.do(wish)
        if outcome.error and outcome.changed:
            raise OutcomeUnknown from outcome.error
        if outcome.error:
            raise outcome.error
        return outcome

    async def settle(self) -> None:
        await self._wishes.settle()

    async def _do_together(self, wishes: Sequence[Wish]) -> Sequence[Outcome]:
        outcomes = [Outcome() for _ in wishes]
        asked: dict[Key, list[tuple[Wish, Outcome]]] = {}
        for wish, outcome in zip(wishes, outcomes, strict=True):
            for id in dict.fromkeys(wish.ids):
                asked.setdefault((wish.user, id), []).append((wish, outcome))
        with one_call():
            left: Collection[Key] = asked.keys()
            while left:
                found = await self._find(left)
                decided = [_decide(key, found[key], asked[key]) for key in left if key in found]
                left, lost, failed = await self._write([each for each in decided if each.state != each.found.state])
                for key in lost:
                    for wish, outcome in asked[key]:
                        if wish.change is Change.DELETE:
                            outcome.changed.discard(key[1])
                for key, error in failed.items():
                    for _, outcome in asked[key]:
                        outcome.changed.discard(key[1])
                        outcome.error = error
        return outcomes

    @abstractmethod
    async def _find(self, keys: Collection[Key]) -> Mapping[Key, Found]:
        """Those of them that their users have."""

    @abstractmethod
    async def _write(self, decided: Sequence[Decided]) -> Written: ...


class _Update(NamedTuple):
    ids: Sequence[NotificationId]
    condition: Document
    change: Document


class OwnChanges(Changes):
    """Changes to notifications of one user.

    A server tells how many documents it removed, but not which, and another instance may be removing them too. So
    whoever deletes takes a document out of its user's hands first, which one does, and leaves a mark there.
    """

    def __init__(self, client: MongoClient) -> None:
        super().__init__()
        self._client = client
        self._notifications = client["notifications"]

    async def _find(self, keys: Collection[Key]) -> Mapping[Key, Found]:
        found: dict[Key, Found] = {}
        for part in self._client.limits.parts(id for _, id in keys):
            wanted = {"_id": {"$in": part}}
            for document in await self._client.find(self._notifications, wanted, len(part), order=1, fields=FIELDS):
                if document["status"] != DELETED:
                    key = document["userId"], document["_id"]
                    found[key] = Found(state_of(document), document, document.get("expiresAt"))
        return found

    async def _write(self, decided: Sequence[Decided]) -> Written:
        updates: dict[tuple[Any, ...], list[NotificationId]] = {}
        for (_, id), found, state, _ in decided:
            if state is not None:
                updates.setdefault((as_it_was(found.saved), differences(found.saved, state)), []).append(id)
        sets = [_Update(ids, dict(condition), packed(change)) for (condition, change), ids in updates.items()]
        deleted = sorted(each.key for each in decided if each.state is None)
        mine = {id for _, id in deleted}
        deletion = {"status": DELETED, "userId": None, "deletedBy": uuid4().hex}
        if deleted:
            sets.append(_Update([*mine], NOT_DELETED, deletion))
        done, errors = await self._update(sets)
        failed = {each.key: errors[each.key[1]] for each in decided if each.key[1] in errors}
        again: list[Key] = []
        if done < len(decided):
            again = [each.key for each in decided if each.state is not None and each.key not in failed]
            mine = set(await self._client.among(self._notifications, mine, {"deletedBy": deletion["deletedBy"]}))
        await self._client.erase(self._notifications, mine)
        return Written(again, [(user, id) for user, id in deleted if id not in mine], failed)

    async def _update(self, updates: Sequence[_Update]) -> tuple[int, Mapping[NotificationId, EventideError]]:
        """Make them; how many documents were changed, and what the server has against others."""
        try:
            return await self._send(updates), {}
        except (Refused, OutcomeUnknown) as error:
            if not is_about_some(error.__cause__) or sum(len(each.ids) for each in updates) == 1:
                raise
        done = 0
        errors: dict[NotificationId, EventideError] = {}
        for one in (_Update([id], each.condition, each.change) for each in updates for id in each.ids):
            try:
                done += await self._send([one])
            except (Refused, OutcomeUnknown) as error:
                if not is_about_some(error.__cause__):
                    raise
                errors[one.ids[0]] = error
        return done, errors

    async def _send(self, updates: Sequence[_Update]) -> int:
        if not updates:
            return 0
        statements = [({"_id": {"$in": sorted(ids)}} | condition, change) for ids, condition, change in updates]
        return await self._client.update_each(self._notifications, statements)

    async def purge(self, replaced_before: datetime) -> None:
        """Remove what is left of deletions that were interrupted, and of what was replaced before then."""
        wanted = {"status": DELETED, "replacedAt": {"$not": {"$gt": replaced_before}}}
        await self._client.erase(self._notifications, await self._client.ids(self._notifications, wanted))


def _decide(key: Key, found: Found, asked: Sequence[tuple[Wish, Outcome]]) -> Decided:
    """What is to become of it, and for those who asked, in this order."""
    state: State | None = found.state
    _, id = key
    for wish, outcome in asked:
        if state is None or (found.until is not None and found.until <= wish.now):
            continue
        if wish.acknowledge and not found.require_ack:
            continue
        if found.require_ack and state.acknowledged_at is None and wish.change in WITHHELD and not wish.acknowledge:
            outcome.withheld.add(id)
            continue
        outcome.owned.add(id)
        outcome.withheld.discard(id)  # another instance was faster, and it is decided again
        before = state
        state = acknowledged(state, wish.now) if wish.acknowledge else after(state, wish.change, wish.action, wish.now)
        if state != before:
            outcome.changed.add(id)
        if wish.action is not None and state is not None and state.pressed is not None:
            outcome.chosen = state.pressed.id == wish.action
    return Decided(key, found, state, asked[-1][0].now)
