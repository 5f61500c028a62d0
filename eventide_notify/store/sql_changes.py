"""What users do, in SQL: receipts, changes and pressed actions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..models import Change, NotificationId, Receipt, UserId
from .base import Changed
from .engines import Database, admitting
from .records import AT_ONCE, parts
from .sql_announcements import USER, SqlAnnouncements
from .tables import (
    AT,
    DELIVERED,
    NOW,
    in_place,
    is_free,
    is_pending,
    is_there,
    is_touched,
    is_unread,
    milliseconds,
    notifications,
    pressed,
    touched,
)

ALL_AT_ONCE = 2_000
"""How many are changed at once where all are: others have their turn after some milliseconds."""

_n = notifications.c


class Statements(NamedTuple):
    """How a change is made to notifications of a user's own."""

    hold: sa.Select[Any]
    """Which there are, and whether they will be `touched`; they are held until then."""
    make: sa.Update | sa.Delete
    """Change `ids`."""


class SqlChanges:
    """The part of `SqlStore` that changes what users have."""

    def __init__(self, database: Database, announcements: SqlAnnouncements) -> None:
        self._database = database
        self._announcements = announcements
        # Built once: to put one together takes longer than to carry it out.
        # Never both the ids and their user: while PostgreSQL does not know of a user with many notifications, it takes
        # the index of all that the user has, and compares each with each of the ids: seconds for 50,000 and 2,000.
        wanted = database.within(_n.id, sa.bindparam("ids", type_=database.packed))
        mine = _n.user_id == USER
        between = _n.id.between(sa.bindparam("oldest"), sa.bindparam("newest"))
        self._pending = _locked(wanted, is_pending(_n.status))
        self._delivered = sa.update(notifications).where(wanted).values(DELIVERED)
        self._some = {change: _statements(change, wanted, wanted) for change in Change}
        self._all = {
            change: _statements(change, wanted, mine, between, in_place(_n, change), is_touched(_n, change))
            for change in Change
        }

    async def deliver(self, receipts: Collection[Receipt], now: datetime) -> int:
        changed, partly = 0, False
        for part in parts(receipt for receipt in dict.fromkeys(receipts) if not receipt.broadcast):
            with admitting(partly):
                number = await self._database.deliver_together(part, now)
            if number is None:
                number = await self._database.write(partial(self._deliver, part, now), partly=partly)
            changed, partly = changed + number, True
        for part in parts(receipt for receipt in dict.fromkeys(receipts) if receipt.broadcast):
            work = partial(self._announcements.deliver, receipts=part, now=now)
            changed, partly = changed + await self._database.write(work, partly=partly), True
        return changed

    def _deliver(self, receipts: Sequence[Receipt], now: datetime, connection: sa.Connection) -> int:
        proven = {(receipt.notification_id, receipt.user_id) for receipt in receipts}
        named = self._database.pack([id for id, _ in proven])
        rows = connection.execute(self._pending, {"ids": named, NOW.key: milliseconds(now)})
        if ids := [row.id for row in rows if (row.id, row.user_id) in proven]:
            connection.execute(self._delivered, {"ids": self._database.pack(ids), AT.key: milliseconds(now)})
        return len(ids)

    async def change(self, user: UserId, change: Change, ids: Collection[NotificationId], now: datetime) -> Changed:
        def work(part: Sequence[NotificationId], connection: sa.Connection) -> Changed:
            own = self._change(connection, user, self._some[change], now, ids=self._database.pack(part))
            others = set(part).difference(own.owned)
            if not others:
                return own
            announced = self._announcements.change(connection, user, change, others, now)
            return Changed([*own.owned, *announced.owned], [*own.changed, *announced.changed], announced.withheld)

        few = 0 < len(ids) <= AT_ONCE
        done = await self._database.change_together(user, change, ids, now) if few else Changed((), ())
        owned, changed, withheld = list(done.owned), list(done.changed), list(done.withheld)
        if others := set(ids).difference(owned):
            async with self._database.turn(user):
                for part in parts(others):
                    done = await self._database.write(partial(work, part), partly=bool(changed))
                    owned += done.owned
                    changed += done.changed
                    withheld += done.withheld
        return Changed(owned, changed, withheld)

    async def change_all(
        self, user: UserId, change: Change, up_to: NotificationId | None, now: datetime
    ) -> Sequence[NotificationId]:
        older = [] if up_to is None else [_n.id <= up_to]
        changed: list[NotificationId] = []

        def work(connection: sa.Connection) -> tuple[Sequence[NotificationId], list[NotificationId]]:
            ids = connection.execute(_newest(user, change, *older), {"now": milliseconds(now)}).scalars().all()
            done: list[NotificationId] = []
            if ids:
                done += self._change(connection, user, self._all[change], now, newest=ids[0], oldest=ids[-1]).changed
            if is_first:
                done += self._announcements.change_all(connection, user, change, up_to, now)
            return ids, done

        is_first = True
        async with self._database.turn(user):
            while True:  # the newest first: what comes meanwhile is not touched
                ids, done = await self._database.write(work, partly=bool(changed))
                changed += sorted(done, reverse=True)  # so that sorting all of them below takes no time
                if len(ids) < ALL_AT_ONCE:
                    return sorted(changed, reverse=True)
                older, is_first = [_n.id < ids[-1]], False

    def _change(
        self, connection: sa.Connection, user: UserId, statements: Statements, now: datetime, **which: Any
    ) -> Changed:
        """Make this change to those that are notifications of the user's own."""
        rows = connection.execute(statements.hold, {"user": user, "now": milliseconds(now), **which})
        held = [row for row in rows if row.user_id == user]
        if changed := [row.id for row in held if row.touched]:
            parameters = {"ids": self._database.pack(changed), AT.key: milliseconds(now)}
            connection.execute(statements.make, parameters)
        return Changed([row.id for row in held], changed)

    async def press(self, user: UserId, id: NotificationId, action: str, now: datetime) -> bool:
        mine = _n.id == id, _n.user_id == user, is_there(_n, NOW)
        press = sa.update(notifications).where(*mine, is_free(_n, action)).values(pressed(_n, action))

        def work(connection: sa.Connection) -> bool:
            times = {AT.key: milliseconds(now), NOW.key: milliseconds(now)}
            if connection.execute(press, times).rowcount:
                return True
            return self._announcements.press(connection, user, id, action, now)

        async with self._database.turn(user):
            return await self._database.write(work)

    async def acknowledge(self, user: UserId, id: NotificationId, now: datetime) -> Changed:
        async with self._database.turn(user):
            return await self._database.write(partial(self._announcements.acknowledge, user=user, id=id, now=now))


def _locked(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The rows to change, locked in the order of ids, so that two changes never wait for each other crosswise."""
    return sa.select(_n.id, _n.user_id).where(*conditions, is_there(_n, NOW)).order_by(_n.id).with_for_update()


def _statements(change: Change, wanted: sa.ColumnElement[bool], *which: sa.ColumnElement[bool]) -> Statements:
    hold = _locked(*which).add_columns(is_touched(_n, change).label("touched"))
    if change is Change.DELETE:
        return Statements(hold, sa.delete(notifications).where(wanted))
    return Statements(hold, sa.update(notifications).where(wanted).values(touched(_n, change)))


def _newest(user: UserId, change: Change, *conditions: sa.ColumnElement[bool]) -> sa.Select[str]:
    """The newest that this change of all changes."""
    which = [_n.user_id == user, in_place(_n, change), is_touched(_n, change), is_there(_n, NOW), *conditions]
    if change is Change.SEEN:
        which.append(is_unread(_n.status))  # what is read is seen; said, because there is an index of what is unread
    return sa.select(_n.id).where(*which).order_by(_n.id.desc()).limit(ALL_AT_ONCE)
