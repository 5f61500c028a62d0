"""Whom an announcement has reached, in SQL, and the users there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..models import Announcement, NotificationId, Reach, Status, UserId
from .engines import Database
from .records import DELETED, parts
from .tables import (
    announcement_receipts,
    announcements,
    milliseconds,
    subscriptions,
    to_announcement,
    users,
)

_a = announcements.c
_r = announcement_receipts.c

_RECEIVED = sa.or_(_r.delivered_at.is_not(None), _r.status.in_([Status.READ, DELETED]))
_READ = _r.read_at.is_not(None)
_ACKNOWLEDGED = _r.acknowledged_at.is_not(None)


class SqlReach:
    """The part of `SqlStore` that looks at an announcement from the side of those who have sent it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        named = database.listed("user_id").c
        rows = sa.select(named.user_id).where(sa.true()).order_by(named.user_id)
        insert = database.insert(users).from_select(["user_id"], rows)
        self._add = insert.on_conflict_do_nothing(index_elements=[users.c.user_id])

    async def add_users(self, named: Collection[UserId]) -> None:
        for part in parts(sorted(set(named))):  # in one order: two instances would otherwise wait for each other
            new = self._database.rows(user_id=part)
            await self._database.write(lambda connection, new=new: connection.execute(self._add, new))  # type: ignore[misc]

    async def forget(self, user: UserId) -> None:
        gone = sa.delete(users).where(users.c.user_id == user)
        await self._database.write(lambda connection: connection.execute(gone), partly=True)

    async def announcement(self, id: NotificationId, now: datetime) -> Announcement | None:
        query = sa.select(announcements).where(_a.id == id, _a.expires_at > milliseconds(now))
        found = await self._database.read(query)
        return to_announcement(found[0]) if found else None

    async def reach(self, announcement: Announcement) -> Reach:
        numbers = [sa.func.count().filter(condition) for condition in (_RECEIVED, _READ, _ACKNOWLEDGED)]
        found = await self._database.read(_of_audience(announcement, sa.func.count(), *numbers))
        return Reach(*map(int, found[0]))

    async def missing(self, announcement: Announcement, after: UserId, limit: int) -> Sequence[UserId]:
        user = _audience(announcement).user_id
        query = _of_audience(announcement, user).where(user > after, ~_done(announcement)).order_by(user).limit(limit)
        return [row.user_id for row in await self._database.read(query)]

    async def unacknowledged(self, announcement: Announcement, named: Collection[UserId]) -> Collection[UserId]:
        found = set(named)
        for part in parts(named):
            done = sa.select(_r.user_id).where(
                _r.announcement_id == announcement.id, self._database.among(_r.user_id, part), _ACKNOWLEDGED
            )
            found -= {row.user_id for row in await self._database.read(done)}
        return found


def _audience(announcement: Announcement) -> Any:
    return (users if announcement.topic is None else subscriptions).c


def _of_audience(announcement: Announcement, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Of those whom it is for, with what each did."""
    audience = _audience(announcement)
    mine = sa.and_(_r.user_id == audience.user_id, _r.announcement_id == announcement.id)
    query = sa.select(*columns).outerjoin_from(audience.user_id.table, announcement_receipts, mine)
    return query if announcement.topic is None else query.where(audience.topic == announcement.topic)


def _done(announcement: Announcement) -> sa.ColumnElement[bool]:
    """Whether the user did what is wanted."""
    return _ACKNOWLEDGED if announcement.require_ack else _READ
