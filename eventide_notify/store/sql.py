"""Notifications in SQLite (the embedded default) or PostgreSQL: one implementation on SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import exc

from ..due import Dead, Lease, Waiting, Work, WorkId
from ..models import Announcement, Change, Counts, Notification, NotificationId, Reach, Receipt, Status, UserId
from ..revocation import Revocation, RevocationId
from . import tables
from .base import Changed, Claim, Collapsed, Erased, Expired, Removed, Schema
from .collapse import Save
from .engines import Database
from .group import Sizes, untold
from .postgresql import Postgresql
from .records import in_any_case, newest_of, resume, resume_announcement, resume_work
from .sql_announcements import SqlAnnouncements
from .sql_changes import SqlChanges
from .sql_claims import SqlClaims
from .sql_collapse import SqlCollapse
from .sql_due import SqlDue
from .sql_expiry import SqlExpiry
from .sql_queries import Order, SqlQueries
from .sql_reach import SqlReach
from .sql_removal import SqlRemoval
from .sql_revocations import SqlRevocations
from .sql_topics import SqlTopics
from .sqlite import Sqlite
from .tables import SHARED, Run, columns_of, in_inbox, is_pending, runs, to_rows

_notifications = tables.notifications
_n = _notifications.c


class SqlStore:
    """See `Store`. URLs: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` (memory), `postgresql://…`."""

    def __init__(self, url: str, *, sizes: Sizes = untold) -> None:
        kind = Sqlite if url.startswith("sqlite:") else Postgresql
        try:
            self._database: Database = kind(url, sizes)
        except exc.ArgumentError as error:
            raise ValueError(str(error)) from error
        self._claims = SqlClaims(self._database)
        self._keeping: dict[int, str] = {}
        self._announcements = SqlAnnouncements(self._database)
        self._queries = SqlQueries(self._database)
        self._changes = SqlChanges(self._database, self._announcements)
        self._removal = SqlRemoval(self._database)
        self._reach = SqlReach(self._database)
        self._topics = SqlTopics(self._database)
        self._expiry = SqlExpiry(self._database)
        self._collapse = SqlCollapse(
            self._database, self._claims, lambda connection, new: self._insert(connection, runs(new)), sizes
        )
        self._revocations = SqlRevocations(self._database)
        self._due = SqlDue(self._database)

    async def open(self) -> None:
        await self._database.open()

    async def schema(self) -> Schema:
        return await self._database.schema()

    async def close(self) -> None:
        await self._collapse.settle()
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

    def _insert(self, connection: sa.Connection, wanted: Sequence[Run]) -> None:
        columns = columns_of(wanted)
        if rows := [row for run in wanted for row in to_rows(run, columns)]:
            connection.exec_driver_sql(self._keep(columns, connection.dialect), rows)

    def _keep(self, columns: int, dialect: sa.Dialect) -> str:
        """As text: SQLAlchemy takes longer to look at a row by its names than SQLite to save it."""
        if columns not in self._keeping:
            insert = self._database.insert(_notifications).on_conflict_do_nothing(index_elements=[_n.id])
            names = ["id", "user_id", *SHARED[:columns]]
            self._keeping[columns] = str(insert.compile(dialect=dialect, column_keys=names))
        return self._keeping[columns]

    async def add_collapsing(
        self, notifications: Sequence[Notification], *, claim: Claim | None = None, now: datetime
    ) -> Collapsed:
        return await self._collapse.add(Save(notifications, claim, now))

    async def add_announcement(self, announcement: Announcement, *, claim: Claim | None = None) -> Claim | None:
        return await self._claims.once(
            claim,
            lambda connection: self._announcements.insert(connection, announcement),
            lambda connection, held: self._announcements.insert(connection, resume_announcement(announcement, held)),
        )

    async def remove_announcement(self, id: NotificationId) -> bool:
        return await self._announcements.remove(id)

    async def is_claimed(self, key: str, *, now: datetime) -> bool:
        return await self._claims.holds(key, now)

    async def purge(self, *, claimed_before: datetime, now: datetime) -> None:
        await self._claims.purge(claimed_before, now)
        await self._announcements.purge(now)
        await self._revocations.purge(now)

    async def remove_old(
        self,
        *,
        older: NotificationId,
        read_before: datetime | None,
        after: NotificationId,
        look: int,
        limit: int,
    ) -> Removed:
        return await self._removal.due(older, read_before, after, look, limit)

    async def expired(self, *, after: tuple[datetime, NotificationId], until: datetime, limit: int) -> Expired:
        return await self._expiry.after(after, until, limit)

    async def remove_expired(self, *, before: datetime, limit: int) -> int:
        return await self._expiry.remove(before, limit)

    async def erase(self, user: UserId) -> Erased:
        erased = await self._removal.erase(user)
        await self._reach.forget(user)
        return erased

    # What a user has

    async def get(self, user: UserId, id: NotificationId, *, now: datetime) -> Notification | None:
        found = await self._queries.newest(user, now, 1, id=id)
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
        archived: bool | None = False,
        type: str | None = None,
        text: str | None = None,
        top: datetime | None = None,
        from_top: bool = False,
    ) -> Sequence[Notification]:
        if archived is None:  # each of both has an index
            one, other = [
                await self.page(
                    user,
                    now=now,
                    limit=limit + offset,
                    before=before,
                    unread=unread,
                    archived=each,
                    type=type,
                    text=text,
                )
                for each in (False, True)
            ]
            return newest_of(one, other)[offset : limit + offset]
        state = {"archive" if archived else "inbox": True}
        if unread is not None:
            state["unread" if unread else "read"] = True
        pattern = None if text is None else in_any_case(text)
        order = None if top is None else Order(top, from_top=from_top)
        return await self._queries.newest(
            user, now, limit, offset, order, before=before, type=type, text=pattern, **state
        )

    async def pending(self, user: UserId, *, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._queries.newest(user, now, limit, pending=True, inbox=True))[::-1]

    async def newer(self, user: UserId, *, than: NotificationId, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._queries.newest(user, now, limit, after=than, inbox=True))[::-1]

    async def owned(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        return await self._queries.owned(user, ids, now)

    async def counts(self, users: Collection[UserId], *, now: datetime) -> Mapping[UserId, Counts]:
        return await self._queries.counts(users, now)

    # What users do

    async def mark_delivered(self, receipts: Collection[Receipt], *, now: datetime) -> int:
        return await self._changes.deliver(receipts, now)

    async def change(self, user: UserId, change: Change, ids: Collection[NotificationId], *, now: datetime) -> Changed:
        return await self._changes.change(user, change, ids, now)

    async def change_all(
        self, user: UserId, change: Change, *, up_to: NotificationId | None, now: datetime
    ) -> Sequence[NotificationId]:
        return await self._changes.change_all(user, change, up_to, now)

    async def acknowledge(self, user: UserId, id: NotificationId, *, now: datetime) -> Changed:
        return await self._changes.acknowledge(user, id, now)

    async def press(self, user: UserId, id: NotificationId, action: str, *, now: datetime) -> bool:
        return await self._changes.press(user, id, action, now)

    # What may have been missed, of all users

    async def since(self, id: NotificationId, *, limit: int) -> Sequence[Notification]:
        return await self._queries.oldest(limit, _n.id > id)

    async def overdue(self, *, after: NotificationId, before: NotificationId, limit: int) -> Sequence[Notification]:
        return await self._queries.oldest(limit, is_pending(_n.status), in_inbox(_n), _n.id > after, _n.id < before)

    async def find(self, id: NotificationId) -> Notification | None:
        found = await self._queries.oldest(1, _n.id == id)
        return found[0] if found else None

    async def announcements(self, *, after: NotificationId, now: datetime) -> Sequence[Announcement]:
        return await self._announcements.after(after, now)

    async def newest_announcements(
        self, *, before: NotificationId | None, now: datetime, limit: int
    ) -> Sequence[Announcement]:
        return await self._announcements.before(before, now, limit)

    # Due work

    async def add_due(self, work: Work, *, claim: Claim | None = None) -> Claim | None:
        return await self._claims.once(
            claim,
            lambda connection: self._due.insert(connection, work),
            lambda connection, held: self._due.insert(connection, resume_work(work, held)),
        )

    async def first_due(self, *, kinds: Collection[str]) -> datetime | None:
        return await self._due.first(kinds)

    async def claim_due(
        self, *, kinds: Collection[str], now: datetime, lease: Lease, until: datetime, limit: int
    ) -> Sequence[Work]:
        return await self._due.claim(kinds, now, lease, until, limit)

    async def prolong_due(self, ids: Collection[WorkId], lease: Lease, *, until: datetime) -> None:
        await self._due.prolong(ids, lease, until)

    async def finish_due(self, ids: Collection[WorkId], lease: Lease) -> Collection[WorkId]:
        return await self._due.finish(ids, lease)

    async def postpone_due(
        self, id: WorkId, lease: Lease, *, at: datetime, attempts: int, payload: Mapping[str, Any]
    ) -> bool:
        return await self._due.postpone(id, lease, at, attempts, payload)

    async def bury_due(self, id: WorkId, lease: Lease, *, error: str, now: datetime) -> bool:
        return await self._due.bury(id, lease, error, now)

    async def due(self, *, kinds: Collection[str], after: WorkId, limit: int) -> Sequence[Work]:
        return await self._due.all(kinds, after, limit)

    async def find_due(self, id: WorkId) -> Work | None:
        return await self._due.get(id)

    async def cancel_due(self, id: WorkId) -> bool:
        return await self._due.cancel(id)

    async def revise_due(self, work: Work, payload: Mapping[str, Any], *, now: datetime) -> bool:
        return await self._due.revise(work.id, work.payload, payload, now)

    async def dead(self, *, after: WorkId, limit: int) -> Sequence[Dead]:
        return await self._due.dead(after, limit)

    async def retry_dead(self, id: WorkId, *, now: datetime) -> Work | None:
        return await self._due.retry(id, now)

    async def remove_dead(self, id: WorkId) -> bool:
        return await self._due.remove(id)

    async def count_due(self, *, by: datetime) -> Waiting:
        return await self._due.waiting(by)

    # Topics

    async def subscribe(
        self, topic: str, users: Collection[UserId], *, now: datetime
    ) -> Mapping[UserId, Collection[NotificationId]]:
        return await self._topics.subscribe(topic, users, now)

    async def unsubscribe(
        self, topic: str, users: Collection[UserId], *, now: datetime
    ) -> Mapping[UserId, Collection[NotificationId]]:
        return await self._topics.unsubscribe(topic, users, now)

    async def topics(self, user: UserId) -> Sequence[str]:
        return await self._topics.of(user)

    async def subscribed(self, topic: str, users: Collection[UserId]) -> Collection[UserId]:
        return await self._topics.subscribed(topic, users)

    async def subscribers(self, topic: str) -> int:
        return await self._topics.subscribers(topic)

    # Whom announcements have reached

    async def add_users(self, users: Collection[UserId]) -> None:
        await self._reach.add_users(users)

    async def announcement(self, id: NotificationId, *, now: datetime) -> Announcement | None:
        return await self._reach.announcement(id, now)

    async def reach(self, announcement: Announcement) -> Reach:
        return await self._reach.reach(announcement)

    async def missing(self, announcement: Announcement, *, after: UserId, limit: int) -> Sequence[UserId]:
        return await self._reach.missing(announcement, after, limit)

    async def unacknowledged(self, announcement: Announcement, users: Collection[UserId]) -> Collection[UserId]:
        found = await self._reach.unacknowledged(announcement, users)
        return found if announcement.topic is None else await self._topics.subscribed(announcement.topic, found)

    # Tokens that are no longer accepted

    async def add_revocation(self, revocation: Revocation) -> None:
        await self._revocations.add(revocation)

    async def remove_revocation(self, id: RevocationId) -> bool:
        return await self._revocations.remove(id)

    async def revocations(self, *, after: RevocationId, limit: int) -> Sequence[Revocation]:
        return await self._revocations.after(after, limit)


def _save_nothing(connection: sa.Connection) -> None:
    """Write as for a notification, to the disk, its table and all its indexes, and leave none there."""
    id = f"check-{uuid4()}"
    nobodys = dict.fromkeys(("user_id", "message", "title", "type"), "") | {"status": Status.PENDING, "created_at": 0}
    connection.execute(sa.insert(_notifications).values(nobodys | {"id": id}))
    connection.execute(sa.delete(_notifications).where(_n.id == id))
    claim = {"key": id, "fingerprint": "", "items": "[]", "claimed_at": 0, "complete": True}  # of a send with a key
    connection.execute(sa.insert(tables.claims).values(claim))
    connection.execute(sa.delete(tables.claims).where(tables.claims.c.key == id))
