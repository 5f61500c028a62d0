"""The shapes of REST's answers. Nothing is validated by them: the OpenAPI document is made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from .errors import ERRORS_MAX
from .models import Action, Audience, NotificationId, Status, UserId
from .shapes import Shape


class ChosenAction(Shape):
    """The action that the user chose, and when."""

    id: str
    at: datetime


class ContentShape(Shape):
    """What notifications and announcements have in common."""

    id: NotificationId
    kind: Literal["notification", "announcement"]
    type: str
    title: str
    message: str
    link: str | None = None
    avatar: str | None = None
    data: dict[str, Any] | None = None
    actions: list[Action] | None = None
    status: Status
    read: bool
    seen: bool
    archived: bool
    created_at: datetime
    timestamp: datetime = Field(description="The same as createdAt.")
    expires_at: datetime | None = Field(None, description="From then on nobody has it any more.")


class HadShape(ContentShape):
    """Likewise, as a user has it."""

    delivered_at: datetime | None = None
    read_at: datetime | None = None
    seen_at: datetime | None = None
    action: ChosenAction | None = None


class AnnouncedShape(ContentShape):
    """What only announcements have."""

    topic: str | None = Field(None, description="Of an announcement: it is for the subscribers of this topic.")
    require_ack: bool | None = Field(
        None, description="`true`: an announcement that stays unread until the user acknowledges it."
    )


class NotificationShape(HadShape, AnnouncedShape):
    """A notification, or an announcement as a user has it."""

    user_id: UserId
    archived_at: datetime | None = None
    collapsed: int | None = Field(None, description="How many it has replaced, which had the same `collapseKey`.")
    acknowledged_at: datetime | None = None


class UnreadCount(Shape):
    """Archived notifications are in neither."""

    unread_count: int
    unseen_count: int


class PageShape(UnreadCount):
    notifications: list[NotificationShape] = Field(
        description="First those that have to be acknowledged, then all others; both newest first."
    )
    next_cursor: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class ReadAllResult(UnreadCount):
    updated: int


class UserActionResult(UnreadCount):
    ids: list[NotificationId] = Field(description="Those that changed.")


class Created(Shape):
    id: NotificationId
    user_id: UserId
    status: Status


class CreatedNotifications(Shape):
    notifications: list[Created] = Field(description="In the order of the users, each once.")


class AnnouncementShape(AnnouncedShape):
    """An announcement: a notification without a user."""

    stored: bool | None = Field(None, description="`false`: it was shown to connected users only, and is not stored.")


class ScheduledShape(Shape):
    """What is to be sent later. It has no notification id before that."""

    id: str
    send_at: datetime
    users: int | None = Field(description="How many it is for; null: it is an announcement.")


class ScheduledAnswer(Shape):
    scheduled: ScheduledShape


class ScheduledContent(ScheduledShape):
    kind: Literal["notification", "announcement"]
    type: str
    title: str
    message: str
    audience: Audience | None = Field(None, description="Of an announcement.")
    topic: str | None = None
    require_ack: bool | None = None
    expires_at: datetime | None = None


class ScheduledList(Shape):
    scheduled: list[ScheduledContent] = Field(description="In the order in which it was scheduled.")
    next_cursor: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class DeadShape(Shape):
    """Work that has failed for good."""

    id: str
    kind: str = Field(description="`send`, `announcement`, or another kind of work.")
    attempts: int = Field(description="How many failed before the last one.")
    error: str = Field(description="Why the last attempt failed.")
    died_at: datetime


class DeadList(Shape):
    dead: list[DeadShape]
    next_cursor: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class ReachShape(Shape):
    """Of those that an announcement is for."""

    users: int = Field(description="The users known, or the subscribers of its topic.")
    received: int
    read: int
    acknowledged: int


class Missing(Shape):
    """In the order of their ids."""

    user_ids: list[UserId]
    next_cursor: UserId | None = Field(None, description="Absent when there are no more.")


class EventAccepted(Shape):
    event: str


class OnlineUsers(Shape):
    """In the order of their ids."""

    user_ids: list[UserId]
    count: int = Field(description="How many there are in all.")
    next_cursor: UserId | None = Field(None, description="Absent when there are no more.")


class UserOnline(Shape):
    user_id: UserId
    online: bool
    connections: int


class TimelineEvent(Shape):
    """Something that happened to a notification."""

    at: datetime = Field(description="By the clock of the instance that tells it; clocks may differ.")
    what: Literal[
        "created", "sent", "held", "postponed", "received", "lost", "seen", "read", "unread", "archived", "unarchived",
        "action", "acknowledged", "deleted", "replaced", "retracted", "waiting", "gone", "forgotten",
    ]  # fmt: skip
    instance: str | None = Field(None, description="Absent: it is known from the store.")
    session: str | None = None
    detail: str | None = Field(
        None,
        description="sent: `live`, `replay`, `late`, `gap`, `sweep` or `reminder`. "
        "received: `pong`, `poll`, `upgrade` or `ack`. action: its id. Otherwise in words: by whom, or why.",
    )
    count: int | None = Field(None, description="Of an announcement: to or by how many sessions, since then.")


class TimelineShape(Shape):
    """Instances remember the last events only, and not beyond a restart; the store knows less, and forgets nothing."""

    events: list[TimelineEvent]


class SessionShape(Shape):
    """A client in one namespace."""

    id: str
    instance: str
    namespace: str
    transport: Literal["websocket", "polling"]
    address: str = Field(description="Where the client is, as trusted proxies tell it.")
    since: datetime
    last_heard: datetime
    catch_up: Literal["each", "batch", "none"]
    replaying: bool = Field(description="Whether it is still being sent what its user missed.")
    user_agent: str | None = None


class Sessions(Shape):
    """Of the instances that have answered, oldest first."""

    user_id: UserId
    sessions: list[SessionShape]


class Figures(Shape):
    """Rates of the last five seconds, latencies of the last minute, all in seconds."""

    created_per_second: float
    sent_per_second: float
    received_per_second: float
    latency_p50: float | None = Field(
        alias="latencyP50", description="From creation to the proof of receipt, of what was sent live; null: none was."
    )
    latency_p99: float | None = Field(alias="latencyP99")
    loop_lag: float = Field(description="By how much the event loop was late, at most.")


class InstanceShape(Shape):
    """An instance. Of a silent one it is not known how it is; what it told before is here, if anybody had asked."""

    id: str
    status: Literal["ready", "degraded", "unavailable", "draining", "silent"]
    problems: list[str] = Field(description="As in `/readyz`.")
    host: str | None = Field(None, description="The name of the machine or container that it runs on.")
    version: str | None = None
    since: datetime | None = None
    last_heard: datetime | None = Field(None, description="Of a silent one.")
    sockets: int | None = None
    figures: Figures | None = None


class Instances(Shape):
    """In the order of their ids."""

    instances: list[InstanceShape]


class WarningShape(Shape):
    """Something that an instance has logged."""

    at: datetime
    instance: str
    level: Literal["warning", "error", "critical"]
    logger: str
    message: str


class Warnings(Shape):
    """The last ones of each instance, newest first."""

    warnings: list[WarningShape]


class Announcements(Shape):
    """Newest first."""

    announcements: list[AnnouncementShape]
    next_cursor: NotificationId | None = Field(description="The cursor of the next page; null: this is the last one.")


class Diagnosis(Shape):
    """What reaches the service of a request."""

    instance: str
    version: str
    time: datetime
    scheme: str
    host: str
    client: str = Field(description="The client's address, as trusted proxies tell it.")
    peer: str = Field(description="The address of the other end of the connection.")


class Disconnected(Shape):
    user_id: UserId
    connections: int = Field(description="How many were closed, on all instances that answered within a second.")


class RevocationShape(Shape):
    """Tokens that are no longer accepted: those of a user, or those with a `jti`."""

    id: str
    user_id: UserId | None = None
    jti: str | None = None
    issued_before: datetime | None = Field(None, description="Tokens of the user issued before then are revoked.")
    created_at: datetime
    expires_at: datetime = Field(description="It is kept at least until then.")


class RevocationsShape(Shape):
    revocations: list[RevocationShape] = Field(description="Newest first.")
    next_cursor: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class Erased(Shape):
    """How much was removed."""

    notifications: int
    receipts: int = Field(description="Records of what the user did with announcements.")
    claims: int = Field(description="Idempotency keys in which the user was named, and is not any more.")


class OwnTopics(Shape):
    """In the order of their names."""

    topics: list[str]


class TopicShape(Shape):
    topic: str
    subscribers: int = Field(description="How many users are subscribed to it.")


class SubscribersChanged(Shape):
    topic: str
    changed: int = Field(
        description="How many of the users were not subscribed before; or were, when they are removed."
    )


class Health(Shape):
    status: Literal["ok"]


class Readiness(Shape):
    status: Literal["ready", "degraded", "unavailable"]
    reasons: list[str]


class ProblemField(Shape):
    field: str
    message: str


class Problem(Shape):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = Field(None, description="The request's `X-Request-ID`, which the log has, too.")
    errors: list[ProblemField] | None = Field(None, description=f"The wrong fields; at most {ERRORS_MAX} of them.")
