"""The kinds of database the contract is tried on, each with an empty database of its own for every test."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import sqlalchemy as sa
from pymongo import MongoClient

from eventide_notify.store import Store, create_store
from eventide_notify.store.mongo import MongoStore

from ..servers import MongoServer, PostgresServer, Server

SQL = ("sqlite-file", "sqlite-memory", "postgresql")
SERVERS = ("postgresql", "mongodb-motor", "mongodb-pymongo")
KINDS = ("sqlite-file", "sqlite-memory", *SERVERS)
PERSISTENT = ("sqlite-file", *SERVERS)
"""Where another store sees the same data."""


class Backend(ABC):
    """One empty database."""

    url: str
    server: Server | None = None
    many = 10_000
    """As many as are needed to tell a few round trips from one for each, in a time that a test may take."""

    def store(self) -> Store:
        return create_store(self.url)

    async def rows(self, store: Any, table: str) -> int:
        """How many rows or documents there are in a table or collection."""
        found = await store._database.read(sa.select(sa.func.count().label("number")).select_from(sa.table(table)))
        return int(found[0].number)

    @abstractmethod
    async def pretend_version(self, version: int) -> None:
        """Write a schema version into the database, which has been opened before."""


class SqliteMemory(Backend):
    url = "sqlite://"

    async def pretend_version(self, version: int) -> None:
        raise NotImplementedError


class SqliteFile(Backend):
    def __init__(self, folder: Path) -> None:
        self.path = folder / "notifications.db"
        self.url = f"sqlite:///{self.path}"

    async def pretend_version(self, version: int) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("INSERT INTO schema_version VALUES (?)", [version])


class Postgresql(Backend):
    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server = server
        self.url = url

    async def pretend_version(self, version: int) -> None:
        connection = await asyncpg.connect(self.url)
        await connection.execute("INSERT INTO schema_version VALUES ($1)", version)
        await connection.close()


class Mongodb(Backend):
    def __init__(self, server: MongoServer, url: str, driver: str) -> None:
        self.server = server
        self.url = url
        self.driver = driver
        self.kind = server.kind
        if server.kind not in {"url", "mongod"}:
            self.many = 200  # FerretDB looks at every document, and compares it with every id in turn

    def store(self) -> Store:
        store = MongoStore(self.url, driver=self.driver)
        if self.kind == "nx":  # after an index that names _id, all its inserts fail
            store._migrate = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
        return store

    async def rows(self, store: Any, table: str) -> int:
        return int(await store._client.read(store._client[table].count_documents, {}))

    async def pretend_version(self, version: int) -> None:
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.url) as client:
            client.get_default_database().meta.update_one({"_id": "schema"}, {"$set": {"version": version}})


@contextlib.contextmanager
def postgresql(server: PostgresServer) -> Iterator[Postgresql]:
    name = f"test_{uuid4().hex}"
    try:
        yield Postgresql(server, server.create_database(name))
    finally:
        server.drop_database(name)


@contextlib.contextmanager
def mongodb(server: MongoServer, driver: str) -> Iterator[Mongodb]:
    name = f"test_{uuid4().hex}"
    yield Mongodb(server, server.url(name), driver)
    client: MongoClient[dict[str, Any]]
    with MongoClient(server.base_url) as client:
        client.drop_database(name)
