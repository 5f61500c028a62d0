"""Topics in SQL: a row for each user who is subscribed to one, and a search for it from either side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from ..models import NotificationId, Status, UserId
from .engines import Database
from .records import DELETED, parts
from .tables import announcement_receipts, announcements, milliseconds, subscriptions

_a = announcements.c
_r = announcement_receipts.c
_s = subscriptions.c
ByUser = Mapping[UserId, Collection[NotificationId]]

TOPIC = sa.bindparam("topic", type_=sa.Text)
_NEW = sa.bindparam("new", type_=sa.Text)
"""A topic. A parameter of an INSERT may not be named as its column."""


def is_subscribed(user: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether the user is subscribed to the announcement's topic."""
    table = subscriptions.alias()
    wanted = sa.select(sa.literal(1)).where(table.c.user_id == user, table.c.topic == _a.topic)
    return wanted.correlate_except(table).exists()


def is_for(user: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether the announcement is for this user: for everybody, or to one of the user's topics."""
    return sa.or_(_a.topic.is_(None), is_subscribed(user))


class SqlTopics:
    """The part of `SqlStore` that is about topics."""

    def __init__(self, database: Database) -> None:
        self._database = database
        asked = database.listed("user_id")
        # Of each user by the index. PostgreSQL would take a join, `IN` or EXISTS for a reason to read all rows.
        there = sa.select(_s.topic).where(_s.topic == TOPIC, _s.user_id == asked.c.user_id).scalar_subquery()
        self._those_subscribed = sa.select(asked.c.user_id).where(there.is_not(None))
        # SQLite would take what follows a table for a condition of a join, unless there is a WHERE.
        rows = sa.select(asked.c.user_id, _NEW).where(sa.true())
        insert = database.insert(subscriptions).from_select(["user_id", "topic"], rows)
        new = insert.on_conflict_do_nothing(index_elements=[_s.user_id, _s.topic])
        self._subscribe = new.returning(_s.user_id)

    async def subscribe(self, topic: str, users: Collection[UserId], now: datetime) -> ByUser:
        """See `Store.subscribe`."""
        return await self._change(topic, users, now, self._insert)

    async def unsubscribe(self, topic: str, users: Collection[UserId], now: datetime) -> ByUser:
        """See `Store.unsubscribe`."""
        return await self._change(topic, users, now, self._delete)

    async def of(self, user: UserId) -> Sequence[str]:
        """The user's topics."""
        query = sa.select(_s.topic).where(_s.user_id == user).order_by(_s.topic)
        return [row.topic for row in await self._database.read(query)]

    async def subscribed(self, topic: str, users: Collection[UserId]) -> Collection[UserId]:
        """Those of them who are."""
        found: list[UserId] = []
        for part in parts(users):
            parameters = {TOPIC.key: topic, **self._database.rows(user_id=part)}
            found += [row.user_id for row in await self._database.read(self._those_subscribed, parameters)]
        return found

    async def subscribers(self, topic: str) -> int:
        """How many there are."""
        [row] = await self._database.read(sa.select(sa.func.count().label("number")).where(_s.topic == topic))
        return int(row.number)

    async def _change(
        self,
        topic: str,
        users: Iterable[UserId],
        now: datetime,
        change: Callable[[sa.Connection, str, Sequence[UserId]], Sequence[UserId]],
    ) -> ByUser:
        def work(part: Sequence[UserId], connection: sa.Connection) -> ByUser:
            changed = change(connection, topic, part)
            return self._concerned(connection, topic, changed, now)

        changed: dict[UserId, Collection[NotificationId]] = {}
        for part in parts(sorted(set(users))):  # in one order: two calls would otherwise wait for each other
            changed |= await self._database.write(partial(work, part), partly=bool(changed))
        return changed

    def _insert(self, connection: sa.Connection, topic: str, users: Sequence[UserId]) -> Sequence[UserId]:
        parameters = {_NEW.key: topic, **self._database.rows(user_id=users)}
        return connection.execute(self._subscribe, parameters).scalars().all()

    def _delete(self, connection: sa.Connection, topic: str, users: Sequence[UserId]) -> Sequence[UserId]:
        which = _s.topic == topic, self._database.among(_s.user_id, users)
        held = sa.select(_s.user_id).where(*which).order_by(_s.user_id).with_for_update()
        there = connection.execute(held).scalars().all()
        if there:
            delete = sa.delete(subscriptions).where(_s.topic == topic, self._database.among(_s.user_id, there))
            connection.execute(delete)
        return there

    def _concerned(self, connection: sa.Connection, topic: str, users: Sequence[UserId], now: datetime) -> ByUser:
        """The topic's announcements that each of them has if they are subscribed, and else not."""
        current = sa.select(_a.id).where(_a.topic == topic, _a.expires_at > milliseconds(now)).order_by(_a.id)
        ids = connection.execute(current).scalars().all() if users else []
        if not ids:
            return dict.fromkeys(users, ())
        done = sa.select(_r.user_id, _r.announcement_id).where(
            self._database.among(_r.user_id, users),
            self._database.among(_r.announcement_id, ids),
            _r.status.in_([Status.READ, DELETED]),
        )
        others: dict[UserId, set[NotificationId]] = {}
        for user, id in connection.execute(done):
            others.setdefault(user, set()).add(id)
        return {user: [id for id in ids if id not in others[user]] if user in others else ids for user in users}
