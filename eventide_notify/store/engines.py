"""Connections to a SQL database, and work on them: what makes it safe. `sqlite` and `postgresql` have the rest.

A piece of work is one query, or what belongs into one transaction.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import OutcomeUnknown, Refused, Unavailable
from ..models import Change, NotificationId, Receipt, UserId
from .base import Changed, Claim, Schema
from .group import Sizes
from .migrations import is_current, migrate, schema
from .outage import OutageLog, reason
from .readiness import WriteCheck
from .sql_errors import Progress, SqlErrors, is_locked
from .tables import Run

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


@contextmanager
def admitting(partly: bool) -> Iterator[None]:
    """Raise `OutcomeUnknown` for what is `Unavailable` when something is done already."""
    try:
        yield
    except Unavailable as error:
        if partly:
            raise OutcomeUnknown from error.__cause__
        raise


class Database(ABC):
    """One database: its connections, and the few things that SQLAlchemy does not say alike for all."""

    one_writer: bool
    """Whether all who write wait for each other."""
    packed: sa.types.TypeEngine[Any]
    """The type of the parameter that `pack` makes."""

    def __init__(self, name: str, sizes: Sizes) -> None:
        self._name = name
        self._sizes = sizes
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
    def listed(self, *columns: str) -> sa.FromClause:
        """A table of these columns, whose rows are the parameters that `rows` makes."""

    @abstractmethod
    def rows(self, **columns: Sequence[str]) -> Mapping[str, Any]:
        """The parameters of a statement with a table that is `listed`: any number of rows is the same statement."""

    async def save_together(self, wanted: Sequence[Run], claim: Claim | None) -> bool:
        """Save these notifications together with what others save just now, if this database has a way of its own to
        do so, and the claim is not held. Whether that was done; otherwise nothing was.

        What is written by `write` may share a transaction anyway.
        """
        return False

    async def change_together(
        self, user: UserId, change: Change, ids: Collection[NotificationId], now: datetime
    ) -> Changed:
        """Change these likewise, together with what others change. Those that are the user's own, without
        announcements, and have been done; the others have not. What came first is done first."""
        return Changed((), ())

    async def tidy(self) -> None:
        """Do now, and beside those who write, what one of them would have to do otherwise after much was written."""
        return

    def turn(self, user: UserId) -> AbstractAsyncContextManager[object]:
        """Within it, what is written for this user is written in the order in which it came here."""
        return nullcontext()

    async def deliver_together(self, receipts: Sequence[Receipt], now: datetime) -> int | None:
        """Write these receipts for notifications that are a user's own likewise. How many changed; None: this database
        has no way of its own, and nothing was done."""
        return None

    @abstractmethod
    async def _inspect(self, work: Work[T]) -> T:
        """Do work that only reads, outside of a transaction."""

    @abstractmethod
    async def _transact(self, work: Work[T], progress: Progress, *, seconds: float, hurried: bool = False) -> T:
        """Do the work in a transaction, which may be shared with others' work, and says in `progress` how far it is.

        `seconds`: how long that may take, where it can be interrupted. `hurried`: wait for others' locks no longer
        than `HURRY_SECONDS`.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give back all connections."""

    def among(self, column: Text, values: Collection[str]) -> sa.ColumnElement[bool]:
        """`column IN values`."""
        return self.within(column, sa.literal(self.pack(values), self.packed))

    async def open(self) -> None:
        """Bring the schema up to date. Raises SchemaTooNew, and Unavailable with the reason."""
        with self._opening():
            if not await self._watched(lambda _: self._inspect(is_current)):
                await self._migrate()
        self._outage.begin()

    async def schema(self) -> Schema:
        """See `Store.schema`."""
        with self._opening():
            return await self._watched(lambda _: self._inspect(schema))

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except (Unavailable, OutcomeUnknown) as error:
            raise Unavailable(f"cannot open {self._name}: {reason(error.__cause__)}") from error.__cause__

    async def _migrate(self) -> None:
        end = time.monotonic() + MIGRATION_SECONDS
        told = False
        while True:
            try:
                await self._watched(lambda progress: self._transact(migrate, progress, seconds=MIGRATION_SECONDS))
                return
            except Unavailable as error:
                if not is_locked(error.__cause__) or time.monotonic() > end:
                    raise
            if not told:
                told = True
                logger.warning("another process holds the database's file: waiting, to bring the schema up to date")

    async def read(self, query: Query, parameters: Mapping[str, Any] | None = None) -> Sequence[sa.Row[Any]]:
        """The rows of one query."""

        def rows(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(query, parameters).all()

        return await self._watched(lambda _: self._inspect(rows))

    async def write(self, work: Work[T], *, partly: bool = False) -> T:
        """Do the work in one transaction. It may be done twice, when it shares one with work that fails.

        Raises `Unavailable` if it failed before COMMIT was sent, and `OutcomeUnknown` if it may have been saved; also
        if it is `partly` done already, by transactions before this one.
        """
        with admitting(partly):
            return await self._noted(lambda progress: self._transact(work, progress, seconds=WORK_SECONDS))

    async def check_writable(self, work: Work[object]) -> None:
        """Return if saving works, and raise `Unavailable` with the reason if not. `work` is a tiny write."""

        async def write() -> None:
            await self._watched(lambda progress: self._transact(work, progress, seconds=WORK_SECONDS, hurried=True))
            await self.save_together((), None)  # which may go another way

        await self._writes.ask(write)

    async def _noted(self, write: Callable[[Progress], Awaitable[T]]) -> T:
        """Likewise, and note for `check_writable` what became of it."""
        try:
            result = await self._watched(write)
        except Refused:  # that may be because of what was to be saved
            raise
        except (Unavailable, OutcomeUnknown) as error:
            self._writes.failed(error.__cause__)
            raise
        self._writes.saved()
        return result

    async def _watched(self, work: Callable[[Progress], Awaitable[T]]) -> T:
        """Do the work, and raise what a store may raise."""
        progress = Progress()
        with self._outage.watching(), self._errors.translated(progress):
            return await work(progress)
