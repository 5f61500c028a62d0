"""Announcements in SQL: one row each, and a row for each user who received, read or deleted it.

Those to a topic are found by the user's subscriptions, and those that the user has read by that: never among all.

Whoever writes such rows holds the announcement first, in the order of ids, so that it cannot be removed meanwhile and
leave rows of nothing behind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..errors import OutcomeUnknown, Unavailable
from ..models import WITHHELD, Announcement, Change, NotificationId, Receipt, Status, UserId
from .base import Changed
from .engines import Database
from .records import AT_ONCE, DELETED, LONG_AGO
from .sql_topics import is_for, is_subscribed
from .tables import (
    AT,
    DELIVERED,
    NOW,
    acknowledged,
    announcement_receipts,
    announcements,
    from_announcement,
    in_archive,
    in_place,
    is_acknowledgeable,
    is_demanding,
    is_free,
    is_pending,
    is_touched,
    milliseconds,
    notifications,
    pressed,
    subscriptions,
    to_announcement,
    touched,
)

Columns = sa.ColumnCollection[str, Any]
_a = announcements.c
_r = announcement_receipts.c
_s = subscriptions.c
_KEY = (_r.user_id, _r.announcement_id)

_TRUE = sa.true()
USER = sa.bindparam("user", type_=sa.Text)
TOP = sa.bindparam("top", type_=sa.BigInteger)


def _active(now: int | sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    return _a.expires_at > now


def _is_active(a: Columns) -> sa.ColumnElement[bool]:
    """Likewise, with a sum: so that no database takes the index by expiry, which has those of all topics."""
    return a.expires_at + 0 > NOW  # type: ignore[no-any-return]


def _as_had(name: str) -> sa.ColumnElement[Any]:
    """The column of notifications."""
    match name:
        case "user_id":
            return USER.label(name)
        case "status":
            return sa.func.coalesce(_r.status, sa.literal_column("'PENDING'")).label(name)
        case "collapse_key" | "collapsed":
            return sa.cast(sa.null(), notifications.c[name].type).label(name)
    return _a[name] if name in _a else _r[name]


def _had(tables: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The announcements in these tables as `USER` has them, with the columns of notifications."""
    columns = [_as_had(column.name) for column in notifications.columns]
    as_announced = [sa.true().label("broadcast"), _a.topic, _a.require_ack, _r.acknowledged_at]
    not_deleted = sa.func.coalesce(_r.status, "") != DELETED
    return sa.select(*columns, *as_announced).select_from(tables).where(_active(NOW), not_deleted, *conditions)


_MINE = sa.and_(_r.user_id == USER, _r.announcement_id == _a.id)
_SUBSCRIBED = sa.join(subscriptions, announcements, _s.topic == _a.topic)
_IS_READ = _r.status == sa.literal_column("'READ'")
_HAS = sa.or_(_IS_READ, is_for(USER))
OF_USER = _had(announcements.outerjoin(announcement_receipts, _MINE), _HAS)
"""The announcements that `USER` has at the time `NOW`: to be searched by their ids."""
KINDS = (
    _had(announcements.outerjoin(announcement_receipts, _MINE), _a.topic.is_(None)),
    _had(_SUBSCRIBED.outerjoin(announcement_receipts, _MINE), _s.user_id == USER),
)
"""The same, but for `LEFT`, each found by an index: everybody's, and those of the user's topics."""
LEFT = _had(announcement_receipts.join(announcements, _MINE), _IS_READ, _a.topic.is_not(None), ~is_subscribed(USER))
"""Those that the user has read, and whose topic they have left."""
MAY_HAVE_TOP = sa.select(
    sa.or_(
        sa.select(_a.id).where(is_demanding(_a), _a.topic.is_(None), _active(NOW)).exists(),
        sa.select(_a.id).select_from(_SUBSCRIBED).where(is_demanding(_a), _s.user_id == USER, _active(NOW)).exists(),
        sa.select(_r.user_id).where(_r.user_id == USER, _r.acknowledged_at > TOP).exists(),
    )
)
"""False: at the time `TOP` there was nothing that `USER` had to acknowledge."""
_READ = sa.or_(_r.status.in_([Status.READ, DELETED]), in_archive(_r))
_SEEN = sa.or_(_READ, _r.seen_at.is_not(None))
_TWICE = sa.func.count(), sa.func.count()
ACTIVE = sa.select(sa.null().cast(sa.Text), *_TWICE).where(_a.topic.is_(None), _is_active(_a))
"""How many everybody has at the time `NOW`, twice; for the user NULL."""
SUBSCRIBED = sa.select(_s.user_id, *_TWICE).select_from(_SUBSCRIBED).where(_active(NOW)).group_by(_s.user_id)
"""How many each user has of topics, likewise."""
DONE = (
    sa.select(_r.user_id, -sa.func.count().filter(_READ), -sa.func.count())
    .select_from(announcement_receipts)
    .join(announcements, _a.id == _r.announcement_id)
    .where(_SEEN, _active(NOW), is_for(_r.user_id))
    .group_by(_r.user_id)
)
"""Minus how many of these are not among each user's unread, and not among the unseen."""

_REQUIRED = sa.select(_a.require_ack).where(_a.id == _r.announcement_id).scalar_subquery()
_UNACKNOWLEDGED = sa.and_(_r.acknowledged_at.is_(None), _REQUIRED)
"""Whether the user of this row has to acknowledge the announcement, and has not."""


def _all_of_user() -> sa.ColumnElement[bool]:
    """Whether the announcement is one of `KINDS`, found by an index."""
    a = announcements.alias()
    everybodys = sa.select(a.c.id).where(a.c.topic.is_(None), _is_active(a.c))
    of_topics = sa.select(a.c.id).join(subscriptions, _s.topic == a.c.topic).where(_s.user_id == USER, _is_active(a.c))
    return _a.id.in_(sa.union_all(everybodys, of_topics))


class Statements(NamedTuple):
    """How a change is made to announcements that a user has."""

    insert: sa.Insert
    """Rows for those that the user has done nothing to yet."""
    hold: sa.Select[Any]
    """Those that the user has, whether their rows are as `wanted`, and whether they are `withheld`; they are held until
    then."""
    make: sa.Update
    """Change `ids`."""


class SqlAnnouncements:
    """The part of `SqlStore` that is about announcements only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        among = database.within(_a.id, sa.bindparam("among", type_=database.packed))
        self._changes = {
            change: self._statements(among, is_touched(_r, change), touched(_r, change), change) for change in Change
        }  # built once: to put one together takes longer than to carry it out
        self._new, self._pending = self._deliveries()

    def insert(self, connection: sa.Connection, announcement: Announcement) -> None:
        """Save it, if it is not there yet."""
        insert = self._database.insert(announcements).on_conflict_do_nothing(index_elements=[_a.id])
        connection.execute(insert, from_announcement(announcement))

    async def after(self, id: NotificationId, now: datetime) -> Sequence[Announcement]:
        query = sa.select(announcements).where(_a.id > id, _active(milliseconds(now))).order_by(_a.id)
        return [to_announcement(row) for row in await self._database.read(query)]

    async def before(self, id: NotificationId | None, now: datetime, limit: int) -> Sequence[Announcement]:
        query = sa.select(announcements).where(_active(milliseconds(now))).order_by(_a.id.desc()).limit(limit)
        older = query if id is None else query.where(_a.id < id)
        return [to_announcement(row) for row in await self._database.read(older)]

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
        proven = self._database.rows(
            user_id=[receipt.user_id for receipt in receipts],
            announcement_id=[receipt.notification_id for receipt in receipts],
        )
        parameters = {NOW.key: milliseconds(now), AT.key: milliseconds(now), **proven}
        new = connection.execute(self._new, parameters).rowcount
        return new if new == len(receipts) else new + connection.execute(self._pending, parameters).rowcount

    def change(
        self, connection: sa.Connection, user: UserId, change: Change, ids: Collection[NotificationId], now: datetime
    ) -> Changed:
        """Make this change to those of `ids` that the user has."""
        return self._change(connection, self._changes[change], user, now, among=self._database.pack(ids))

    def change_all(
        self, connection: sa.Connection, user: UserId, change: Change, up_to: NotificationId | None, now: datetime
    ) -> Collection[NotificationId]:
        """Make this change to all, see `Store.change_all`; those that changed."""
        which = sa.true() if up_to is None else _a.id <= up_to
        wanted = sa.and_(in_place(_r, change), is_touched(_r, change))
        statements = self._statements(which, wanted, touched(_r, change), change, _all_of_user())
        return self._change(connection, statements, user, now).changed

    def acknowledge(self, connection: sa.Connection, user: UserId, id: NotificationId, now: datetime) -> Changed:
        """Note that the user has acknowledged it, see `Store.acknowledge`."""
        which = sa.and_(_a.id == id, _a.require_ack)
        return self._change(connection, self._statements(which, is_acknowledgeable(_r), acknowledged(_r)), user, now)

    def press(self, connection: sa.Connection, user: UserId, id: NotificationId, action: str, now: datetime) -> bool:
        """Make this the chosen action, see `Store.press`."""
        statements = self._statements(_a.id == id, is_free(_r, action), pressed(_r, action), Change.READ)
        return bool(self._change(connection, statements, user, now).changed)

    def _deliveries(self) -> tuple[sa.Insert, sa.Update]:
        """New rows for receipts, and changes to those that are there."""
        proven = self._database.listed("user_id", "announcement_id").c
        new = self._inserted(proven.user_id, DELIVERED, _a.id == proven.announcement_id)
        r = announcement_receipts.alias().c
        pending = sa.select(r.user_id, r.announcement_id).where(
            *(r.user_id == proven.user_id, r.announcement_id == proven.announcement_id, is_pending(r.status)),
            *(r.announcement_id == _a.id, _active(NOW), is_for(r.user_id)),
        )
        locked = pending.order_by(r.announcement_id, r.user_id).with_for_update(of=r.user_id)
        return new, sa.update(announcement_receipts).where(sa.tuple_(*_KEY).in_(locked)).values(DELIVERED)

    def _statements(
        self,
        which: sa.ColumnElement[bool],
        wanted: sa.ColumnElement[bool],
        values: Mapping[str, Any],
        change: Change | None = None,
        found: sa.ColumnElement[bool] = _TRUE,
    ) -> Statements:
        """`found`: how those are found that the user has, where `which` names none."""
        withheld = _UNACKNOWLEDGED if change in WITHHELD else sa.false()
        # Asked of each row of the user's: not all announcements there are are searched for them.
        had = sa.select(sa.literal(1)).where(_a.id == _r.announcement_id, which, _active(NOW), _HAS)
        mine = sa.select(_r.announcement_id, wanted.label("wanted"), withheld.label("withheld")).where(
            _r.user_id == USER, had.correlate_except(announcements).exists(), _r.status != DELETED
        )
        ids = self._database.within(_r.announcement_id, sa.bindparam("ids", type_=self._database.packed))
        return Statements(
            self._inserted(USER, {"status": sa.literal(Status.PENDING)}, sa.and_(which, found)),
            mine.order_by(_r.announcement_id).with_for_update(),
            sa.update(announcement_receipts).where(_r.user_id == USER, ids).values(values),
        )

    def _change(
        self, connection: sa.Connection, statements: Statements, user: UserId, now: datetime, **which: Any
    ) -> Changed:
        parameters = {"user": user, "now": milliseconds(now), **which}
        connection.execute(statements.insert, parameters)
        held = connection.execute(statements.hold, parameters).all()
        if changed := [row.announcement_id for row in held if row.wanted and not row.withheld]:
            ids = self._database.pack(changed)
            connection.execute(statements.make, {"user": user, "ids": ids, AT.key: milliseconds(now)})
        owned = [row.announcement_id for row in held if not row.withheld]
        return Changed(owned, changed, [row.announcement_id for row in held if row.withheld])

    def _inserted(
        self, user: sa.ColumnElement[str], row: Mapping[str, sa.ColumnElement[Any]], which: sa.ColumnElement[bool]
    ) -> sa.Insert:
        """Insert such rows for these announcements where there are none, and hold the announcements."""
        # In one order: two calls with the same ones would otherwise wait for each other.
        rows = sa.select(user, _a.id, *row.values()).where(which, _active(NOW), is_for(user)).order_by(_a.id, user)
        held = rows.with_for_update(read=True, key_share=True, of=announcements)
        insert = self._database.insert(announcement_receipts).from_select([*_KEY, *row], held)
        return insert.on_conflict_do_nothing(index_elements=_KEY)


def _delete_rows(id: NotificationId, limit: int | None = None) -> sa.Delete:
    # In the order of users: several instances may be purging.
    row = announcement_receipts.alias().c
    users = sa.select(row.user_id).where(row.announcement_id == id).order_by(row.user_id).limit(limit)
    return sa.delete(announcement_receipts).where(_r.announcement_id == id, _r.user_id.in_(users.with_for_update()))
