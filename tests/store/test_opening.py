"""Opening, closing, and opening again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from eventide_notify.errors import SchemaTooNew, Unavailable
from eventide_notify.models import Change, Status
from eventide_notify.store import Claim, Store, create_store, engines, migrations
from eventide_notify.store.tables import milliseconds

from ..waiting import until
from .backends import PERSISTENT, SQL, Backend, Postgresql, SqliteFile, SqliteMemory
from .calls import mark_read, unread_counts
from .samples import LATER, NOW, announced, announcement, ids, receipt, receipts, samples


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
@pytest.mark.smoke
async def test_what_was_saved_outlives_the_store(backend: Backend, store: Store) -> None:
    saved = samples(3)
    await store.add(saved)
    await store.mark_delivered(receipts(saved[:1]), now=NOW)
    await store.add([], claim=(claim := Claim("key", "a", [("id", "42")], NOW)))
    before = await store.page("42", limit=10, now=NOW)
    await store.close()
    again = backend.store()
    await again.open()
    assert await again.page("42", limit=10, now=NOW) == before
    assert await again.add([], claim=Claim("key", "b", [], NOW)) == replace(claim, complete=True)
    await again.close()


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_instances_see_each_other(backend: Backend, store: Store) -> None:
    other = backend.store()
    await other.open()
    saved = samples(2)
    await store.add(saved)
    assert ids(await other.pending("42", limit=10, now=NOW)) == ids(saved)
    await mark_read(other, "42", [saved[0].id], now=NOW)
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 1}
    await other.close()


@pytest.mark.smoke
async def test_several_may_open_an_empty_database_at_once(backend: Backend) -> None:
    stores = [backend.store() for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    saved = samples(6)
    await asyncio.gather(*(store.add([each]) for store, each in zip(stores, saved, strict=True)))
    for store in stores:
        found = await store.page("42", limit=10, now=NOW)
        assert len(found) == (1 if isinstance(backend, SqliteMemory) else 6)
        await store.close()


async def test_closing_twice_and_without_opening(backend: Backend) -> None:
    store = backend.store()
    await store.close()
    await store.close()
    opened = backend.store()
    await opened.open()
    await opened.check_writable()
    await opened.close()
    await opened.close()


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_a_later_schema_is_refused(backend: Backend, store: Store) -> None:
    await backend.pretend_version(99)
    later = backend.store()
    with pytest.raises(SchemaTooNew, match=r"version 99, but .* knows only \d\b"):
        await later.open()
    await later.close()


OLD = """
    INSERT INTO notifications (id, user_id, status, created_at, delivered_at, read_at, message, title, type, data)
    VALUES ('{id}', '42', '{status}', 1000, {delivered}, {read}, 'hello', '', 'SYSTEM', '{{}}')
"""
OLD_RECEIPT = """
    INSERT INTO announcement_receipts (user_id, announcement_id, status, delivered_at, read_at)
    VALUES ('42', '{id}', '{status}', {delivered}, {read})
"""
OLD_ANNOUNCEMENT = """
    INSERT INTO announcements (id, created_at, expires_at, message, title, type)
    VALUES ('{id}', 1000, 9000000000000, 'hello', '', 'SYSTEM')
"""
OLD_STATES: list[dict[str, str | int]] = [
    {"id": "a", "status": "PENDING", "delivered": "NULL", "read": "NULL"},
    {"id": "b", "status": "DELIVERED", "delivered": 2000, "read": "NULL"},
    {"id": "c", "status": "READ", "delivered": 2000, "read": 3000},
    {"id": "d", "status": "READ", "delivered": "NULL", "read": 3000},
]


async def open_version(backend: Backend, version: int, *data: str) -> None:
    """Make a database as this version left it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:version])
        store: Any = backend.store()
        await store.open()
        for statement in data:
            await store._database.write(lambda connection, some=statement: connection.exec_driver_sql(some))
        await store.close()


@pytest.mark.parametrize("backend", ["sqlite-file", "postgresql"], indirect=True)
async def test_a_database_of_the_first_version_is_brought_up_to_date(backend: Backend) -> None:
    await open_version(backend, 1, *(OLD.format(**state) for state in OLD_STATES))
    stores = [backend.store() for _ in range(3)]
    await asyncio.gather(*(store.open() for store in stores))
    await stores[0].add_announcement(new := announcement())
    for store in stores:
        new_first = await store.page("42", limit=10, now=NOW)
        assert ids(new_first) == ["d", "c", "b", "a", new.id]
        assert new_first[-1] == announced(new)
        await store.close()


@pytest.mark.parametrize("backend", ["sqlite-file", "postgresql"], indirect=True)
async def test_what_was_read_before_there_was_seen_is_seen(backend: Backend) -> None:
    own = [OLD.format(**state) for state in OLD_STATES]
    others = [state | {"id": f"{state['id']} announced"} for state in OLD_STATES]
    rows = [template.format(**state) for state in others for template in (OLD_ANNOUNCEMENT, OLD_RECEIPT)]
    await open_version(backend, 2, *own, *rows)
    store = backend.store()
    await store.open()
    found = {each.id: each for each in await store.page("42", limit=10, now=NOW)}
    at_2, at_3 = datetime.fromtimestamp(2, UTC), datetime.fromtimestamp(3, UTC)
    for kind in ("", " announced"):
        times = [(found[id + kind].delivered_at, found[id + kind].seen_at) for id in "abcd"]
        assert times == [(None, None), (at_2, None), (at_2, at_3), (at_3, at_3)]
    assert {each.archived for each in found.values()} == {False}
    assert found["a"].content.data == {}
    assert await store.counts(["42", "43"], now=NOW) == {"42": (4, 4), "43": (4, 4)}
    assert len(await store.change_all("42", Change.UNREAD, up_to=None, now=NOW)) == 4
    assert await store.counts(["42"], now=NOW) == {"42": (8, 4)}
    await store.close()


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_what_an_instance_of_the_version_before_marks_as_read_is_seen(store: Any) -> None:
    """It may go on running for a while, and notes nothing else."""
    everyones, others = announcement(), announcement()
    own, _ = saved = samples(2)
    await store.add(saved)
    for each in (everyones, others):
        await store.add_announcement(each)
    await store.mark_delivered([receipt("42", everyones), receipt("42", others)], now=NOW)
    for table in ("notifications", "announcement_receipts"):
        old = f"UPDATE {table} SET status = 'READ', read_at = {milliseconds(NOW)}"
        await store._database.write(lambda connection, old=old: connection.exec_driver_sql(old))
    for each in await store.page("42", limit=10, now=NOW):
        assert (each.status, each.seen_at, each.delivered_at) == (Status.READ, NOW, NOW)
    await store.change("42", Change.UNREAD, [own.id, everyones.id], now=LATER)
    await store.change_all("42", Change.UNREAD, up_to=None, now=LATER)
    for each in await store.page("42", limit=10, now=NOW):
        assert (each.status, each.seen_at, each.delivered_at) == (Status.DELIVERED, NOW, NOW)
    assert await store.counts(["42"], now=NOW) == {"42": (4, 0)}


async def test_opening_again_changes_nothing(backend: Backend, store: Store) -> None:
    await store.add(saved := samples(2))
    await store.open()
    assert await store.page("42", limit=10, now=NOW) == saved[::-1]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://relative.db",  # two slashes: the most likely slip
        "mongodb://",
        "mongodb://localhost:port/",
        "mysql://localhost/x",
        "notifications.db",
    ],
)
def test_a_wrong_url_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each library words it in its own way
        create_store(url)


def test_a_wrong_driver_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="'sync'"):
        create_store("mongodb://localhost/", mongodb_driver="sync")


async def test_sqlite_names_a_missing_folder(tmp_path: Path) -> None:
    store = create_store(f"sqlite:///{tmp_path}/missing/notifications.db")
    with pytest.raises(Unavailable, match=f"there is no folder {tmp_path}/missing"):
        await store.open()
    await store.close()


async def test_sqlite_refuses_a_file_that_is_none_of_its(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, " * 1000)
    store = create_store(f"sqlite:///{tmp_path}/notes.txt")
    with pytest.raises(Unavailable, match="not a database"):
        await store.open()
    await store.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "mongodb"])
async def test_nobody_there_is_said_without_the_password(scheme: str) -> None:
    store = create_store(f"{scheme}://user:secret@127.0.0.1:1/somewhere")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1(:|', )1") as caught:
        await asyncio.wait_for(store.open(), 30)
    assert "secret" not in str(caught.value)
    await store.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_takes_the_options_of_the_url(backend: Backend) -> None:
    store = create_store(f"{backend.url}?sslmode=prefer&application_name=eventide")
    await store.open()
    await store.close()
    encrypted = create_store(f"{backend.url}?sslmode=require")
    with pytest.raises(Unavailable, match="SSL"):
        await encrypted.open()
    await encrypted.close()
    wrong = create_store(f"{backend.url}?sslmode=maybe")
    with pytest.raises(Unavailable, match="sslmode"):
        await wrong.open()
    await wrong.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_without_the_database(backend: Backend) -> None:
    store = create_store(f"{backend.url}_missing")
    with pytest.raises(Unavailable, match="does not exist"):
        await store.open()
    await store.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_that_refuses_who_opens_it(backend: Postgresql, caplog: pytest.LogCaptureFixture) -> None:
    url = urlsplit(backend.url)
    name = f"guest_{url.path.rpartition('_')[2]}"
    guest = create_store(url._replace(netloc=f"{name}@{url.hostname}:{url.port}").geturl())
    with pytest.raises(Unavailable, match=f'role "{name}" does not exist'):
        await guest.open()
    other = await asyncpg.connect(backend.url)
    await other.execute(f'CREATE ROLE "{name}" LOGIN')
    try:
        with pytest.raises(Unavailable, match="permission denied for schema public"):
            await guest.open()
    finally:
        await guest.close()
        await other.execute(f'DROP ROLE "{name}"')
        await other.close()
    assert not caplog.records  # who opens it is told, in one line


@pytest.mark.parametrize("backend", ["sqlite-file", "postgresql"], indirect=True)
async def test_the_steps_are_told_unless_the_database_is_new(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", migrations.__name__)
    await open_version(backend, 1)
    assert not caplog.records
    store = backend.store()
    await store.open()
    await store.close()
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(" (")[0].partition(":")[0] for line in told] == [
        *("bringing the schema to version 2 of 5", "the schema has version 2 now"),
        *("bringing the schema to version 3 of 5", "the schema has version 3 now"),
        *("bringing the schema to version 4 of 5", "the schema has version 4 now"),
        *("bringing the schema to version 5 of 5", "the schema has version 5 now"),
    ]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_migration_has_its_own_time_and_others_wait_for_it(
    backend: Postgresql, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await open_version(backend, 1)
    other = await asyncpg.connect(backend.url)
    database = await other.fetchval("SELECT current_database()")
    for limit in ("statement_timeout", "lock_timeout"):
        await other.execute(f'ALTER DATABASE "{database}" SET {limit} = 4000')
    first, second, *rest = migrations.STEPS
    monkeypatch.setattr(migrations, "STEPS", (first, ("SELECT pg_sleep(8)", *second), *rest))
    monkeypatch.setattr(engines, "WORK_SECONDS", 6.5)
    stores = [backend.store() for _ in range(2)]
    await asyncio.gather(*(store.open() for store in stores))
    assert "another instance is bringing the schema up to date: waiting for it" in caplog.messages
    monkeypatch.undo()
    assert await stores[0].announcements(after="", now=NOW) == []
    for store in stores:
        await store.close()
    await other.close()


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_a_migration_of_sqlite_waits_for_another_process(
    backend: SqliteFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await open_version(backend, 1)
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 0.05)
    store = backend.store()
    with contextlib.closing(sqlite3.connect(backend.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        opening = asyncio.create_task(store.open())
        await until(lambda: caplog.messages)
        assert not opening.done()
        other.execute("ROLLBACK")
    await opening
    assert caplog.messages == ["another process holds the database's file: waiting, to bring the schema up to date"]
    await store.close()


_WRITER = """
import asyncio, sys
from eventide_notify.store import create_store
from tests.store.samples import sample

async def main():
    store = create_store(sys.argv[1])
    await store.open()
    while True:
        await store.add([saved := sample()])
        print(saved.id, flush=True)

asyncio.run(main())
"""


async def test_sqlite_keeps_what_was_saved_when_the_process_is_killed(tmp_path: Path) -> None:
    backend = SqliteFile(tmp_path)
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, backend.url, stdout=subprocess.PIPE)
    assert writer.stdout
    printed = [(await writer.stdout.readline()).decode().strip() for _ in range(50)]
    writer.kill()
    printed += (await writer.stdout.read()).decode().split()
    assert await writer.wait() == -signal.SIGKILL
    store = backend.store()
    await store.open()
    found = ids(await store.page("42", limit=100_000, now=NOW))[::-1]
    assert found[: len(printed)] == printed
    assert len(found) <= len(printed) + 1  # saved, and killed before it could say so
    await store.close()
