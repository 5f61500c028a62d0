"""The SQL tables as SQLAlchemy sees them (`migrations` creates them), and what is written into their rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..models import Announcement, Draft, Notification, Status
from .records import expiry, pack_content, unpack_content

_schema = sa.MetaData()


def _content() -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text) for name in ("message", "title", "type", "link", "avatar", "data")]


notifications = sa.Table(
    "notifications",
    _schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text),
    sa.Column("status", sa.Text),
    *(sa.Column(time, sa.BigInteger) for time in ("created_at", "delivered_at", "read_at")),
    *_content(),
)
announcements = sa.Table(
    "announcements",
    _schema,
    sa.Column("id", sa.Text, primary_key=True),
    *(sa.Column(time, sa.BigInteger) for time in ("created_at", "expires_at")),
    *_content(),
)
announcement_receipts = sa.Table(
    "announcement_receipts",
    _schema,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("announcement_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text),
    *(sa.Column(time, sa.BigInteger) for time in ("delivered_at", "read_at")),
)
claims = sa.Table(
    "claims",
    _schema,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text),
    sa.Column("items", sa.Text),
    sa.Column("claimed_at", sa.BigInteger),
    sa.Column("complete", sa.Boolean),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MILLISECOND


def to_time(number: int) -> datetime:
    return _EPOCH + number * _MILLISECOND


def is_pending(status: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    # Written out rather than bound: otherwise neither database could tell that the partial indexes apply.
    return status == sa.literal_column("'PENDING'")


def is_unread(status: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return status != sa.literal_column("'READ'")


def delivered(now: datetime) -> dict[str, Any]:
    """What changes in a row that becomes `DELIVERED`."""
    return {"status": Status.DELIVERED, "delivered_at": milliseconds(now)}


def read(row: Any, now: datetime) -> dict[str, Any]:
    """What changes in a row that becomes `READ`. Who reads what no receipt has come for has received it."""
    at = milliseconds(now)
    return {"status": Status.READ, "read_at": at, "delivered_at": sa.func.coalesce(row.delivered_at, at)}


def from_notification(notification: Notification) -> dict[str, Any]:
    delivered, read = notification.delivered_at, notification.read_at
    return {
        "id": notification.id,
        "user_id": notification.user_id,
        "status": notification.status,
        "created_at": milliseconds(notification.created_at),
        "delivered_at": delivered and milliseconds(delivered),
        "read_at": read and milliseconds(read),
    } | pack_content(notification.content)


def to_notification(row: sa.Row[Any], *, broadcast: bool = False) -> Notification:
    return Notification(
        id=row.id,
        user_id=row.user_id,
        content=to_content(row),
        created_at=to_time(row.created_at),
        status=Status(row.status),
        delivered_at=None if row.delivered_at is None else to_time(row.delivered_at),
        read_at=None if row.read_at is None else to_time(row.read_at),
        broadcast=broadcast,
    )


def from_announcement(announcement: Announcement) -> dict[str, Any]:
    return {
        "id": announcement.id,
        "created_at": milliseconds(announcement.created_at),
        "expires_at": milliseconds(expiry(announcement)),
    } | pack_content(announcement.content)


def to_announcement(row: sa.Row[Any]) -> Announcement:
    return Announcement(row.id, to_content(row), to_time(row.created_at), to_time(row.expires_at))


def to_content(row: sa.Row[Any]) -> Draft:
    return unpack_content(row._asdict())
