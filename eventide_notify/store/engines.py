"""Connections to SQLite and PostgreSQL, and work on them: what differs between the two, and what makes it safe.

Every piece of work (one query, or one transaction) has a connection to itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from ..errors import Unavailable
from .migrations import migrate
from .outage import OutageLog, reason
from .records import Tasks

T = TypeVar("T")
Text = sa.ColumnElement[str]
Query = sa.Select[Any] | sa.CompoundSelect[Any]

CONNECT_SECONDS = 5
"""How long to wait for a connection, or for another process that writes to the same SQLite file."""
WORK_SECONDS = 10
"""How long one piece of work may take on PostgreSQL. (What SQLite does cannot be interrupted.)"""
OPEN_SECONDS = 60
"""How long bringing the schema up to date may take there."""
SQLITE_READERS = 4
POSTGRESQL_CONNECTIONS = 10
UNUSED_SECONDS = 5.0
"""How long a connection is trusted without asking."""

_USED_AT = "used_at"


class Database(ABC):
    """One database: its connections, and the few things that SQLAlchemy does not say alike for all."""

    reader: AsyncEngine
    """For single queries, outside of transactions."""
    writer: AsyncEngine
    packed: sa.types.TypeEngine[Any]
    """The type of the parameter that `pack` makes."""
    interruptible: bool
    """Whether work can be stopped when it takes too long."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks = Tasks()
        self._outage = OutageLog()

    @abstractmethod
    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """INSERT as this database knows it, with ON CONFLICT."""

    @abstractmethod
    def pack(self, values: Collection[str]) -> Any:
        """Texts as one parameter: any number of them is possible, and is the same statement."""

    @abstractmethod
    def within(self, column: Text, packed: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Whether the column's value is among those that are packed."""

    @abstractmethod
    def listed(self, **columns: list[str]) -> sa.FromClause:
        """A table of these columns, in one parameter or one for each column."""

    def among(self, column: Text, values: Collection[str]) -> sa.ColumnElement[bool]:
        """`column IN values`."""
        return self.within(column, sa.literal(self.pack(values), self.packed))

    async def open(self) -> None:
        """Bring the schema up to date. Raises SchemaTooNew, and Unavailable with the reason."""
        try:
            await self._run(self.writer.begin(), migrate, OPEN_SECONDS)
        except Unavailable as error:
            raise Unavailable(f"cannot open {self._name}: {reason(error.__cause__)}") from error.__cause__
        self._outage.begin()

    async def close(self) -> None:
        await self._tasks.settle()
        with suppress(TimeoutError):  # a server that does not answer does not say goodbye either
            async with asyncio.timeout(CONNECT_SECONDS):
                await self.writer.dispose()
                await self.reader.dispose()

    async def read(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Sequence[sa.Row[Any]]:
        """The rows of one query."""

        def work(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(query, parameters).all()

        return await self._run(self.reader.connect(), work, WORK_SECONDS)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do the work in one transaction."""
        return await self._run(self.writer.begin(), work, WORK_SECONDS)

    async def _run(
        self,
        connecting: AbstractAsyncContextManager[AsyncConnection],
        work: Callable[[sa.Connection], T],
        seconds: float,
    ) -> T:
        async def run() -> T:
            with self._outage.watching(), _away_is_unavailable():
                async with asyncio.timeout(seconds if self.interruptible else None), connecting as connection:
                    return await connection.run_sync(work)

        return await self._tasks.finish(run())


class Sqlite(Database):
    """SQLite, in a file or in memory."""

    packed = sa.Text()
    interruptible = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._url = sa.make_url(url).set(drivername="sqlite+aiosqlite")
        self._in_memory = self._url.database in (None, "", ":memory:")
        # One connection writes, and says so before it reads: then nobody holds a lock that another one waits for.
        # FULL: a commit is on the disk when it returns. In WAL mode, less would lose some when the machine dies.
        self.writer = self._engine(1, "journal_mode=WAL", "synchronous=FULL")
        begin = "BEGIN IMMEDIATE"
        event.listen(self.writer.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        self.reader = self.writer
        if not self._in_memory:
            self.reader = self._engine(SQLITE_READERS, "query_only=ON", skip_autocommit_rollback=True)

    def insert(self, table: sa.Table) -> sqlite.Insert:
        return sqlite.insert(table)

    def pack(self, values: Collection[str]) -> str:
        return orjson.dumps(list(values)).decode()

    def within(self, column: Text, packed: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return column.in_(sa.select(sa.func.json_each(packed).table_valued("value").c.value))

    def listed(self, **columns: list[str]) -> sa.FromClause:
        rows = orjson.dumps(list(zip(*columns.values(), strict=True))).decode()
        row = sa.func.json_each(rows).table_valued("value").c.value
        values = (sa.func.json_extract(row, f"$[{place}]").label(name) for place, name in enumerate(columns))
        return sa.select(*values).subquery()

    async def open(self) -> None:
        folder = Path(self._url.database or "").parent
        if not self._in_memory and not folder.is_dir():
            raise Unavailable(f"cannot open {self._name}: there is no folder {folder}")
        await super().open()

    def _engine(self, connections: int, *pragmas: str, **options: Any) -> AsyncEngine:
        engine = create_async_engine(
            self._url,
            poolclass=AsyncAdaptedQueuePool,  # for memory too: its default lets tasks share one transaction
            pool_size=connections,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            connect_args={"timeout": CONNECT_SECONDS, "isolation_level": None},
            **options,
        )

        @event.listens_for(engine.sync_engine, "connect")
        def connect(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        return engine


class Postgresql(Database):
    """PostgreSQL."""

    packed = postgresql.ARRAY(sa.Text)
    interruptible = True

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        super().__init__(f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}")
        self.reader = create_async_engine(
            "postgresql+asyncpg://",
            # asyncpg reads the URL by itself, and with it all options that psql knows (sslmode, application_name, …).
            connect_args={"dsn": url, "timeout": CONNECT_SECONDS},
            pool_size=POSTGRESQL_CONNECTIONS,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            isolation_level="AUTOCOMMIT",
        )
        _check_at_checkout(self.reader)
        self.writer = self.reader.execution_options(isolation_level="READ COMMITTED")

    def insert(self, table: sa.Table) -> postgresql.Insert:
        return postgresql.insert(table)

    def pack(self, values: Collection[str]) -> list[str]:
        return list(values)

    def within(self, column: Text, packed: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return column == sa.any_(packed)

    def listed(self, **columns: list[str]) -> sa.FromClause:
        arrays = (sa.literal(values, self.packed) for values in columns.values())
        return sa.func.unnest(*arrays).table_valued(*columns).render_derived()


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


# SQLite: busy, locked, read-only, disk trouble, damaged, full, cannot open, no shared memory, not a database.
_SQLITE_AWAY = {5, 6, 8, 10, 11, 13, 14, 15, 26}
# PostgreSQL, by class: connection, login, database missing, rolled back, resources, operator, system.
_SQLSTATES_AWAY = ("08", "28", "3D", "40", "53", "57", "58", "25006", "55P03")


@contextmanager
def _away_is_unavailable() -> Iterator[None]:
    """The one place where a database that is away becomes `Unavailable`. Mistakes of ours stay what they are."""
    try:
        yield
    except (OSError, TimeoutError, exc.TimeoutError) as error:
        raise Unavailable from error
    except exc.DBAPIError as error:
        if _is_away(error):
            raise Unavailable from error
        raise


def _is_away(error: exc.DBAPIError) -> bool:
    if error.connection_invalidated or error.statement is None:  # no statement of ours: it failed to connect
        return True
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    return (getattr(error.orig, "sqlstate", None) or "").startswith(_SQLSTATES_AWAY)
