"""What is said of a send or an announcement beside what it says: for whom, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ..errors import FieldError, InvalidRequest
from ..models import COLLAPSE_KEY_MAX, Announcement, Audience, Draft, NotificationId, is_storable
from ..wire import iso
from .reach import check_acknowledgement
from .scheduling import check_expiry, packed, unpacked
from .topics import checked_topic


@dataclass(frozen=True, slots=True)
class SendTerms:
    """See `NotificationService.send`."""

    expires_at: datetime | None = None
    collapse_key: str | None = None

    def check(self, send_at: datetime | None, now: datetime) -> None:
        """Raises `InvalidRequest` for what cannot be."""
        check_expiry(self.expires_at, send_at, now)
        key = self.collapse_key
        if key is not None and not (1 <= len(key) <= COLLAPSE_KEY_MAX and is_storable(key)):
            message = f"must be a text of 1 to {COLLAPSE_KEY_MAX} characters"
            raise InvalidRequest(errors=[FieldError("collapseKey", message)])

    def identity(self) -> list[Any]:
        """What identifies it under an idempotency key; nothing where earlier versions would have said nothing."""
        expires_at = None if self.expires_at is None else iso(self.expires_at)
        return _said({"expiresAt": expires_at, "collapseKey": self.collapse_key})

    def packed(self) -> dict[str, Any]:
        """As JSON."""
        return packed(asdict(self))

    @classmethod
    def unpacked(cls, options: Mapping[str, Any]) -> SendTerms:
        """The same again."""
        return cls(**unpacked(options))


@dataclass(frozen=True, slots=True)
class AnnouncementTerms:
    """See `NotificationService.announce`."""

    audience: Audience = "everyone"
    topic: str | None = None
    expires_at: datetime | None = None
    require_ack: bool = False
    remind_after: int | None = None

    @property
    def stored(self) -> bool:
        """Whether it is saved."""
        return self.audience == "everyone"

    def check(self, send_at: datetime | None, now: datetime) -> None:
        """Raises `InvalidRequest` for what cannot be."""
        check_expiry(self.expires_at, send_at, now)
        if self.topic is not None:
            checked_topic(self.topic)
        check_acknowledgement(self.stored, self.require_ack, self.remind_after)

    def made(self, id: NotificationId, draft: Draft, created_at: datetime, lifetime: timedelta) -> Announcement:
        """The announcement. `lifetime`: how long it is kept if nothing is said about that."""
        until = self.expires_at or (created_at + lifetime if self.stored else None)
        return Announcement(
            id,
            draft,
            created_at,
            until,
            self.stored,
            topic=self.topic,
            require_ack=self.require_ack,
            remind_after=self.remind_after,
        )

    def identity(self) -> tuple[list[Any], list[Any]]:
        """What identifies it under an idempotency key: what comes before the draft, and what comes after it, which is
        nothing where earlier versions would have said nothing."""
        further = {"topic": self.topic, "requireAck": self.require_ack or None, "remindAfter": self.remind_after}
        return [self.audience, self.expires_at and iso(self.expires_at)], _said(further)

    def packed(self) -> dict[str, Any]:
        """As JSON."""
        return packed(asdict(self))

    @classmethod
    def unpacked(cls, options: Mapping[str, Any]) -> AnnouncementTerms:
        """The same again."""
        return cls(**unpacked(options))


def _said(values: Mapping[str, Any]) -> list[Any]:
    said = {name: value for name, value in values.items() if value is not None}
    return [said] if said else []
