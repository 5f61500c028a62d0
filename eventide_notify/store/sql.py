"""Notifications in SQLite (the embedded default) or PostgreSQL: one implementation on SQLAlchemy Core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property, partial
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import exc

from ..models import Announcement, Notification, NotificationId, Receipt, Status, UserId
from . import tables
from .base import Claim
from .engines import Database, admitting
from .postgresql import Postgresql
from .records import AT_ONCE, parts, resume, resume_announcement
from .sql_announcements import ACTIVE, DONE, OF_USER, USER, SqlAnnouncements
from .sql_claims import SqlClaims
from .sqlite import Sqlite
from .tables import (
    Run,
    announcement_receipts,
    delivered,
    is_pending,
    is_unread,
    milliseconds,
    read,
    runs,
    to_notification,
    to_rows,
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
        wanted = runs(notifications)
        if await self._database.save_together(wanted, claim):
            return None
        return await self._claims.once(
            claim,
            lambda connection: self._insert(connection, wanted),
            lambda connection, held: self._insert(connection, runs(resume(notifications, held))),
        )

    def _insert(self, connection: sa.Connection, wanted: Iterable[Run]) -> None:
        if rows := [row for run in wanted for row in to_rows(run)]:
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
        found: list[NotificationId] = []
        for part in parts(ids):
            queries = [sa.select(has.id).where(self._database.among(has.id, part)) for has in _HAS]
            rows = await self._database.read(sa.union_all(*queries), {"user": user, "now": milliseconds(now)})
            found += [row.id for row in rows]
        return found

    async def unread_counts(self, users: Collection[UserId], *, now: datetime) -> Mapping[UserId, int]:
        counts: dict[UserId, int] = {}
        for part in parts(users):
            parameters = {"users": self._database.pack(part), "now": milliseconds(now)}
            numbers: Counter[UserId | None] = Counter()
            for row in await self._database.read(self._unread, parameters):
                numbers[row.user_id] += row.number
            counts |= {user: numbers[user] + numbers[None] for user in part}
        return counts

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
        changed, partly = 0, False
        own = [receipt for receipt in receipts if not receipt.broadcast]
        broadcast = [receipt for receipt in receipts if receipt.broadcast]
        for part in parts(own):
            with admitting(partly):
                number = await self._database.deliver_together(part, now)
            if number is None:
                number = await self._database.write(partial(self._deliver, part, now), partly=partly)
            changed, partly = changed + number, True
        for part in parts(broadcast):
            work = partial(self._announcements.deliver, receipts=part, now=now)
            changed, partly = changed + await self._database.write(work, partly=partly), True
        return changed

    def _deliver(self, receipts: Sequence[Receipt], now: datetime, connection: sa.Connection) -> int:
        proven = {(receipt.notification_id, receipt.user_id) for receipt in receipts}
        pending = _locked(self._database.among(_n.id, [id for id, _ in proven]), is_pending(_n.status))
        ids = [row.id for row in connection.execute(pending) if (row.id, row.user_id) in proven]
        if ids:
            connection.execute(sa.update(_notifications).where(self._database.among(_n.id, ids)).values(delivered(now)))
        return len(ids)

    async def mark_read(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        done = list(await self._database.read_together(user, ids, now)) if 0 < len(ids) <= AT_ONCE else []
        others = set(ids).difference(done)
        change = sa.update(_notifications).where(is_unread(_n.status)).values(read(_n, now))
        return [*done, *await self._change(user, others, now, change, self._announcements.read, partly=bool(done))]

    async def mark_all_read(self, user: UserId, *, up_to: NotificationId | None, now: datetime) -> int:
        changed = 0
        older = [] if up_to is None else [_n.id <= up_to]

        def work(connection: sa.Connection) -> tuple[int, Sequence[NotificationId]]:
            ids = connection.execute(_newest_unread(user, *older)).scalars().all()
            number = self._read(connection, ids, now) if ids else 0
            if len(ids) < AT_ONCE:
                number += self._announcements.read_all(connection, user, up_to, now)
            return number, ids

        while True:  # the newest first: what comes meanwhile is not touched
            number, ids = await self._database.write(work, partly=changed > 0)
            changed += number
            if len(ids) < AT_ONCE:
                return changed
            older = [_n.id < ids[-1]]

    def _read(self, connection: sa.Connection, ids: Sequence[NotificationId], now: datetime) -> int:
        locked = _locked(self._database.among(_n.id, ids), is_unread(_n.status)).with_only_columns(_n.id)
        return connection.execute(sa.update(_notifications).where(_n.id.in_(locked)).values(read(_n, now))).rowcount

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
        *,
        partly: bool = False,
    ) -> Collection[NotificationId]:
        """Apply the change to those of `ids` that the user has, and return them."""

        def work(part: Sequence[NotificationId], connection: sa.Connection) -> Collection[NotificationId]:
            mine = _locked(self._database.among(_n.id, part), _n.user_id == user)
            found = [row.id for row in connection.execute(mine)]
            if found:
                connection.execute(change.where(self._database.among(_n.id, found)))
            others = set(part).difference(found)
            return [*found, *announcements(connection, user, others, now)] if others else found

        done: list[NotificationId] = []
        for part in parts(dict.fromkeys(ids)):
            done += await self._database.write(partial(work, part), partly=partly or bool(done))
        return done


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


def _newest_unread(user: UserId, *conditions: sa.ColumnElement[bool]) -> sa.Select[str]:
    query = sa.select(_n.id).where(_n.user_id == user, is_unread(_n.status), *conditions)
    return query.order_by(_n.id.desc()).limit(AT_ONCE)


def _save_nothing(connection: sa.Connection) -> None:
    """Write as for a notification, to the disk, its table and all its indexes, and leave none there."""
    id = f"check-{uuid4()}"
    nobodys = dict.fromkeys(("user_id", "message", "title", "type"), "") | {"status": Status.PENDING, "created_at": 0}
    connection.execute(sa.insert(_notifications).values(nobodys | {"id": id}))
    connection.execute(sa.delete(_notifications).where(_n.id == id))
    claim = {"key": id, "fingerprint": "", "items": "[]", "claimed_at": 0, "complete": True}  # of a send with a key
    connection.execute(sa.insert(tables.claims).values(claim))
    connection.execute(sa.delete(tables.claims).where(tables.claims.c.key == id))
