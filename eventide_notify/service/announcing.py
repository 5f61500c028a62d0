"""How an announcement is made: for whom, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ..models import Announcement, Audience, Draft, NotificationId
from ..wire import iso
from .scheduling import check_expiry, packed, unpacked
from .topics import checked_topic


@dataclass(frozen=True, slots=True)
class Terms:
    """See `NotificationService.announce`."""

    audience: Audience = "everyone"
    topic: str | None = None
    expires_at: datetime | None = None

    @property
    def stored(self) -> bool:
        """Whether it is saved."""
        return self.audience == "everyone"

    def check(self, send_at: datetime | None, now: datetime) -> None:
        """Raises `InvalidRequest` for what cannot be."""
        check_expiry(self.expires_at, send_at, now)
        if self.topic is not None:
            checked_topic(self.topic)

    def made(self, id: NotificationId, draft: Draft, created_at: datetime, lifetime: timedelta) -> Announcement:
        """The announcement. `lifetime`: how long it is kept if nothing is said about that."""
        until = self.expires_at or (created_at + lifetime if self.stored else None)
        return Announcement(id, draft, created_at, until, self.stored, topic=self.topic)

    def identity(self) -> tuple[list[Any], dict[str, Any]]:
        """What identifies it under an idempotency key, also to earlier versions; they knew nothing of the second."""
        further = {"topic": self.topic} if self.topic is not None else {}
        return [self.audience, self.expires_at and iso(self.expires_at)], further

    def packed(self) -> dict[str, Any]:
        """As JSON."""
        return packed(asdict(self))

    @classmethod
    def unpacked(cls, options: Mapping[str, Any]) -> Terms:
        """The same again."""
        return cls(**unpacked(options))
