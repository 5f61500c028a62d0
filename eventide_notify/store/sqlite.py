"""SQLite, in a file or in memory."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import QueuePool

from ..errors import Unavailable
from . import engines
from .base import Schema
from .engines import Database, Text, Work
from .group import Sizes
from .migrations import schema_of
from .sql_errors import FileGone, Progress
from .sqlite_threads import ReadingThreads, WritingThread

T = TypeVar("T")

READERS = 4


class Sqlite(Database):
    """One connection writes, a few read."""

    one_writer = True
    packed = sa.Text()

    def __init__(self, url: str, sizes: Sizes) -> None:
        super().__init__(url, sizes)
        self._url = sa.make_url(url)
        self._in_memory = self._url.database in (None, "", ":memory:")
        self._file = None if self._in_memory else Path(self._url.database or "").absolute()
        self._identity: tuple[int, int] | None = None
        # One connection writes, and says so before it reads: then nobody holds a lock that another one waits for.
        # FULL: a commit is on the disk when it returns. In WAL mode, less would lose some when the machine dies.
        writer = self._engine(1, "journal_mode=WAL", "synchronous=FULL")
        event.listen(writer, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        self._writer = WritingThread(writer, self._check_place, sizes)
        self._readers: ReadingThreads | None = None
        if not self._in_memory:  # which is one connection's
            self._readers = ReadingThreads(
                self._engine(READERS, "query_only=ON", skip_autocommit_rollback=True), READERS
            )

    def insert(self, table: sa.Table) -> sqlite.Insert:
        return sqlite.insert(table)

    def pack(self, values: Collection[str]) -> str:
        return orjson.dumps(list(values)).decode()

    def within(self, column: Text, packed: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return column.in_(sa.select(sa.func.json_each(packed).table_valued("value").c.value))

    def listed(self, *columns: str) -> sa.FromClause:
        row = sa.func.json_each(sa.bindparam("rows", type_=sa.Text)).table_valued("value").c.value
        values = (sa.func.json_extract(row, f"$[{place}]").label(name) for place, name in enumerate(columns))
        return sa.select(*values).subquery()

    def rows(self, **columns: Sequence[str]) -> Mapping[str, Any]:
        return {"rows": orjson.dumps(list(zip(*columns.values(), strict=True))).decode()}

    async def open(self) -> None:
        self._check_folder()
        await super().open()
        if self._file is not None and self._identity is None:
            self._identity = _identity(self._file)

    async def schema(self) -> Schema:
        self._check_folder()
        if self._file is None:
            return schema_of(0)
        if not self._file.exists():  # SQLite would make it
            self._try_folder(self._file.parent)
            return schema_of(0, exists=False)
        return await super().schema()

    def _try_folder(self, folder: Path) -> None:
        # Permissions do not say it: the file system may be read-only, and root may write anywhere else.
        try:
            TemporaryFile(dir=folder).close()
        except OSError as error:
            why = error.strerror or error
            raise Unavailable(f"cannot create {self._name}: no file can be made in {folder} ({why})") from error

    def _check_folder(self) -> None:
        if self._file is not None and not self._file.parent.is_dir():
            raise Unavailable(f"cannot open {self._name}: there is no folder {self._file.parent}")

    async def tidy(self) -> None:
        # Into the file with what is in the log: the commit that finds 1,000 pages there does so, and all wait for it.
        if self._readers is not None:
            await self._watched(lambda _: self._inspect(_checkpoint))

    async def close(self) -> None:
        await self._writer.close()
        if self._readers is not None:
            await self._readers.close()
        self._identity = None

    async def _inspect(self, work: Work[T]) -> T:
        if self._readers is None:
            return await self._writer.do(work, Progress())
        self._check_place()
        return await self._readers.do(work)

    async def _transact(self, work: Work[T], progress: Progress, *, seconds: float, hurried: bool = False) -> T:
        return await self._writer.do(work, progress, patience=engines.HURRY_SECONDS if hurried else None)

    def _check_place(self) -> None:
        """SQLite goes on with a file that has no name any more: what it saves there is lost when the process ends."""
        identity = self._identity  # which is forgotten while this thread looks, if the store is closed
        if identity is None or self._file is None:
            return
        try:
            found = _identity(self._file)
        except OSError as error:
            raise FileGone(f"the database's file cannot be found: {error}") from error
        if found != identity:
            remedy = "stop the service, remove the old one's -wal and -shm files, and start it"
            raise FileGone(f"{self._file} is another file than the one that was opened: {remedy}")

    def _engine(self, connections: int, *pragmas: str, **options: Any) -> sa.Engine:
        engine = sa.create_engine(
            self._url,
            poolclass=QueuePool,  # each thread that works takes one; for memory too, whose default is one for each
            pool_size=connections,
            max_overflow=0,
            pool_timeout=engines.CONNECT_SECONDS,
            connect_args={
                "timeout": engines.CONNECT_SECONDS,
                "isolation_level": None,
                "check_same_thread": False,
            },
            hide_parameters=True,
            **options,
        )

        @event.listens_for(engine, "connect")
        def connect(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        return engine


def _checkpoint(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").all()  # which waits for nobody


def _identity(file: Path) -> tuple[int, int]:
    found = os.stat(file)
    return found.st_dev, found.st_ino
