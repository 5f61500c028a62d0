"""Announcements while many change them at the same time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from eventide_notify.models import Announcement, Change, Notification, Status
from eventide_notify.store import Store, create_store, engines
from eventide_notify.store import postgresql as store_postgresql

from ..waiting import asked_until, until
from .backends import PERSISTENT, Backend, Mongodb
from .calls import delete, mark_all_read, mark_read, unread_counts
from .samples import LATER, MILLISECOND, MONTH, NOW, announced, announcement, announcements, ids, receipt, samples


async def save(store: Store, *saved: Announcement) -> None:
    for each in saved:
        await store.add_announcement(each)


async def own(store: Store, number: int) -> list[Notification]:
    """Notifications beside them."""
    saved = samples(number)
    await store.add(saved)
    return saved


async def test_twenty_who_read_all_count_each_once(backend: Backend, store: Store) -> None:
    for _ in range(3):
        saved = announcements(5)
        await save(store, *saved)
        expected = len(saved) + len(await own(store, 5))
        changed = await asyncio.gather(*(mark_all_read(store, "42", up_to=None, now=NOW) for _ in range(20)))
        assert sum(changed) == expected
        assert await unread_counts(store, ["42", "43"], now=NOW) == {"42": 0, "43": 5}
        for each in saved:
            await store.remove_announcement(each.id)


async def test_of_twenty_who_delete_one_returns_each_id(backend: Backend, store: Store) -> None:
    saved = announcements(5)
    await save(store, *saved)
    everything = ids(saved) + ids(await own(store, 5))
    deleted = await asyncio.gather(
        *(delete(store, "42", everything[turn % 5 :] + everything[: turn % 5], now=NOW) for turn in range(20))
    )
    assert Counter(id for each in deleted for id in each) == dict.fromkeys(everything, 1)
    assert await store.page("42", now=NOW, limit=100) == []
    assert await unread_counts(store, ["42", "43"], now=NOW) == {"42": 0, "43": 5}


async def test_of_twenty_receipts_one_counts(store: Store) -> None:
    saved = announcements(5)
    await save(store, *saved)
    proven = [receipt(user, each) for each in saved for user in ("42", "43")]
    chance = random.Random(1)
    changed = await asyncio.gather(
        *(store.mark_delivered(chance.sample(proven, k=10), now=NOW) for _ in range(20)),
    )
    assert sum(changed) == 10


async def test_all_changes_at_once_end_in_exact_counts(backend: Backend, store: Store) -> None:
    read, deleted, delivered, untouched = (announcements(4) for _ in range(4))
    everything = [*read, *deleted, *delivered, *untouched]
    await save(store, *everything)
    calls: list[Awaitable[Any]] = []
    for _ in range(20):
        calls += [
            mark_read(store, "42", ids(read + deleted[:2]), now=NOW),
            mark_all_read(store, "42", up_to=deleted[1].id, now=NOW),
            delete(store, "42", ids(deleted), now=NOW),
            store.mark_delivered([receipt("42", each) for each in read + deleted + delivered], now=NOW),
        ]
    random.Random(2).shuffle(calls)
    changes = asyncio.gather(*calls)
    order = list(Status)
    highest: dict[str, int] = {}
    last_count = len(everything)
    while not changes.done():  # whoever looks meanwhile sees nothing go back
        count = (await unread_counts(store, ["42"], now=NOW))["42"]
        assert count <= last_count
        last_count = count
        found = await store.page("42", now=NOW, limit=100)
        for each in found:
            assert order.index(each.status) >= highest.get(each.id, 0)
        highest = {each.id: order.index(each.status) for each in found}
    await changes
    statuses = {each.id: each.status for each in await store.page("42", now=NOW, limit=100)}
    assert statuses == dict.fromkeys(ids(read), Status.READ) | dict.fromkeys(
        ids(delivered), Status.DELIVERED
    ) | dict.fromkeys(ids(untouched), Status.PENDING)
    assert await unread_counts(store, ["42", "43"], now=NOW) == {"42": 8, "43": 16}


async def test_a_removal_shows_no_count_that_never_was(store: Store) -> None:
    """The rows of those who read it go too, and must not go before it."""
    for _ in range(10):
        await save(store, saved := announcement())
        await mark_read(store, "42", [saved.id], now=NOW)
        removal = asyncio.create_task(store.remove_announcement(saved.id))
        while not removal.done():
            assert await unread_counts(store, ["42"], now=NOW) == {"42": 0}
            assert await store.pending("42", now=NOW, limit=1) == []
        assert await removal


async def test_changes_and_removals_at_once_end_well(backend: Backend, store: Store) -> None:
    """No deadlock, and no row of what is gone."""
    chance = random.Random(3)
    users = [str(user) for user in range(20)]
    stays = announcement()
    await save(store, stays)
    for _ in range(5):
        saved = announcements(4)
        await save(store, *saved)

        def mixed() -> list[Announcement]:
            return chance.sample([*saved, stays], k=5)  # noqa: B023 - it is called in this round

        await asyncio.gather(
            *(
                store.mark_delivered([receipt(user, each) for each in mixed() for user in users], now=NOW)
                for _ in "12345"
            ),
            *(mark_read(store, user, ids(mixed()), now=NOW) for user in users),
            *(mark_all_read(store, user, up_to=None, now=NOW) for user in users[::2]),
            *(delete(store, user, ids(mixed()[:2]), now=NOW) for user in users[::3]),
            *(store.remove_announcement(each.id) for each in [*saved, *saved[::-1]]),
            *(store.purge(claimed_before=NOW, now=LATER) for _ in range(3)),
        )
        assert await store.announcements(after="", now=NOW) == [stays]
        counts = await unread_counts(store, [*users, "late"], now=NOW)
        assert counts["late"] == 1
        for user in users:
            assert counts[user] == len(await store.page(user, now=NOW, limit=10, unread=True))
    rows = await backend.rows(store, "announcement_receipts")
    assert rows <= len(users) or isinstance(backend, Mongodb)


_HELD = """
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
CREATE TRIGGER held AFTER INSERT ON announcement_receipts EXECUTE FUNCTION held();
"""
_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        lambda store, saved: store.mark_delivered([receipt("42", saved)], now=NOW),
        lambda store, saved: mark_read(store, "42", [saved.id], now=NOW),
    ],
    ids=["mark_delivered", "mark_read"],
)
async def test_a_removal_amid_a_change_leaves_no_rows(
    backend: Backend,
    store: Store,
    change: Callable[[Store, Announcement], Coroutine[Any, Any, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite has one writer at a time; on PostgreSQL the removal must wait."""
    other = await asyncpg.connect(backend.url)
    await other.execute(_HELD)
    await save(store, saved := announcement())

    async def until_waiting(number: int) -> None:
        await asked_until(lambda: other.fetchval(_WAITING), lambda found: found == number)

    monkeypatch.setattr(engines, "WORK_SECONDS", 60)  # while they wait, however long we take
    await other.execute("SELECT pg_advisory_lock(1)")
    changing = asyncio.create_task(change(store, saved))
    await until_waiting(1)
    removal = asyncio.create_task(store.remove_announcement(saved.id))
    await until_waiting(2)  # the change for us, and the removal for the change
    assert not changing.done()
    assert not removal.done()
    await other.execute("SELECT pg_advisory_unlock(1)")
    assert await removal
    await changing
    await other.close()
    assert await backend.rows(store, "announcement_receipts") == 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_locks_in_one_order_whatever_its_plan(backend: Backend, store: Store) -> None:
    """Rows that one plan finds in the order of ids, and another in the reverse: locked so, they would be a deadlock."""
    scans = "enable_seqscan", "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan", "enable_hashjoin"
    both = [
        create_store(f"{backend.url}?" + "&".join(f"{each}=off" for each in scans if each not in allowed))
        for allowed in (["enable_seqscan", "enable_hashjoin"], ["enable_indexscan"])
    ]
    await asyncio.gather(*(each.open() for each in both))
    saved = [announcement(lifetime=MONTH + number * MILLISECOND) for number in range(150)]
    await save(store, *saved[::-1])
    for each in saved[::-1]:  # one by one, so that they lie in the table as they come
        await store.mark_delivered([receipt("42", each)], now=NOW)
    await asyncio.gather(*(mark_read(each, "42", ids(saved), now=NOW) for each in both for _ in range(4)))
    await asyncio.gather(*(mark_all_read(each, "43", up_to=None, now=NOW) for each in both for _ in range(4)))
    await asyncio.gather(*(each.close() for each in both))


@pytest.mark.parametrize("backend", ["mongodb-pymongo"], indirect=True)
async def test_a_removal_amid_a_count_is_noticed(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    count = store._client.count

    async def late(collection: Any, *arguments: Any) -> object:
        if collection.name == "announcement_receipts":
            await store.remove_announcement(saved.id)
        return await count(collection, *arguments)

    await save(store, stays := announcement(), saved := announcement())
    await mark_read(store, "42", [saved.id], now=NOW)
    monkeypatch.setattr(store._client, "count", late)
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 1}
    assert ids(await store.announcements(after="", now=NOW)) == [stays.id]


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_instances_see_each_other(backend: Backend, store: Store) -> None:
    other = backend.store()
    await other.open()
    await save(store, saved := announcement())
    assert await other.page("42", now=NOW, limit=1) == [announced(saved)]
    await mark_read(other, "42", [saved.id], now=NOW)
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 0}
    await other.remove_announcement(saved.id)
    assert await store.announcements(after="", now=NOW) == []
    await other.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_two_instances_make_all_kinds_of_changes_in_any_order(backend: Backend, store: Store) -> None:
    """Rows that are there for one of them and new for the other: locked in different orders, they are a deadlock."""
    stores = [store, backend.store()]
    await stores[1].open()
    await save(store, *(saved := announcements(150)))
    chance = random.Random(4)
    for turn in range(6):
        user = str(turn)
        proven = [receipt(user, one) for one in saved]
        calls: list[Coroutine[Any, Any, object]] = []
        for each in stores:
            for change in (Change.SEEN, Change.ARCHIVE, Change.READ):
                calls.append(each.change(user, change, ids(chance.sample(saved, k=100)), now=NOW))
            calls.append(each.mark_delivered(chance.sample(proven, k=150), now=NOW))
            calls.append(each.press(user, saved[0].id, "yes", now=NOW))
        chance.shuffle(calls)
        await asyncio.gather(*calls)
        for archived in (True, False):
            found = await store.page(user, now=NOW, limit=150, archived=archived)
            assert {each.status for each in found} == {Status.DELIVERED, Status.READ}
    await stores[1].close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_change_that_gets_no_answer_does_not_keep_all_others_of_the_user(
    backend: Backend, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(store, stuck := announcement(), other := announcement())
    connection = await asyncpg.connect(backend.url)
    async with connection.transaction():
        await connection.execute("SELECT FROM announcements WHERE id = $1 FOR UPDATE", stuck.id)
        monkeypatch.setattr(engines, "WORK_SECONDS", 60)  # while it waits, however long we take
        waiting = asyncio.create_task(store.change("42", Change.READ, [stuck.id], now=NOW))
        monkeypatch.setattr(store_postgresql, "PATIENCE", 0.3)
        await until(lambda: dict(store._database._turns))  # type: ignore[attr-defined]
        done = await asyncio.wait_for(store.change("42", Change.READ, [other.id], now=NOW), 30)
        assert list(done.changed) == [other.id]
        assert not waiting.done()
    assert list((await waiting).changed) == [stuck.id]
    await connection.close()
