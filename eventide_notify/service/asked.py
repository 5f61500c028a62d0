"""What a back end asks for, now or for later: whether it can be, what identifies it, and how it is kept meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..errors import FieldError, InvalidRequest
from ..models import (
    COLLAPSE_KEY_MAX,
    Announcement,
    Audience,
    Draft,
    Notification,
    NotificationId,
    UserId,
    is_storable,
)
from ..wire import iso
from .reach import check_acknowledgement
from .topics import checked_topic


@dataclass(frozen=True, slots=True)
class Sending:
    """One notification for each of some users."""

    users: Sequence[UserId]
    draft: Draft
    caller: str = ""
    expires_at: datetime | None = None
    collapse_key: str | None = None

    def check(self) -> None:
        """Raises `InvalidRequest` for what cannot be."""
        key = self.collapse_key
        if key is not None and not (1 <= len(key) <= COLLAPSE_KEY_MAX and is_storable(key)):
            raise InvalidRequest(
                errors=[FieldError("collapseKey", f"must be a text of 1 to {COLLAPSE_KEY_MAX} characters")]
            )

    def body(self) -> list[Any]:
        """What identifies it; of what earlier versions could send, nothing more than they said."""
        further = _without_none({"expiresAt": _iso(self.expires_at), "collapseKey": self.collapse_key})
        return [self.users, _body_of(self.draft), *([further] if further else [])]

    def pack(self) -> dict[str, Any]:
        """As JSON."""
        further = {"expires_at": _iso(self.expires_at), "collapse_key": self.collapse_key}
        about = {"users": self.users, "draft": self.draft.model_dump(mode="json"), "caller": self.caller}
        return about | _without_none(further)

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Sending:
        """What was packed."""
        return cls(**_unpacked(packed))

    def notification(self, id: NotificationId, user: UserId, created_at: datetime) -> Notification:
        """The notification of one of the users."""
        return Notification(
            id, user, self.draft, created_at, expires_at=self.expires_at, collapse_key=self.collapse_key
        )


@dataclass(frozen=True, slots=True)
class Announcing:
    """An announcement."""

    draft: Draft
    caller: str = ""
    audience: Audience = "everyone"
    topic: str | None = None
    expires_at: datetime | None = None
    require_ack: bool = False
    remind_after: int | None = None

    @property
    def stored(self) -> bool:
        return self.audience == "everyone"

    def check(self) -> None:
        """Raises `InvalidRequest` for what cannot be."""
        if self.topic is not None:
            checked_topic(self.topic)
        check_acknowledgement(self.stored, self.require_ack, self.remind_after)

    def body(self) -> list[Any]:
        """What identifies it; of what earlier versions could announce, nothing more than they said."""
        body = [self.audience, _iso(self.expires_at), _body_of(self.draft)]
        body += [] if self.topic is None else [{"topic": self.topic}]
        return body + ([{"requireAck": True, "remindAfter": self.remind_after}] if self.require_ack else [])

    def pack(self) -> dict[str, Any]:
        """As JSON."""
        further = {
            "audience": self.audience,
            "topic": self.topic,
            "expires_at": _iso(self.expires_at),
            "require_ack": self.require_ack,
            "remind_after": self.remind_after,
        }
        return {"draft": self.draft.model_dump(mode="json"), "caller": self.caller} | _without_none(further)

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Announcing:
        """What was packed."""
        return cls(**_unpacked(packed))

    def announcement(self, id: NotificationId, created_at: datetime, lifetime: timedelta) -> Announcement:
        """It, as it is made then; `lifetime`: how long it lives if nobody has said so."""
        until = self.expires_at or (created_at + lifetime if self.stored else None)
        return Announcement(
            id,
            self.draft,
            created_at,
            until,
            self.stored,
            topic=self.topic,
            require_ack=self.require_ack,
            remind_after=self.remind_after,
        )


def _body_of(draft: Draft) -> dict[str, Any]:
    """What identifies the draft under an idempotency key, also to the version before this one, which had no actions."""
    return draft.model_dump(mode="json", exclude=None if draft.actions else {"actions"})


def _unpacked(packed: Mapping[str, Any]) -> dict[str, Any]:
    expires_at = packed.get("expires_at")
    until = {} if expires_at is None else {"expires_at": datetime.fromisoformat(expires_at)}
    return {**packed, "draft": Draft.model_validate(packed["draft"]), **until}


def _iso(time: datetime | None) -> str | None:
    return None if time is None else iso(time)


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
