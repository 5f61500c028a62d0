"""What becomes of notifications in MongoDB: the states, what changes make of them, and how documents say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..models import Change, Notification, Pressed, Status, UserId
from .mongo_client import Document
from .records import pack_content, unpack_content


@dataclass(frozen=True, slots=True)
class State:
    """What is not said at the sending, but becomes of a notification."""

    status: Status = Status.PENDING
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    seen_at: datetime | None = None
    archived_at: datetime | None = None
    pressed: Pressed | None = None
    acknowledged_at: datetime | None = None
    """Of an announcement only."""


def after(state: State, change: Change, action: str | None, now: datetime) -> State | None:
    """What a change makes of this state, with the action that is chosen by it; `None` if it is deleted."""
    match change:
        case Change.SEEN:
            return replace(state, seen_at=state.seen_at or now)
        case Change.READ:
            return _read(state, now) if action is None else _press(state, action, now)
        case Change.UNREAD:
            return replace(state, status=Status.DELIVERED, read_at=None) if state.status is Status.READ else state
        case Change.ARCHIVE:
            return replace(state, archived_at=state.archived_at or now)
        case Change.UNARCHIVE:
            return replace(state, archived_at=None)
        case Change.DELETE:
            return None


def acknowledged(state: State, now: datetime) -> State:
    """What an acknowledgement makes of it."""
    return _read(replace(state, acknowledged_at=state.acknowledged_at or now), now)


def _read(state: State, now: datetime) -> State:
    if state.status is Status.READ:
        return state
    received, seen = state.delivered_at or now, state.seen_at or now
    return replace(state, status=Status.READ, delivered_at=received, read_at=now, seen_at=seen)


def _press(state: State, action: str, now: datetime) -> State:
    if state.pressed is not None and state.pressed.id != action:
        return state
    return _read(replace(state, pressed=state.pressed or Pressed(action, now)), now)


_TIMES = {"delivered_at": "deliveredAt", "read_at": "readAt", "seen_at": "seenAt", "archived_at": "archivedAt"}
FIELDS = ["userId", "status", "seen", "archived", *_TIMES.values(), "pressed", "expiresAt"]


def is_there(now: datetime) -> Document:
    """The condition that a notification has not expired. Most never do, and their documents do not say so."""
    return {"expiresAt": {"$not": {"$lte": now}}}


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


def to_notification(document: Document, user: UserId, state: State, *, broadcast: bool = False) -> Notification:
    """What a document of a notification or an announcement is to this user."""
    return Notification(
        id=document["_id"],
        user_id=user,
        content=unpack_content(document),
        created_at=document["createdAt"],
        status=state.status,
        delivered_at=state.delivered_at,
        read_at=state.read_at,
        seen_at=state.seen_at,
        archived_at=state.archived_at,
        pressed=state.pressed,
        expires_at=document.get("expiresAt"),
        collapse_key=document.get("collapseKey"),
        collapsed=document.get("collapsed") or 0,
        broadcast=broadcast,
        topic=document.get("topic"),
        require_ack=document.get("requireAck") or False,
        acknowledged_at=state.acknowledged_at,
    )


def to_document(new: Notification) -> Document:
    """The document of a new notification."""
    about = {"_id": new.id, "userId": new.user_id, "createdAt": new.created_at}
    further = {"expiresAt": new.expires_at, "collapseKey": new.collapse_key, "collapsed": new.collapsed or None}
    said = {name: value for name, value in further.items() if value is not None}
    return about | state_fields(new) | said | pack_content(new.content)


def state_fields(new: Notification) -> Document:
    """The fields of a new document. What is not so yet it does not say."""
    state = State(new.status, new.delivered_at, new.read_at, new.seen_at, new.archived_at, new.pressed)
    always = {"status": state.status, "deliveredAt": state.delivered_at, "readAt": state.read_at}
    return always | packed(differences(always, state))


def differences(saved: Mapping[str, Any], state: State) -> tuple[tuple[str, Any], ...]:
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


def packed(changed: Iterable[tuple[str, Any]]) -> Document:
    return {field: _plain(value) for field, value in changed}


def _plain(value: object) -> object:
    return {"id": value.id, "at": value.at} if isinstance(value, Pressed) else value


def as_it_was(saved: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The condition under which this document is changed: that nothing happened to it. Its times do not matter."""
    return tuple((field, saved.get(field)) for field in ("status", "seen", "archived")) + (
        () if saved.get("pressed") else (("pressed", None),)
    )
