"""Stores: `base` is the protocol, the other modules keep it on one kind of database each."""

from __future__ import annotations

from urllib.parse import urlsplit

from .base import Claim, Store
from .group import Sizes, untold

__all__ = ["Claim", "Store", "create_store", "driver_note"]

_SQL = {"sqlite", "postgresql", "postgres"}
_MONGO = {"mongodb", "mongodb+srv"}
SCHEMES = frozenset(_SQL | _MONGO)


def create_store(url: str, *, mongodb_driver: str = "motor", sizes: Sizes = untold) -> Store:
    """The store for a database URL, not opened yet; its driver is imported only now.

    `sizes` is told how many writes share a transaction.

    Raises `ValueError` for a URL that no store understands.
    """
    scheme = urlsplit(url).scheme
    if scheme in _SQL:
        from .sql import SqlStore

        return SqlStore(url, sizes=sizes)
    if scheme in _MONGO:
        from .mongo import MongoStore

        return MongoStore(url, driver=mongodb_driver, sizes=sizes)
    raise ValueError(f"no store for {scheme or 'this'!r} URLs; known are {', '.join(sorted(SCHEMES))}")


def driver_note(url: str, *, mongodb_driver: str) -> str | None:
    """What those who run the service should know about the driver for this URL."""
    if urlsplit(url).scheme not in _MONGO or mongodb_driver != "motor":
        return None
    return (
        "Motor, the MongoDB driver in use, has been past its end of life since 2026-05-14; "
        "with EVENTIDE_MONGODB_DRIVER=pymongo its successor is used"
    )
