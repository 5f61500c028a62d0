"""What a store says when a save was interrupted: `Unavailable` only if nothing was saved."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from eventide_notify.errors import OutcomeUnknown, Unavailable
from eventide_notify.models import NotificationId
from eventide_notify.store import Claim, Store, create_store, engines
from eventide_notify.store.sql import SqlStore

from ..servers.lossy import Loss, LossyProxy, lossy_proxy_to
from ..waiting import until
from .backends import Backend, Postgresql, SqliteFile
from .calls import mark_all_read, unread_counts
from .samples import NOW, ids, sample, samples
from .test_outage import frozen

WORKERS = 8
GIVES_UP = 6.0
"""Seconds after which it does. What has to be sent before an answer is lost takes milliseconds, or seconds if the
machine stands still."""


@contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """Meanwhile an answer is not waited for as long as by default.

    Only while none is to come: what is to succeed may take its time on a busy machine.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "WORK_SECONDS", seconds)
        yield


@asynccontextmanager
async def through_a_proxy(backend: Backend) -> AsyncIterator[tuple[Store, LossyProxy]]:
    """A store whose connection can lose things."""
    url = urlsplit(backend.url)
    assert url.port
    async with lossy_proxy_to(url.port) as proxy:
        there = url.netloc.replace(f":{url.port}", f":{proxy.port}")
        store = create_store(url._replace(netloc=there).geturl())
        await store.open()
        try:
            yield store, proxy
        finally:
            await store.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("lost", "error", "saved"),
    [
        (("answer", b"COMMIT;"), OutcomeUnknown, True),
        (("connection", b"COMMIT;"), OutcomeUnknown, True),
        (("request", b"COMMIT;"), OutcomeUnknown, False),
        (("answer", b"UPDATE"), Unavailable, False),
        (("connection", b"UPDATE"), Unavailable, False),
        (("request", b"BEGIN"), Unavailable, False),
    ],
)
async def test_postgresql_that_is_lost_amid_a_transaction(
    backend: Backend, store: Store, lost: tuple[Loss, bytes], error: type[Exception], saved: bool
) -> None:
    await store.add(samples(1))
    async with through_a_proxy(backend) as (lossy, proxy):
        proxy.lose(*lost)
        with impatient(GIVES_UP), pytest.raises(error) as caught:
            await mark_all_read(lossy, "42", up_to=None, now=NOW)
        assert type(caught.value) is error
        assert proxy.lost == 1
        assert await unread_counts(store, ["42"], now=NOW) == {"42": 0 if saved else 1}
        proxy.restore()
        await mark_all_read(lossy, "42", up_to=None, now=NOW)
        assert await unread_counts(store, ["42"], now=NOW) == {"42": 0}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(("lost", "saved"), [("answer", True), ("connection", True), ("request", False)])
async def test_postgresql_that_is_lost_amid_a_save(
    backend: Backend, store: Store, lost: Loss, saved: bool, keyed: bool
) -> None:
    """Which is one statement: from when it is sent, only the database knows."""
    first, second = samples(2)
    claim = Claim("key", "a", [(second.id, "42")], NOW) if keyed else None
    await store.add([first])
    async with through_a_proxy(backend) as (lossy, proxy):
        proxy.lose(lost, second.id.encode())
        with impatient(GIVES_UP), pytest.raises(OutcomeUnknown):
            await lossy.add([second], claim=claim)
        assert proxy.lost == 1
        there = [second, first] if saved else [first]
        assert await store.page("42", limit=10, now=NOW) == there
        proxy.restore()
        held = await lossy.add([second], claim=claim)  # the same ids settle it
        assert (held is not None) == (keyed and saved)
        assert await store.page("42", limit=10, now=NOW) == [second, first]


_REFUSING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON notifications DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_that_refuses_to_commit_says_what_came_of_it(backend: Backend, store: Store) -> None:
    other = await asyncpg.connect(backend.url)
    await other.execute(_REFUSING)
    await other.close()
    with pytest.raises(Unavailable):
        await store.add(samples(1))
    assert await store.page("42", limit=10, now=NOW) == []


class Senders:
    """Save one notification after the other, and keep what each call said."""

    def __init__(self, store: Store) -> None:
        self.saved: list[NotificationId] = []
        self.refused: list[NotificationId] = []
        self.unknown: list[NotificationId] = []
        self._tasks = [asyncio.create_task(self._send(store)) for _ in range(WORKERS)]

    async def _send(self, store: Store) -> None:
        while True:
            new = sample()
            try:
                await store.add([new])
            except Unavailable:
                self.refused.append(new.id)
                await asyncio.sleep(0.01)
            except OutcomeUnknown:
                self.unknown.append(new.id)
            else:
                self.saved.append(new.id)

    @property
    def failures(self) -> int:
        return len(self.refused) + len(self.unknown)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * WORKERS


async def settled(store: Store, backend: Backend) -> set[NotificationId]:
    """What is in the database once no back end of the server is at work any more."""
    other = await asyncpg.connect(backend.url)
    at_work = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
    while await other.fetchval(at_work) > 1:  # noqa: ASYNC110 - nobody tells us; one is ourselves
        await asyncio.sleep(0.02)
    await other.close()
    return {notification.id for notification in await store.since("", limit=1_000_000)}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_what_postgresql_has_when_its_back_ends_were_terminated(backend: Backend, store: Store) -> None:
    other = await asyncpg.connect(backend.url)
    senders = Senders(store)
    terminate = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    for turn in range(1, 20):
        await until(lambda turn=turn: len(senders.saved) > 20 * turn, within=30)  # type: ignore[misc]
        await other.execute(terminate)
    await until(lambda: senders.failures, within=30)
    await senders.stop()
    await other.close()
    there = await settled(store, backend)
    assert set(senders.saved) <= there
    assert not there & set(senders.refused)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_what_postgresql_has_when_it_was_frozen(backend: Postgresql, store: Store) -> None:
    assert backend.server
    if not backend.server.controllable:
        pytest.skip("a given server is not ours to freeze")
    with impatient(1.5):
        senders = Senders(store)
        for turn in range(1, 3):
            await until(lambda turn=turn: len(senders.saved) > 50 * turn, within=30)  # type: ignore[misc]
            before = senders.failures
            with frozen(backend.server):
                await until(lambda before=before: senders.failures > before, within=30)  # type: ignore[misc]
        await senders.stop()
    there = await settled(store, backend)
    assert set(senders.saved) <= there
    assert not there & set(senders.refused)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_commit_that_no_standby_confirms(backend: Postgresql, store: Store) -> None:
    """Committed here, and not yet there: that is what a client waits for, and what its time-out must not deny."""
    assert backend.server
    if not backend.server.controllable:
        pytest.skip("a given server is not ours to set")
    other = await asyncpg.connect(backend.url)

    async def standbys(names: str) -> None:
        await other.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        await other.execute("SELECT pg_reload_conf()")
        while await other.fetchval("SHOW synchronous_standby_names") != names:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)

    await standbys("nobody")
    try:
        with impatient(GIVES_UP):
            senders = Senders(store)  # it takes a moment until every process of the server knows of the setting
            await until(lambda: senders.unknown, within=60)
            await senders.stop()
    finally:
        await standbys("")
    assert not senders.refused
    assert set(senders.unknown) <= await settled(store, backend)
    await other.close()


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Meanwhile no file of this process grows beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_sqlite_whose_disk_fails_at_commit(backend: SqliteFile, store: Store) -> None:
    """What was written may be found when the file is opened next time, and may not."""
    await store.add([first := sample()])
    with files_end_at(backend.path.with_name("notifications.db-wal").stat().st_size + 100):
        with pytest.raises(OutcomeUnknown):
            await store.add([second := sample()])
        with pytest.raises(OutcomeUnknown):
            await mark_all_read(store, "42", up_to=None, now=NOW)
    await store.add([second])
    assert ids(await store.page("42", limit=10, unread=True, now=NOW)) == [second.id, first.id]


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_sqlite_that_is_full_has_saved_nothing(backend: SqliteFile, store: SqlStore) -> None:
    with closing(sqlite3.connect(backend.path)) as other:
        [pages] = other.execute("PRAGMA page_count").fetchone()
    await store._database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}"))
    large = samples(10, data={"k": "x" * 3_000})
    outcomes: list[object] = []
    for each in large:  # together they would be saved, or not, together
        outcomes += await asyncio.gather(store.add([each]), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {type(None), Unavailable}
    again = backend.store()
    await again.open()
    saved = [each.id for each, error in zip(large, outcomes, strict=True) if error is None]
    assert ids(await again.since("", limit=100)) == saved
    await again.close()
