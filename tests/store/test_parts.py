"""However much there is to change, it is changed in parts, and others have their turn in between."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from eventide_notify.errors import OutcomeUnknown, Unavailable
from eventide_notify.store import Claim, Store, records, sql_announcements, sql_changes, sql_claims
from eventide_notify.store.engines import Database

from .backends import SQL, Backend
from .calls import delete, mark_all_read, mark_read, unread_counts
from .samples import NOW, SECOND, announcements, ids, receipt, receipts, sample, samples

AT_ONCE = 7
TURN = 15.0
"""Seconds that a write may wait for its turn while much is changed; a part takes some 0.1 s at most, and the machine
may stand still for some seconds."""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (records, sql_announcements, sql_changes):
        monkeypatch.setattr(module, "AT_ONCE", AT_ONCE)
    monkeypatch.setattr(sql_changes, "ALL_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(sql_claims, "PURGED_AT_ONCE", AT_ONCE)


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """All pieces of work in the order in which they are done."""
    done: list[object] = []
    noted = Database._noted

    async def count(self: Database, write: Any) -> Any:
        done.append(write)
        return await noted(self, write)

    monkeypatch.setattr(Database, "_noted", count)
    return done


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_changes_in_parts_are_whole_in_the_end(
    backend: Backend, store: Store, transactions: list[object]
) -> None:
    saved = samples(3 * AT_ONCE)
    await store.add([*saved, hers := sample("43")])
    assert len(transactions) == 1  # all or nothing
    for each in (announced := announcements(2)):
        await store.add_announcement(each)
    proven = [*receipts(saved), *(receipt("42", each) for each in announced)]
    everything = [*ids(saved), *ids(announced)]

    async def parts(call: Awaitable[object], expected: object, number: int) -> None:
        before = len(transactions)
        found = await call
        assert (set(found) if isinstance(found, list) else found) == expected
        assert len(transactions) - before == number

    await parts(store.owned("42", [*everything, hers.id], now=NOW), set(everything), 0)
    await parts(store.mark_delivered([*proven, *proven[:5]], now=NOW), len(proven), 4)
    await parts(mark_read(store, "42", everything[:10], now=NOW), set(everything[:10]), 2)
    await parts(mark_all_read(store, "42", up_to=saved[-2].id, now=NOW), len(saved) - 11, 2)
    assert await unread_counts(store, ["42", "43", *map(str, range(20))], now=NOW) == {
        **dict.fromkeys(map(str, range(20)), 2), "42": 3, "43": 3,
    }  # fmt: skip
    await parts(mark_all_read(store, "42", up_to=None, now=NOW), 3, 1)
    await parts(delete(store, "42", [*everything, hers.id], now=NOW), set(everything), 4)
    assert await store.page("43", limit=10, now=NOW, unread=True) != []


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_claims_are_forgotten_in_parts(backend: Backend, store: Store, transactions: list[object]) -> None:
    for number in range(2 * AT_ONCE + 1):
        await store.add([], claim=Claim(f"key {number}", "a", [], NOW))
        await store.add([], claim=Claim(f"short {number}", "a", [], NOW, lifetime=SECOND))
    await store.add([], claim=Claim("new", "a", [], NOW + SECOND))
    await store.add([], claim=Claim("long", "a", [], NOW, lifetime=2 * SECOND))
    transactions.clear()
    await store.purge(claimed_before=NOW + SECOND, now=NOW + 2 * SECOND)
    assert len(transactions) == 2 * 3 + 1  # and one for revocations
    assert await backend.rows(store, "claims") == 2


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("backend", ["sqlite-memory"], indirect=True)
@pytest.mark.parametrize("good", [0, 1, 2])
async def test_what_was_changed_in_part_is_not_denied(store: Store, good: int, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = samples(3 * AT_ONCE)
    await store.add(saved)
    noted = Database._noted
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "mark_delivered": lambda: store.mark_delivered(receipts(saved), now=NOW),
        "mark_read": lambda: mark_read(store, "42", ids(saved), now=NOW),
        "delete": lambda: delete(store, "42", ids(saved), now=NOW),
    }
    if good < 2:  # which on its last way finds nothing left
        calls["mark_all_read"] = lambda: mark_all_read(store, "43", up_to=None, now=NOW)
        await store.add(samples(3 * AT_ONCE, "43"))
    for call in calls.values():
        done = 0

        async def fail(self: Database, write: Any) -> Any:
            nonlocal done
            if done == good:
                raise Unavailable
            done += 1
            return await noted(self, write)

        monkeypatch.setattr(Database, "_noted", fail)
        with pytest.raises(OutcomeUnknown if good else Unavailable):
            await call()
    monkeypatch.undo()


async def turns(store: Store, calling: asyncio.Future[object]) -> list[float]:
    """How long each of another user's saves took while the call was under way."""
    taken: list[float] = []
    while not calling.done():
        start = time.monotonic()
        await store.add([sample("another")])
        taken.append(time.monotonic() - start)
    return taken


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_others_write_while_much_is_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer at a time."""
    number = 20_000
    [everyones] = announcements(1)
    await store.add_announcement(everyones)
    saved = samples(number)
    for some in range(0, number, 10_000):
        await store.add(saved[some : some + 10_000])
    proven = [*receipts(saved), *(receipt(str(user), everyones) for user in range(number))]
    random.Random(1).shuffle(proven)
    # In twenty parts or more: a busy machine may let some of them pass without anybody else.
    for module in (records, sql_announcements, sql_changes):
        monkeypatch.setattr(module, "AT_ONCE", 1_000)
    monkeypatch.setattr(sql_changes, "ALL_AT_ONCE", 1_000)
    calls: list[tuple[Callable[[], Awaitable[object]], object]] = [
        (lambda: store.mark_delivered(proven, now=NOW), 2 * number),
        (lambda: mark_all_read(store, "42", up_to=None, now=NOW), number + 1),
        (lambda: store.remove_announcement(everyones.id), True),
    ]
    for call, expected in calls:
        calling = asyncio.ensure_future(call())
        taken = await turns(store, calling)
        assert await calling == expected
        assert len(taken) >= 3  # of a single transaction: one that comes before it, and one that waits for it
        assert max(taken) < TURN, taken


_SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON announcement_receipts FOR EACH ROW EXECUTE FUNCTION slow();
"""


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_two_instances_write_the_same_receipts_in_any_order(backend: Backend, store: Store) -> None:
    """Rows written in different orders would be a deadlock, and one of the calls would fail."""
    other = backend.store()
    await other.open()
    connection = await asyncpg.connect(backend.url)
    await connection.execute(_SLOW)  # so that the calls meet
    await connection.close()
    chance = random.Random(2)
    for _ in range(2):
        announced = announcements(2)
        for each in announced:
            await store.add_announcement(each)
        proven = [receipt(str(user), each) for each in announced for user in range(40)]
        calls = [each.mark_delivered(chance.sample(proven, k=len(proven)), now=NOW) for each in (store, other) * 2]
        assert sum(await asyncio.gather(*calls)) == len(proven)
    await other.close()
