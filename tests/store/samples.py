"""Notifications and other things to keep in a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from eventide_notify.models import (
    Action,
    Announcement,
    Draft,
    IdGenerator,
    Notification,
    NotificationId,
    Receipt,
    Status,
)

NOW = datetime(2026, 11, 20, 9, 0, 0, 123_000, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
MONTH = timedelta(days=30)

ACTIONS = [Action(id="yes", label="Yes", style="primary", link="/yes"), Action(id="no", label="No")]

_ids = IdGenerator()


def new_id(now: datetime) -> NotificationId:
    """One newer than all before it. Only at `NOW`: after a later time all others in this process would be as late."""
    assert now == NOW
    return _ids(now)


def sample(user: str = "42", *, message: str = "hello", **fields: Any) -> Notification:
    """A new notification, newer than all before it."""
    return Notification(new_id(NOW), user, Draft(message=message, **fields), NOW)


def samples(number: int, user: str = "42", **fields: Any) -> list[Notification]:
    return [sample(user, **fields) for _ in range(number)]


def delivered(notification: Notification, at: datetime = NOW) -> Notification:
    return replace(notification, status=Status.DELIVERED, delivered_at=at)


def seen(notification: Notification, at: datetime = NOW) -> Notification:
    return replace(notification, seen_at=notification.seen_at or at)


def read(notification: Notification, at: datetime = NOW) -> Notification:
    received = notification.delivered_at or at
    return replace(seen(notification, at), status=Status.READ, delivered_at=received, read_at=at)


def archived(notification: Notification, at: datetime = NOW) -> Notification:
    return replace(notification, archived_at=at)


def announcement(*, lifetime: timedelta = MONTH, message: str = "hello everyone", **fields: Any) -> Announcement:
    """A new announcement, newer than all before it."""
    return Announcement(new_id(NOW), Draft(message=message, **fields), NOW, NOW + lifetime)


def announcements(number: int, **fields: Any) -> list[Announcement]:
    return [announcement(**fields) for _ in range(number)]


def announced(
    announcement: Announcement, user: str = "42", status: Status = Status.PENDING, **times: Any
) -> Notification:
    """The announcement as this user has it."""
    content, created_at = announcement.content, announcement.created_at
    about = {name: getattr(announcement, name) for name in ("expires_at", "topic", "require_ack")}
    return Notification(announcement.id, user, content, created_at, status, **times, **about, broadcast=True)


def ids(notifications: Any) -> list[NotificationId]:
    return [notification.id for notification in notifications]


def receipts(notifications: Any) -> list[Receipt]:
    return [Receipt(notification.user_id, notification.id) for notification in notifications]


def receipt(user: str, announcement: Announcement) -> Receipt:
    return Receipt(user, announcement.id, broadcast=True)
