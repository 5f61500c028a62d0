"""The database goes away, and comes back: `Unavailable` within seconds, then all is well again without reopening."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import asyncpg
import pytest
import sqlalchemy as sa
from pymongo import errors as pymongo_errors
from sqlalchemy.exc import DBAPIError

from eventide_notify.errors import OutcomeUnknown, Refused, Unavailable
from eventide_notify.revocation import Revocation
from eventide_notify.store import Claim, Store, engines, mongo_client, outage, sql_errors
from eventide_notify.store.mongo import MongoStore
from eventide_notify.store.sql import SqlStore

from ..servers import Server
from ..waiting import asked_until, until
from .backends import SERVERS, SQL, Backend, Mongodb, Postgresql, SqliteFile
from .calls import delete, mark_all_read, mark_read, unread_counts
from .samples import NOW, announcement, ids, new_id, receipt, receipts, sample, samples

SECONDS = max(engines.WORK_SECONDS, mongo_client.SECONDS) + 15
"""Within which an absence must be noticed, on a machine that stands still for some seconds too."""


async def add_once(store: Store) -> None:
    saved = sample()
    await store.add([saved], claim=Claim(saved.id, "a", [(saved.id, saved.user_id)], NOW))


async def announce_once(store: Store) -> None:
    saved = announcement()
    await store.add_announcement(saved, claim=Claim(saved.id, "a", [(saved.id, "")], NOW))


CALLS: list[Callable[[Store], Awaitable[object]]] = [
    lambda store: store.add(samples(2)),
    lambda store: store.get("42", sample().id, now=NOW),
    lambda store: store.page("42", limit=1, now=NOW),
    lambda store: store.pending("42", limit=1, now=NOW),
    lambda store: store.newer("42", than="", limit=1, now=NOW),
    lambda store: store.mark_delivered(receipts(samples(2)), now=NOW),
    lambda store: mark_read(store, "42", ids(samples(2)), now=NOW),
    lambda store: mark_all_read(store, "42", up_to=None, now=NOW),
    lambda store: store.owned("42", ids(samples(2)), now=NOW),
    lambda store: delete(store, "42", ids(samples(2)), now=NOW),
    lambda store: store.counts(["42"], now=NOW),
    lambda store: store.press("42", sample().id, "yes", now=NOW),
    lambda store: store.find(sample().id),
    add_once,
    lambda store: store.add_announcement(announcement()),
    announce_once,
    lambda store: store.remove_announcement(sample().id),
    lambda store: store.purge(claimed_before=NOW, now=NOW),
    lambda store: store.mark_delivered([receipt("42", announcement())], now=NOW),
    lambda store: store.since(sample().id, limit=1),
    lambda store: store.overdue(after="", before=sample().id, limit=1),
    lambda store: store.announcements(after="", now=NOW),
    lambda store: store.newest_announcements(before=None, now=NOW, limit=1),
    lambda store: store.add_revocation(Revocation(new_id(NOW), NOW, NOW, "42")),
    lambda store: store.remove_revocation(sample().id),
    lambda store: store.revocations(after="", limit=1),
]


@pytest.fixture
def server(backend: Backend) -> Server:
    assert backend.server
    if not backend.server.controllable:
        pytest.skip("a given server is not ours to stop")
    return backend.server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drivers that wait less than by default, where the length is not what the test is about."""
    monkeypatch.setitem(mongo_client.OPTIONS, "serverSelectionTimeoutMS", 1_000)
    monkeypatch.setitem(mongo_client.OPTIONS, "socketTimeoutMS", 1_000)


@contextmanager
def impatience() -> Iterator[None]:
    """Calls that do so. For while the server is away: what is to succeed may take its time on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((engines, "CONNECT_SECONDS"), (engines, "WORK_SECONDS"), (mongo_client, "SECONDS")):
            patch.setattr(module, name, 1)
        yield


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_the_log_says_once_why_and_when_it_is_over(
    server: Server, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with killed(server):
        with impatience():
            for _ in range(3):
                async with unavailable():
                    await store.since("", limit=1)
    await store.since("", limit=1)
    away, back = (record.getMessage() for record in caplog.records if record.name == outage.__name__)
    assert away.startswith("the database is unavailable (")
    assert len(away) < 350
    assert "Topology" not in away
    assert back == "the database answers again"


def test_a_reason_is_one_short_line_without_what_was_to_be_saved() -> None:
    pymongos = (
        "db:27017: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 10000.0ms, connectTimeoutMS: "
        "3000.0ms), Timeout: 3.0s, Topology Description: <TopologyDescription id: 1, servers: []>"
    )
    found = outage.reason(pymongo_errors.ServerSelectionTimeoutError(pymongos))
    assert found == "ServerSelectionTimeoutError: db:27017: [Errno 111] Connection refused"
    sqlalchemys = DBAPIError("INSERT …", {"message": "a secret"}, sqlite3.OperationalError("disk\nfull"))
    assert outage.reason(sqlalchemys) == "OperationalError: disk full"
    assert outage.reason(TimeoutError()) == "TimeoutError"
    assert outage.reason(None) == "no answer"
    assert len(outage.reason(OSError("x" * 1_000))) < 350


@asynccontextmanager
async def killed(server: Server) -> AsyncIterator[None]:
    """Meanwhile the server is gone, as after kill -9."""
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Meanwhile the server takes connections, and answers nothing."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@asynccontextmanager
async def unavailable(*, or_unknown: bool = False) -> AsyncIterator[None]:
    start = time.monotonic()
    with pytest.raises((Unavailable, OutcomeUnknown) if or_unknown else Unavailable):
        yield
    assert time.monotonic() - start < SECONDS


async def page_on(store: Store) -> None:
    while True:
        await store.page("42", limit=1, now=NOW)


async def outcome(call: Awaitable[object]) -> object:
    try:
        return await call
    except (Unavailable, OutcomeUnknown) as error:
        return error


@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_killed_and_started_again(server: Server, store: Store) -> None:
    await store.add([saved := sample()])
    async with killed(server):
        start = time.monotonic()
        outcomes = await asyncio.gather(*(outcome(call(store)) for call in CALLS))
        # A driver of MongoDB sends what it has into a connection that is dead, and Motor's threads go on with it when
        # nobody waits any more: then nobody knows where it ended.
        assert {type(each) for each in outcomes} <= {Unavailable, OutcomeUnknown}
        assert isinstance(store, MongoStore) or OutcomeUnknown not in map(type, outcomes)
        assert time.monotonic() - start < SECONDS
    # What was saved just before is there, nothing else is, and the same store works.
    found = await store.page("42", limit=10, now=NOW)
    assert saved in found
    assert found == [saved] or OutcomeUnknown in map(type, outcomes)
    for call in CALLS:
        await call(store)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_a_crowd_need_not_queue_to_hear_it(server: Server, store: Store) -> None:
    """Motor has a handful of threads: calls that waited for one in turn would wait for minutes."""
    async with killed(server):
        start = time.monotonic()
        with impatience():
            outcomes = await asyncio.gather(*(outcome(store.since("", limit=1)) for _ in range(200)))
        assert {type(each) for each in outcomes} == {Unavailable}
        assert time.monotonic() - start < 9  # a second or two, and what the machine stands still


@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_a_restart_that_nobody_saw_is_no_failure(server: Server, store: Store) -> None:
    """All pooled connections are dead by then."""
    await asyncio.gather(*(store.page("42", limit=1, now=NOW) for _ in range(20)))
    async with killed(server):
        await asyncio.sleep(1.1)  # PyMongo looks at a connection before it uses it only when it was idle for a second
    outcomes = await asyncio.gather(*(outcome(store.add([sample()])) for _ in range(20)))
    failed = [each for each in outcomes if each]
    assert not failed


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_work_under_way_when_the_server_dies(server: Server, store: Store) -> None:
    """Each add either returned, and is kept, or said that nothing was saved, or that nobody knows."""
    kept: list[str] = []
    refused: list[str] = []

    async def work() -> None:
        while True:
            new = sample()
            try:
                await store.add([new])
            except Unavailable:
                refused.append(new.id)
                raise
            kept.append(new.id)

    at_work = [asyncio.create_task(work()) for _ in range(5)]
    await until(lambda: len(kept) >= 50, within=30)
    async with killed(server):
        with impatience():
            outcomes = await asyncio.gather(*at_work, return_exceptions=True)
        assert {type(each) for each in outcomes} <= {Unavailable, OutcomeUnknown}
    found = set(ids(await store.page("42", limit=10_000, now=NOW)))
    assert set(kept) <= found
    assert not found & set(refused)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_frozen(server: Server, store: Store) -> None:
    await store.add([saved := sample()])
    with frozen(server), impatience():
        async with unavailable():
            await page_on(store)  # a stop takes a moment to reach every thread of the server
        async with unavailable(or_unknown=True):
            await mark_read(store, "42", [saved.id], now=NOW)
    assert [each.id for each in await store.page("42", limit=1, now=NOW)] == [saved.id]
    await store.add(samples(2))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_closing_while_the_server_is_frozen(
    server: Server, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mongo_client.OPTIONS, "socketTimeoutMS", 1_000)
    store = backend.store()
    await store.open()
    with frozen(server), impatience():
        await asyncio.wait_for(store.close(), SECONDS)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_opening_while_the_server_is_away(server: Server, backend: Backend) -> None:
    store = backend.store()
    async with killed(server):
        with impatience():
            async with unavailable():
                await store.open()
    await store.open()
    await store.add(samples(1))
    await store.close()


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_what_nobody_expected_of_sql_is_logged_with_its_traceback_once(
    store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with pytest.raises(Refused):
            await store._database.read(sa.select(sa.literal_column("nonsense")))
    [logged] = [record for record in caplog.records if record.name == sql_errors.__name__]
    assert "nonsense" in logged.getMessage()
    assert logged.exc_info
    await store.check_writable()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_waits_for_a_lock_only_so_long(
    backend: Postgresql, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.add([saved := sample()])
    other = await asyncpg.connect(backend.url)
    async with other.transaction():
        await other.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
        monkeypatch.setattr(engines, "WORK_SECONDS", 2)
        async with unavailable():
            await mark_all_read(store, "42", up_to=None, now=NOW)
        with pytest.raises(OutcomeUnknown):  # one statement, and a transaction by itself
            await mark_read(store, "42", [saved.id], now=NOW)
    monkeypatch.undo()
    assert await store.page("42", limit=1, now=NOW) == [saved]
    idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%in transaction%'"
    await asked_until(lambda: other.fetchval(idle), lambda number: number == 0)
    await other.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_that_only_reads(backend: Postgresql, store: Store) -> None:
    """As a standby does after it lost its part."""
    other = await asyncpg.connect(backend.url)
    [[name]] = await other.fetch("SELECT current_database()")
    await other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    reading = backend.store()
    await reading.open()
    async with unavailable():
        await reading.add([sample()])
    assert await reading.page("42", limit=1, now=NOW) == []
    await reading.close()
    await other.close()


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_sqlite_locked_by_another_process(backend: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 0.2)
    store = backend.store()
    await store.open()
    await store.add([saved := sample()])
    with closing(sqlite3.connect(backend.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with unavailable():
            await store.add(samples(2))
        assert await store.page("42", limit=10, now=NOW) == [saved]  # readers do not wait
        other.execute("ROLLBACK")
    await store.add(samples(1))
    await store.close()


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_sqlite_on_a_full_disk(store: SqlStore) -> None:
    await store.add([saved := sample()])

    async def limit(pages: int) -> None:
        # SQLite's own limit: it fails in the same way, and needs no disk to fill.
        await store._database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}"))

    await limit(1)
    large = samples(20, data={"k": "x" * 8_000})
    async with unavailable():
        await store.add(large)
    assert await store.page("42", limit=10, now=NOW) == [saved]
    await limit(1_000_000)
    await store.add(large)


async def test_cancelled_calls_leave_nothing_behind(backend: Backend, store: Store) -> None:
    """However far a call has come when its caller gives up."""
    await store.add([first := sample()])
    for steps in range(60):
        calls = [
            asyncio.create_task(store.add(samples(3, "43"))),
            asyncio.create_task(mark_all_read(store, "43", up_to=None, now=NOW)),
            asyncio.create_task(store.page("43", limit=10, now=NOW)),
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    # All connections are free again, and no transaction holds a lock.
    await asyncio.wait_for(asyncio.gather(*(store.add([sample("44")]) for _ in range(20))), 30)
    assert await store.page("42", limit=10, now=NOW) == [first]
    # Of each call, all or nothing.
    assert isinstance(backend, Mongodb) or len(await store.page("43", limit=1000, now=NOW)) % 3 == 0


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_two_processes_write_to_one_sqlite_file(backend: SqliteFile, store: Store) -> None:
    """Each reads before it writes: without BEGIN IMMEDIATE one of two would fail with "database is locked"."""
    others = [backend.store() for _ in range(3)]
    for other in others:
        await other.open()
    saved = samples(60)
    await store.add(saved)
    await asyncio.gather(
        *(mark_read(each, "42", [notification.id], now=NOW) for notification in saved for each in (store, *others))
    )
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 0}
    for other in others:
        await other.close()
