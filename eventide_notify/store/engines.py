"""Connections to a SQL database, and work on them: what makes it safe. `sqlite` and `postgresql` have the rest.

Every piece of work (one query, or one transaction) has a connection to itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..errors import OutcomeUnknown, Refused, Unavailable
from .migrations import is_current, migrate
from .outage import OutageLog, reason
from .readiness import WriteCheck
from .records import Tasks
from .sql_errors import Progress, SqlErrors, is_locked

logger = logging.getLogger(__name__)

T = TypeVar("T")
Text = sa.ColumnElement[str]
Query = sa.Select[Any] | sa.CompoundSelect[Any]
Work = Callable[[sa.Connection], T]

CONNECT_SECONDS = 5.0
"""How long to wait for a connection, or for another process that writes to the same SQLite file."""
WORK_SECONDS = 10.0
"""How long one piece of work may take on PostgreSQL. (What SQLite does cannot be interrupted.)"""
MIGRATION_SECONDS = 3_600.0
"""How long bringing the schema up to date may take there, or waiting for another instance that does."""
HURRY_SECONDS = 2.0
"""How long the write that readiness is asked for waits for others' locks."""


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
        self._errors = SqlErrors()
        self._writes = WriteCheck()

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

    @abstractmethod
    def hurried(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Meanwhile wait for others' locks no longer than `HURRY_SECONDS`. Around a whole transaction."""

    def check_place(self) -> None:
        """Raise FileGone if the database is not any more where it was when it was opened."""
        return

    def among(self, column: Text, values: Collection[str]) -> sa.ColumnElement[bool]:
        """`column IN values`."""
        return self.within(column, sa.literal(self.pack(values), self.packed))

    async def open(self) -> None:
        """Bring the schema up to date. Raises SchemaTooNew, and Unavailable with the reason."""
        try:
            if not await self._run(self.reader, lambda connection, _: connection.run_sync(is_current), WORK_SECONDS):
                await self._migrate()
        except (Unavailable, OutcomeUnknown) as error:
            raise Unavailable(f"cannot open {self._name}: {reason(error.__cause__)}") from error.__cause__
        self._outage.begin()

    async def _migrate(self) -> None:
        end = time.monotonic() + MIGRATION_SECONDS
        told = False
        while True:
            try:
                await self._transaction(migrate, MIGRATION_SECONDS)
                return
            except Unavailable as error:
                if not is_locked(error.__cause__) or time.monotonic() > end:
                    raise
            if not told:
                told = True
                logger.warning("another process holds the database's file: waiting, to bring the schema up to date")

    async def close(self) -> None:
        await self._tasks.settle()
        with suppress(TimeoutError):  # a server that does not answer does not say goodbye either
            async with asyncio.timeout(CONNECT_SECONDS):
                await self.writer.dispose()
                await self.reader.dispose()

    async def read(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Sequence[sa.Row[Any]]:
        """The rows of one query."""

        def rows(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(query, parameters).all()

        return await self._run(self.reader, lambda connection, _: connection.run_sync(rows), WORK_SECONDS)

    async def write(self, work: Work[T], *, partly: bool = False) -> T:
        """Do the work in one transaction.

        Raises `Unavailable` if it failed before COMMIT was sent, and `OutcomeUnknown` if it may have been saved; also
        if it is `partly` done already, by transactions before this one.
        """
        try:
            return await self._transaction(work, WORK_SECONDS, self._writes)
        except Unavailable as error:
            if partly:
                raise OutcomeUnknown from error.__cause__
            raise

    async def check_writable(self, work: Work[object]) -> None:
        """Return if saving works, and raise `Unavailable` with the reason if not. `work` is a tiny write."""

        def hurried(connection: sa.Connection) -> object:
            with self.hurried(connection):
                return work(connection)

        await self._writes.ask(lambda: self._transaction(hurried, WORK_SECONDS))

    async def _transaction(self, work: Work[T], seconds: float, noted: WriteCheck | None = None) -> T:
        async def transact(connection: AsyncConnection, progress: Progress) -> T:
            result = await connection.run_sync(work)
            progress.committing = True
            await connection.commit()
            self.check_place()  # what went into a file that was removed meanwhile must not be taken for saved
            return result

        return await self._run(self.writer, transact, seconds, noted)

    async def _run(
        self,
        engine: AsyncEngine,
        work: Callable[[AsyncConnection, Progress], Awaitable[T]],
        seconds: float,
        noted: WriteCheck | None = None,
    ) -> T:
        async def run() -> T:
            progress = Progress()
            with self._outage.watching(), self._errors.translated(progress):
                self.check_place()
                async with asyncio.timeout(seconds if self.interruptible else None), engine.connect() as connection:
                    return await work(connection, progress)

        async def note() -> T:
            try:
                result = await run()
            except Refused:  # that may be because of what was to be saved
                raise
            except (Unavailable, OutcomeUnknown) as error:
                if noted is not None:
                    noted.failed(error.__cause__)
                raise
            if noted is not None:
                noted.saved()
            return result

        return await self._tasks.finish(note())
