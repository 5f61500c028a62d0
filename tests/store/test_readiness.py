"""Whether saving works is found out by saving."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import sqlalchemy as sa

from eventide_notify.errors import OutcomeUnknown, Unavailable
from eventide_notify.store import Store, engines, readiness
from eventide_notify.store.engines import Database
from eventide_notify.store.sql import SqlStore
from eventide_notify.store.sql_errors import Progress

from ..waiting import until
from .backends import SERVERS, SQL, Backend, Postgresql, SqliteFile
from .calls import delete
from .roundtrips import commands
from .samples import NOW, announcement, ids, receipts, sample, samples
from .test_commit import files_end_at
from .test_outage import frozen

READY_SECONDS = 3.0
"""How long readiness waits for an answer."""
DEFAULT = readiness.ASK_SECONDS


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question is answered by a write of its own, and with its own reason: how long that may take is larger than
    by default in all its parts, for a busy machine, and SQLite's usual patience much larger, for it is not to be used.
    """
    monkeypatch.setattr(readiness, "SAVED_LATELY", 0)
    monkeypatch.setattr(readiness, "FAILED_LATELY", 0)
    monkeypatch.setattr(readiness, "ASK_SECONDS", 20)
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 60)


def test_whoever_asks_hears_the_reason_before_giving_up() -> None:
    assert engines.HURRY_SECONDS < DEFAULT < READY_SECONDS


@asynccontextmanager
async def not_ready(store: Store, why: str) -> AsyncIterator[None]:
    with pytest.raises(Unavailable, match=why):
        await store.check_writable()
    yield


@pytest.mark.usefixtures("forgetful")
async def test_it_writes_and_leaves_nothing_behind(backend: Backend, store: Store) -> None:
    with commands() as sent:
        await store.check_writable()
    assert any(what.startswith(("INSERT", "update")) for what, _ in sent)
    assert await backend.rows(store, "notifications") == await backend.rows(store, "claims") == 0
    assert await store.since("", limit=10) == []


@pytest.mark.usefixtures("forgetful")
async def test_those_who_ask_together_share_one_write(store: Store) -> None:
    with commands() as sent:
        await asyncio.gather(*(store.check_writable() for _ in range(20)))
    assert len([what for what, _ in sent if what.startswith(("INSERT INTO notifications", "update"))]) == 1


async def test_what_was_saved_lately_answers_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "SAVED_LATELY", 60)
    await store.add([sample()])
    with commands() as sent:
        await store.check_writable()
    assert not sent
    monkeypatch.setattr(readiness, "SAVED_LATELY", 0)
    with commands() as sent:
        await store.check_writable()
    assert sent


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_a_save_that_failed_lately_answers_it(
    backend: SqliteFile, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tiny write may find room where a real one does not."""
    monkeypatch.setattr(readiness, "FAILED_LATELY", 60)
    await limit_pages(store, 1)
    with pytest.raises(Unavailable):
        await store.add(samples(20, data={"k": "x" * 8_000}))
    await limit_pages(store, 1_000_000)
    async with not_ready(store, "database or disk is full"):
        pass
    await store.add([sample()])
    await store.check_writable()


async def limit_pages(store: SqlStore, pages: int) -> None:
    """SQLite's own limit fails like a full disk."""

    def limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await store._database._transact(limit, Progress(), seconds=5)  # which is not taken for a save that went well


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_sqlite_whose_disk_takes_no_more(backend: SqliteFile, store: Store) -> None:
    await store.check_writable()
    with files_end_at(backend.path.with_name("notifications.db-wal").stat().st_size):
        async with not_ready(store, "disk I/O error"):
            assert await store.page("42", limit=1, now=NOW) == []
    await store.check_writable()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
async def test_sqlite_locked_by_another_process(backend: SqliteFile, store: SqlStore, lock: str) -> None:
    with closing(sqlite3.connect(backend.path, isolation_level=None)) as other:
        other.execute(f"BEGIN {lock}")
        async with not_ready(store, "database is locked"):
            other.execute("ROLLBACK")
    await store.check_writable()
    found = await store._database.write(lambda each: each.exec_driver_sql("PRAGMA busy_timeout").scalar_one())
    assert found == engines.CONNECT_SECONDS * 1000


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("way", ["ALTER DATABASE", "ALTER SYSTEM"])
async def test_postgresql_that_only_reads(backend: Postgresql, way: str) -> None:
    store = backend.store()
    await store.open()
    await store.check_writable()
    other = await asyncpg.connect(backend.url)
    if way == "ALTER DATABASE":  # for connections made from now on
        await other.execute(f'{way} "{await other.fetchval("SELECT current_database()")}" SET {READ_ONLY} = on')
        await store.close()
        await store.open()
    else:
        await other.execute(f"{way} SET {READ_ONLY} = on")
        await reload(other, "on")
    try:
        async with not_ready(store, "read-only transaction"):
            assert await store.page("42", limit=1, now=NOW) == []
    finally:
        if way == "ALTER SYSTEM":
            await other.execute(f"SET {READ_ONLY} = off")
            await other.execute(f"{way} RESET {READ_ONLY}")
            await other.execute(f"RESET {READ_ONLY}")
            await reload(other, "off")
            await ready_again(store)
        await store.close()
        await other.close()


READ_ONLY = "default_transaction_read_only"


async def reload(connection: asyncpg.Connection, value: str) -> None:
    await connection.execute("SELECT pg_reload_conf()")
    while await connection.fetchval(f"SHOW {READ_ONLY}") != value:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_whose_table_is_locked(backend: Postgresql, store: Store) -> None:
    other = await asyncpg.connect(backend.url)
    async with other.transaction():
        await other.execute("LOCK TABLE notifications")
        async with not_ready(store, "lock timeout"):
            pass
    await store.check_writable()
    await other.close()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_that_takes_no_connection_for_saves(backend: Postgresql, store: Any) -> None:
    """Saves have one of their own: that others work does not say that it does."""
    assert backend.server
    await store.add([sample()])
    name = urlsplit(backend.url).path[1:]
    other = await asyncpg.connect(backend.server.base_url)
    await other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    saving = store._database._own[0]._connection
    await other.execute("SELECT pg_terminate_backend($1, 5000)", saving.get_server_pid())
    await until(saving.is_closed)
    async with not_ready(store, "not currently accepting connections"):
        assert len(await store.page("42", limit=1, now=NOW)) == 1
    await other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await store.check_writable()
    await other.close()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_question_leaves_no_connection_behind(
    backend: Postgresql, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that was asked just before the end, and goes the second half of its way afterwards."""
    monkeypatch.setattr(engines, "HURRY_SECONDS", 60)  # it waits until we have seen it, however long we take
    monkeypatch.setattr(engines, "WORK_SECONDS", 60)
    other = await asyncpg.connect(backend.url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("LOCK TABLE notifications")
    asking = asyncio.create_task(store.check_writable())
    await until_waiting(other)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    await transaction.rollback()
    await closing
    await asyncio.gather(asking, return_exceptions=True)
    assert store._database._own[0]._connection is None  # type: ignore[attr-defined]
    await other.close()


async def until_waiting(connection: asyncpg.Connection) -> None:
    """Somebody waits for a lock in this database."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE "
    while not await connection.fetchval(f"{waiting} datname = current_database())"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", SQL, indirect=True)
@pytest.mark.parametrize("table", ["notifications", "claims"])
async def test_a_table_that_takes_nothing(store: SqlStore, table: str) -> None:
    """What is sent with a key needs both."""
    await store._database.write(lambda each: each.exec_driver_sql(f"ALTER TABLE {table} RENAME TO gone"))
    async with not_ready(store, table):
        pass
    await store._database.write(lambda each: each.exec_driver_sql(f"ALTER TABLE gone RENAME TO {table}"))
    await store.check_writable()


async def ready_again(store: Store) -> None:
    """A server's processes take a new setting one after the other."""
    async with asyncio.timeout(30):
        while True:
            with suppress(Unavailable):
                return await store.check_writable()
            await asyncio.sleep(0.01)


async def ask_on(store: Store) -> None:
    """A stop takes a moment to reach every thread of a server."""
    while True:
        await store.check_writable()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_a_server_that_is_frozen(backend: Backend, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backend.server
    if not backend.server.controllable:
        pytest.skip("a given server is not ours to freeze")
    await store.check_writable()
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "ASK_SECONDS", DEFAULT)
        with frozen(backend.server), pytest.raises(Unavailable, match=r"nothing was saved within 2\.5 s"):
            await ask_on(store)
    await store.add([sample()])
    await store.check_writable()


CALLS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "add": lambda store: store.add(samples(2)),
    "page": lambda store: store.page("42", limit=1, now=NOW),
    "mark_delivered": lambda store: store.mark_delivered(receipts(samples(2)), now=NOW),
    "delete": lambda store: delete(store, "42", ids(samples(2)), now=NOW),
    "add_announcement": lambda store: store.add_announcement(announcement()),
    "check_writable": lambda store: store.check_writable(),
}


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_a_file_that_was_removed_is_not_written_to(
    backend: SqliteFile, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store.add([saved := sample()])
    kept = backend.path.rename(backend.path.with_name("moved.db"))
    for call in CALLS.values():
        with pytest.raises(Unavailable, match=r"removed or replaced|cannot be found"):
            await call(store)
    assert not backend.path.exists()
    assert f"cannot be found: [Errno 2] No such file or directory: '{backend.path}'" in caplog.text
    kept.rename(backend.path)
    for call in CALLS.values():
        await call(store)
    assert await store.get("42", saved.id, now=NOW) == saved


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_a_file_that_was_replaced_is_not_written_to(backend: SqliteFile, store: Store) -> None:
    await store.add([saved := sample()])
    await store.close()
    shutil.copy(backend.path, backup := backend.path.with_name("backup.db"))
    await store.open()
    await store.add([sample()])
    os.replace(backup, backend.path)
    for name, call in CALLS.items():
        with pytest.raises(
            Unavailable, match="stop the service" if name == "check_writable" else "removed or replaced"
        ):
            await call(store)
    await store.close()
    for rest in ("-wal", "-shm"):
        backend.path.with_name(f"{backend.path.name}{rest}").unlink()
    await store.open()
    assert await store.page("42", limit=10, now=NOW) == [saved]


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_a_file_that_is_removed_amid_a_save(backend: SqliteFile, store: Store) -> None:
    """What went into it is not answered as saved."""
    database: Database = store._database  # type: ignore[attr-defined]

    def remove(connection: sa.Connection) -> None:
        connection.exec_driver_sql("DELETE FROM claims")
        backend.path.unlink()

    with pytest.raises(OutcomeUnknown, match="may be lost"):
        await database.write(remove)


async def test_whoever_asks_is_told_in_time_and_the_write_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ASK_SECONDS", 0.05)
    check = readiness.WriteCheck()
    may_end = asyncio.Event()
    for _ in range(2):
        with pytest.raises(Unavailable, match="nothing was saved within"):
            await check.ask(may_end.wait)
    may_end.set()
    await asyncio.sleep(0)
    monkeypatch.setattr(readiness, "ASK_SECONDS", 30)
    await check.ask(may_end.wait)
