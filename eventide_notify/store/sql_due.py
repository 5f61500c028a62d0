"""Due work in SQL: a row each, which whoever does the work holds by a lease in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from ..due import Dead, Lease, Waiting, Work, WorkId
from .engines import Database
from .tables import dead, due, milliseconds, to_time

_d = due.c
_x = dead.c
_NOW, _UNTIL, _TOO_LATE, _LIMIT = (sa.bindparam(name, type_=sa.BigInteger) for name in ("now", "end", "far", "most"))
_FREE = sa.and_(_d.at <= _NOW, sa.or_(_d.leased_until.is_(None), _d.leased_until <= _NOW, _d.leased_until > _TOO_LATE))


class SqlDue:
    """The part of `SqlStore` that is about due work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Built once: to put such a statement together takes longer than to carry it out.
        of_kinds = database.within(_d.kind, sa.bindparam("kinds", type_=database.packed))
        self._look = sa.select(_d.id).where(_FREE, of_kinds).limit(1)
        self._first = sa.select(_d.at).where(of_kinds).order_by(_d.at).limit(1)
        some = sa.select(_d.id).where(_FREE, of_kinds).order_by(_d.at, _d.id).limit(_LIMIT)
        # What another instance is claiming at this moment is not waited for. SQLite has one writer, and no such words.
        some = some.with_for_update(skip_locked=True)
        # PostgreSQL looks for them once then, and never claims more than these.
        once = some if database.one_writer else sa.select(some.cte("some").c.id)
        lease = {"lease": sa.bindparam("claimed"), "leased_until": _UNTIL}
        self._claim = sa.update(due).where(_d.id.in_(once)).values(lease).returning(*due.columns)

    def insert(self, connection: sa.Connection, work: Work) -> None:
        """Save it, if it is not there yet."""
        connection.execute(self._database.insert(due).on_conflict_do_nothing(index_elements=[_d.id]), _to_row(work))

    async def first(self, kinds: Collection[str]) -> datetime | None:
        """See `Store.first_due`."""
        found = await self._database.read(self._first, {"kinds": self._database.pack(kinds)})
        return to_time(found[0].at) if found else None

    async def claim(
        self, kinds: Collection[str], now: datetime, lease: Lease, until: datetime, limit: int
    ) -> Sequence[Work]:
        """See `Store.claim_due`."""
        known = {
            "kinds": self._database.pack(kinds),
            "now": milliseconds(now),
            "far": milliseconds(until + (until - now)),
        }
        if not await self._database.read(self._look, known):  # which is all, most of the time
            return []
        wanted = known | {"claimed": lease, "end": milliseconds(until), "most": limit}
        rows = await self._database.write(lambda connection: connection.execute(self._claim, wanted).all())
        return sorted(map(_from_row, rows), key=lambda work: (work.at, work.id))

    async def prolong(self, ids: Collection[WorkId], lease: Lease, until: datetime) -> None:
        held = sa.update(due).where(self._database.among(_d.id, ids), _d.lease == lease)
        longer = held.values(leased_until=milliseconds(until))
        await self._database.write(lambda connection: connection.execute(longer))

    async def finish(self, ids: Collection[WorkId], lease: Lease) -> Collection[WorkId]:
        done = sa.delete(due).where(self._database.among(_d.id, ids), _d.lease == lease).returning(_d.id)
        return await self._database.write(lambda connection: connection.execute(done).scalars().all())

    async def postpone(self, id: WorkId, lease: Lease, at: datetime, attempts: int, payload: Mapping[str, Any]) -> bool:
        later = {"at": milliseconds(at), "attempts": attempts, "payload": _pack(payload)}
        free = {"lease": None, "leased_until": None}
        update = sa.update(due).where(_d.id == id, _d.lease == lease).values(later | free)
        return await self._database.write(lambda connection: connection.execute(update).rowcount > 0)

    async def bury(self, id: WorkId, lease: Lease, error: str, now: datetime) -> bool:
        gone = sa.delete(due).where(_d.id == id, _d.lease == lease).returning(*due.columns)

        def work(connection: sa.Connection) -> bool:
            row = connection.execute(gone).one_or_none()
            if row is not None:
                died = {"error": error, "died_at": milliseconds(now)}
                connection.execute(sa.insert(dead).values(_to_row(_from_row(row)) | died))
            return row is not None

        return await self._database.write(work)

    async def all(self, kinds: Collection[str], after: WorkId, limit: int) -> Sequence[Work]:
        query = sa.select(due).where(self._database.among(_d.kind, kinds), _d.id > after).order_by(_d.id).limit(limit)
        return [_from_row(row) for row in await self._database.read(query)]

    async def get(self, id: WorkId) -> Work | None:
        found = await self._database.read(sa.select(due).where(_d.id == id))
        return _from_row(found[0]) if found else None

    async def cancel(self, id: WorkId) -> bool:
        delete = sa.delete(due).where(_d.id == id)
        return await self._database.write(lambda connection: connection.execute(delete).rowcount > 0)

    async def revise(self, id: WorkId, was: Mapping[str, Any], payload: Mapping[str, Any], now: datetime) -> bool:
        free = sa.or_(_d.leased_until.is_(None), _d.leased_until <= milliseconds(now))
        other = {"payload": _pack(payload)}
        in_due = sa.update(due).where(_d.id == id, _d.payload == _pack(was), free).values(other)
        in_dead = sa.update(dead).where(_x.id == id, _x.payload == _pack(was)).values(other)

        def work(connection: sa.Connection) -> bool:
            return any(connection.execute(update).rowcount > 0 for update in (in_due, in_dead))

        return await self._database.write(work)

    async def dead(self, after: WorkId, limit: int) -> Sequence[Dead]:
        query = sa.select(dead).where(_x.id > after).order_by(_x.id).limit(limit)
        found = await self._database.read(query)
        return [Dead(_from_row(row), row.error, to_time(row.died_at)) for row in found]

    async def retry(self, id: WorkId, now: datetime) -> Work | None:
        gone = sa.delete(dead).where(_x.id == id).returning(*dead.columns)

        def work(connection: sa.Connection) -> Work | None:
            row = connection.execute(gone).one_or_none()
            if row is None:
                return None
            again = Work(row.id, row.kind, now, orjson.loads(row.payload))
            self.insert(connection, again)
            return again

        return await self._database.write(work)

    async def remove(self, id: WorkId) -> bool:
        delete = sa.delete(dead).where(_x.id == id)
        return await self._database.write(lambda connection: connection.execute(delete).rowcount > 0)

    async def waiting(self, by: datetime) -> Waiting:
        number = sa.func.count()
        counts = (
            sa.select(number).select_from(due),
            sa.select(number).select_from(due).where(_d.at <= milliseconds(by)),
            sa.select(number).select_from(dead),
        )
        [row] = await self._database.read(sa.select(*(count.scalar_subquery() for count in counts)))
        waiting, late, died = (int(number) for number in row)
        return Waiting(waiting, late, died)


def _pack(payload: Mapping[str, Any]) -> str:
    return orjson.dumps(payload).decode()


def _to_row(work: Work) -> dict[str, Any]:
    return {
        "id": work.id,
        "kind": work.kind,
        "at": milliseconds(work.at),
        "payload": _pack(work.payload),
        "attempts": work.attempts,
    }


def _from_row(row: sa.Row[Any]) -> Work:
    return Work(row.id, row.kind, to_time(row.at), orjson.loads(row.payload), row.attempts)
