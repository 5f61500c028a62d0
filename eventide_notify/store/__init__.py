"""Stores: `base` is the protocol, the other modules keep it on one kind of database each."""

from __future__ import annotations

from urllib.parse import urlsplit

from .base import Claim, Store

__all__ = ["Claim", "Store", "create_store"]

_SQL = {"sqlite", "postgresql", "postgres"}
_MONGO = {"mongodb", "mongodb+srv"}
SCHEMES = frozenset(_SQL | _MONGO)


def create_store(url: str, *, mongodb_driver: str = "motor") -> Store:
    """The store for a database URL, not opened yet; its driver is imported only now.

    Raises `ValueError` for a URL that no store understands.
    """
    scheme = urlsplit(url).scheme
    if scheme in _SQL:
        from .sql import SqlStore

        return SqlStore(url)
    if scheme in _MONGO:
        from .mongo import MongoStore

        return MongoStore(url, driver=mongodb_driver)
    raise ValueError(f"no store for {scheme or 'this'!r} URLs; known are {', '.join(sorted(SCHEMES))}")
