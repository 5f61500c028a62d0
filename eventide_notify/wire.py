"""Everything that goes over the sockets: event names, payload shapes, and the dialects of the front ends.

A dialect is what one namespace calls things. Two are spoken:

=================  ===========================================  ==================  ======================
namespace          a live notification is called                replay on connect   spoken by
=================  ===========================================  ==================  ======================
`/notifications`   `notification`, `newNotification`            one by one          front ends like A and C
`/`                `new_notification`                           one array           front ends like B
=================  ===========================================  ==================  ======================

The names for `/notifications` and for announcements are settings; everything else is fixed. All other events are the
same in both namespaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .models import (
    Announcement,
    Change,
    Counts,
    Draft,
    Notification,
    NotificationId,
    Page,
    Pressed,
    Principal,
    Reach,
    Receipt,
    Status,
    UserId,
)

Payload = dict[str, Any]
CatchUp = Literal["each", "batch", "none"]
Reason = Literal["expired", "collapsed", "unsubscribed"]
"""Why something is gone that its user has not removed."""

# Server to client
CONNECTED = "connected"
NEW_NOTIFICATION = "new_notification"
PENDING_NOTIFICATIONS = "pending_notifications"
NOTIFICATION_READ = "notification_read"
NOTIFICATION_DELETED = "notification_deleted"
NOTIFICATION_UPDATED = "notification_updated"
UNREAD_COUNT = "unread_count"
RELOAD = "reload"
CATCH_UP_COMPLETE = "catch_up_complete"
TOKEN_EXPIRING = "token_expiring"  # noqa: S105 - an event's name
EXCEPTION = "exception"
MESSAGE_TO_CLIENT = "messageToClient"

STATE_CHANGED = frozenset({NOTIFICATION_READ, NOTIFICATION_DELETED, NOTIFICATION_UPDATED})
"""After these a user's counts may be others."""

# Client to server
MARK_READ = "mark_read"
MARK_ALL_READ = "mark_all_read"
MARK_SEEN = "mark_seen"
MARK_UNREAD = "mark_unread"
ARCHIVE = "archive"
UNARCHIVE = "unarchive"
NOTIFICATION_ACTION = "notification_action"
DELETE_NOTIFICATION = "delete_notification"
GET_UNREAD_COUNT = "get_unread_count"
GET_NOTIFICATIONS = "get_notifications"
ACKNOWLEDGE = "acknowledge"
SUBSCRIBE = "subscribe"
UNSUBSCRIBE = "unsubscribe"
NOTIFICATION_ACK = "notification_ack"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - an event's name
MESSAGE_TO_SERVER = "messageToServer"

RESERVED_EVENTS = frozenset(
    {
        "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
        "notification", "newNotification", "global_notification", "announcement",
        CONNECTED, NEW_NOTIFICATION, PENDING_NOTIFICATIONS, NOTIFICATION_READ, NOTIFICATION_DELETED,
        NOTIFICATION_UPDATED, UNREAD_COUNT, RELOAD, CATCH_UP_COMPLETE, TOKEN_EXPIRING, EXCEPTION, MESSAGE_TO_CLIENT,
        MARK_READ, MARK_ALL_READ, MARK_SEEN, MARK_UNREAD, ARCHIVE, UNARCHIVE, NOTIFICATION_ACTION,
        DELETE_NOTIFICATION, GET_UNREAD_COUNT, GET_NOTIFICATIONS, NOTIFICATION_ACK, REFRESH_TOKEN, MESSAGE_TO_SERVER,
        ACKNOWLEDGE, SUBSCRIBE, UNSUBSCRIBE,
    }
)  # fmt: skip
"""Names that a caller's own events may not have: the protocol's, Socket.IO's own and the front ends'."""


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How one namespace speaks."""

    namespace: str
    live_events: tuple[str, ...]
    broadcast_events: tuple[str, ...]
    catch_up: CatchUp
    """How pending notifications are replayed to a client that does not say what it wants."""


def dialects(live: Sequence[str], broadcast: Sequence[str], *, root: bool) -> list[Dialect]:
    """The dialects to serve; `root`: also that of the namespace `/`."""
    spoken = [Dialect("/notifications", tuple(live), tuple(broadcast), "each")]
    if root:
        spoken.append(Dialect("/", (NEW_NOTIFICATION,), tuple(broadcast), "batch"))
    return spoken


def room(user: UserId) -> str:
    """The room that every socket of the user is in."""
    return f"user:{user}"


def iso(time: datetime) -> str:
    """UTC, ISO 8601, milliseconds, `Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _content(content: Draft) -> Payload:
    payload: Payload = {"type": content.type, "title": content.title, "message": content.message}
    optional = {"link": content.link, "avatar": content.avatar, "data": content.data}
    payload.update((name, value) for name, value in optional.items() if value is not None)
    if content.actions is not None:
        payload["actions"] = [action.model_dump(exclude_none=True) for action in content.actions]
    return payload


def notification(item: Notification) -> Payload:
    """A notification as REST answers and `pending_notifications` show it."""
    created = iso(item.created_at)
    payload: Payload = {
        "id": item.id,
        "userId": item.user_id,
        "kind": "announcement" if item.broadcast else "notification",
        **_content(item.content),
        "status": item.status.value,
        "read": item.read,
        "seen": item.seen,
        "archived": item.archived,
        "createdAt": created,
        "timestamp": created,
    }
    for name, time in zip(_TIMES, (item.delivered_at, item.read_at, item.seen_at, item.archived_at), strict=True):
        if time is not None:
            payload[name] = iso(time)
    if item.pressed is not None:
        payload["action"] = pressed(item.pressed)
    if item.expires_at is not None:
        payload["expiresAt"] = iso(item.expires_at)
    if item.collapsed:
        payload["collapsed"] = item.collapsed
    if item.broadcast:
        payload.update(_announced(item))
        if item.acknowledged_at is not None:
            payload["acknowledgedAt"] = iso(item.acknowledged_at)
    return payload


def _announced(item: Notification | Announcement) -> Payload:
    """What only announcements have."""
    topic: Payload = {} if item.topic is None else {"topic": item.topic}
    return topic | ({"requireAck": True} if item.require_ack else {})


_TIMES = ("deliveredAt", "readAt", "seenAt", "archivedAt")


def pressed(action: Pressed) -> Payload:
    return {"id": action.id, "at": iso(action.at)}


def live(item: Notification, *, replayed: bool = False) -> Payload:
    """A notification on its way to a client, with the status that is true for who receives it: at least `DELIVERED`."""
    payload = notification(item)
    if item.broadcast:
        del payload["userId"]
    if item.status is Status.PENDING:
        payload["status"] = Status.DELIVERED.value
    if replayed:
        payload["replayed"] = True
    return payload


def announcement(item: Announcement) -> Payload:
    """An announcement: a notification without a `userId`."""
    created = iso(item.created_at)
    payload: Payload = {
        "id": item.id,
        "kind": "announcement",
        **_content(item.content),
        "status": Status.DELIVERED.value,
        "read": False,
        "seen": False,
        "archived": False,
        "createdAt": created,
        "timestamp": created,
    }
    if item.expires_at is not None:
        payload["expiresAt"] = iso(item.expires_at)
    payload.update(_announced(item))
    if not item.stored:
        payload["stored"] = False
    return payload


def receipt(user: UserId, payload: Payload) -> Receipt:
    """What proves that a client of the user has received this notification or announcement."""
    return Receipt(user, payload["id"], "userId" not in payload)


def connected(principal: Principal, found: Counts) -> Payload:
    return {"message": "Connected to notification service", "userId": principal.claim, **counts(found)}


def counts(found: Counts) -> Payload:
    return {"unreadCount": found.unread, "unseenCount": found.unseen}


def changed(ids: Iterable[NotificationId], found: Counts) -> Payload:
    """Of `notification_read` and `notification_deleted`."""
    return {"ids": list(ids), **counts(found)}


def gone(
    ids: Iterable[NotificationId],
    reason: Reason | None,
    found: Counts | None,
    replaced_by: NotificationId | None = None,
) -> Payload:
    """Of `notification_deleted`, where no user has deleted them."""
    why: Payload = {} if reason is None else {"reason": reason}
    instead: Payload = {} if replaced_by is None else {"replacedBy": replaced_by}
    return {"ids": list(ids), **why, **instead, **({} if found is None else counts(found))}


def expires_at(payload: Payload) -> float | None:
    """When what this describes expires, in seconds since 1970; None: never."""
    time = payload.get("expiresAt")
    return None if time is None else datetime.fromisoformat(time).timestamp()


def changes(change: Change, at: datetime | None) -> Payload:
    """What is different in a notification after this change, for `notification_updated`. `at`: when it was made."""
    match change:
        case Change.SEEN:
            return {"seen": True, **_time("seenAt", at)}
        case Change.UNREAD:
            return {"status": Status.DELIVERED.value, "read": False, "readAt": None}
        case Change.ARCHIVE:
            return {"archived": True, **_time("archivedAt", at)}
        case Change.UNARCHIVE:
            return {"archived": False, "archivedAt": None}
        case _:
            raise ValueError(f"{change} has an event of its own")


def action_pressed(item: Notification, action: Pressed) -> Payload:
    """Likewise, once an action was pressed."""
    return {"action": pressed(action), **_as_read(item)}


def acknowledged(item: Notification) -> Payload:
    """Likewise, once it was acknowledged."""
    return _time("acknowledgedAt", item.acknowledged_at) | _as_read(item)


def _as_read(item: Notification) -> Payload:
    state = {"status": item.status.value, "read": item.read, "seen": item.seen}
    return state | _time("readAt", item.read_at) | _time("seenAt", item.seen_at)


def _time(name: str, at: datetime | None) -> Payload:
    return {} if at is None else {name: iso(at)}


def catch_up_complete(*, complete: bool, count: int, found: Counts) -> Payload:
    return {"complete": complete, "count": count, **counts(found)}


def reach(found: Reach) -> Payload:
    return {"users": found.users, "received": found.received, "read": found.read, "acknowledged": found.acknowledged}


def page(found: Page) -> Payload:
    """A page, as REST and `get_notifications` answer it."""
    return {
        "notifications": [notification(item) for item in found.notifications],
        **counts(found.counts),
        "nextCursor": found.next_cursor,
    }
