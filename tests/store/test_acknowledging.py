"""Announcements that have to be acknowledged, and the users that they have reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from eventide_notify.models import WITHHELD, Announcement, Change, Counts, Reach, Status
from eventide_notify.store import Store

from .backends import PERSISTENT, Backend
from .calls import unread_counts
from .samples import ACTIONS, LATER, NOW, SECOND, announced, announcement, ids, read, receipt, sample, seen

MUCH_LATER = LATER + 5 * SECOND


def demanding(**fields: Any) -> Announcement:
    return replace(announcement(**fields), require_ack=True)


@pytest.mark.parametrize("change", sorted(WITHHELD))
async def test_what_has_to_be_acknowledged_is_withheld(store: Store, change: Change) -> None:
    await store.add_announcement(must := demanding())
    await store.add_announcement(other := announcement())
    await store.add([own := sample()])
    done = await store.change("42", change, ids([must, other, own]), now=NOW)
    assert sorted(done.owned) == sorted(done.changed) == ids([other, own])
    assert list(done.withheld) == [must.id]
    assert await store.change_all("42", change, up_to=None, now=NOW) == []
    assert await store.get("42", must.id, now=NOW) == announced(must)
    assert await store.counts(["42"], now=NOW) == {"42": Counts(1, 1)}


async def test_it_can_be_seen_and_received_all_the_same(store: Store) -> None:
    await store.add_announcement(must := demanding(actions=ACTIONS))
    assert await store.mark_delivered([receipt("42", must)], now=NOW) == 1
    assert list((await store.change("42", Change.SEEN, [must.id], now=NOW)).changed) == [must.id]
    assert await store.counts(["42"], now=NOW) == {"42": Counts(1, 0)}
    assert not await store.press("42", must.id, "yes", now=NOW)
    for change in (Change.UNREAD, Change.UNARCHIVE):
        assert not (await store.change("42", change, [must.id], now=NOW)).changed


async def test_an_acknowledgement_marks_as_read_and_the_first_one_stays(store: Store) -> None:
    await store.add_announcement(must := demanding())
    done = await store.acknowledge("42", must.id, now=LATER)
    assert list(done.owned) == list(done.changed) == [must.id]
    expected = replace(read(announced(must), LATER), acknowledged_at=LATER)
    assert await store.get("42", must.id, now=LATER) == expected
    assert await unread_counts(store, ["42", "43"], now=LATER) == {"42": 0, "43": 1}
    again = await store.acknowledge("42", must.id, now=MUCH_LATER)
    assert (list(again.owned), list(again.changed)) == ([must.id], [])
    assert await store.get("42", must.id, now=MUCH_LATER) == expected


async def test_after_that_it_is_like_any_other(store: Store) -> None:
    await store.add_announcement(must := demanding())
    await store.acknowledge("42", must.id, now=NOW)
    assert list((await store.change("42", Change.UNREAD, [must.id], now=NOW)).changed) == [must.id]
    unread = await store.get("42", must.id, now=NOW)
    assert unread is not None
    assert (unread.read, unread.acknowledged_at) == (False, NOW)
    assert await store.change_all("42", Change.READ, up_to=None, now=NOW) == [must.id]
    assert list((await store.change("42", Change.UNREAD, [must.id], now=NOW)).changed) == [must.id]
    assert list((await store.acknowledge("42", must.id, now=LATER)).changed) == [must.id]
    assert await store.get("42", must.id, now=NOW) == replace(
        seen(announced(must)), status=Status.READ, delivered_at=NOW, read_at=LATER, acknowledged_at=NOW
    )
    for change in (Change.ARCHIVE, Change.DELETE):
        assert list((await store.change("42", change, [must.id], now=NOW)).changed) == [must.id]
    assert not (await store.acknowledge("42", must.id, now=NOW)).owned


async def test_what_need_not_or_cannot_be_acknowledged_is_not(store: Store) -> None:
    await store.add_announcement(other := announcement())
    await store.add_announcement(brief := demanding(lifetime=SECOND))
    await store.add_announcement(gone := demanding())
    await store.add([own := sample()])
    await store.remove_announcement(gone.id)
    for each in (other, brief, gone, own):
        assert not any(await store.acknowledge("42", each.id, now=LATER))
    assert await store.get("42", other.id, now=NOW) == announced(other)


async def test_it_comes_first_in_lists_and_nothing_is_doubled_or_lost(store: Store) -> None:
    everything: list[Any] = []
    for number in range(12):
        each: Any = sample() if number % 4 else demanding(message=f"must {number}")
        if isinstance(each, Announcement):
            await store.add_announcement(each)
        else:
            await store.add([each])
        everything.append(each)
    top = [each for each in everything if isinstance(each, Announcement)]
    others = [each for each in everything if each not in top]
    await store.acknowledge("42", top[0].id, now=NOW)
    in_order = ids(top[:0:-1]) + sorted(ids([top[0], *others]), reverse=True)

    async def page(limit: int, **place: Any) -> list[str]:
        return ids(await store.page("42", now=LATER, limit=limit, top=NOW, **place))

    assert await page(20) == in_order
    for limit in (1, 2, 3, 5):
        for offset in range(12):
            assert await page(limit, offset=offset) == in_order[offset : offset + limit]
    for limit in (1, 2, 5):
        found = await page(limit)
        while len(found) < len(in_order):
            # Whatever is acknowledged meanwhile.
            await store.acknowledge("42", found[0], now=LATER)
            found += await page(limit, before=found[-1], from_top=found[-1] in ids(top[1:]))
        assert found == in_order
    assert ids(await store.page("42", now=LATER, limit=20)) == sorted(in_order, reverse=True)


async def test_of_many_who_acknowledge_at_once_one_is_first(backend: Backend, store: Store) -> None:
    stores = [store]
    if backend.url != "sqlite://":
        stores.append(backend.store())
        await stores[1].open()
    await store.add_announcement(must := demanding())
    await asyncio.gather(
        *(each.acknowledge("42", must.id, now=NOW + turn * SECOND) for turn in range(5) for each in stores),
        *(each.change_all("42", Change.READ, up_to=None, now=NOW) for each in stores for _ in range(5)),
        *(each.change("42", Change.DELETE, ["x"], now=NOW) for each in stores),
    )
    found = await store.get("42", must.id, now=NOW)
    assert found is not None
    assert found.read
    first = found.acknowledged_at
    assert first in [NOW + turn * SECOND for turn in range(5)]
    await asyncio.gather(*(each.acknowledge("42", must.id, now=MUCH_LATER) for each in stores))
    assert await store.get("42", must.id, now=NOW) == found
    assert await unread_counts(store, ["42", "43"], now=NOW) == {"42": 0, "43": 1}
    for each in stores[1:]:
        await each.close()


async def test_marking_all_as_read_passes_over_it_whatever_happens_at_once(store: Store) -> None:
    for _ in range(5):
        await store.add_announcement(must := demanding())
        await store.add_announcement(other := announcement())
        users = [str(user) for user in range(6)]
        calls: list[Awaitable[Any]] = []
        for user in users:
            calls += [store.change_all(user, Change.READ, up_to=None, now=NOW) for _ in range(3)]
            calls += [store.change(user, Change.DELETE, [must.id, other.id], now=NOW)]
        for user in users[::2]:
            calls.append(store.acknowledge(user, must.id, now=NOW))
        await asyncio.gather(*calls)
        for user in users:
            found = await store.get(user, must.id, now=NOW)
            if user in users[::2]:
                assert found is None or (found.read and found.acknowledged_at == NOW)
            else:
                assert found is not None
                assert found.unacknowledged
                assert not found.read
            assert await store.get(user, other.id, now=NOW) is None
        await store.remove_announcement(must.id)
        await store.remove_announcement(other.id)


async def test_acknowledging_what_is_retracted_or_expires_meanwhile(backend: Backend, store: Store) -> None:
    for _ in range(10):
        await store.add_announcement(must := demanding(lifetime=SECOND))
        await asyncio.gather(
            *(store.acknowledge(str(user), must.id, now=NOW if user % 2 else LATER) for user in range(10)),
            store.remove_announcement(must.id),
            store.purge(claimed_before=NOW, now=LATER),
        )
        assert await store.announcement(must.id, now=NOW) is None
        counts = await unread_counts(store, [str(user) for user in range(10)], now=NOW)
        assert set(counts.values()) == {0}
    if not backend.url.startswith("mongodb"):  # where a step may stay behind, and is never read
        assert await backend.rows(store, "announcement_receipts") == 0


# Whom it has reached


async def test_users_are_written_down_once_and_forgotten_when_erased(backend: Backend, store: Store) -> None:
    await store.add_users(["1", "ü", "3"])
    await asyncio.gather(*(store.add_users(["3", "2", "1"][turn % 3 :] * 2) for turn in range(10)))
    await store.add_users([])
    assert await backend.rows(store, "users") == 4
    await store.erase("2")
    await store.erase("nobody")
    await store.add_announcement(other := announcement())
    assert list(await store.missing(other, after="", limit=10)) == ["1", "3", "ü"]


async def test_an_announcement_is_found_until_it_expires(store: Store) -> None:
    await store.add_announcement(must := replace(demanding(lifetime=SECOND), remind_after=60))
    assert await store.announcement(must.id, now=NOW) == must
    assert await store.announcement(must.id, now=LATER) is None
    assert await store.announcement(sample().id, now=NOW) is None


async def test_its_reach_is_that_of_the_users_known(backend: Backend, store: Store) -> None:
    await store.add_users([f"user {number:02}" for number in range(20)])
    await store.add_announcement(must := demanding())
    await store.add_announcement(other := announcement())
    assert await store.reach(must) == Reach(20, 0, 0, 0)
    for each in (must, other):
        await store.mark_delivered([receipt(f"user {number:02}", each) for number in range(12)], now=NOW)
    await store.acknowledge("user 00", must.id, now=NOW)
    await store.acknowledge("user 15", must.id, now=NOW)
    await store.acknowledge("nobody knows", must.id, now=NOW)
    await store.acknowledge("user 01", must.id, now=NOW)
    await store.change("user 01", Change.DELETE, [must.id], now=NOW)
    await store.acknowledge("user 02", must.id, now=NOW)
    await store.change("user 02", Change.UNREAD, [must.id], now=NOW)
    assert await store.reach(must) == Reach(20, 13, 3, 4)
    await store.change("user 00", Change.READ, [other.id], now=NOW)
    await store.change("user 19", Change.DELETE, [other.id], now=NOW)
    assert await store.reach(other) == Reach(20, 13, 1, 0)

    missing = [f"user {number:02}" for number in range(20) if number not in (0, 1, 2, 15)]
    found: list[str] = []
    while some := await store.missing(must, after=found[-1] if found else "", limit=3):
        assert len(some) <= 3
        found += some
    assert found == missing
    assert list(await store.missing(other, after="user 17", limit=9)) == ["user 18", "user 19"]
    named = ["user 15", "user 03", "user 02", "stranger"]
    assert sorted(await store.unacknowledged(must, named)) == ["stranger", "user 03"]
    assert sorted(await store.unacknowledged(must, [])) == []


async def test_the_reach_of_one_to_a_topic_is_that_of_its_subscribers(store: Store) -> None:
    await store.add_users(["1", "2", "3", "4", "5"])
    for topic in ("cats", "cat", "dogs"):
        await store.subscribe(topic, ["1", "2", "3"] if topic == "cats" else ["4"], now=NOW)
    await store.add_announcement(must := replace(demanding(), topic="cats"))
    await store.mark_delivered([receipt(user, must) for user in "1245"], now=NOW)
    await store.acknowledge("2", must.id, now=NOW)
    assert not (await store.acknowledge("4", must.id, now=NOW)).owned
    assert await store.reach(must) == Reach(3, 2, 1, 1)
    assert list(await store.missing(must, after="", limit=9)) == ["1", "3"]
    assert list(await store.missing(must, after="1", limit=1)) == ["3"]
    assert sorted(await store.unacknowledged(must, list("12345"))) == ["1", "3"]
    await store.unsubscribe("cats", ["2", "3"], now=NOW)
    assert await store.reach(must) == Reach(1, 1, 0, 0)
    found = await store.page("2", now=NOW, limit=9, top=NOW)
    assert ids(found) == [must.id]  # what is read stays
    assert await store.page("3", now=NOW, limit=9, top=NOW) == []


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_the_reach_of_many_takes_a_few_round_trips(backend: Backend, store: Store) -> None:
    number = backend.many
    users = [f"{user:06}" for user in range(number)]
    await store.add_users(users)
    await store.add_announcement(must := demanding())
    await store.mark_delivered([receipt(user, must) for user in users[: number // 2]], now=NOW)
    await store.acknowledge(users[0], must.id, now=NOW)
    await store.acknowledge(users[-1], must.id, now=NOW)
    assert await store.reach(must) == Reach(number, number // 2 + 1, 2, 2)
    assert list(await store.missing(must, after=users[-3], limit=9)) == [users[-2]]
    assert len(await store.unacknowledged(must, users)) == number - 2
