"""What expires, in SQL: found and removed by its time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..models import NotificationId
from .base import Expired
from .engines import Database
from .records import LONG_AGO
from .tables import announcements, milliseconds, notifications, to_time

_n = notifications.c
_a = announcements.c
_AT = sa.bindparam("at", type_=sa.BigInteger)
_AFTER = sa.bindparam("after", type_=sa.Text)
_UNTIL = sa.bindparam("until", type_=sa.BigInteger)
_LIMIT = sa.bindparam("limit", type_=sa.Integer)


def _next(table: Any, user: sa.ColumnElement[Any], *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    later = sa.tuple_(table.expires_at, table.id) > sa.tuple_(_AT, _AFTER)
    query = sa.select(table.expires_at, table.id, user.label("user_id")).where(later, table.expires_at <= _UNTIL)
    some = query.where(*conditions).order_by(table.expires_at, table.id).limit(_LIMIT)
    return sa.select(some.subquery())


_EXPIRED = (
    sa.union_all(
        _next(_n, _n.user_id, _n.expires_at.is_not(None)),
        _next(_a, sa.cast(sa.null(), sa.Text), _a.expires_at > milliseconds(LONG_AGO)),
    )
    .order_by("expires_at", "id")
    .limit(_LIMIT)
)


class SqlExpiry:
    """The part of `SqlStore` that is about what has expired."""

    def __init__(self, database: Database) -> None:
        self._database = database
        due = sa.select(_n.id).where(_n.expires_at.is_not(None), _n.expires_at < _UNTIL).order_by(_n.expires_at)
        # Another instance may be removing too, and a user changing what is about to go.
        some = due.limit(_LIMIT).with_for_update(skip_locked=True)
        # PostgreSQL looks for them once then. SQLite does not say how many were deleted by a statement with a CTE.
        once = some if database.one_writer else sa.select(some.cte("some").c.id)
        self._remove = sa.delete(notifications).where(_n.id.in_(once))

    async def after(self, position: tuple[datetime, NotificationId], until: datetime, limit: int) -> Expired:
        """See `Store.expired`."""
        at, after = position
        bounds = {"at": milliseconds(at), "after": after, "until": milliseconds(until), "limit": limit}
        rows = await self._database.read(_EXPIRED, bounds)
        following = (to_time(rows[-1].expires_at), rows[-1].id) if len(rows) == limit else None
        return Expired([(row.id, row.user_id) for row in rows], following)

    async def remove(self, before: datetime, limit: int) -> int:
        """See `Store.remove_expired`."""
        bounds = {"until": milliseconds(before), "limit": limit}
        number = await self._database.write(lambda connection: connection.execute(self._remove, bounds).rowcount)
        if number:
            await self._database.tidy()
        return number
