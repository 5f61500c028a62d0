"""PostgreSQL, through asyncpg."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from ..models import Change, NotificationId, Receipt, UserId
from . import engines
from .base import Changed, Claim
from .engines import Database, Text, Work
from .group import Group, Sizes
from .postgresql_changes import PostgresqlChanges, Wanted
from .postgresql_connection import UNUSED_SECONDS, OwnConnection
from .postgresql_receipts import PostgresqlReceipts, Received
from .postgresql_saves import PostgresqlSaves, Save
from .records import Tasks
from .sql_errors import Progress
from .tables import Run, milliseconds

T = TypeVar("T")

CONNECTIONS = 10
ROWS = 10_000
"""Most rows in one statement, but for those of one save."""

PATIENCE = 2.0
"""Seconds that a write waits for an earlier one of the same user. It takes milliseconds."""

_USED_AT = "used_at"


class Postgresql(Database):
    """A pool of connections for everything."""

    one_writer = False
    packed = postgresql.ARRAY(sa.Text)

    def __init__(self, url: str, sizes: Sizes) -> None:
        parts = urlsplit(url)
        super().__init__(f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}", sizes)
        self._tasks = Tasks()
        self._reader = create_async_engine(
            "postgresql+asyncpg://",
            # asyncpg reads the URL by itself, and with it all options that psql knows (sslmode, application_name, …).
            connect_args={"dsn": url, "timeout": engines.CONNECT_SECONDS},
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=engines.CONNECT_SECONDS,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
        )
        _check_at_checkout(self._reader)
        self._own = saving, changing, receiving = OwnConnection(url), OwnConnection(url), OwnConnection(url)
        self._saves, self._changes = PostgresqlSaves(saving), PostgresqlChanges(changing)
        self._receipts = PostgresqlReceipts(receiving)
        self._saving = Group(
            self._save, weigh=lambda save: sum(len(run.keys) for run in save.runs) + 1, most=ROWS, sizes=sizes
        )
        self._changing = Group(
            self._change, weigh=lambda wanted: len(wanted.ids), most=ROWS, touches=Wanted.touches, sizes=sizes
        )
        self._receiving = Group(self._deliver, weigh=lambda received: len(received.receipts), most=ROWS, sizes=sizes)
        self._turns = WeakValueDictionary[UserId, asyncio.Lock]()
        self._writer = self._reader.execution_options(isolation_level="READ COMMITTED")

    def insert(self, table: sa.Table) -> postgresql.Insert:
        return postgresql.insert(table)

    def pack(self, values: Collection[str]) -> list[str]:
        return list(values)

    def within(self, column: Text, packed: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return column == sa.any_(packed)

    def listed(self, *columns: str) -> sa.FromClause:
        arrays = (sa.bindparam(f"{name}s", type_=self.packed) for name in columns)
        return sa.func.unnest(*arrays).table_valued(*columns).render_derived()

    def rows(self, **columns: Sequence[str]) -> Mapping[str, Any]:
        return {f"{name}s": self.pack(values) for name, values in columns.items()}

    async def save_together(self, wanted: Sequence[Run], claim: Claim | None) -> bool:
        return await self._saving.do(Save(wanted, claim))

    async def _save(self, saves: Sequence[Save]) -> Sequence[bool]:
        return await self._noted(lambda progress: self._saves.save(saves, progress))

    async def change_together(
        self, user: UserId, change: Change, ids: Collection[NotificationId], now: datetime
    ) -> Changed:
        return await self._changing.do(Wanted(user, change, list(dict.fromkeys(ids)), milliseconds(now)))

    async def _change(self, group: Sequence[Wanted]) -> Sequence[Changed]:
        return await self._noted(lambda progress: self._changes.make(group, progress))

    async def deliver_together(self, receipts: Sequence[Receipt], now: datetime) -> int | None:
        return await self._receiving.do(Received(receipts, milliseconds(now)))

    async def _deliver(self, group: Sequence[Received]) -> Sequence[int]:
        return await self._noted(lambda progress: self._receipts.deliver(group, progress))

    @asynccontextmanager
    async def turn(self, user: UserId) -> AsyncIterator[None]:
        lock = self._turns.setdefault(user, asyncio.Lock())
        is_mine = await _acquired(lock)
        try:
            yield
        finally:
            if is_mine:
                lock.release()

    async def close(self) -> None:
        await self._writes.close()
        for group in (self._saving, self._changing, self._receiving):
            await group.settle()
        for connection in self._own:
            await connection.close()
        await self._tasks.settle()
        with suppress(TimeoutError):  # a server that does not answer does not say goodbye either
            async with asyncio.timeout(engines.CONNECT_SECONDS):
                await self._reader.dispose()

    async def _inspect(self, work: Work[T]) -> T:
        async def inspect() -> T:
            async with asyncio.timeout(engines.WORK_SECONDS), self._reader.connect() as connection:
                return await connection.run_sync(work)

        return await self._tasks.finish(inspect())

    async def _transact(self, work: Work[T], progress: Progress, *, seconds: float, hurried: bool = False) -> T:
        def patient(connection: sa.Connection) -> T:
            if hurried:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {engines.HURRY_SECONDS * 1000:.0f}")
            return work(connection)

        async def transact() -> T:
            async with asyncio.timeout(seconds), self._writer.connect() as connection:
                result = await connection.run_sync(patient)
                progress.committing = True
                await connection.commit()
                return result

        return await self._tasks.finish(transact())


async def _acquired(lock: asyncio.Lock) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return await lock.acquire()
    except TimeoutError:  # the database does not answer somebody: that is no reason for all others to wait as long
        return False


def _check_at_checkout(engine: AsyncEngine) -> None:
    """After a restart of the database all connections are dead: find out before the work, not by its failure.

    One that has ended says so by itself. Only one that nobody has used for a while may have died unnoticed, as behind a
    firewall, and is asked: `pool_pre_ping` asks each time, which was a seventh of what a connect costs.
    """

    @event.listens_for(engine.sync_engine, "checkin")
    def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def checkout(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        idle = time.monotonic() - record.info.get(_USED_AT, time.monotonic())
        if connection.driver_connection.is_closed() or (idle > UNUSED_SECONDS and not _answers(engine, connection)):
            raise exc.InvalidatePoolError


def _answers(engine: AsyncEngine, connection: Any) -> bool:
    try:
        return bool(engine.dialect.do_ping(connection))
    except Exception:  # the driver's own
        return False
