"""The SQL tables as SQLAlchemy sees them (`migrations` creates them), and what is written into their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..models import Announcement, Change, Draft, Notification, Pressed, Status
from .records import DELETED, expiry, pack_content, unpack_content

_schema = sa.MetaData()


def _content() -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text) for name in ("message", "title", "type", "link", "avatar", "data", "actions")]


def _state() -> list[sa.Column[Any]]:
    """What a user does to a notification, beside its status."""
    times = [sa.Column(time, sa.BigInteger) for time in ("delivered_at", "read_at", "seen_at", "archived_at")]
    return [*times, sa.Column("pressed", sa.Text), sa.Column("pressed_at", sa.BigInteger)]


notifications = sa.Table(
    "notifications",
    _schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("created_at", sa.BigInteger),
    *_content(),
    *_state(),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("collapse_key", sa.Text),
    sa.Column("collapsed", sa.BigInteger),
)
announcements = sa.Table(
    "announcements",
    _schema,
    sa.Column("id", sa.Text, primary_key=True),
    *(sa.Column(time, sa.BigInteger) for time in ("created_at", "expires_at")),
    *_content(),
    sa.Column("topic", sa.Text),
    sa.Column("require_ack", sa.Boolean),
    sa.Column("remind_after", sa.BigInteger),
)
announcement_receipts = sa.Table(
    "announcement_receipts",
    _schema,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("announcement_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text),
    *_state(),
    sa.Column("acknowledged_at", sa.BigInteger),
)
claims = sa.Table(
    "claims",
    _schema,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text),
    sa.Column("items", sa.Text),
    sa.Column("claimed_at", sa.BigInteger),
    sa.Column("complete", sa.Boolean),
    sa.Column("expires_at", sa.BigInteger),
)
revocations = sa.Table(
    "revocations",
    _schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("user_id", sa.Text),
    sa.Column("issued_before", sa.BigInteger),
    sa.Column("token_id", sa.Text),
)
subscriptions = sa.Table(
    "subscriptions",
    _schema,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("topic", sa.Text, primary_key=True),
)
users = sa.Table("users", _schema, sa.Column("user_id", sa.Text, primary_key=True))
due = sa.Table(
    "due",
    _schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text),
    sa.Column("at", sa.BigInteger),
    sa.Column("payload", sa.Text),
    sa.Column("attempts", sa.BigInteger),
    sa.Column("lease", sa.Text),
    sa.Column("leased_until", sa.BigInteger),
)
dead = sa.Table(
    "dead",
    _schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text),
    sa.Column("at", sa.BigInteger),
    sa.Column("payload", sa.Text),
    sa.Column("attempts", sa.BigInteger),
    sa.Column("error", sa.Text),
    sa.Column("died_at", sa.BigInteger),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MILLISECOND


def milliseconds_in(duration: timedelta) -> int:
    return duration // _MILLISECOND


def to_time(number: int) -> datetime:
    return _EPOCH + number * _MILLISECOND


def is_pending(status: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    # Written out rather than bound: otherwise neither database could tell that the partial indexes apply.
    return status == sa.literal_column("'PENDING'")


def is_unread(status: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return status != sa.literal_column("'READ'")


def in_inbox(row: Any) -> sa.ColumnElement[bool]:
    return row.archived_at.is_(None)  # type: ignore[no-any-return]


def in_archive(row: Any) -> sa.ColumnElement[bool]:
    return row.archived_at.is_not(None)  # type: ignore[no-any-return]


def is_there(row: Any, now: int | sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether the notification has not expired."""
    return sa.or_(row.expires_at.is_(None), row.expires_at > now)


AT = sa.bindparam("at", type_=sa.BigInteger)
"""When a change is made, in milliseconds."""
NOW = sa.bindparam("now", type_=sa.BigInteger)
"""The time at which what has expired is gone, in milliseconds."""


DELIVERED: Mapping[str, Any] = {"status": sa.literal(Status.DELIVERED), "delivered_at": AT}
"""What changes in a row that becomes `DELIVERED`."""


def read(row: Any) -> dict[str, Any]:
    """What changes in a row that becomes `READ`. Who reads what no receipt has come for has received it."""
    times = {name: sa.func.coalesce(row[name], AT) for name in ("delivered_at", "seen_at", "read_at")}
    return {"status": Status.READ, **times}


def is_free(row: Any, action: str) -> sa.ColumnElement[bool]:
    """Whether this action can be the one that is chosen."""
    return sa.or_(row.pressed.is_(None), row.pressed == action)


def pressed(row: Any, action: str) -> dict[str, Any]:
    """What changes in a row of which this action is chosen."""
    return read(row) | {"pressed": action, "pressed_at": sa.func.coalesce(row.pressed_at, AT)}


def is_demanding(row: Any) -> sa.ColumnElement[bool]:
    """Whether users have to acknowledge it."""
    # Written so for the partial index, as `is_pending` is.
    return row.require_ack == sa.literal_column("TRUE")  # type: ignore[no-any-return]


def is_acknowledgeable(row: Any) -> sa.ColumnElement[bool]:
    """Whether it is otherwise once it is acknowledged."""
    return sa.or_(row.acknowledged_at.is_(None), is_unread(row.status))


def acknowledged(row: Any) -> dict[str, Any]:
    """What changes in a row that is acknowledged."""
    return read(row) | {"acknowledged_at": sa.func.coalesce(row.acknowledged_at, AT)}


def in_place(row: Any, change: Change) -> sa.ColumnElement[bool]:
    """Whether the row is where the change of all is made."""
    return in_archive(row) if change is Change.UNARCHIVE else in_inbox(row)


def is_touched(row: Any, change: Change) -> sa.ColumnElement[bool]:
    """Whether the row is otherwise after the change than before."""
    conditions: dict[Change, sa.ColumnElement[bool]] = {
        Change.SEEN: row.seen_at.is_(None),
        Change.READ: is_unread(row.status),
        Change.UNREAD: ~is_unread(row.status),
        Change.ARCHIVE: in_inbox(row),
        Change.UNARCHIVE: in_archive(row),
        Change.DELETE: sa.true(),
    }
    return conditions[change]


def touched(row: Any, change: Change) -> dict[str, Any]:
    """What changes in it, if it is not to be deleted."""
    match change:
        case Change.SEEN:
            return {"seen_at": sa.func.coalesce(row.read_at, AT)}
        case Change.READ:
            return read(row)
        case Change.UNREAD:
            # An instance of the version before this one, while it still runs, only notes when it was read.
            times = {name: sa.func.coalesce(row[name], row.read_at) for name in ("delivered_at", "seen_at")}
            return {"status": Status.DELIVERED, "read_at": None, **times}
        case Change.ARCHIVE:
            return {"archived_at": AT}
        case Change.UNARCHIVE:
            return {"archived_at": None}
        case Change.DELETE:
            return {"status": DELETED}


class Run(NamedTuple):
    """Rows of `notifications` that differ in their first two columns only, as those of one send do."""

    keys: Sequence[tuple[str, str]]
    """Ids and users."""
    shared: tuple[Any, ...]
    """The values of all other columns, `SHARED`."""


SHARED = tuple(column.name for column in notifications.columns)[2:]
NEW = 2 + len(_content())
"""How many of them most have at first: all but `_state`, and what only some have."""
_all_but_content = attrgetter(
    "created_at", "status", "delivered_at", "read_at", "seen_at", "archived_at", "pressed", "expires_at",
    "collapse_key", "collapsed",
)  # fmt: skip


def columns_of(wanted: Iterable[Run]) -> int:
    """How many of `SHARED` need to be written."""
    return len(SHARED) if any(value is not None for run in wanted for value in run.shared[NEW:]) else NEW


def runs(items: Iterable[Notification]) -> list[Run]:
    """The rows of these notifications, in the order of ids: whoever writes the same ones twice, or to two instances,
    would otherwise wait for each other."""
    ordered = sorted(items, key=lambda item: item.id)
    alike = groupby(ordered, lambda item: (id(item.content), _all_but_content(item)))
    return [_run(list(some)) for _, some in alike]


def _run(items: Sequence[Notification]) -> Run:
    first = items[0]
    action, pressed_at = first.pressed or (None, None)
    times = (first.delivered_at, first.read_at, first.seen_at, first.archived_at)
    state = (*map(maybe_milliseconds, times), action, maybe_milliseconds(pressed_at))
    content = pack_content(first.content)
    new = (first.status, milliseconds(first.created_at), *(content[name] for name in SHARED[2:NEW]))
    further = (maybe_milliseconds(first.expires_at), first.collapse_key, first.collapsed or None)
    return Run([(item.id, item.user_id) for item in items], new + state + further)


def to_rows(run: Run, columns: int) -> list[tuple[Any, ...]]:
    """The rows one by one, with so many of `SHARED`."""
    shared = run.shared[:columns]
    return [(*key, *shared) for key in run.keys]


def to_notification(row: sa.Row[Any], *, broadcast: bool = False) -> Notification:
    return Notification(
        id=row.id,
        user_id=row.user_id,
        content=to_content(row),
        created_at=to_time(row.created_at),
        status=Status(row.status),
        delivered_at=maybe_time(_or(row.delivered_at, row.read_at)),
        read_at=maybe_time(row.read_at),
        seen_at=maybe_time(_or(row.seen_at, row.read_at)),
        archived_at=maybe_time(row.archived_at),
        pressed=None if row.pressed is None else Pressed(row.pressed, to_time(row.pressed_at)),
        expires_at=maybe_time(row.expires_at),
        collapse_key=row.collapse_key,
        collapsed=row.collapsed or 0,
        broadcast=broadcast,
        **(_as_announced(row) if broadcast else {}),
    )


def _as_announced(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "topic": row.topic,
        "require_ack": bool(row.require_ack),
        "acknowledged_at": maybe_time(row.acknowledged_at),
    }


def _or(number: int | None, other: int | None) -> int | None:
    return other if number is None else number


def maybe_milliseconds(time: datetime | None) -> int | None:
    return None if time is None else milliseconds(time)


def maybe_time(number: int | None) -> datetime | None:
    return None if number is None else to_time(number)


def from_announcement(announcement: Announcement) -> dict[str, Any]:
    return {
        "id": announcement.id,
        "created_at": milliseconds(announcement.created_at),
        "expires_at": milliseconds(expiry(announcement)),
        "topic": announcement.topic,
        "require_ack": announcement.require_ack,
        "remind_after": announcement.remind_after,
    } | pack_content(announcement.content)


def to_announcement(row: sa.Row[Any]) -> Announcement:
    return Announcement(
        row.id,
        to_content(row),
        to_time(row.created_at),
        to_time(row.expires_at),
        topic=row.topic,
        require_ack=row.require_ack,
        remind_after=row.remind_after,
    )


def to_content(row: sa.Row[Any]) -> Draft:
    return unpack_content(row._asdict())
