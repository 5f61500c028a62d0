"""What SQLAlchemy and the drivers below it raise, as the errors that a store may raise."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import exc

from ..errors import OutcomeUnknown, Refused, Unavailable
from .outage import reason

logger = logging.getLogger(__name__)

# SQLite: no permission, busy, locked, read-only, disk trouble, damaged, full, cannot open, no shared memory, not a
# database.
_SQLITE_AWAY = {3, 5, 6, 8, 10, 11, 13, 14, 15, 26}
# Of what COMMIT may say, those after which SQLite has rolled the transaction back for good: busy, full. After trouble
# with the disk (10) it was rolled back here too, but may lie in the file, and be there when that is opened again.
_SQLITE_ROLLED_BACK = {5, 13}
# PostgreSQL, by class: connection, login, database missing, rolled back, no permission, resources, operator, system.
_SQLSTATES_AWAY = ("08", "28", "3D", "40", "42501", "53", "57", "58", "25006", "55P03")

_RAISED = (OSError, RuntimeError, exc.SQLAlchemyError)
"""What drivers raise (a `TimeoutError` is an `OSError`; uvloop says with a `RuntimeError` that a connection is closed).
A `TypeError` or the like is a mistake of ours, and stays what it is."""


_GONE = "The database's file was removed or replaced; nothing was saved."
_GONE_UNKNOWN = "The database's file was removed or replaced; what was just sent may be lost."


class FileGone(OSError):
    """The database's file was removed or replaced; the text says which."""


@dataclass
class Progress:
    """How far a piece of work has come."""

    committing: bool = False
    """Whether COMMIT may have been sent: from then on only the database knows whether the work was saved."""


class SqlErrors:
    """The one place where errors are translated. Those that were not foreseen are logged, each kind once."""

    def __init__(self) -> None:
        self._logged: set[object] = set()

    @contextmanager
    def translated(self, progress: Progress) -> Iterator[None]:
        """Raise `Unavailable` (or `Refused`) if nothing can have been saved, and otherwise `OutcomeUnknown`."""
        try:
            yield
        except _RAISED as error:
            if not (foreseen := is_foreseen(error)):
                self._log(error)
            if progress.committing and not _is_rolled_back(error):
                raise OutcomeUnknown(_GONE_UNKNOWN if isinstance(error, FileGone) else None) from error
            if isinstance(error, FileGone):
                raise Unavailable(_GONE) from error
            raise (Unavailable if foreseen else Refused) from error

    def _log(self, error: BaseException) -> None:
        if (kind := _kind(error)) not in self._logged:
            self._logged.add(kind)
            logger.error("the database says what nobody expected (%s)", reason(error), exc_info=error)


def is_foreseen(error: BaseException) -> bool:
    """Whether a database that is unavailable, full or the like says this, whatever it was asked."""
    if not isinstance(error, exc.DBAPIError):
        return isinstance(error, OSError | exc.TimeoutError)
    if error.connection_invalidated or error.statement is None:  # no statement of ours: it failed to connect
        return True
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error) in _SQLITE_AWAY
    return _sqlstate(error).startswith(_SQLSTATES_AWAY)


def may_be_of_one(error: BaseException) -> bool:
    """Whether this may be about one of several pieces of work in a transaction. A full disk may take smaller ones."""
    return not is_foreseen(error) or _sqlite_code(error) == sqlite3.SQLITE_FULL


def is_locked(error: BaseException | None) -> bool:
    """Whether another process holds the SQLite file."""
    return isinstance(error, exc.DBAPIError) and _sqlite_code(error) == sqlite3.SQLITE_BUSY


def _is_rolled_back(error: BaseException) -> bool:
    """Whether the database, asked to commit, says that it has not."""
    if not isinstance(error, exc.DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error) in _SQLITE_ROLLED_BACK
    # A PostgreSQL that goes away says FATAL or PANIC, or nothing. ERROR it says only of what it has rolled back.
    # asyncpg's error is the original, or the cause of what SQLAlchemy has made of it.
    said = (error.orig, error.orig and error.orig.__cause__)
    return any(getattr(each, "severity_en", None) == "ERROR" for each in said)


def _kind(error: BaseException) -> object:
    if isinstance(error, exc.DBAPIError):
        return type(error.orig), _sqlite_code(error), _sqlstate(error)
    return type(error)


def _sqlite_code(error: BaseException) -> int:
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) & 0xFF


def _sqlstate(error: exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
