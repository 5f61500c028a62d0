"""What is removed in SQL because it is old, or because its user is to be forgotten: in small parts.

PostgreSQL leaves rows where they are that others hold, so no two instances that remove wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from ..models import NotificationId, UserId
from .base import Erased, Removed
from .engines import Database
from .records import names_user, without_user
from .sql_announcements import USER
from .tables import (
    announcement_receipts,
    claims,
    in_archive,
    in_inbox,
    is_unread,
    milliseconds,
    notifications,
    subscriptions,
)

ERASED_AT_ONCE = 500
"""Rows that are removed in one transaction."""
CLAIMS_AT_ONCE = 500
"""Claims that are looked at in one query, each of which may name thousands of users."""

_n = notifications.c
_r = announcement_receipts.c
_c = claims.c
_s = subscriptions.c

_AFTER = sa.bindparam("after", type_=sa.Text)
_UP_TO = sa.bindparam("up_to", type_=sa.Text)
_OLDER = sa.bindparam("older", type_=sa.Text)
_READ_BEFORE = sa.bindparam("read_before", type_=sa.BigInteger)
_LIMIT = sa.bindparam("limit", type_=sa.Integer)

_IS_OLD = _n.id < _OLDER
_IS_READ = sa.and_(~is_unread(_n.status), _n.read_at < _READ_BEFORE)

OLD = sa.select(_n.id).where(_n.id > _AFTER, _IS_OLD).order_by(_n.id).limit(_LIMIT)
SLICE = sa.select(_n.id).where(_n.id > _AFTER).order_by(_n.id).limit(1).offset(_LIMIT)
READ = sa.select(_n.id).where(_n.id > _AFTER, _n.id <= _UP_TO, _IS_READ).order_by(_n.id).limit(_LIMIT)
_COUNTS = sa.and_(is_unread(_n.status), in_inbox(_n)).label("counts")
_LAST = "~"
"""What sorts after all ids."""


class SqlRemoval:
    """The part of `SqlStore` that removes what nobody has asked it to one by one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Built once, like those of changes; and by the ids alone, as there.
        self._wanted = database.within(_n.id, sa.bindparam("ids", type_=database.packed))
        self._delete = sa.delete(notifications).where(self._wanted)
        self._remove_old = _removal_in_one()
        self._hold_old, self._hold_read = (self._hold(due) for due in (_IS_OLD, _IS_READ))

    def _hold(self, due: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Those that are still due, and whether they count."""
        held = sa.select(_n.id, _n.user_id, _COUNTS).where(self._wanted, due).order_by(_n.id)
        return held.with_for_update(skip_locked=True)

    async def due(
        self, older: NotificationId, read_before: datetime | None, after: NotificationId, look: int, limit: int
    ) -> Removed:
        """See `Store.remove_old`."""
        if after < older and not self._database.one_writer:
            done = await self._database.write(partial(self._remove_in_one, after, older, limit))
            more = done.number == limit
            return done if more else done.up_to(older if read_before is not None else None)
        if after < older:
            ids = await self._ids(OLD, after=after, older=older, limit=limit)
            position = ids[-1] if len(ids) == limit else older
            removed = await self._remove(ids, self._hold_old, older=older)
            return removed.up_to(position if read_before is not None or len(ids) == limit else None)
        if read_before is None:
            return Removed(0, (), None)
        ends = await self._ids(SLICE, after=after, limit=look - 1)
        bounds = {"after": after, "up_to": ends[0] if ends else _LAST}
        time = milliseconds(read_before)
        ids = await self._ids(READ, **bounds, read_before=time, limit=limit)
        removed = await self._remove(ids, self._hold_read, read_before=time)
        return removed.up_to(ids[-1] if len(ids) == limit else ends[0] if ends else None)

    def _remove_in_one(
        self, after: NotificationId, older: NotificationId, limit: int, connection: sa.Connection
    ) -> Removed:
        row = connection.execute(self._remove_old, {"after": after, "older": older, "limit": limit}).one()
        return Removed(row.number, row.users or (), row.last)

    async def _ids(self, query: sa.Select[Any], **parameters: Any) -> list[NotificationId]:
        return [row.id for row in await self._database.read(query, parameters)]

    async def _remove(self, ids: Sequence[NotificationId], hold: sa.Select[Any], **due: Any) -> Removed:
        """Those of them that are due."""
        if not ids:
            return Removed(0, (), None)

        def work(connection: sa.Connection) -> Removed:
            start = time.monotonic()
            held = connection.execute(hold, {"ids": self._database.pack(ids), **due}).all()
            if held:
                connection.execute(self._delete, {"ids": self._database.pack([row.id for row in held])})
            users = {row.user_id for row in held if row.counts}
            return Removed(len(held), users, None, time.monotonic() - start if self._database.one_writer else 0)

        removed = await self._database.write(work)
        await self._database.tidy()
        return removed

    async def erase(self, user: UserId) -> Erased:
        """See `Store.erase`."""
        async with self._database.turn(user):
            own = 0
            for place in (in_inbox(_n), in_archive(_n)):  # each of which has an index
                own += await self._all(lambda connection, place=place: self._erase_own(connection, user, place), own)  # type: ignore[misc]
            receipts = await self._all(lambda connection: _erase_receipts(connection, user), own)
            followed = await self._all(lambda connection: _erase_subscriptions(connection, user), own + receipts)
        claims = await self._erase_claims(user, partly=own + receipts + followed > 0)
        return Erased(own, receipts, claims, followed)

    async def _all(self, work: Callable[[sa.Connection], int], before: int) -> int:
        """Do the work until nothing is left of it; how many rows that were."""
        number = 0
        while some := await self._database.write(work, partly=before + number > 0):
            number += some
        return number

    def _erase_own(self, connection: sa.Connection, user: UserId, place: sa.ColumnElement[bool]) -> int:
        some = sa.select(_n.id).where(_n.user_id == USER, place).order_by(_n.id).limit(ERASED_AT_ONCE)
        ids = connection.execute(some.with_for_update(), {"user": user}).scalars().all()
        if ids:
            connection.execute(self._delete, {"ids": self._database.pack(ids)})
        return len(ids)

    async def _erase_claims(self, user: UserId, *, partly: bool) -> int:
        number, after = 0, ""
        named = _c["items"].contains(names_user(user), autoescape=True)
        while True:
            keys = sa.select(_c.key).where(_c.key > after).order_by(_c.key)
            ends = await self._database.read(keys.limit(1).offset(CLAIMS_AT_ONCE - 1))
            within = [_c.key > after, *([_c.key <= ends[0].key] if ends else [])]
            for row in await self._database.read(sa.select(_c.key).where(*within, named).order_by(_c.key)):
                changed = await self._database.write(
                    lambda connection, key=row.key: _erase_in_claim(connection, key, user),  # type: ignore[misc]
                    partly=partly or number > 0,
                )
                number += changed
            if not ends:
                return number
            after = ends[0].key


def _removal_in_one() -> sa.Executable:
    """What is old, found and removed by PostgreSQL in one statement: no id goes back and forth."""
    due = OLD.with_for_update(skip_locked=True).cte("due")
    found = sa.delete(notifications).where(_n.id.in_(sa.select(due.c.id)))
    gone = found.returning(_n.id, _n.user_id, _COUNTS).cte("gone")
    users = sa.func.array_agg(sa.distinct(gone.c.user_id)).filter(gone.c.counts)
    return sa.select(sa.func.count().label("number"), sa.func.max(gone.c.id).label("last"), users.label("users"))


def _erase_receipts(connection: sa.Connection, user: UserId) -> int:
    mine = sa.select(_r.announcement_id).where(_r.user_id == user).order_by(_r.announcement_id).limit(ERASED_AT_ONCE)
    held = mine.with_for_update()
    return connection.execute(
        sa.delete(announcement_receipts).where(_r.user_id == user, _r.announcement_id.in_(held))
    ).rowcount


def _erase_subscriptions(connection: sa.Connection, user: UserId) -> int:
    mine = sa.select(_s.topic).where(_s.user_id == user).order_by(_s.topic).limit(ERASED_AT_ONCE).with_for_update()
    return connection.execute(sa.delete(subscriptions).where(_s.user_id == user, _s.topic.in_(mine))).rowcount


def _erase_in_claim(connection: sa.Connection, key: str, user: UserId) -> int:
    items = connection.execute(sa.select(_c["items"]).where(_c.key == key).with_for_update()).scalar()
    changed = None if items is None else without_user(items, user)
    if changed is None:  # forgotten meanwhile, or of somebody whose name differs in the case of its letters
        return 0
    connection.execute(sa.update(claims).where(_c.key == key).values(items=changed))
    return 1
