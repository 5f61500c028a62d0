"""The SQL tables as SQLAlchemy sees them (`migrations` creates them), and what is written into their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

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


class Run(NamedTuple):
    """Rows of `notifications` that differ in their first two columns only, as those of one send do."""

    keys: Sequence[tuple[str, str]]
    """Ids and users."""
    shared: tuple[Any, ...]
    """The values of all other columns, `SHARED`."""


SHARED = tuple(column.name for column in notifications.columns)[2:]


def runs(items: Iterable[Notification]) -> list[Run]:
    """The rows of these notifications, in the order of ids: whoever writes the same ones twice, or to two instances,
    would otherwise wait for each other."""
    ordered = sorted(items, key=lambda item: item.id)
    alike = groupby(ordered, lambda item: (id(item.content), item.created_at, item.status, *_times(item)))
    return [_run(list(some)) for _, some in alike]


def _run(items: Sequence[Notification]) -> Run:
    first = items[0]
    delivered, read = _times(first)
    values = {
        "status": first.status,
        "created_at": milliseconds(first.created_at),
        "delivered_at": delivered and milliseconds(delivered),
        "read_at": read and milliseconds(read),
    } | pack_content(first.content)
    return Run([(item.id, item.user_id) for item in items], tuple(values[name] for name in SHARED))


def _times(item: Notification) -> tuple[datetime | None, datetime | None]:
    return item.delivered_at, item.read_at


def to_rows(run: Run) -> list[dict[str, Any]]:
    """The rows one by one."""
    shared = dict(zip(SHARED, run.shared, strict=True))
    return [{"id": id, "user_id": user, **shared} for id, user in run.keys]


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
