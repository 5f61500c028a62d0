"""Announcements in SQL: one row each, and a row for each user who received, read or deleted it.

Whoever writes such rows holds the announcement first, in the order of ids, so that it cannot be removed meanwhile and
leave rows of nothing behind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..errors import OutcomeUnknown, Unavailable
from ..models import Announcement, Change, NotificationId, Receipt, Status, UserId
from .base import Changed
from .engines import Database
from .records import AT_ONCE, DELETED, LONG_AGO
from .tables import (
    announcement_receipts,
    announcements,
    delivered,
    from_announcement,
    in_archive,
    in_place,
    is_free,
    is_pending,
    is_touched,
    milliseconds,
    notifications,
    pressed,
    to_announcement,
    touched,
)

_a = announcements.c
_r = announcement_receipts.c
_KEY = (_r.user_id, _r.announcement_id)

USER = sa.bindparam("user", type_=sa.Text)
NOW = sa.bindparam("now", type_=sa.BigInteger)


def _active(now: int | sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    return _a.expires_at > now


def _as_had(name: str) -> sa.ColumnElement[Any]:
    """The column of notifications."""
    match name:
        case "user_id":
            return USER.label(name)
        case "status":
            return sa.func.coalesce(_r.status, sa.literal_column("'PENDING'")).label(name)
    return _a[name] if name in _a else _r[name]


OF_USER = (
    sa.select(
        *(_as_had(column.name) for column in notifications.columns),
        sa.true().label("broadcast"),
    )
    .select_from(announcements)
    .outerjoin(announcement_receipts, sa.and_(_r.user_id == USER, _r.announcement_id == _a.id))
    .where(_active(NOW), sa.func.coalesce(_r.status, "") != DELETED)
)
"""The announcements that `USER` has at the time `NOW`, with the columns of notifications."""
_READ = sa.or_(_r.status.in_([Status.READ, DELETED]), in_archive(_r))
_SEEN = sa.or_(_READ, _r.seen_at.is_not(None))
ACTIVE = sa.select(sa.null().cast(sa.Text), sa.func.count(), sa.func.count()).where(_active(NOW))
"""How many there are at the time `NOW`, twice; for the user NULL."""
DONE = (
    sa.select(_r.user_id, -sa.func.count().filter(_READ), -sa.func.count())
    .select_from(announcement_receipts)
    .join(announcements, _a.id == _r.announcement_id)
    .where(_SEEN, _active(NOW))
    .group_by(_r.user_id)
)
"""Minus how many of these are not among each user's unread, and not among the unseen."""


class SqlAnnouncements:
    """The part of `SqlStore` that is about announcements only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, connection: sa.Connection, announcement: Announcement) -> None:
        """Save it, if it is not there yet."""
        insert = self._database.insert(announcements).on_conflict_do_nothing(index_elements=[_a.id])
        connection.execute(insert, from_announcement(announcement))

    async def after(self, id: NotificationId, now: datetime) -> Sequence[Announcement]:
        query = sa.select(announcements).where(_a.id > id, _active(milliseconds(now))).order_by(_a.id)
        return [to_announcement(row) for row in await self._database.read(query)]

    async def remove(self, id: NotificationId) -> bool:
        """Hide it from all users at once, then take the rows away, which may be millions."""
        gone = milliseconds(LONG_AGO)
        hide = sa.update(announcements).where(_a.id == id, _a.expires_at > gone).values(expires_at=gone)
        hidden = await self._database.write(lambda connection: connection.execute(hide).rowcount)
        try:
            cleared = await self._clear(id)  # also what an interrupted removal has hidden
        except Unavailable as error:
            if hidden:
                raise OutcomeUnknown from error.__cause__
            raise
        return bool(hidden) or cleared

    async def purge(self, now: datetime) -> None:
        """Remove those that have expired, and those whose removal was interrupted."""
        for row in await self._database.read(sa.select(_a.id).where(~_active(milliseconds(now)))):
            await self._clear(row.id)

    async def _clear(self, id: NotificationId) -> bool:
        some = _delete_rows(id, AT_ONCE)
        while await self._database.write(lambda connection: connection.execute(some).rowcount) == AT_ONCE:
            pass

        def work(connection: sa.Connection) -> bool:
            removed = connection.execute(sa.delete(announcements).where(_a.id == id)).rowcount
            connection.execute(_delete_rows(id))  # of those who held it until now
            return bool(removed)

        return await self._database.write(work)

    def deliver(self, connection: sa.Connection, receipts: Collection[Receipt], now: datetime) -> int:
        """`PENDING` → `DELIVERED`; how many changed."""
        if not receipts:
            return 0
        proven = self._database.listed(
            user_id=[receipt.user_id for receipt in receipts],
            announcement_id=[receipt.notification_id for receipt in receipts],
        ).c
        row = {name: sa.literal(value) for name, value in delivered(now).items()}
        new = self._insert(connection, proven.user_id, row, _a.id == proven.announcement_id, now)
        if new == len(receipts):
            return new
        r = announcement_receipts.alias().c
        pending = sa.select(r.user_id, r.announcement_id).where(
            *(r.user_id == proven.user_id, r.announcement_id == proven.announcement_id, is_pending(r.status)),
            *(r.announcement_id == _a.id, _active(milliseconds(now))),
        )
        locked = pending.order_by(r.announcement_id, r.user_id).with_for_update(of=r.user_id)
        change = sa.update(announcement_receipts).where(sa.tuple_(*_KEY).in_(locked)).values(delivered(now))
        return new + connection.execute(change).rowcount

    def change(
        self, connection: sa.Connection, user: UserId, change: Change, ids: Collection[NotificationId], now: datetime
    ) -> Changed:
        """Make this change to those of `ids` that the user has."""
        held = self._hold(connection, user, self._database.among(_a.id, list(ids)), is_touched(_r, change), now)
        return self._update(connection, user, held, touched(_r, change, now))

    def change_all(
        self, connection: sa.Connection, user: UserId, change: Change, up_to: NotificationId | None, now: datetime
    ) -> Collection[NotificationId]:
        """Make this change to all, see `Store.change_all`; those that changed."""
        which = sa.true() if up_to is None else _a.id <= up_to
        held = self._hold(connection, user, which, sa.and_(in_place(_r, change), is_touched(_r, change)), now)
        return self._update(connection, user, held, touched(_r, change, now)).changed

    def press(self, connection: sa.Connection, user: UserId, id: NotificationId, action: str, now: datetime) -> bool:
        """Make this the chosen action, see `Store.press`."""
        held = self._hold(connection, user, _a.id == id, is_free(_r, action), now)
        return bool(self._update(connection, user, held, pressed(_r, action, now)).changed)

    def _hold(
        self,
        connection: sa.Connection,
        user: UserId,
        which: sa.ColumnElement[bool],
        wanted: sa.ColumnElement[bool],
        now: datetime,
    ) -> Mapping[NotificationId, bool]:
        """Those of the announcements that the user has, now with rows, and whether these are as wanted."""
        self._insert(connection, sa.literal(user), {"status": sa.literal(Status.PENDING)}, which, now)
        active = sa.select(_a.id).where(which, _active(milliseconds(now)))
        mine = sa.select(_r.announcement_id, wanted.label("wanted")).where(
            _r.user_id == user, _r.announcement_id.in_(active), _r.status != DELETED
        )
        locked = mine.order_by(_r.announcement_id).with_for_update()
        return {row.announcement_id: bool(row.wanted) for row in connection.execute(locked)}

    def _update(
        self, connection: sa.Connection, user: UserId, held: Mapping[NotificationId, bool], values: Mapping[str, Any]
    ) -> Changed:
        """Change the rows that are as wanted."""
        if ids := [id for id, is_wanted in held.items() if is_wanted]:
            rows = (_r.user_id == user, self._database.among(_r.announcement_id, ids))
            connection.execute(sa.update(announcement_receipts).where(*rows).values(values))
        return Changed(list(held), ids)

    def _insert(
        self,
        connection: sa.Connection,
        user: sa.ColumnElement[str],
        row: Mapping[str, sa.ColumnElement[Any]],
        which: sa.ColumnElement[bool],
        now: datetime,
    ) -> int:
        """Insert such rows for these announcements, and hold the announcements; the number of rows that are new."""
        # In one order: two calls with the same ones would otherwise wait for each other.
        rows = sa.select(user, _a.id, *row.values()).where(which, _active(milliseconds(now))).order_by(_a.id, user)
        held = rows.with_for_update(read=True, key_share=True, of=announcements)
        insert = self._database.insert(announcement_receipts).from_select([*_KEY, *row], held)
        return connection.execute(insert.on_conflict_do_nothing(index_elements=_KEY)).rowcount


def _delete_rows(id: NotificationId, limit: int | None = None) -> sa.Delete:
    # In the order of users: several instances may be purging.
    row = announcement_receipts.alias().c
    users = sa.select(row.user_id).where(row.announcement_id == id).order_by(row.user_id).limit(limit)
    return sa.delete(announcement_receipts).where(_r.announcement_id == id, _r.user_id.in_(users.with_for_update()))
