"""What opening a database would do to it, and databases of the first version."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from eventide_notify.errors import Unavailable
from eventide_notify.models import Change, Counts
from eventide_notify.store import Claim, Store, create_store, migrations
from eventide_notify.store.base import Schema
from eventide_notify.store.mongo_schema import INDEXES, SCHEMA_VERSION

from .backends import PERSISTENT, Backend, Mongodb, Postgresql, SqliteFile
from .samples import LATER, NOW, announcement, ids
from .test_opening import open_version

TARGETS = {"sqlite": len(migrations.STEPS), "postgresql": len(migrations.STEPS), "mongodb": SCHEMA_VERSION}


def target(backend: Backend) -> int:
    return TARGETS[backend.url.partition(":")[0]]


def contents(backend: Backend) -> Any:
    """All that is in the database."""
    if isinstance(backend, SqliteFile):
        return hashlib.sha256(backend.path.read_bytes()).hexdigest() if backend.path.exists() else None
    if isinstance(backend, Postgresql):
        return asyncio.run(_described(backend.url))
    assert isinstance(backend, Mongodb)
    client: MongoClient[dict[str, Any]]
    with MongoClient(backend.url) as client:
        database: Any = client.get_default_database()
        return {
            name: (list(database[name].find()), sorted(database[name].index_information()))
            for name in database.list_collection_names()
        }


async def _described(url: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return [
            [str(row) for row in await connection.fetch(query)]
            for query in (
                "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
                "SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid "
                "WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2",
            )
        ]
    finally:
        await connection.close()


async def looked_at(backend: Backend) -> Schema:
    """What a store that does not open says; nothing is changed by that."""
    before = await asyncio.to_thread(contents, backend)
    store = backend.store()
    found = await store.schema()
    await store.close()
    assert await asyncio.to_thread(contents, backend) == before
    return found


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_a_new_database_and_one_that_is_up_to_date(backend: Backend) -> None:
    new = await looked_at(backend)
    assert (new.version, new.target) == (0, target(backend))
    assert len(new.steps) >= new.target
    store = backend.store()
    await store.open()
    await store.close()
    assert await looked_at(backend) == Schema(target(backend), target(backend), [])


async def test_an_open_store_knows_its_schema(backend: Backend, store: Store) -> None:
    assert (await store.schema()).target == target(backend)


@pytest.mark.parametrize("backend", ["sqlite-file", "postgresql"], indirect=True)
async def test_the_steps_that_are_lacking_are_named(backend: Backend) -> None:
    await open_version(backend, 2)
    found = await looked_at(backend)
    assert (found.version, found.target) == (2, len(migrations.STEPS))
    assert [step.partition(":")[0] for step in found.steps] == [
        f"step {number}" for number in range(3, len(migrations.STEPS) + 1)
    ]


def test_every_step_has_a_title() -> None:
    assert len(migrations.TITLES) == len(migrations.STEPS)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_nobody_is_waited_for(backend: Backend) -> None:
    await open_version(backend, 1)
    other = await asyncpg.connect(backend.url)
    async with other.transaction():
        await other.execute(f"SELECT pg_advisory_xact_lock({migrations._LOCK})")
        await other.execute("ALTER TABLE notifications ADD COLUMN x TEXT")
        store = backend.store()
        assert (await asyncio.wait_for(store.schema(), 30)).version == 1
        await store.close()
    await other.close()


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_a_later_version_has_no_steps(backend: Backend, store: Store) -> None:
    await backend.pretend_version(99)
    assert await looked_at(backend) == Schema(99, target(backend), [])


async def test_no_file_is_made(tmp_path: Path) -> None:
    store = create_store(f"sqlite:///{tmp_path}/x.db")
    assert (await store.schema()).version == 0
    await store.close()
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - nobody waits for it
    missing = create_store(f"sqlite:///{tmp_path}/missing/x.db")
    with pytest.raises(Unavailable, match="there is no folder"):
        await missing.schema()
    await missing.close()


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/x", "mongodb://127.0.0.1:1/x"])
async def test_nobody_there(url: str) -> None:
    store = create_store(url)
    with pytest.raises(Unavailable, match="cannot open"):
        await store.schema()
    await store.close()


# MongoDB

V1: dict[str, tuple[tuple[str, ...], ...]] = {
    "notifications": (("userId", "_id"), ("userId", "status", "_id")),
    "claims": (("claimedAt",),),
}


@pytest.fixture
def first(backend: Mongodb) -> Mongodb:
    """A database as the first version left it, with data in it: neither announcements nor an index of the overdue."""
    client: MongoClient[dict[str, Any]]
    with MongoClient(backend.url, tz_aware=True) as client:
        database: Any = client.get_default_database()
        for collection, indexes in V1.items():
            for fields in indexes:
                database[collection].create_index([(field, 1) for field in fields])
        database.meta.insert_one({"_id": "schema", "version": 1})
        content = {"message": "hello", "title": "", "type": "SYSTEM", "link": None, "avatar": None, "data": "{}"}
        states: dict[str, tuple[str, datetime | None, datetime | None]] = {
            "a": ("PENDING", None, None),
            "b": ("DELIVERED", NOW, None),
            "c": ("READ", NOW, LATER),
            "d": ("READ", None, LATER),
        }
        for id, (status, received, read) in states.items():
            state = {"status": status, "deliveredAt": received, "readAt": read}
            database.notifications.insert_one({"_id": id, "userId": "42", "createdAt": NOW, **state, **content})
        claim = {"fingerprint": "same", "items": '[["a","42"]]', "claimedAt": NOW, "complete": True}
        database.claims.insert_one({"_id": "key", **claim})
    return backend


@pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)
async def test_a_mongodb_of_the_first_version_is_brought_up_to_date(first: Mongodb) -> None:
    found = await looked_at(first)
    assert (found.version, found.target) == (1, SCHEMA_VERSION)
    assert "build the index (expiresAt) of announcements" in found.steps
    assert "remove the index (userId, _id) of notifications" in found.steps
    assert "build the index (claimedAt) of claims" not in found.steps
    stores = [first.store() for _ in range(3)]
    await asyncio.gather(*(store.open() for store in stores))
    await stores[0].add_announcement(new := announcement())
    for store in stores:
        assert ids(await store.page("42", limit=10, now=NOW)) == ["d", "c", "b", "a", new.id]
        assert await store.counts(["42"], now=NOW) == {"42": Counts(3, 3)}
        held = await store.add([], claim=Claim("key", "same", [], NOW))
        assert held is not None
        assert [tuple(item) for item in held.items] == [("a", "42")]
    assert (await stores[0].change("42", Change.UNREAD, ["c", "d"], now=LATER)).changed
    assert await stores[1].counts(["42"], now=NOW) == {"42": Counts(5, 3)}
    for store in stores:
        await store.close()
    after: MongoClient[dict[str, Any]]
    with MongoClient(first.url) as after:
        database: Any = after.get_default_database()
        for collection, indexes in INDEXES.items():
            names = {"_id_", *("_".join(f"{field}_1" for field in fields) for fields in indexes)}
            assert set(database[collection].index_information()) == names
    assert (await looked_at(first)).steps == []
