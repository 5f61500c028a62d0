"""Notifications that replace earlier ones, in SQL: what arrives together in one transaction.

On PostgreSQL it holds advisory locks, a fixed number of which stand for all keys of all users: who replaces the same
waits there, and then sees what the other has saved. SQLite has one writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from ..models import Notification
from .base import Claim, Collapsed
from .collapse import Decided, Earlier, Place, Save, decide, place_of, stripes
from .engines import Database
from .group import Group, Sizes
from .records import parts, resume
from .sql_claims import SqlClaims
from .tables import NOW, in_inbox, is_there, is_unread, milliseconds, notifications

TOGETHER = 10_000
"""Most notifications in one transaction, but for those of one send."""
REPEATED_WITHIN = timedelta(hours=1)
"""How long is known of a send without a claim that it was saved. It is repeated within seconds, if at all."""
_LOCKS = 0x45766E74
"""The first half of the advisory locks' keys: arbitrary, and no other program on the database should take it."""

_n = notifications.c
Insert = Callable[[sa.Connection, Sequence[Notification]], None]


class SqlCollapse:
    """The part of `SqlStore` that saves notifications with a `collapse_key`. `insert` saves any."""

    def __init__(self, database: Database, claims: SqlClaims, insert: Insert, sizes: Sizes) -> None:
        self._database = database
        self._claims = claims
        self._insert = insert
        # Built once: to put one together takes longer than to carry it out.
        users = sa.bindparam("users", type_=database.packed)
        self._with_key = _replaceable(database.within(_n.user_id, users), _n.collapse_key == sa.bindparam("key"))
        places = database.listed("user_id", "collapse_key").c
        self._in_places = _replaceable(_n.user_id == places.user_id, _n.collapse_key == places.collapse_key)
        self._delete = sa.delete(notifications).where(
            database.within(_n.id, sa.bindparam("ids", type_=database.packed))
        )
        self._saves = Group(self._save, weigh=lambda save: len(save.items) + 1, most=TOGETHER, sizes=sizes)

    async def add(self, save: Save) -> Collapsed:
        """See `Store.add_collapsing`."""
        return await self._saves.do(save)

    async def settle(self) -> None:
        """Wait for all that is under way."""
        await self._saves.settle()

    async def _save(self, saves: Sequence[Save]) -> Sequence[Collapsed]:
        return await self._database.write(partial(self._work, saves))

    def _work(self, saves: Sequence[Save], connection: sa.Connection) -> Sequence[Collapsed]:
        if not self._database.one_writer:
            connection.execute(_LOCK, {"stripes": stripes(saves)}).all()
        held = self._take_claims(connection, saves)
        sends = [_wanted(save, earlier) for save, earlier in zip(saves, held, strict=True)]
        decided = decide(sends, self._find(connection, saves, sends))
        self._replace(connection, decided)
        return [
            outcome._replace(held=earlier) if save.claim is not None else outcome._replace(repeated=earlier is not None)
            for save, outcome, earlier in zip(saves, decided.outcomes, held, strict=True)
        ]

    def _take_claims(self, connection: sa.Connection, saves: Sequence[Save]) -> list[Claim | None]:
        """The claims that hold, if they are earlier ones.

        There is one for each save: otherwise one that is repeated, because nobody knew whether it was saved, could
        replace what has replaced it.
        """
        claims = [save.claim or _own_claim(save) for save in saves]
        held: list[Claim | None] = [None] * len(saves)
        # In the order of keys: two instances with the same ones would otherwise wait for each other.
        for number in sorted(range(len(saves)), key=lambda number: claims[number].key):
            held[number] = self._claims.take(connection, claims[number])
        return held

    def _find(
        self, connection: sa.Connection, saves: Sequence[Save], sends: Iterable[Sequence[Notification]]
    ) -> Mapping[Place, Sequence[Earlier]]:
        """Those that can be replaced; they are held from now on."""
        found: dict[Place, list[Earlier]] = {}
        now = max(milliseconds(save.now) for save in saves)
        for some in parts(dict.fromkeys(place_of(item) for items in sends for item in items)):
            users, keys = [user for user, _ in some], [key or "" for _, key in some]
            if len(set(keys)) == 1:
                bounds = {"users": self._database.pack(users), "key": keys[0], NOW.key: now}
                rows = connection.execute(self._with_key, bounds)
            else:
                places = self._database.rows(user_id=users, collapse_key=keys)
                rows = connection.execute(self._in_places, {NOW.key: now, **places})
            for id, user, key, collapsed in rows:
                found.setdefault((user, key), []).append(Earlier(id, collapsed or 0))
        return found

    def _replace(self, connection: sa.Connection, decided: Decided) -> None:
        for gone in parts(each.id for some in decided.gone.values() for each in some):
            connection.execute(self._delete, {"ids": self._database.pack(gone)})
        if decided.new:
            self._insert(connection, list(decided.new.values()))


def _replaceable(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    wanted = is_unread(_n.status), in_inbox(_n), is_there(_n, NOW), _n.collapse_key.is_not(None)
    query = sa.select(_n.id, _n.user_id, _n.collapse_key, _n.collapsed).where(*conditions, *wanted)
    return query.order_by(_n.id).with_for_update(of=notifications)


def _wanted(save: Save, held: Claim | None) -> Sequence[Notification]:
    """What is left to save."""
    if held is None:
        return save.items
    if save.claim is not None and held.fingerprint == save.claim.fingerprint and not held.complete:
        return resume(save.items, held)
    return ()


def _own_claim(save: Save) -> Claim:
    first = save.items[0].id
    return Claim(first, "", [(first, "")], save.now, lifetime=REPEATED_WITHIN)


_STRIPE: Any = sa.func.unnest(sa.bindparam("stripes", type_=sa.ARRAY(sa.Integer))).column_valued("stripe")
_LOCK = sa.select(sa.func.pg_advisory_xact_lock(sa.literal(_LOCKS, sa.Integer), _STRIPE))
