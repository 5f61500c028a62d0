"""The shapes of what goes to clients over the sockets: the events of the server, and the answers to those of clients.

Nothing is validated by them, for each event is sent thousands of times: the AsyncAPI document is made of them, and a
test holds what stock clients receive against it. Names and payloads themselves come from `wire`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from . import wire
from .answers import AnnouncementShape, ChosenAction, HadShape, ReadAllResult, UnreadCount
from .models import NotificationId, Status, UserId
from .shapes import Shape
from .wire import CatchUp, Reason

# What a client says when it connects, and is told when that fails


class Connecting(Shape):
    """`auth` of a client that connects. What is not understood is ignored, but for the token."""

    token: str | None = Field(None, description="Absent: it is in the header `Authorization`, as `Bearer …`.")
    catch_up: CatchUp | None = Field(
        None, description="How missed notifications come. Default: `each` in `/notifications`, `batch` in `/`."
    )
    since: NotificationId | None = Field(None, description="The newest that it has shown: all that is newer comes.")
    names: list[str] | None = Field(
        None, description="The events that it listens for: of several names each notification comes under the first."
    )


class RefusalData(Shape):
    code: Literal["token_missing", "token_expired", "token_revoked", "token_invalid", "unavailable"]


class Refusal(Shape):
    """Socket.IO's own event: the client is not let in, and does not try again by itself."""

    message: Literal["Authentication failed"]
    data: RefusalData


# Events of the server


class Connected(UnreadCount):
    message: str
    user_id: str | int = Field(description="As the token has it.")


class LiveNotification(HadShape):
    """A notification on its way to a client."""

    kind: Literal["notification"]
    user_id: UserId
    archived: Literal[False]
    collapsed: int | None = Field(None, description="How many it has replaced, which had the same `collapseKey`.")
    replayed: Literal[True] | None = Field(None, description="The client may have received it before.")


class LiveAnnouncement(HadShape, AnnouncementShape):
    """An announcement on its way to a client, with what its user did with it before."""

    kind: Literal["announcement"]
    archived: Literal[False]
    acknowledged_at: datetime | None = None
    replayed: Literal[True] | None = Field(None, description="The client may have received it before.")
    reminder: Literal[True] | None = Field(None, description="It is shown again, for it has not been acknowledged.")


Pending = Annotated[
    list[LiveNotification | LiveAnnouncement], Field(description="Oldest first; up to 100 or 256 KiB in one event.")
]


class _CountsAfter(Shape):
    """The counts after a change. Absent when they could not be read at once: `unread_count` follows."""

    unread_count: int | None = None
    unseen_count: int | None = None


class SomeChanged(_CountsAfter):
    """These notifications."""

    ids: list[NotificationId]


class AllChanged(_CountsAfter):
    """All notifications that are not newer than one."""

    all: Literal[True]
    up_to: NotificationId


class SomeGone(SomeChanged):
    """These notifications, which the user has deleted or, if there is a `reason`, has no more."""

    reason: Reason | None = None
    replaced_by: NotificationId | None = Field(None, description="With `collapsed`: what has taken their place.")


class FieldsAfter(Shape):
    """The fields of a notification that are different now; null: the field is not there any more."""

    status: Status | None = None
    read: bool | None = None
    read_at: datetime | None = None
    seen: bool | None = None
    seen_at: datetime | None = None
    archived: bool | None = None
    archived_at: datetime | None = None
    acknowledged_at: datetime | None = None
    action: ChosenAction | None = None


class SomeUpdated(SomeChanged):
    """These notifications, and what is different in each of them."""

    changes: FieldsAfter


class AllUpdated(AllChanged):
    """All notifications that are not newer than one, and what is different in each of them."""

    changes: FieldsAfter


class Reload(Shape):
    """Nothing."""


class CaughtUp(UnreadCount):
    complete: bool = Field(description="false: there is more, which REST returns.")
    count: int


class TokenExpiring(Shape):
    expires_at: datetime


class Failed(Shape):
    """An event without an ack callback has failed."""

    status: Literal["error"]
    code: str
    message: str


# Answers to clients' events


class Fault(Shape):
    code: str = Field(description="Stable, for programs.")
    message: str


class Refused(Shape):
    """The answer to any event that fails."""

    success: Literal[False]
    error: Fault


class Succeeded(Shape):
    success: Literal[True]


class NamedChanged(UnreadCount, Succeeded):
    """`notificationId` or `notificationIds`, whichever was asked with."""

    notification_id: NotificationId | None = None
    notification_ids: list[NotificationId] | None = None


class OneDeleted(UnreadCount, Succeeded):
    notification_id: NotificationId


class AllMarked(ReadAllResult, Succeeded):
    """How many are different now."""


class ActionChosen(UnreadCount, Succeeded):
    notification_id: NotificationId
    action: ChosenAction


class TopicChosen(Succeeded):
    topic: str


class AnnouncementAcknowledged(UnreadCount, Succeeded):
    notification_id: NotificationId
    acknowledged_at: datetime


class Acknowledged(Succeeded):
    acknowledged: int


class TokenRefreshed(Succeeded):
    expires_at: datetime


# What is sent


@dataclass(frozen=True, slots=True)
class Sent:
    """An event of the server: its name, when it is sent, and what it carries: a shape, or any type of such."""

    name: str
    when: str
    payload: Any


CUSTOM = "*"
"""Stands for the names of callers' own events."""
REFUSED = "connect_error"

ALIKE: Sequence[Sent] = (
    Sent(REFUSED, "The token is refused.", Refusal),
    Sent(wire.CONNECTED, "After each connect.", Connected),
    Sent(wire.PENDING_NOTIFICATIONS, 'What was missed, in `/` and with `auth.catchUp: "batch"`.', Pending),
    Sent(wire.CATCH_UP_COMPLETE, "After what was missed.", CaughtUp),
    Sent(wire.NOTIFICATION_READ, "Some are read now, on all of the user's devices.", SomeChanged | AllChanged),
    Sent(wire.NOTIFICATION_DELETED, "Some are gone, on all of the user's devices.", SomeGone | AllChanged),
    Sent(
        wire.NOTIFICATION_UPDATED,
        "Some were seen, unread again, archived, unarchived or acknowledged, or an action was chosen.",
        SomeUpdated | AllUpdated,
    ),
    Sent(wire.UNREAD_COUNT, "The counts may have changed; at most every 100 ms.", UnreadCount),
    Sent(
        wire.RELOAD,
        "The user was subscribed to a topic, or changes may have been lost: read again what is shown.",
        Reload,
    ),
    Sent(wire.TOKEN_EXPIRING, "60 s before the token expires.", TokenExpiring),
    Sent(wire.EXCEPTION, "An event without an ack callback has failed.", Failed),
    Sent(CUSTOM, "A back end's own event, under the name that it has chosen.", Any),
)
"""Those that have the same name everywhere."""
GREETING = Sent(wire.MESSAGE_TO_CLIENT, "A client has sent a greeting; in demo mode.", str)


def sent(dialect: wire.Dialect, *, demo: bool) -> list[Sent]:
    """All that a client of this dialect may be sent."""
    live = [Sent(name, "A notification, live or missed.", LiveNotification) for name in dialect.live_events]
    announced = [Sent(name, "An announcement, live or missed.", LiveAnnouncement) for name in dialect.broadcast_events]
    return [*live, *announced, *ALIKE, *([GREETING] if demo else [])]
