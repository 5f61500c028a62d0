"""Notifications with a `collapse_key` take the places of earlier ones, exactly, whoever else sends at the same time."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from eventide_notify.errors import OutcomeUnknown, Unavailable
from eventide_notify.models import Change, Counts, Notification, utc_now
from eventide_notify.store import Claim, Store
from eventide_notify.store.base import Collapsed

from .backends import PERSISTENT, SQL, Backend
from .roundtrips import commands
from .samples import LATER, NOW, SECOND, archived, ids, read, sample

ALL_BUT_IN_MEMORY = pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
MONGODB = pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long somebody waits for a lock on MongoDB is not what is tried here, and a busy machine takes its time."""
    monkeypatch.setattr("eventide_notify.store.mongo_collapse.WAIT_SECONDS", 60.0)


def keyed(user: str = "42", key: str = "build", **fields: Any) -> Notification:
    return replace(sample(user, **fields), collapse_key=key)


async def collapse(store: Store, *items: Notification, claim: Claim | None = None) -> Collapsed:
    return await store.add_collapsing(items, claim=claim, now=NOW)


def claim_on(items: Sequence[Notification], key: str = "caller\nkey") -> Claim:
    return Claim(key, "a", [(item.id, item.user_id) for item in items], NOW)


async def inbox(store: Store, user: str = "42") -> Sequence[Notification]:
    return await store.page(user, now=NOW, limit=100)


async def test_the_unread_one_is_replaced_and_counted(store: Store) -> None:
    first, second, third = (keyed(message=text) for text in ("1 of 3", "2 of 3", "3 of 3"))
    assert await collapse(store, first) == Collapsed(None, [first], {})
    assert await inbox(store) == [first]
    assert await collapse(store, second) == Collapsed(None, [replace(second, collapsed=1)], {second.id: [first.id]})
    done = await collapse(store, third)
    assert done == Collapsed(None, [replace(third, collapsed=2)], {third.id: [second.id]})
    assert await inbox(store) == [replace(third, collapsed=2)]
    assert await store.get("42", first.id, now=NOW) is None
    assert await store.find(second.id) is None
    assert await store.since("", limit=10) == [replace(third, collapsed=2)]
    assert await store.counts(["42"], now=NOW) == {"42": Counts(1, 1)}


async def test_others_stay(store: Store) -> None:
    hers, other_key, plain = keyed("43"), keyed(key="Build"), sample()
    expired = replace(keyed(), expires_at=NOW)
    await store.add([hers, other_key, plain, read(keyed()), archived(keyed()), expired])
    done = await collapse(store, new := keyed())
    assert done == Collapsed(None, [new], {})
    assert len(await inbox(store)) == 4
    assert await inbox(store, "43") == [hers]


async def test_several_that_are_unread_again_are_all_replaced(store: Store) -> None:
    first, second, third = keyed(), keyed(), keyed()
    await collapse(store, first)
    await store.change("42", Change.READ, [first.id], now=NOW)
    await collapse(store, second)
    await store.change("42", Change.ARCHIVE, [second.id], now=NOW)
    await store.change("42", Change.UNREAD, [first.id], now=NOW)
    await store.change("42", Change.UNARCHIVE, [second.id], now=NOW)
    done = await collapse(store, third)
    assert done.replaced == {third.id: [first.id, second.id]}
    assert await inbox(store) == [replace(third, collapsed=2)]


async def test_of_many_users_each_has_one(backend: Backend, store: Store) -> None:
    users = [f"user {number}" for number in range(backend.many)]
    await collapse(store, *map(keyed, users))
    await collapse(store, *map(keyed, users[::2]))
    with commands() as sent:
        done = await collapse(store, *map(keyed, users))
    assert len(done.saved) == len(done.replaced) == len(users)
    assert {item.user_id: item.collapsed for item in done.saved} == dict(zip(users, [2, 1] * len(users), strict=False))
    assert set((await store.counts(users, now=NOW)).values()) == {Counts(1, 1)}
    assert len(sent) < 40


@ALL_BUT_IN_MEMORY
async def test_of_concurrent_sends_through_two_instances_one_stays(backend: Backend, store: Store) -> None:
    other = backend.store()
    await other.open()
    sends = [keyed(message=str(number)) for number in range(60)]
    stores = [store, other]
    done = await asyncio.gather(*(collapse(stores[number % 2], item) for number, item in enumerate(sends)))
    await other.close()
    [left] = await inbox(store)
    assert left.collapsed == len(sends) - 1
    told = [id for each in done for some in each.replaced.values() for id in some]
    gone = {*told, *(id for each in done for id in each.superseded)}
    assert len(told) == len(set(told))
    assert gone == {item.id for item in sends} - {left.id}


@ALL_BUT_IN_MEMORY
async def test_crowds_cross_each_other(backend: Backend, store: Store) -> None:
    """Nobody waits for each other for ever, and each user's are counted."""
    other = backend.store()
    await other.open()
    users = [str(number) for number in range(40)]
    sends = [users[start:] + users[:start] for start in range(0, 40, 4)]
    stores = [store, other]
    await asyncio.gather(
        *(collapse(stores[number % 2], *map(keyed, some)) for number, some in enumerate(sends)),
        *(collapse(stores[number % 2], keyed(user)) for number, user in enumerate(users)),
    )
    await other.close()
    for user in users:
        [left] = await inbox(store, user)
        assert left.collapsed == len(sends)


async def test_what_is_read_meanwhile_is_not_replaced(store: Store) -> None:
    """One or the other: the user has read it and has it, or it is counted and gone."""
    for _ in range(8):
        await collapse(store, old := keyed())
        done, changed = await asyncio.gather(
            collapse(store, new := keyed()), store.change("42", Change.READ, [old.id], now=NOW)
        )
        there = await store.get("42", old.id, now=NOW)
        was_replaced = old.id in done.replaced.get(new.id, ())
        assert (there is None) == was_replaced
        found = await store.get("42", new.id, now=NOW)
        assert found is not None
        assert found.collapsed == was_replaced == done.saved[0].collapsed
        if not was_replaced:
            assert changed.changed
        await store.change_all("42", Change.DELETE, up_to=None, now=NOW)


# Repetitions


async def test_a_repeated_call_replaces_nothing_twice(store: Store) -> None:
    await collapse(store, keyed())
    await collapse(store, second := keyed())
    await collapse(store, second)
    assert await inbox(store) == [replace(second, collapsed=1)]


async def test_a_repeated_call_does_not_bring_back_what_was_replaced(store: Store) -> None:
    await collapse(store, first := keyed())
    await collapse(store, second := keyed())
    done = await collapse(store, first)
    assert (list(done.saved), done.replaced, done.repeated) == ([], {}, True)
    assert await inbox(store) == [replace(second, collapsed=1)]


async def test_what_was_replaced_before_it_was_there_counts_once(store: Store) -> None:
    saved = [keyed(message=f"{number}") for number in range(6)]
    await asyncio.gather(*(collapse(store, each) for each in saved))  # all but the first come together
    [left] = await inbox(store)
    assert left.collapsed == 5
    for each in saved:
        await collapse(store, each)
    assert await inbox(store) == [left]


@MONGODB
async def test_also_if_it_was_interrupted(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from eventide_notify.store import mongo_collapse

    saved = [keyed(message=f"{number}") for number in range(6)]
    with monkeypatch.context() as patch:
        patch.setattr(mongo_collapse._Replacement, "_mark_as_gone", interrupted)
        done = await asyncio.gather(*(collapse(store, each) for each in saved), return_exceptions=True)
    assert any(isinstance(each, OutcomeUnknown) for each in done)
    for each in saved:
        await collapse(store, each)
    [left] = await inbox(store)
    assert left.collapsed == 5


async def test_a_claim_is_answered_again(store: Store) -> None:
    items = [keyed("1"), keyed("2")]
    await collapse(store, *items, claim=claim_on(items))
    others = [keyed("1"), keyed("2")]
    held = await collapse(store, *others, claim=claim_on(others))
    assert held.held == replace(claim_on(items), complete=True)
    assert (list(held.saved), held.replaced) == ([], {})
    assert [*await inbox(store, "1"), *await inbox(store, "2")] == items


async def test_of_concurrent_claims_one_saves(store: Store) -> None:
    await collapse(store, old := keyed())
    sends = [[keyed()] for _ in range(10)]
    done = await asyncio.gather(*(collapse(store, *items, claim=claim_on(items)) for items in sends))
    [left] = await inbox(store)
    assert left.collapsed == 1
    assert [id for each in done for some in each.replaced.values() for id in some] == [old.id]


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_a_failed_call_changes_nothing(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await collapse(store, old := keyed())

    def fails(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, "_insert", fails)
        with pytest.raises(Unavailable):
            await collapse(store, new := keyed(), claim=claim_on([new]))
    assert await inbox(store) == [old]
    await collapse(store, new, claim=claim_on([new]))
    assert await inbox(store) == [replace(new, collapsed=1)]


# Without transactions


@MONGODB
@pytest.mark.parametrize("step", ["_replace", "_take", "_name_nothing"])
async def test_whatever_is_interrupted_is_completed_by_the_next_one(
    store: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from eventide_notify.store import mongo_collapse

    await collapse(store, first := keyed())
    with monkeypatch.context() as patch:
        patch.setattr(mongo_collapse._Replacement, step, interrupted)
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await collapse(store, second := keyed(), claim=claim_on([second]))
    assert {first.id, second.id}.intersection(ids(await inbox(store))), "something is always there"
    done = await collapse(store, again := keyed(), claim=claim_on([again]))
    assert done.held == claim_on([second]), "its ids hold"
    assert await inbox(store) == [replace(second, collapsed=1)]
    await collapse(store, third := keyed())
    assert await inbox(store) == [replace(third, collapsed=2)]


@MONGODB
async def test_what_was_read_after_an_interruption_is_not_counted(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from eventide_notify.store import mongo_collapse

    await collapse(store, first := keyed())
    with monkeypatch.context() as patch:
        patch.setattr(mongo_collapse._Replacement, "_take", interrupted)
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await collapse(store, keyed())
    await store.change("42", Change.READ, [first.id], now=NOW)
    await collapse(store, third := keyed())
    assert await inbox(store) == [replace(third, collapsed=1), read(first)]


@MONGODB
async def test_locks_of_who_was_killed_free_themselves(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from eventide_notify.store import mongo_collapse

    monkeypatch.setattr(mongo_collapse, "LEASE", timedelta(seconds=0.3))
    with monkeypatch.context() as patch:
        patch.setattr(store._collapse, "_unlock", interrupted)
        await collapse(store, keyed())
    await collapse(store, new := keyed())
    assert await inbox(store) == [replace(new, collapsed=1)]


@MONGODB
async def test_a_lock_that_was_prolonged_in_the_last_moment_is_not_taken_away(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(until: datetime) -> dict[str, Any]:
        return {"_id": "collapse 0000", "owner": "somebody", "until": until}

    locks, now = store._client["locks"], utc_now()
    await store._client.insert(locks, [lock(now + SECOND)])
    found = AsyncMock(return_value=[lock(now - SECOND)])  # as it was a moment ago
    with monkeypatch.context() as patch:
        patch.setattr(store._client, "find", found)
        await store._collapse._free_abandoned(["collapse 0000"])
    assert await store._client.all(locks.find) == [lock(now + SECOND)]
    await store._client.update(locks, {"_id": "collapse 0000"}, {"until": now - SECOND})
    await store._collapse._free_abandoned(["collapse 0000"])
    assert await store._client.all(locks.find) == []


@MONGODB
async def test_who_was_held_up_prolongs_the_locks_or_goes_no_further(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eventide_notify.store import mongo_collapse

    monkeypatch.setattr(mongo_collapse, "PROLONGED_AFTER", -1.0)
    await collapse(store, old := keyed())
    assert await inbox(store) == [old]

    async def lost(*_: object) -> None:
        await store._client["locks"].delete_many({})

    with monkeypatch.context() as patch:
        patch.setattr(mongo_collapse._Replacement, "_finish", lost)
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await collapse(store, keyed())
    assert await inbox(store) == [old]
    await collapse(store, new := keyed())
    assert await inbox(store) == [replace(new, collapsed=1)]


@MONGODB
async def test_what_was_replaced_is_forgotten_in_the_end(backend: Backend, store: Any) -> None:
    await collapse(store, keyed(message="secret"))
    await collapse(store, keyed())
    marks = [each for each in await store._client.all(store._notifications.find) if each["status"] == "DELETED"]
    assert [mark["message"] for mark in marks] == [""]
    far = LATER + timedelta(days=365)
    await store.purge(claimed_before=NOW, now=far)
    assert await backend.rows(store, "notifications") == 1
    assert await backend.rows(store, "locks") == 0


async def interrupted(*_: object) -> Any:
    raise Unavailable


KILLED = """
import asyncio, os, signal, sys
from datetime import timedelta
from eventide_notify.store import mongo_collapse
from eventide_notify.store.mongo import MongoStore
from tests.store.samples import NOW
from tests.store.test_collapse import claim_on, keyed

def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

async def main() -> None:
    url, driver, step = sys.argv[1:]
    store = MongoStore(url, driver=driver)
    await store.open()
    mongo_collapse.LEASE = timedelta(seconds=1)
    setattr(mongo_collapse._Replacement, step, die)
    item = keyed(message="killed")
    await store.add_collapsing([item], claim=claim_on([item]), now=NOW)

asyncio.run(main())
"""


@pytest.mark.parametrize("backend", ["mongodb-pymongo"], indirect=True)
@pytest.mark.parametrize("step", ["_replace", "_take", "_name_nothing"])
async def test_a_killed_instance_leaves_nothing_lost(backend: Any, store: Store, step: str) -> None:
    """Nor its locks, for long; and a client that repeats its request gets what was to be saved, once."""
    await collapse(store, keyed(message="before"))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, backend.url, backend.driver, step)
    assert await child.wait() == -signal.SIGKILL
    assert await inbox(store)
    again = keyed(message="killed")
    done = await collapse(store, again, claim=claim_on([again]))
    assert done.held is not None
    [left] = await inbox(store)
    assert (left.id, left.content.message, left.collapsed) == (done.held.items[0][0], "killed", 1)
    await collapse(store, last := keyed())
    assert await inbox(store) == [replace(last, collapsed=2)]
