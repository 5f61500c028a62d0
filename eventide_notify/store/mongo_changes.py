"""What users do to notifications in MongoDB: read, decided here, and written if nothing else happened meanwhile.

What comes while that goes on goes together into the next turn, in the order in which it came: one command reads all
that is concerned, and one or two write what became of it. A document is written under the condition that it is as it
was read. Where one is not, because another instance was faster, it is read and decided again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from ..models import Change, NotificationId, Pressed, Status, UserId
from .mongo_client import Document, MongoClient, group
from .mongo_errors import one_call
from .records import DELETED

Key = tuple[UserId, NotificationId]


class State(NamedTuple):
    """What is not said at the sending, but becomes of a notification."""

    status: Status = Status.PENDING
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    seen_at: datetime | None = None
    archived_at: datetime | None = None
    pressed: Pressed | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants to happen to notifications, and the action that they choose with it (`READ`)."""

    user: UserId
    change: Change
    ids: Collection[NotificationId]
    now: datetime
    action: str | None = None


@dataclass(slots=True)
class Outcome:
    """What became of it."""

    owned: set[NotificationId] = field(default_factory=set)
    changed: set[NotificationId] = field(default_factory=set)
    chosen: bool = False
    """Whether the action is the one that is chosen now."""


class Found(NamedTuple):
    """What a user has."""

    state: State
    saved: Any
    """The document that says so, or the documents."""
    until: datetime | None = None
    """When they do not have it any more."""


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


class Changes(ABC):
    """Changes to one kind of what users have."""

    def __init__(self) -> None:
        self._wishes = group(self._do_together, weigh=lambda wish: len(wish.ids))

    async def do(self, wish: Wish) -> Outcome:
        return await self._wishes.do(wish)

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
                left, lost = await self._write([each for each in decided if each.state != each.found.state])
                for key in lost:
                    for wish, outcome in asked[key]:
                        if wish.change is Change.DELETE:
                            outcome.changed.discard(key[1])
        return outcomes

    @abstractmethod
    async def _find(self, keys: Collection[Key]) -> Mapping[Key, Found]:
        """Those of them that their users have."""

    @abstractmethod
    async def _write(self, decided: Sequence[Decided]) -> Written: ...


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
            for document in await self._client.find(self._notifications, wanted, len(part), order=1, fields=_FIELDS):
                found[document["userId"], document["_id"]] = Found(state_of(document), document)
        return found

    async def _write(self, decided: Sequence[Decided]) -> Written:
        updates: dict[tuple[Any, ...], list[NotificationId]] = {}
        for (_, id), found, state, _ in decided:
            if state is not None:
                updates.setdefault((_as_it_was(found.state), _differences(found.saved, state)), []).append(id)
        statements: list[tuple[Document, Document]] = [
            ({"_id": {"$in": sorted(ids)}} | dict(condition), _packed(change))
            for (condition, change), ids in updates.items()
        ]
        deleted = sorted(each.key for each in decided if each.state is None)
        mine = [id for _, id in deleted]
        deletion = {"status": DELETED, "userId": None, "deletedBy": uuid4().hex}
        if deleted:
            statements.append(({"_id": {"$in": mine}, "status": {"$ne": DELETED}}, deletion))
        again: list[Key] = []
        if statements and await self._client.update_each(self._notifications, statements) < len(decided):
            again = [each.key for each in decided if each.state is not None]
            mine = await self._client.among(self._notifications, mine, {"deletedBy": deletion["deletedBy"]})
        await self._client.erase(self._notifications, mine)
        return Written(again, [key for key in deleted if key[1] not in mine])

    async def purge(self) -> None:
        """Remove what is left of deletions that were interrupted."""
        await self._client.erase(self._notifications, await self._client.ids(self._notifications, {"status": DELETED}))


_TIMES = {"delivered_at": "deliveredAt", "read_at": "readAt", "seen_at": "seenAt", "archived_at": "archivedAt"}
_FIELDS = ["userId", "status", *_TIMES.values(), "pressed"]


def state_of(document: Document) -> State:
    """The state that a notification's document has."""
    status, read_at = Status(document["status"]), document["readAt"]
    pressed = document.get("pressed")
    # What earlier versions have marked as read has been seen, too.
    return State(
        status=status,
        delivered_at=document["deliveredAt"] or read_at,
        read_at=read_at,
        seen_at=document.get("seenAt") or read_at,
        archived_at=document.get("archivedAt"),
        pressed=pressed and Pressed(pressed["id"], pressed["at"]),
    )


def state_fields(state: State) -> Document:
    """The fields of a new document."""
    always = {"status": state.status, "deliveredAt": state.delivered_at, "readAt": state.read_at}
    return always | _packed(_differences(always, state))


def _differences(saved: Mapping[str, Any], state: State) -> tuple[tuple[str, Any], ...]:
    """The fields in which the document differs from the state."""
    fields = {"status": state.status, **{field: getattr(state, name) for name, field in _TIMES.items()}}
    changed = {field: value for field, value in fields.items() if saved.get(field) != value}
    # For the indexes, and for counting: by these two, and not by when it was.
    if "seenAt" in changed:
        changed["seen"] = state.seen_at is not None or None
    if "archivedAt" in changed:
        changed["archived"] = state.archived_at is not None or None
    if state.pressed and not saved.get("pressed"):
        changed["pressed"] = state.pressed
    return tuple(changed.items())


def _packed(changed: Iterable[tuple[str, Any]]) -> Document:
    return {field: value._asdict() if isinstance(value, Pressed) else value for field, value in changed}


def _as_it_was(state: State) -> tuple[tuple[str, Any], ...]:
    """The condition under which a document with this state is changed; its times do not matter, if it has them."""
    conditions: dict[str, Any] = {"status": state.status}
    if state.status is not Status.READ:  # what is read is seen, also where no field says so
        conditions["seen"] = _flag(state.seen_at)
    return tuple((conditions | {"archived": _flag(state.archived_at)}).items()) + (
        (("pressed", None),) if state.pressed is None else ()
    )


def _flag(at: datetime | None) -> bool | None:
    return None if at is None else True


def _decide(key: Key, found: Found, asked: Sequence[tuple[Wish, Outcome]]) -> Decided:
    """What is to become of it, and for those who asked, in this order."""
    state: State | None = found.state
    _, id = key
    for wish, outcome in asked:
        if state is None or (found.until is not None and found.until <= wish.now):
            continue
        outcome.owned.add(id)
        before, state = state, after(state, wish)
        if state != before:
            outcome.changed.add(id)
        if wish.action is not None and state is not None and state.pressed is not None:
            outcome.chosen = state.pressed.id == wish.action
    return Decided(key, found, state, asked[-1][0].now)


def after(state: State, wish: Wish) -> State | None:
    """What a wish makes of this state; `None` if it is deleted."""
    now = wish.now
    match wish.change:
        case Change.SEEN:
            return state._replace(seen_at=state.seen_at or now)
        case Change.READ:
            return _read(state, now) if wish.action is None else _press(state, wish.action, now)
        case Change.UNREAD:
            return state._replace(status=Status.DELIVERED, read_at=None) if state.status is Status.READ else state
        case Change.ARCHIVE:
            return state._replace(archived_at=state.archived_at or now)
        case Change.UNARCHIVE:
            return state._replace(archived_at=None)
        case Change.DELETE:
            return None


def _read(state: State, now: datetime) -> State:
    if state.status is Status.READ:
        return state
    received, seen = state.delivered_at or now, state.seen_at or now
    return state._replace(status=Status.READ, delivered_at=received, read_at=now, seen_at=seen)


def _press(state: State, action: str, now: datetime) -> State:
    if state.pressed is not None and state.pressed.id != action:
        return state
    return _read(state._replace(pressed=state.pressed or Pressed(action, now)), now)
