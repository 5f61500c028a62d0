"""Statuses move forward only, whatever happens at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from eventide_notify.models import NotificationId, Status
from eventide_notify.store import Store, create_store

from .backends import Backend
from .calls import delete, mark_all_read, mark_read
from .roundtrips import commands
from .samples import LATER, NOW, SECOND, announcements, delivered, ids, read, receipt, receipts, sample, samples


async def test_delivered_once(store: Store) -> None:
    first, second, third = samples(3)
    await store.add([first, second, third])
    assert await store.mark_delivered([*receipts([first, second]), *receipts([first])], now=NOW) == 2
    assert await store.mark_delivered(receipts([second]), now=LATER) == 0
    assert await store.mark_delivered([], now=LATER) == 0
    assert await store.page("42", limit=10, now=NOW) == [third, delivered(second), delivered(first)]


async def test_receipts_of_many_users_in_one_call(store: Store) -> None:
    saved = [sample(str(user)) for user in range(50)]
    await store.add(saved)
    swapped = [replace(saved[0], user_id="1"), replace(saved[1], user_id="0")]
    assert await store.mark_delivered(receipts([*swapped, *saved[2:]]), now=NOW) == 48
    assert await store.pending("0", limit=1, now=NOW) == [saved[0]]
    assert await store.pending("1", limit=1, now=NOW) == [saved[1]]
    assert await store.get("49", saved[49].id, now=NOW) == delivered(saved[49])


async def test_read(store: Store) -> None:
    first, second, third = samples(3)
    await store.add([first, second, third])
    assert set(await mark_read(store, "42", [first.id, second.id], now=NOW)) == {first.id, second.id}
    assert set(await mark_read(store, "42", [second.id], now=LATER)) == {second.id}
    assert list(await mark_read(store, "42", [], now=LATER)) == []
    assert await store.page("42", limit=10, now=NOW) == [third, read(second), read(first)]


async def test_read_after_delivered_keeps_both_times(store: Store) -> None:
    await store.add([saved := sample()])
    await store.mark_delivered(receipts([saved]), now=NOW)
    await mark_read(store, "42", [saved.id], now=LATER)
    found = await store.get("42", saved.id, now=NOW)
    assert found == read(delivered(saved), LATER)
    assert found.read


async def test_reading_proves_receipt(store: Store) -> None:
    """A client may read something before its receipt is written. What had arrived before keeps its time."""
    first, second, third = samples(3)
    await store.add([first, second, third])
    shown = announcements(3)
    for each in shown:
        await store.add_announcement(each)
    early = LATER - SECOND / 2
    await store.mark_delivered([*receipts([second]), receipt("42", shown[1])], now=early)
    await mark_read(store, "42", [first.id, second.id, shown[0].id, shown[1].id], now=LATER)
    await mark_all_read(store, "42", up_to=None, now=LATER + SECOND)
    await store.mark_delivered([*receipts([first, third]), receipt("42", shown[0])], now=LATER + 2 * SECOND)
    times = {each.id: (each.delivered_at, each.read_at) for each in await store.page("42", limit=9, now=NOW)}
    for read_first, delivered_first, read_last in ([first, second, third], shown):
        assert times[read_first.id] == (LATER, LATER)
        assert times[delivered_first.id] == (early, LATER)
        assert times[read_last.id] == (LATER + SECOND, LATER + SECOND)
    assert len(times) == 6


async def test_read_is_never_delivered_again(store: Store) -> None:
    await store.add([saved := sample()])
    await mark_read(store, "42", [saved.id], now=NOW)
    assert await store.mark_delivered(receipts([saved]), now=LATER) == 0
    assert await store.get("42", saved.id, now=NOW) == read(saved)


async def test_all_read(store: Store) -> None:
    first, second, third, fourth = samples(4)
    await store.add([first, second, third, fourth, hers := sample("43")])
    await store.mark_delivered(receipts([second]), now=NOW)
    await mark_read(store, "42", [first.id], now=NOW)
    assert await mark_all_read(store, "42", up_to=third.id, now=NOW) == 2
    assert await mark_all_read(store, "42", up_to=third.id, now=LATER) == 0
    assert await store.page("42", limit=10, now=NOW) == [fourth, read(third), read(delivered(second)), read(first)]
    assert await mark_all_read(store, "42", up_to=None, now=NOW) == 1
    assert await store.get("43", hers.id, now=NOW) == hers


async def test_status_never_goes_back_under_concurrency(store: Store) -> None:
    for _ in range(20):
        saved = samples(20)
        await store.add(saved)
        odd, even = ids(saved[1::2]), ids(saved[::2])
        changes = await asyncio.gather(
            store.mark_delivered(receipts(saved), now=NOW),
            mark_read(store, "42", odd[::-1], now=LATER),
            store.mark_delivered(receipts(saved[::-1]), now=NOW),
            mark_read(store, "42", even, now=LATER),
            mark_all_read(store, "42", up_to=saved[9].id, now=LATER),
            store.mark_delivered(receipts(saved), now=NOW),
        )
        found = [await store.get("42", id, now=NOW) for id in ids(saved)]
        assert {n.status for n in found if n} == {Status.READ}
        assert changes[0] + changes[2] + changes[5] == sum(1 for n in found if n and n.delivered_at == NOW)
        await delete(store, "42", ids(saved), now=NOW)  # FerretDB reads all that there is, each time


async def test_watching_a_status_shows_no_step_back(store: Store) -> None:
    order = list(Status)
    saved = samples(25)
    await store.add(saved)

    async def deliver() -> None:
        for notification in saved:
            await store.mark_delivered(receipts([notification]), now=NOW)

    async def read() -> None:
        for notification in reversed(saved):
            await mark_read(store, "42", [notification.id], now=NOW)

    changes = asyncio.gather(deliver(), read(), deliver())
    highest = dict.fromkeys(ids(saved), Status.PENDING)
    while not changes.done():
        for notification in await store.page("42", limit=60, now=NOW):
            assert order.index(notification.status) >= order.index(highest[notification.id])
            highest[notification.id] = notification.status
    await changes
    assert {n.status for n in await store.page("42", limit=60, now=NOW)} == {Status.READ}


@pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)
async def test_mongodb_changes_a_status_on_condition(store: Store) -> None:
    await store.add([saved := sample()])
    with commands() as sent:
        await store.mark_delivered(receipts([saved]), now=NOW)
        await mark_read(store, "42", [saved.id], now=NOW)
        await mark_all_read(store, "42", up_to=None, now=NOW)
    updates = [update for name, command in sent if name == "update" for update in command["updates"]]
    assert [(update["q"]["status"], update["u"]["$set"]["status"]) for update in updates] == [
        ("PENDING", "DELIVERED"),
        ("DELIVERED", "READ"),
    ]


@pytest.mark.smoke
async def test_of_concurrent_deletes_one_returns_each_id(store: Store) -> None:
    for _ in range(5):
        saved = ids(samples_ := samples(8))
        await store.add(samples_)
        deleted = await asyncio.gather(
            *(delete(store, "42", saved[turn:] + saved[:turn], now=NOW) for turn in range(8))
        )
        assert Counter(id for each in deleted for id in each) == dict.fromkeys(saved, 1)
    assert await store.page("42", limit=1, now=NOW) == []


async def test_changes_and_deletes_at_once_end_well(store: Store) -> None:
    """On PostgreSQL, rows locked in different orders would be a deadlock, and one of the calls would fail."""
    saved = samples(40)
    await store.add(saved)

    def shifted(by: int) -> list[NotificationId]:
        return ids(saved[by:] + saved[:by])

    for round in range(5):
        await asyncio.gather(
            *(mark_read(store, "42", shifted(by), now=NOW) for by in range(0, 40, 10)),
            *(store.mark_delivered(receipts(saved[by:] + saved[:by]), now=NOW) for by in range(0, 40, 10)),
            mark_all_read(store, "42", up_to=None, now=NOW),
            *(store.add(saved[by:] + saved[:by]) for by in (30, 10)),
            *(delete(store, "42", shifted(by)[:20], now=NOW) for by in (5 * round, 20)),
        )


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_locks_in_one_order_whatever_its_plan(backend: Backend, store: Store) -> None:
    """Rows that one plan finds in the order of ids, and another in the reverse: locked so, they would be a deadlock."""
    scanning = create_store(f"{backend.url}?enable_indexscan=off&enable_bitmapscan=off&enable_indexonlyscan=off")
    await scanning.open()
    saved = samples(300)
    for notification in reversed(saved):  # one by one, so that they lie in the table as they come
        await store.add([notification])
    for _ in range(20):
        await asyncio.gather(
            mark_read(store, "42", ids(saved), now=NOW), mark_read(scanning, "42", ids(saved), now=NOW)
        )
    await scanning.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_saves_in_one_order(backend: Backend, store: Store) -> None:
    """Two calls with the same notifications wait for each other: in different orders, for ever."""
    for _ in range(20):
        saved = samples(300)
        await asyncio.gather(store.add(saved), store.add(saved[::-1]))
        assert len(await store.page("42", limit=300, now=NOW)) == 300


async def test_deleted_is_gone(store: Store) -> None:
    first, second, third = samples(3)
    await store.add([first, second, third])
    assert set(await delete(store, "42", [first.id, third.id, third.id], now=NOW)) == {first.id, third.id}
    assert list(await delete(store, "42", [first.id], now=NOW)) == []
    assert list(await delete(store, "42", [], now=NOW)) == []
    assert await store.page("42", limit=10, now=NOW) == [second]
