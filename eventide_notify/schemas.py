"""The requests of clients: these shapes validate what comes in, over HTTP, sockets and queues alike, and the documents
are made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StrictStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from .models import (
    RECIPIENTS_MAX,
    REMIND_AFTER_MAX,
    UNSAFE_IN_LINK,
    ActionId,
    Audience,
    Change,
    CollapseKey,
    Draft,
    NotificationId,
    TokenId,
    Topic,
    Type,
    UserId,
    UserKey,
)
from .shapes import AnyId, AnyUserId, Flag, Ids, Known, Number, Place, Shape, Time, always_checked
from .wire import RESERVED_EVENTS

OFFSET_MAX = 10_000
"""A database counts what it passes over, one by one; a cursor costs the same everywhere."""
SEARCH_MAX = 100
"""Characters of a text to search for."""
PAYLOAD_MAX_BYTES = 64 * 1024
"""Of a custom event, which may go to all sockets."""


def _sendable(payload: Any) -> Any:
    try:
        size = len(orjson.dumps(payload))
    except TypeError:
        raise ValueError("is nested too deeply") from None
    if size > PAYLOAD_MAX_BYTES:
        raise ValueError(f"must be at most {PAYLOAD_MAX_BYTES} bytes as JSON, not {size}")
    return payload


class PageQuery(Shape):
    """Which part of the notifications. Over HTTP the values are text, over a socket they may be what they are."""

    limit: Annotated[int, Number] = Field(20, ge=1, le=100)
    cursor: Place | None = Field(None, description="`nextCursor` of the page before.")
    offset: Annotated[int, Number] = Field(0, ge=0, le=OFFSET_MAX, description="For older pages use `cursor`.")
    unread: Annotated[bool | None, Flag] = Field(None, description="true: only unread ones, false: only read ones.")
    archived: Annotated[bool, Flag] = Field(
        False, description="true: only archived ones; false: only those that are not."
    )
    type: Type | None = None
    q: Annotated[StrictStr, Field(min_length=1, max_length=SEARCH_MAX)] | None = Field(
        None, description="Text in the title or the message, in capital letters or small ones."
    )


class OnlineQuery(Shape):
    """Which of the connected users."""

    limit: Annotated[int, Number] = Field(10_000, ge=1, le=10_000)
    cursor: UserKey | None = Field(None, description="`nextCursor` of the answer before.")


class AnnouncementsQuery(Shape):
    """Which of the current announcements."""

    limit: Annotated[int, Number] = Field(20, ge=1, le=100)
    cursor: Known | None = Field(None, description="`nextCursor` of the answer before.")


class WorkQuery(Shape):
    """Which of what is to be done, in the order in which it was asked for."""

    limit: Annotated[int, Number] = Field(20, ge=1, le=100)
    cursor: Known | None = Field(None, description="`nextCursor` of the answer before.")


class ReadAll(Shape):
    up_to: Known | None = Field(None, description="The newest notification to mark; default: all.")


def _either(first: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """In JSON Schema: each with the properties that must be there, and those that must not say anything else."""
    return [{"required": [next(iter(properties))], "properties": properties} for properties in (first, other)]


def _describe_user_action(schema: dict[str, Any]) -> None:
    schema["oneOf"] = _either(
        {"ids": {"type": "array"}, "all": {"const": False}, "upTo": {"type": "null"}},
        {"all": {"const": True}, "ids": {"type": "null"}},
    )
    schema["examples"] = [{"action": "read", "all": True}]


class UserAction(Shape):
    """A change of some notifications (`ids`), or of all."""

    model_config = ConfigDict(json_schema_extra=_describe_user_action)

    action: Annotated[Change, Field(strict=False)]
    all: bool = Field(False, description="Of all that are not archived; with `unarchive` of all that are.")
    up_to: Known | None = Field(None, description="With `all`: of those not newer than this one.")
    ids: Ids | None = None

    _asked = always_checked("ids")

    @field_validator("ids")
    @classmethod
    def _some_or_all(cls, ids: list[NotificationId] | None, info: ValidationInfo) -> list[NotificationId] | None:
        if "all" in info.data and (ids is None) != info.data["all"]:
            raise ValueError("give ids, or all: true")
        if ids is not None and info.data.get("up_to") is not None:
            raise ValueError("upTo is for all: true")
        return ids


def _describe_named(schema: dict[str, Any]) -> None:
    schema["oneOf"] = _either(
        {"notificationId": {"type": "string"}, "notificationIds": {"type": "null"}},
        {"notificationIds": {"type": "array"}, "notificationId": {"type": "null"}},
    )
    schema["examples"] = [{"notificationId": "01a1f8aa-bba5-7edf-8448-471855b91142"}]


class Named(Shape):
    """One notification or several."""

    model_config = ConfigDict(json_schema_extra=_describe_named)

    notification_id: AnyId | None = None
    notification_ids: Ids | None = None

    _asked = always_checked("notificationIds")

    @field_validator("notification_ids")
    @classmethod
    def _one_of_both(cls, ids: list[NotificationId] | None, info: ValidationInfo) -> list[NotificationId] | None:
        if "notification_id" in info.data and (ids is None) == (info.data["notification_id"] is None):
            raise ValueError("give notificationId or notificationIds")
        return ids

    @property
    def ids(self) -> list[NotificationId]:
        return self.notification_ids or [self.notification_id or ""]


class All(Shape):
    """All notifications, or those not newer than one."""

    all: Literal[True]
    up_to: Known | None = None


class OneNotification(Shape):
    notification_id: AnyId


class Choice(Shape):
    action_id: ActionId


class ChoiceOf(Choice):
    notification_id: AnyId


class Acknowledgement(Shape):
    ids: Ids


class NewToken(Shape):
    token: StrictStr


class Nothing(Shape):
    """No arguments."""


class TopicOf(Shape):
    topic: Topic


Recipients = Annotated[list[AnyUserId], Field(min_length=1, max_length=RECIPIENTS_MAX)]

_NO_SPACE = f"[^{UNSAFE_IN_LINK}]"
_LINK = rf"^(?!//|[A-Za-z][A-Za-z0-9+.\-]*:){_NO_SPACE}+$|^[Hh][Tt][Tt][Pp][Ss]?://(?![/?#]){_NO_SPACE}+$"


def _describe_content(schema: dict[str, Any]) -> None:
    """Add what the validators of `Draft` check and JSON Schema can express too."""
    for name in ("link", "avatar"):
        describe_link(schema["properties"][name])


def describe_link(schema: dict[str, Any]) -> None:
    """Likewise, of a link that may be left out."""
    schema["anyOf"][0]["pattern"] = _LINK


def _describe_notification(schema: dict[str, Any]) -> None:
    _describe_content(schema)
    schema["oneOf"] = _either(
        {"userIds": {"type": "array"}, "userId": {"type": "null"}},
        {"userId": {"type": ["string", "integer"]}, "userIds": {"type": "null"}},
    )


def _describe_announcement(schema: dict[str, Any]) -> None:
    _describe_content(schema)
    must = {
        "required": ["requireAck"],
        "properties": {"requireAck": {"const": True}, "audience": {"const": "everyone"}},
    }
    schema["anyOf"] = [
        must,
        {"properties": {"requireAck": {"const": False}, "remindAfter": {"type": "null"}}},
    ]


def _describe_event(schema: dict[str, Any]) -> None:
    schema["oneOf"] = _either(
        {"userIds": {"type": "array"}, "everyone": {"const": False}},
        {"everyone": {"const": True}, "userIds": {"type": "null"}},
    )
    schema["properties"]["event"]["not"] = {"enum": sorted(RESERVED_EVENTS)}


_SEND_AT = "When to send it, within 366 days; then the answer is 202. A time that is past: now."


class NewNotification(Draft, Shape):
    """A notification, and its recipients: `userIds` or `userId`."""

    model_config = ConfigDict(json_schema_extra=_describe_notification)

    user_id: AnyUserId | None = None
    user_ids: Recipients | None = None
    send_at: Time | None = Field(None, description=_SEND_AT)
    expires_at: Time | None = Field(None, description="In the future. From then on nobody has it any more.")
    collapse_key: CollapseKey | None = Field(
        None, description="It replaces the user's unread ones with the same key, and counts them as `collapsed`."
    )

    _asked = always_checked("userIds")

    @field_validator("user_ids")
    @classmethod
    def _somebody(cls, users: list[UserId] | None, info: ValidationInfo) -> list[UserId] | None:
        if "user_id" in info.data and (users is None) == (info.data["user_id"] is None):
            raise ValueError("give userIds or userId")
        return users

    @property
    def recipients(self) -> list[UserId]:
        return self.user_ids if self.user_ids is not None else [self.user_id or ""]

    @property
    def draft(self) -> Draft:
        return _draft_of(self)


class NewAnnouncement(Draft, Shape):
    """An announcement to everybody."""

    model_config = ConfigDict(json_schema_extra=_describe_announcement)

    audience: Audience = "everyone"
    topic: Topic | None = Field(None, description="To its subscribers only; default: to everybody.")
    expires_at: Time | None = Field(None, description="In the future.")
    send_at: Time | None = Field(None, description=_SEND_AT)
    require_ack: bool = Field(False, description="Whether it stays unread until the user acknowledges it.")
    remind_after: int | None = Field(
        None,
        ge=1,
        le=REMIND_AFTER_MAX,
        description="With requireAck: seconds after which who has not acknowledged it is reminded, again and again.",
    )

    @property
    def draft(self) -> Draft:
        return _draft_of(self)


class Subscribers(Shape):
    """Users to subscribe, or to unsubscribe."""

    user_ids: Recipients


class NewEvent(Shape):
    """A custom event, to `userIds` or to `everyone`."""

    model_config = ConfigDict(json_schema_extra=_describe_event)

    event: Annotated[StrictStr, StringConstraints(min_length=1, max_length=100)]
    payload: Annotated[Any, AfterValidator(_sendable)] = Field(
        None, description=f"Any JSON of at most {PAYLOAD_MAX_BYTES} bytes."
    )
    everyone: bool = False
    user_ids: Recipients | None = None

    _asked = always_checked("userIds")

    @field_validator("user_ids")
    @classmethod
    def _somebody(cls, users: list[UserId] | None, info: ValidationInfo) -> list[UserId] | None:
        if "everyone" in info.data and (users is None) != info.data["everyone"]:
            raise ValueError("give userIds, or everyone: true")
        return users


def _describe_revocation(schema: dict[str, Any]) -> None:
    schema["oneOf"] = _either(
        {"userId": {"type": ["string", "integer"]}, "jti": {"type": "null"}},
        {"jti": {"type": "string"}, "userId": {"type": "null"}, "issuedBefore": {"type": "null"}},
    )


class NewRevocation(Shape):
    """Tokens that are to be revoked: a user's (`userId`), or those with a `jti`."""

    model_config = ConfigDict(json_schema_extra=_describe_revocation)

    user_id: AnyUserId | None = None
    issued_before: Time | None = Field(
        None, description="With userId: only tokens issued before then. Default: all that were issued up to now."
    )
    expires_at: Time | None = Field(
        None, description="When these tokens expire, in the future. Default: in EVENTIDE_REVOCATION_DAYS days."
    )
    jti: TokenId | None = None

    _asked = always_checked("jti")

    @field_validator("jti")
    @classmethod
    def _one_of_both(cls, jti: str | None, info: ValidationInfo) -> str | None:
        if "user_id" in info.data and (jti is None) == (info.data["user_id"] is None):
            raise ValueError("give userId or jti")
        if jti is not None and info.data.get("issued_before") is not None:
            raise ValueError("issuedBefore is for userId")
        return jti


class MissingQuery(Shape):
    """Which of those users."""

    limit: Annotated[int, Number] = Field(100, ge=1, le=1_000)
    cursor: UserKey | None = Field(None, description="`nextCursor` of the answer before.")


class RevocationsQuery(Shape):
    """Which of the revocations."""

    limit: Annotated[int, Number] = Field(100, ge=1, le=1_000)
    cursor: Known | None = Field(None, description="`nextCursor` of the answer before.")


def _draft_of(shape: Draft) -> Draft:
    # It was validated as a whole.
    return Draft.model_construct(**{name: getattr(shape, name) for name in Draft.model_fields})
