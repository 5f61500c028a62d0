"""What goes wrong at a MongoDB server: whether anything was changed, whether to try again, and what to say of it.

The drivers' classes and the servers' labels come first; numbers decide where neither says enough.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from bson.errors import BSONError
from pymongo import errors, monitoring

from ..errors import OutcomeUnknown, Refused, Unavailable
from .outage import reason

logger = logging.getLogger(__name__)

RAISED = (errors.PyMongoError, BSONError, OSError, RuntimeError)
"""What the drivers raise (a `TimeoutError` is an `OSError`; PyMongo's locks, and uvloop's closed connections, raise
`RuntimeError`). A `TypeError` or the like is a mistake of ours."""

_TRY_AGAIN = ("RetryableWriteError", "TransientTransactionError", "RetryableError", "SystemOverloadedError")
_UNTOUCHED = "NoWritesPerformed"
_DUPLICATE_KEY = 11000
# The server is not the primary, or not any more. (After these it has not even begun.)
_NOT_PRIMARY = {10058, 10107, 13435, 13436}
_CREDENTIALS = {13, 18, 8000}
# Commands that no server carries out: mistakes of ours, or more than this server can do.
_NOT_UNDERSTOOD = {2, 9, 14, 59, 72, 115, 238, 10334}
_NO_RETRYABLE_WRITES = {20, 301}
# A server that shuts down or loses its part, cannot reach another one, has closed a cursor, met a conflict, or has too
# much to do: all of it may be over a moment later.
_SOON_OVER = {
    *_NOT_PRIMARY, 6, 7, 24, 43, 46, 63, 89, 91, 112, 133, 134, 150, 189, 262, 365, 462, 9001, 11600, 11602, 13388,
    16500,
}  # fmt: skip
# Trouble of its own (its storage is gone), too slow, not enough members for the write concern, killed, no space.
_LASTS = {1, 50, 64, 79, 100, 11601, 14031}
_NOT_BEGUN = _NOT_PRIMARY | _CREDENTIALS | _NO_RETRYABLE_WRITES | _NOT_UNDERSTOOD
_FORESEEN = _SOON_OVER | _LASTS | _CREDENTIALS | _NO_RETRYABLE_WRITES | {_DUPLICATE_KEY}


class Attempts:
    """What became of one command, sent once or more often."""

    def __init__(self, *, many: bool = False, stoppable: bool = True) -> None:
        self._many = many
        """Whether a command that fails may have changed some of its documents."""
        self._stoppable = stoppable
        """Whether the driver sends nothing any more once nobody waits."""
        self._unanswered = 0
        self._answered = 0
        self.in_doubt = False
        """Whether one that failed may have changed something."""

    def sent(self) -> None:
        self._unanswered += 1

    def answered(self, *, well: bool) -> None:
        self._unanswered -= 1
        self._answered += well

    def failed(self, error: BaseException) -> None:
        """Note that an attempt to write has ended with this error."""
        self.in_doubt = self.in_doubt or self._may_have_changed(error)
        self._unanswered = self._answered = 0

    def _may_have_changed(self, error: BaseException) -> bool:
        if self._unanswered or (isinstance(error, TimeoutError) and not self._stoppable):
            return True
        if isinstance(error, errors.BulkWriteError):
            details = error.details or {}
            return any(details.get(each) for each in ("writeConcernErrors", "nInserted", "nModified"))
        if isinstance(error, errors.WriteConcernError):
            return True
        if self._answered > isinstance(error, errors.WriteError):  # which an answer has told; others were before it
            return True
        if not isinstance(error, errors.OperationFailure) or _code(error) in _NOT_BEGUN:
            return False
        return self._many and not error.has_error_label(_UNTOUCHED)


@dataclass
class _Call:
    changed: bool = False


_attempts: ContextVar[Attempts | None] = ContextVar("attempts", default=None)
_call: ContextVar[_Call | None] = ContextVar("call", default=None)


def follow(attempts: Attempts) -> None:
    """Have `Commands` tell this of all that the current task sends."""
    _attempts.set(attempts)


def changed() -> None:
    """Note that a command of the current call has changed something."""
    if call := _call.get():
        call.changed = True


@contextmanager
def one_call() -> Iterator[None]:
    """Around several commands: once one of them has changed something, none may say that nothing was."""
    call = _Call()
    token = _call.set(call)
    try:
        yield
    except Unavailable as error:
        if not call.changed:
            raise
        raise OutcomeUnknown from error.__cause__
    finally:
        _call.reset(token)


class Commands(monitoring.CommandListener):
    """Notes which commands were sent, and which of them were answered: the drivers' errors do not say."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if attempts := _attempts.get():
            attempts.sent()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        if attempts := _attempts.get():
            attempts.answered(well=True)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        # What is no answer of the server's has the name of a driver's error instead of a code.
        if (attempts := _attempts.get()) and "errtype" not in event.failure:
            attempts.answered(well=False)


class MongoErrors:
    """The one place where errors are translated. Those that were not foreseen are logged, each kind once."""

    def __init__(self) -> None:
        self._logged: set[object] = set()

    def translated(self, error: BaseException, *, in_doubt: bool) -> Unavailable | OutcomeUnknown:
        """What a store raises: `OutcomeUnknown` if something may have been changed."""
        foreseen = is_foreseen(error)
        if not foreseen:
            self._log(error)
        if in_doubt:
            return OutcomeUnknown()
        return Unavailable() if foreseen else Refused()

    def _log(self, error: BaseException) -> None:
        if (kind := (type(error), _code(error))) not in self._logged:
            self._logged.add(kind)
            logger.error("the database says what nobody expected (%s)", reason(error), exc_info=error)


def may_pass(error: BaseException, *, election: bool) -> bool:
    """Whether the same command may succeed a moment later. `election`: some servers answer, but none is primary."""
    if isinstance(error, errors.ServerSelectionTimeoutError):
        return election
    if isinstance(error, errors.ConnectionFailure):  # not primary, too
        return True
    if isinstance(error, errors.BulkWriteError):
        codes = _bulk_codes(error)
        return bool(codes) and codes <= _SOON_OVER | {_DUPLICATE_KEY, 64}
    if isinstance(error, errors.PyMongoError) and any(map(error.has_error_label, _TRY_AGAIN)):
        return True
    return isinstance(error, errors.WTimeoutError) or _code(error) in _SOON_OVER


def is_foreseen(error: BaseException) -> bool:
    """Whether a database that is unavailable, full or not ours says this, whatever it was asked."""
    if isinstance(error, errors.BulkWriteError):
        return _bulk_codes(error) <= _FORESEEN
    if isinstance(error, errors.OperationFailure):
        return isinstance(error, errors.WriteConcernError) or _code(error) in _FORESEEN
    return isinstance(error, errors.ConnectionFailure | errors.ConfigurationError | OSError)


def is_about_some(error: BaseException | None) -> bool:
    """Whether the server has something against some of the documents of a command, and not against all that comes."""
    return isinstance(error, errors.BulkWriteError) and not is_foreseen(error)


def known_already(error: errors.BulkWriteError) -> set[int] | None:
    """Which of the documents were there before, if that is all that was wrong."""
    details = error.details or {}
    failed = details.get("writeErrors")
    if not failed or details.get("writeConcernErrors") or any(each["code"] != _DUPLICATE_KEY for each in failed):
        return None
    return {each["index"] for each in failed}


def advice(error: BaseException | None) -> str | None:
    """What to change in the configuration, where that is what is wrong."""
    text = str(error)
    if isinstance(error, errors.ConfigurationError) and "wire version" in text:
        return f"the server is too old, run a later one ({reason(error)})"
    if isinstance(error, errors.OperationFailure):
        if error.code in _CREDENTIALS:
            return (
                "the server refuses the user of EVENTIDE_DATABASE_URL: check its name, password and authSource, and "
                f"that it may read and write this database ({reason(error)})"
            )
        if error.code in _NO_RETRYABLE_WRITES and "retr" in text.lower() + str(error.details).lower():
            return (
                f"the server has no retryable writes: add retryWrites=false to EVENTIDE_DATABASE_URL ({reason(error)})"
            )
    return None


def _code(error: BaseException) -> int | None:
    if isinstance(error, errors.NotPrimaryError) and isinstance(error.details, dict):
        return error.details.get("code")
    return getattr(error, "code", None)


def _bulk_codes(error: errors.BulkWriteError) -> set[int | None]:
    details: dict[str, Any] = dict(error.details or {})
    return {each.get("code") for kind in ("writeErrors", "writeConcernErrors") for each in details.get(kind, [])}
