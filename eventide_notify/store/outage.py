"""Why a database is unavailable: for the log, which is told once, however many requests meet it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import OutcomeUnknown, Refused, Unavailable

logger = logging.getLogger(__name__)

AGAIN = 10.0
"""Seconds after which an outage that goes on is told again."""
_LENGTH = 300
# What PyMongo adds to a reason: its time-outs, and all that it knows of every server.
_PYMONGOS = re.compile(r" \(configured timeouts:[^)]*\)|, Timeout: .*")


def reason(error: BaseException | None) -> str:
    """The driver's error in one short line, with the name of its class."""
    if error is None:
        return "no answer"
    error = getattr(error, "orig", None) or error  # SQLAlchemy's quotes the statement, with what was to be saved
    text = _PYMONGOS.sub("", " ".join(str(error).split()))[:_LENGTH]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class OutageLog:
    """One database's. It is quiet until `begin`: what keeps a database from being opened is told by who opens it."""

    def __init__(self) -> None:
        self._begun = False
        self._told = False
        self._told_at = float("-inf")

    def begin(self) -> None:
        """The database is open: from now on an outage is news."""
        self._begun = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Tell of the absence that an error leaving the block is about, and of the first block that ends well after it.

        A `Refused` is about none: the database answers.
        """
        try:
            yield
        except Refused:
            raise
        except (Unavailable, OutcomeUnknown) as error:
            self._unavailable(error)
            raise
        if self._told:
            self._told = False
            logger.warning("the database answers again")

    def _unavailable(self, error: Unavailable | OutcomeUnknown) -> None:
        now = time.monotonic()
        if self._begun and now - self._told_at >= AGAIN:
            self._told, self._told_at = True, now
            logger.warning("the database is unavailable (%s)", reason(error.__cause__))
