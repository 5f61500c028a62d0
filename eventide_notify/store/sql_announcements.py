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
from ..models import Announcement, NotificationId, Receipt, Status, UserId
from .engines import Database
from .records import AT_ONCE, DELETED, LONG_AGO
from .tables import (
    announcement_receipts,
    announcements,
    delivered,
    from_announcement,
    milliseconds,
    read,
    to_announcement,
)

_a = announcements.c
_r = announcement_receipts.c
_KEY = (_r.user_id, _r.announcement_id)

USER = sa.bindparam("user", type_=sa.Text)
NOW = sa.bindparam("now", type_=sa.BigInteger)


def _active(now: int | sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    return _a.expires_at > now


OF_USER = (
    sa.select(
        _a.id,
        USER.label("user_id"),
        sa.func.coalesce(_r.status, sa.literal_column("'PENDING'")).label("status"),
        _a.created_at,
        *(_r.delivered_at, _r.read_at),
        *(_a.message, _a.title, _a.type, _a.link, _a.avatar, _a.data),
        sa.true().label("broadcast"),
    )
    .select_from(announcements)
    .outerjoin(announcement_receipts, sa.and_(_r.user_id == USER, _r.announcement_id == _a.id))
    .where(_active(NOW), sa.func.coalesce(_r.status, "") != DELETED)
)
"""The announcements that `USER` has at the time `NOW`, with the columns of notifications."""
ACTIVE = sa.select(sa.null().cast(sa.Text), sa.func.count()).select_from(announcements).where(_active(NOW))
"""How many there are at the time `NOW`; for the user NULL."""
DONE = (
    sa.select(_r.user_id, -sa.func.count())
    .join(announcements, _a.id == _r.announcement_id)
    .where(_r.status.in_([Status.READ, DELETED]), _active(NOW))
    .group_by(_r.user_id)
)
"""Minus how many of these each user has read or deleted."""


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
        """`DELIVERED` where there is no row yet; how many rows are new."""
        proven = self._database.listed(
            user_id=[receipt.user_id for receipt in receipts],
            announcement_id=[receipt.notification_id for receipt in receipts],
        ).c
        row = {name: sa.literal(value) for name, value in delivered(now).items()}
        return self._insert(connection, proven.user_id, row, _a.id == proven.announcement_id, now)

    def read(
        self, connection: sa.Connection, user: UserId, ids: Collection[NotificationId], now: datetime
    ) -> Collection[NotificationId]:
        """→ `READ`; those of `ids` that the user has."""
        return self._change(connection, user, self._database.among(_a.id, list(ids)), now, _read(now))[0]

    def read_all(self, connection: sa.Connection, user: UserId, up_to: NotificationId | None, now: datetime) -> int:
        """→ `READ`; how many changed."""
        which = sa.true() if up_to is None else _a.id <= up_to
        return self._change(connection, user, which, now, _read(now))[1]

    def delete(
        self, connection: sa.Connection, user: UserId, ids: Collection[NotificationId], now: datetime
    ) -> Collection[NotificationId]:
        """Take them from this user; those of `ids` that the user had."""
        which = self._database.among(_a.id, list(ids))
        return self._change(connection, user, which, now, sa.update(announcement_receipts).values(status=DELETED))[0]

    def _change(
        self, connection: sa.Connection, user: UserId, which: sa.ColumnElement[bool], now: datetime, change: sa.Update
    ) -> tuple[Collection[NotificationId], int]:
        """Apply the change to the rows of what the user has; the ids of these, and how many rows changed."""
        self._insert(connection, sa.literal(user), {"status": sa.literal(Status.PENDING)}, which, now)
        active = sa.select(_a.id).where(which, _active(milliseconds(now)))
        mine = sa.select(_r.announcement_id).where(_r.user_id == user, _r.announcement_id.in_(active))
        locked = mine.where(_r.status != DELETED).order_by(_r.announcement_id).with_for_update()
        ids = [row.announcement_id for row in connection.execute(locked)]
        if not ids:
            return [], 0
        rows = (_r.user_id == user, self._database.among(_r.announcement_id, ids))
        return ids, connection.execute(change.where(*rows)).rowcount

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


def _read(now: datetime) -> sa.Update:
    return sa.update(announcement_receipts).where(_r.status != Status.READ).values(read(_r, now))
