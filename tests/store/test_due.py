"""Due work: whoever claims it holds it until the lease has run out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from eventide_notify.due import Dead, Lease, Waiting, Work
from eventide_notify.store import Claim, Store

from .backends import PERSISTENT, Backend
from .samples import MILLISECOND, NOW, SECOND, new_id

LEASE = timedelta(seconds=1)
KINDS = ["send", "other"]
persistent = pytest.mark.parametrize("backend", PERSISTENT, indirect=True)


def work(at: datetime = NOW, kind: str = "send", **payload: Any) -> Work:
    return Work(new_id(NOW), kind, at, payload)


async def added(store: Store, *works: Work) -> list[Work]:
    for each in works:
        assert await store.add_due(each) is None
    return [*works]


async def claim(
    store: Store, lease: Lease = "mine", *, now: datetime = NOW, limit: int = 100, kinds: list[str] = KINDS
) -> list[Work]:
    return list(await store.claim_due(kinds=kinds, now=now, lease=lease, until=now + LEASE, limit=limit))


async def waiting(store: Store) -> list[Work]:
    return list(await store.due(kinds=KINDS, after="", limit=100))


async def dead(store: Store) -> list[Dead]:
    return list(await store.dead(after="", limit=100))


async def test_what_is_due_is_claimed_and_what_is_due_first_comes_first(store: Store) -> None:
    assert await claim(store) == []
    first, second = work(NOW - SECOND, text="\N{OWL}\n'\".$", deep={"list": [1, None, {"a": 0.5}]}), work()
    later = work(NOW + MILLISECOND)
    await added(store, later, second, first)
    assert await waiting(store) == sorted([first, second, later], key=lambda each: each.id)
    assert await claim(store) == [first, second]
    assert await claim(store, "other") == []
    assert await claim(store, now=NOW + MILLISECOND) == [later]


async def test_when_the_first_is_due(store: Store) -> None:
    assert await store.first_due(kinds=KINDS) is None
    later, first, _ = await added(store, work(NOW + SECOND), work(NOW), work(NOW - SECOND, "third"))
    assert await store.first_due(kinds=KINDS) == NOW
    assert await claim(store) == [first]
    assert await store.first_due(kinds=KINDS) == NOW
    await store.bury_due(first.id, "mine", error="why", now=NOW)
    assert await store.first_due(kinds=KINDS) == later.at


async def test_no_more_than_asked_for_and_of_no_other_kind(store: Store) -> None:
    some = await added(store, *(work(NOW - number * SECOND) for number in range(5)))
    others = await added(store, work(NOW - 9 * SECOND, "other"))
    assert await claim(store, limit=2, kinds=["send"]) == some[:2:-1]
    assert await claim(store, "two", kinds=["send"]) == some[2::-1]
    assert await claim(store, "three") == others


async def test_what_is_there_already_stays_as_it_is(store: Store) -> None:
    [saved] = await added(store, work(a=1))
    await store.add_due(replace(saved, payload={"a": 2}))
    assert await waiting(store) == [saved]
    assert await store.find_due(saved.id) == saved
    assert await store.find_due(new_id(NOW)) is None


@pytest.mark.parametrize("back", [timedelta(seconds=1, milliseconds=1), timedelta(days=400)])
async def test_nobody_holds_what_a_clock_that_was_set_back_says_is_held(store: Store, back: timedelta) -> None:
    far = NOW + back
    [saved] = await added(store, work(NOW - SECOND))
    assert await claim(store, now=far) == [saved]
    assert await claim(store, "two", now=NOW) == [saved]
    assert await store.finish_due([saved.id], "mine") == []


async def test_clocks_that_differ_a_little_respect_each_others_leases(store: Store) -> None:
    await added(store, work(NOW - SECOND))
    assert await claim(store, now=NOW + LEASE) != []
    assert await claim(store, "two", now=NOW) == []


async def test_a_lease_that_has_run_out_holds_nothing(store: Store) -> None:
    [saved] = await added(store, work())
    await claim(store)
    assert await claim(store, "two", now=NOW + LEASE - MILLISECOND) == []
    assert await claim(store, "two", now=NOW + LEASE) == [saved]
    assert await store.finish_due([saved.id], "mine") == []
    assert not await store.postpone_due(saved.id, "mine", at=NOW, attempts=1, payload={})
    assert not await store.bury_due(saved.id, "mine", error="no", now=NOW)
    assert await waiting(store) == [saved]
    assert list(await store.finish_due([saved.id], "two")) == [saved.id]
    assert await waiting(store) == []


async def test_a_lease_that_is_prolonged_holds_for_longer(store: Store) -> None:
    first, second = await added(store, work(), work())
    await claim(store)
    await store.prolong_due([first.id], "mine", until=NOW + 2 * LEASE)
    await store.prolong_due([first.id, second.id], "another", until=NOW)
    await store.prolong_due([], "mine", until=NOW)
    assert await claim(store, "two", now=NOW + LEASE) == [second]
    await store.prolong_due([second.id], "mine", until=NOW)
    assert await claim(store, "three", now=NOW + LEASE) == []


async def test_what_is_held_until_now_is_given_back(store: Store) -> None:
    kept, given = await added(store, work(), work())
    await claim(store)
    await store.prolong_due([given.id], "mine", until=NOW)
    assert await claim(store, "two") == [given]
    assert list(await store.finish_due([kept.id, given.id], "mine")) == [kept.id]


async def test_finishing_several(store: Store) -> None:
    some = await added(store, *(work() for _ in range(5)))
    await claim(store, limit=3)
    ids = [each.id for each in some]
    assert sorted(await store.finish_due([*ids, new_id(NOW)], "mine")) == ids[:3]
    assert await store.finish_due([], "mine") == []
    assert await waiting(store) == some[3:]


async def test_postponing(store: Store) -> None:
    [saved] = await added(store, work(step=1))
    await claim(store)
    later = replace(saved, at=NOW + SECOND, attempts=3, payload={"step": 2})
    assert await store.postpone_due(saved.id, "mine", at=later.at, attempts=3, payload=later.payload)
    assert await waiting(store) == [later]
    assert await claim(store, "two") == []
    assert await claim(store, "two", now=NOW + SECOND) == [later]
    assert not await store.postpone_due(saved.id, "mine", at=NOW, attempts=3, payload={})


async def test_the_dead_are_kept_until_they_are_tried_again_or_forgotten(store: Store) -> None:
    first, second, third = await added(store, work(a=1), replace(work(), attempts=7), work())
    await claim(store)
    for each in (first, second):
        assert await store.bury_due(each.id, "mine", error="why \N{OWL}", now=NOW + SECOND)
        assert not await store.bury_due(each.id, "mine", error="again", now=NOW)
    assert await dead(store) == [Dead(each, "why \N{OWL}", NOW + SECOND) for each in (first, second)]
    assert [each.work for each in await store.dead(after=first.id, limit=1)] == [second]
    assert [each.work for each in await store.dead(after="", limit=1)] == [first]
    assert await waiting(store) == [third]
    assert await store.find_due(first.id) is None
    assert not await store.cancel_due(first.id)
    assert await claim(store, "two", now=NOW + LEASE) == [third]
    await store.finish_due([third.id], "two")

    again = replace(second, at=NOW + SECOND, attempts=0)
    assert await store.retry_dead(second.id, now=NOW + SECOND) == again
    assert await store.retry_dead(second.id, now=NOW) is None
    assert not await store.remove_dead(second.id)
    assert await store.find_due(second.id) == again
    assert await claim(store, "three", now=NOW + SECOND) == [again]

    assert await store.remove_dead(first.id)
    assert not await store.remove_dead(first.id)
    assert await dead(store) == []


async def test_cancelling(store: Store) -> None:
    first, second = await added(store, work(), work())
    await claim(store, limit=1)
    assert await store.cancel_due(first.id)
    assert not await store.cancel_due(first.id)
    assert await store.finish_due([first.id], "mine") == []
    assert await waiting(store) == [second]


async def test_revising_what_nobody_holds_and_nobody_has_changed(store: Store) -> None:
    first, second = await added(store, work(a="\N{OWL}", b=[1]), work(a=2))
    other = replace(first, payload={"a": 3})
    assert await store.revise_due(first, other.payload, now=NOW)
    assert not await store.revise_due(first, {"a": 4}, now=NOW)
    assert await claim(store) == [other, second]
    assert not await store.revise_due(other, {"a": 4}, now=NOW + LEASE - MILLISECOND)
    assert await store.bury_due(second.id, "mine", error="why", now=NOW)
    assert await store.revise_due(other, {"a": 4}, now=NOW + LEASE)
    assert await store.revise_due(second, {"a": 5}, now=NOW)
    assert not await store.revise_due(second, {"a": 6}, now=NOW)
    assert await waiting(store) == [replace(first, payload={"a": 4})]
    assert await dead(store) == [Dead(replace(second, payload={"a": 5}), "why", NOW)]
    assert not await store.revise_due(work(a=1), {"a": 7}, now=NOW)


async def test_the_list_is_in_pages(store: Store) -> None:
    some = await added(store, *(work(NOW - number * SECOND) for number in range(5)), work(kind="other"))
    assert list(await store.due(kinds=["send"], after=some[0].id, limit=2)) == some[1:3]
    assert list(await store.due(kinds=["send"], after=some[3].id, limit=2)) == [some[4]]
    assert list(await store.due(kinds=["none"], after="", limit=2)) == []


async def test_counting(store: Store) -> None:
    assert await store.count_due(by=NOW) == Waiting(0, 0, 0)
    await added(store, work(NOW - SECOND), work(NOW), work(NOW + SECOND), work(NOW - 2 * SECOND))
    [first] = await claim(store, limit=1)
    await store.bury_due(first.id, "mine", error="", now=NOW)
    assert await store.count_due(by=NOW) == Waiting(3, 2, 1)


async def test_with_a_claim_it_is_saved_once(store: Store) -> None:
    first, second = work(), work()
    made, other = (Claim("key", "a", [(each.id, "")], NOW) for each in (first, second))
    assert await store.add_due(first, claim=made) is None
    assert await store.add_due(second, claim=other) == replace(made, complete=True)
    assert await waiting(store) == [first]


@pytest.mark.parametrize("stores", [1, 3])
@persistent
async def test_of_concurrent_claims_one_gets_it(backend: Backend, store: Store, stores: int) -> None:
    others = [backend.store() for _ in range(stores - 1)]
    for each in others:
        await each.open()
    everyone = [store, *others]
    some = await added(store, *(work() for _ in range(60)))
    got: list[tuple[Lease, Work]] = []

    async def take(store: Store) -> None:
        while len(got) < len(some):
            lease = new_id(NOW)
            got.extend((lease, each) for each in await claim(store, lease, limit=7))

    try:
        async with asyncio.timeout(30):
            await asyncio.gather(*(take(each) for each in 2 * everyone))
        assert sorted(each.id for _, each in got) == [each.id for each in some]
        for lease, mine in got:
            assert list(await store.finish_due([mine.id], lease)) == [mine.id]
    finally:
        for each in others:
            await each.close()
