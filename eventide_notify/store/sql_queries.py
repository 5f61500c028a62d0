"""What a user has in SQL: notifications and announcements as one list, and counts.

The queries are built once: to put one together takes longer than to answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..models import Counts, Notification, NotificationId, UserId
from .engines import Database
from .records import parts
from .sql_announcements import ACTIVE, DONE, KINDS, LEFT, MAY_HAVE_TOP, OF_USER, SUBSCRIBED, TOP, USER
from .tables import (
    NOW,
    announcement_receipts,
    in_archive,
    in_inbox,
    is_demanding,
    is_pending,
    is_there,
    is_unread,
    milliseconds,
    notifications,
    subscriptions,
    to_notification,
)


class Order(NamedTuple):
    """What was not acknowledged at this time comes first, see `Store.page`."""

    top: datetime
    from_top: bool


_n = notifications.c
Columns = sa.ColumnCollection[str, Any]
_NONE = 0, 0
_TEXT = sa.bindparam("text", type_=sa.Text)
_NEVER = sa.literal_column(str(2**62), sa.BigInteger)

_ANNOUNCED_ONLY = [
    sa.cast(sa.null(), type_).label(name)
    for name, type_ in (("topic", sa.Text()), ("require_ack", sa.Boolean()), ("acknowledged_at", sa.BigInteger()))
]
_COLUMNS = sa.select(notifications, sa.false().label("broadcast"), *_ANNOUNCED_ONLY)
_OWN = _COLUMNS.where(_n.user_id == USER, is_there(_n, NOW))
_HAS = (_OWN.subquery().c, OF_USER.subquery().c)
"""All that a user has, in two tables with the same columns."""
_LISTED = (_HAS[0], *(kind.subquery().c for kind in KINDS), LEFT.subquery().c)
"""The same in tables of which each has an index for a list."""
_CONDITIONS: dict[str, Callable[[Columns], sa.ColumnElement[bool]]] = {
    "id": lambda has: has.id == sa.bindparam("id"),
    "before": lambda has: has.id < sa.bindparam("before"),
    "after": lambda has: has.id > sa.bindparam("after"),
    "type": lambda has: has.type == sa.bindparam("type"),
    "text": lambda has: sa.or_(has.title.regexp_match(_TEXT), has.message.regexp_match(_TEXT)),
    "inbox": in_inbox,
    "archive": in_archive,
    "pending": lambda has: is_pending(has.status),
    "unread": lambda has: is_unread(has.status),
    "read": lambda has: ~is_unread(has.status),
}


class SqlQueries:
    """The part of `SqlStore` that reads what users have."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts = _counts(database)

    async def newest(
        self,
        user: UserId,
        now: datetime,
        limit: int,
        offset: int = 0,
        order: Order | None = None,
        **wanted: str | bool | None,
    ) -> list[Notification]:
        """The newest that fulfil all `_CONDITIONS` whose names have a value."""
        names = [name for name, value in wanted.items() if value is not None]
        bounds = {"user": user, "now": milliseconds(now), "limit": limit, "offset": offset, "end": limit + offset}
        query = _newest_where(*names)
        if order is not None:
            bounds["top"] = milliseconds(order.top)
            query = await self._ordered(order, names, bounds)
        rows = await self._database.read(query, wanted | bounds)
        return [to_notification(row, broadcast=bool(row.broadcast)) for row in rows]

    async def _ordered(self, order: Order, names: Sequence[str], bounds: Mapping[str, Any]) -> sa.CompoundSelect[Any]:
        # Most have nothing on top, and the query that looks for it takes PostgreSQL twice as long.
        if (await self._database.read(MAY_HAVE_TOP, bounds))[0][0]:
            return _ordered_where(order.from_top, *names)
        return _newest_where(*(name for name in names if name != "before" or not order.from_top))

    async def oldest(self, limit: int, *conditions: sa.ColumnElement[bool]) -> list[Notification]:
        """Of all users; no announcements."""
        query = sa.select(notifications).where(*conditions).order_by(_n.id).limit(limit)
        return [to_notification(row) for row in await self._database.read(query)]

    async def owned(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> Collection[NotificationId]:
        found: list[NotificationId] = []
        for part in parts(ids):
            # By their ids alone, see `SqlChanges`.
            queries = [
                sa.select(has.id, has.user_id).where(self._database.among(has.id, part), is_there(has, NOW))
                for has in (_n, _HAS[1])
            ]
            rows = await self._database.read(sa.union_all(*queries), {"user": user, "now": milliseconds(now)})
            found += [row.id for row in rows if row.user_id == user]
        return found

    async def counts(self, users: Collection[UserId], now: datetime) -> Mapping[UserId, Counts]:
        counts: dict[UserId, Counts] = {}
        for part in parts(users):
            found: dict[UserId | None, tuple[int, int]] = {None: (0, 0)}
            parameters = {"users": self._database.pack(part), "now": milliseconds(now)}
            rows: Sequence[Any] = await self._database.read(self._counts, parameters)
            for user, unread, unseen in rows:
                others = found.get(user, _NONE)
                found[user] = unread + others[0], unseen + others[1]
            everyones = found[None]
            for user in part:
                own = found.get(user, _NONE)
                counts[user] = Counts(own[0] + everyones[0], own[1] + everyones[1])
        return counts


def _counts(database: Database) -> sa.CompoundSelect[Any]:
    users = sa.bindparam("users", type_=database.packed)
    unseen = sa.func.count().filter(_n.seen_at.is_(None)).label("unseen")
    own = sa.select(_n.user_id.label("user_id"), sa.func.count().label("unread"), unseen)
    unread = database.within(_n.user_id, users), is_unread(_n.status), in_inbox(_n), is_there(_n, NOW)
    return sa.union_all(
        own.where(*unread).group_by(_n.user_id),
        ACTIVE,
        SUBSCRIBED.where(database.within(subscriptions.c.user_id, users)),
        DONE.where(database.within(announcement_receipts.c.user_id, users)),
    )


@cache
def _newest_where(*names: str) -> sa.CompoundSelect[Any]:
    tables = _tables(names)
    all = sa.union_all(*(_newest_of(has, names) for has in tables)).order_by(sa.desc("id"))
    return all.limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))


@cache
def _ordered_where(from_top: bool, *names: str) -> sa.CompoundSelect[Any]:
    """Likewise, but first those on top."""
    own, *announced = _tables(names)
    others = [name for name in names if name != "before"] if from_top else names
    parts = [_newest_of(own, others, on_top=False)]
    for has in announced:
        late = sa.func.coalesce(has.acknowledged_at, _NEVER) > TOP
        parts.append(_newest_of(has, others, ~sa.and_(has.require_ack, late), on_top=False))
        if from_top or "before" not in names:
            parts.append(_newest_of(has, names, is_demanding(has), late, on_top=True))
    in_order = sa.union_all(*parts).order_by(sa.desc("on_top"), sa.desc("id"))
    return in_order.limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))


def _tables(names: Collection[str]) -> Sequence[Columns]:
    """Where what fulfils these conditions is found by an index."""
    return _HAS if "id" in names else _LISTED[:-1] if {"pending", "unread"} & {*names} else _LISTED


def _newest_of(
    has: Columns, names: Iterable[str], *further: sa.ColumnElement[bool], on_top: bool | None = None
) -> sa.Select[Any]:
    conditions = [*(_CONDITIONS[name](has) for name in names), *further]
    place: list[sa.ColumnElement[Any]] = [] if on_top is None else [sa.literal_column(str(int(on_top))).label("on_top")]
    query = sa.select(*has, *place).where(*conditions).order_by(has.id.desc()).limit(sa.bindparam("end"))
    return sa.select(query.subquery())
