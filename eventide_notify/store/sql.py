"""Notifications in SQLite (the embedded default) or PostgreSQL: one implementation on SQLAlchemy Core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import exc

from ..models import Announcement, Notification, NotificationId, Receipt, Status, UserId
from . import tables
from .base import Claim
from .engines import Database
from .postgresql import Postgresql
from .records import resume, resume_announcement
from .sql_announcements import ACTIVE, DONE, OF_USER, USER, SqlAnnouncements
from .sql_claims import SqlClaims
from .sqlite import Sqlite
from .tables import (
    announcement_receipts,
    delivered,
    from_notification,
    is_pending,
    is_unread,
    milliseconds,
    read,
    to_notification,
)

_notifications = tables.notifications
_n = _notifications.c
Columns = sa.ColumnCollection[str, Any]


class SqlStore:
    """See `Store`. URLs: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` (memory), `postgresql://…`."""

    def __init__(self, url: str) -> None:
        kind = Sqlite if url.startswith("sqlite:") else Postgresql
        try:
            self._database: Database = kind(url)
        except exc.ArgumentError as error:
            raise ValueError(str(error)) from error
        self._claims = SqlClaims(self._database)
        self._keep = self._database.insert(_notifications).on_conflict_do_nothing(index_elements=[_n.id])
        self._announcements = SqlAnnouncements(self._database)

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def check_writable(self) -> None:
        await self._database.check_writable(_save_nothing)

    # Saving

    async def add(self, notifications: Sequence[Notification], *, claim: Claim | None = None) -> Claim | None:
        if not notifications and claim is None:
            return None
        return await self._claims.once(
            claim,
            lambda connection: self._insert(connection, notifications),
            lambda connection, held: self._insert(connection, resume(notifications, held)),
        )

    def _insert(self, connection: sa.Connection, notifications: Sequence[Notification]) -> None:
        # In the order of ids: two calls with the same ones would otherwise wait for each other.
        if rows := [from_notification(item) for item in sorted(notifications, key=lambda item: item.id)]:
            connection.execute(self._keep, rows)

    async def add_announcement(self, announcement: Announcement, *, claim: Claim | None = None) -> Claim | None:
        return await self._claims.once(
            claim,
            lambda connection: self._announcements.insert(connection, announcement),
            lambda connection, held: self._announcements.insert(connection, resume_announcement(announcement, held)),
        )

    async def remove_announcement(self, id: NotificationId) -> bool:
        return await self._announcements.remove(id)

    async def purge(self, *, claimed_before: datetime, now: datetime) -> None:
        await self._claims.purge(claimed_before)
        await self._announcements.purge(now)

    # What a user has

    async def get(self, user: UserId, id: NotificationId, *, now: datetime) -> Notification | None:
        found = await self._newest(user, now, 1, id=id)
        return found[0] if found else None

    async def page(
        self,
        user: UserId,
        *,
        now: datetime,
        limit: int,
        before: NotificationId | None = None,
        offset: int = 0,
        unread: bool | None = None,
        type: str | None = None,
    ) -> Sequence[Notification]:
        status = {} if unread is None else {"unread" if unread else "read": True}
        return await self._newest(user, now, limit, offset, before=before, type=type, **status)

    async def pending(self, user: UserId, *, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._newest(user, now, limit, pending=True))[::-1]

    async def newer(self, user: UserId, *, than: NotificationId, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._newest(user, now, limit, after=than))[::-1]

    async def owned(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        if not ids:
            return []
        queries = [sa.select(has.id).where(self._database.among(has.id, ids)) for has in _HAS]
        found = await self._database.read(sa.union_all(*queries), {"user": user, "now": milliseconds(now)})
        return [row.id for row in found]

    async def unread_counts(self, users: Collection[UserId], *, now: datetime) -> Mapping[UserId, int]:
        parameters = {"users": self._database.pack(users), "now": milliseconds(now)}
        numbers: Counter[UserId | None] = Counter()
        for row in await self._database.read(self._unread, parameters) if users else ():
            numbers[row.user_id] += row.number
        return {user: numbers[user] + numbers[None] for user in users}

    @cached_property
    def _unread(self) -> sa.CompoundSelect[Any]:
        users = sa.bindparam("users", type_=self._database.packed)
        own = sa.select(_n.user_id.label("user_id"), sa.func.count().label("number")).group_by(_n.user_id)
        return sa.union_all(
            own.where(self._database.within(_n.user_id, users), is_unread(_n.status)),
            ACTIVE,
            DONE.where(self._database.within(announcement_receipts.c.user_id, users)),
        )

    # What users do

    async def mark_delivered(self, receipts: Collection[Receipt], *, now: datetime) -> int:
        proven = {(receipt.notification_id, receipt.user_id) for receipt in receipts if not receipt.broadcast}
        broadcast = {receipt for receipt in receipts if receipt.broadcast}
        pending = _locked(self._database.among(_n.id, {id for id, _ in proven}), is_pending(_n.status))

        def work(connection: sa.Connection) -> int:
            found = connection.execute(pending) if proven else ()
            ids = [row.id for row in found if (row.id, row.user_id) in proven]
            if ids:
                connection.execute(
                    sa.update(_notifications).where(self._database.among(_n.id, ids)).values(delivered(now))
                )
            return len(ids) + self._announcements.deliver(connection, broadcast, now)

        return await self._database.write(work) if receipts else 0

    async def mark_read(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        change = sa.update(_notifications).where(is_unread(_n.status)).values(read(now))
        return await self._change(user, ids, now, change, self._announcements.read)

    async def mark_all_read(self, user: UserId, *, up_to: NotificationId | None, now: datetime) -> int:
        conditions = [_n.user_id == user, is_unread(_n.status)]
        if up_to is not None:
            conditions.append(_n.id <= up_to)
        locked = _locked(*conditions).with_only_columns(_n.id)
        change = sa.update(_notifications).where(_n.id.in_(locked)).values(read(now))

        def work(connection: sa.Connection) -> int:
            changed = connection.execute(change).rowcount
            return changed + self._announcements.read_all(connection, user, up_to, now)

        return await self._database.write(work)

    async def delete(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        return await self._change(user, ids, now, sa.delete(_notifications), self._announcements.delete)

    # What may have been missed, of all users

    async def since(self, id: NotificationId, *, limit: int) -> Sequence[Notification]:
        return await self._oldest(limit, _n.id > id)

    async def overdue(self, *, after: NotificationId, before: NotificationId, limit: int) -> Sequence[Notification]:
        return await self._oldest(limit, is_pending(_n.status), _n.id > after, _n.id < before)

    async def announcements(self, *, after: NotificationId, now: datetime) -> Sequence[Announcement]:
        return await self._announcements.after(after, now)

    async def _newest(
        self, user: UserId, now: datetime, limit: int, offset: int = 0, **wanted: str | bool | None
    ) -> list[Notification]:
        """The newest that fulfil all `_CONDITIONS` whose names have a value."""
        names = [name for name, value in wanted.items() if value is not None]
        bounds = {"user": user, "now": milliseconds(now), "limit": limit, "offset": offset, "end": limit + offset}
        rows = await self._database.read(_newest_where(*names), wanted | bounds)
        return [to_notification(row, broadcast=bool(row.broadcast)) for row in rows]

    async def _oldest(self, limit: int, *conditions: sa.ColumnElement[bool]) -> list[Notification]:
        query = sa.select(_notifications).where(*conditions).order_by(_n.id).limit(limit)
        return [to_notification(row) for row in await self._database.read(query)]

    async def _change(
        self,
        user: UserId,
        ids: Collection[NotificationId],
        now: datetime,
        change: sa.Update | sa.Delete,
        announcements: Callable[..., Collection[NotificationId]],
    ) -> Collection[NotificationId]:
        """Apply the change to those of `ids` that the user has, and return them."""
        mine = _locked(self._database.among(_n.id, ids), _n.user_id == user)

        def work(connection: sa.Connection) -> Collection[NotificationId]:
            found = [row.id for row in connection.execute(mine)]
            if found:
                connection.execute(change.where(self._database.among(_n.id, found)))
            others = set(ids).difference(found)
            return [*found, *announcements(connection, user, others, now)] if others else found

        return await self._database.write(work) if ids else []


# Built once: to put such a query together takes longer than to answer it.
_OWN = sa.select(_notifications, sa.false().label("broadcast")).where(_n.user_id == USER)
_HAS = (_OWN.subquery().c, OF_USER.subquery().c)
"""All that a user has, in two tables with the same columns."""
_CONDITIONS: dict[str, Callable[[Columns], sa.ColumnElement[bool]]] = {
    "id": lambda has: has.id == sa.bindparam("id"),
    "before": lambda has: has.id < sa.bindparam("before"),
    "after": lambda has: has.id > sa.bindparam("after"),
    "type": lambda has: has.type == sa.bindparam("type"),
    "pending": lambda has: is_pending(has.status),
    "unread": lambda has: is_unread(has.status),
    "read": lambda has: ~is_unread(has.status),
}


@cache
def _newest_where(*names: str) -> sa.CompoundSelect[Any]:
    def newest(has: Columns) -> sa.Select[Any]:
        query = sa.select(*has).where(*(_CONDITIONS[name](has) for name in names))
        return sa.select(query.order_by(has.id.desc()).limit(sa.bindparam("end")).subquery())

    both = sa.union_all(*map(newest, _HAS)).order_by(sa.desc("id"))
    return both.limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))


def _locked(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The rows to change, locked in the order of ids, so that two changes never wait for each other crosswise."""
    return sa.select(_n.id, _n.user_id).where(*conditions).order_by(_n.id).with_for_update()


def _save_nothing(connection: sa.Connection) -> None:
    """Take the way of a notification to the disk, through its table and all its indexes, and leave none there."""
    id = f"check-{uuid4()}"
    nobodys = {
        "id": id,
        "user_id": "",
        "status": Status.PENDING,
        "created_at": 0,
        "message": "",
        "title": "",
        "type": "",
    }
    connection.execute(sa.insert(_notifications).values(nobodys))
    connection.execute(sa.delete(_notifications).where(_n.id == id))
