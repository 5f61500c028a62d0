"""What a user has in SQL: notifications and announcements as one list, and counts.

The queries are built once: to put one together takes longer than to answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..models import Counts, Notification, NotificationId, UserId
from .engines import Database
from .records import parts
from .sql_announcements import ACTIVE, DONE, KINDS, LEFT, OF_USER, SUBSCRIBED, USER
from .tables import (
    NOW,
    announcement_receipts,
    in_archive,
    in_inbox,
    is_pending,
    is_there,
    is_unread,
    milliseconds,
    notifications,
    subscriptions,
    to_notification,
)

_n = notifications.c
Columns = sa.ColumnCollection[str, Any]
_NONE = 0, 0
_TEXT = sa.bindparam("text", type_=sa.Text)

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
        self, user: UserId, now: datetime, limit: int, offset: int = 0, **wanted: str | bool | None
    ) -> list[Notification]:
        """The newest that fulfil all `_CONDITIONS` whose names have a value."""
        names = [name for name, value in wanted.items() if value is not None]
        bounds = {"user": user, "now": milliseconds(now), "limit": limit, "offset": offset, "end": limit + offset}
        rows = await self._database.read(_newest_where(*names), wanted | bounds)
        return [to_notification(row, broadcast=bool(row.broadcast)) for row in rows]

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
    def newest(has: Columns) -> sa.Select[Any]:
        query = sa.select(*has).where(*(_CONDITIONS[name](has) for name in names))
        return sa.select(query.order_by(has.id.desc()).limit(sa.bindparam("end")).subquery())

    tables = _HAS if "id" in names else _LISTED[:-1] if {"pending", "unread"} & {*names} else _LISTED
    all = sa.union_all(*map(newest, tables)).order_by(sa.desc("id"))
    return all.limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))
