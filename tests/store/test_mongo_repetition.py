"""What fails for a moment is repeated, and nobody sees it; what stays unknown is said to be."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pymongo import common

from eventide_notify.errors import OutcomeUnknown, Unavailable
from eventide_notify.models import Change, Status
from eventide_notify.store import Claim, Store, mongo_client, mongo_schema, outage
from eventide_notify.store.mongo import MongoStore

from ..mongo_wire import HOST, Command, Fault, MongoWire, wire_to
from ..require import missing
from .backends import Mongodb
from .calls import delete, mark_all_read, mark_read
from .samples import LATER, NOW, announcement, ids, receipt, receipts, sample, samples

DRIVERS = ("mongodb-motor", "mongodb-pymongo")
COMMANDS = ("insert", "update", "delete", "findAndModify", "find", "aggregate")
ABOUT = (*COMMANDS, "documents", "updates", "deletes", "query", "filter", "pipeline")
NOT_PRIMARY = {"ok": 0.0, "errmsg": "not primary", "code": 10107, "codeName": "NotWritablePrimary"}
NOT_REPLICATED = {"ok": 1.0, "n": 1, "writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}

pytestmark = pytest.mark.parametrize("backend", DRIVERS, indirect=True)


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that lost a connection looks for the server at once, and not half a second later.

    And it may do so for long, unless that is what a test is about: on a busy machine each attempt takes a while.
    """
    monkeypatch.setattr(common, "MIN_HEARTBEAT_INTERVAL", 0.02)
    monkeypatch.setattr(mongo_client, "SECONDS", 60)


@pytest.fixture
async def wire(backend: Mongodb) -> AsyncIterator[MongoWire]:
    if backend.server is None or backend.server.home is None:
        missing("what is between a given server and its driver is not ours")
    async with wire_to(backend.server.home.port) as wire:
        yield wire


@pytest.fixture
async def store(backend: Mongodb, wire: MongoWire) -> AsyncIterator[MongoStore]:
    store = store_at(wire, backend)
    await store.open()
    yield store
    await store.close()


def store_at(wire: MongoWire, backend: Mongodb) -> MongoStore:
    database = backend.url.rpartition("/")[2]
    return MongoStore(f"mongodb://{HOST}:{wire.port}/{database}", driver=backend.driver)


async def test_connections_that_died_unnoticed_are_not_seen(store: MongoStore, wire: MongoWire) -> None:
    for _ in range(3):
        await asyncio.gather(*(store.page("42", limit=1, now=NOW) for _ in range(20)))
        assert wire.cut() >= 2
        saved = samples(20)
        await asyncio.gather(*(store.add([each]) for each in saved))
        assert wire.cut() >= 2
        found = await asyncio.gather(*(store.get("42", each.id, now=NOW) for each in saved))
        assert found == saved


async def claimed(store: Store) -> None:
    claim = Claim("key", "a", [("id", "42")], NOW)
    assert await store.add([sample()], claim=claim) is None


async def claimed_again(store: Store) -> None:
    await store.add([], claim=Claim("key", "a", [("id", "42")], NOW))
    assert await store.add([sample()], claim=Claim("key", "b", [("id2", "42")], NOW + 2 * (LATER - NOW))) is not None


async def delivered(store: Store) -> None:
    await store.add(saved := samples(3))
    await store.mark_delivered(receipts(saved), now=NOW)
    assert [each.status for each in await store.page("42", limit=9, now=NOW)] == [Status.DELIVERED] * 3


async def read(store: Store) -> None:
    await store.add(saved := samples(3))
    assert set(await mark_read(store, "42", ids(saved), now=NOW)) == set(ids(saved))


async def all_read(store: Store) -> None:
    await store.add(saved := samples(3))
    await store.add_announcement(announcement())
    await mark_read(store, "42", [saved[0].id], now=NOW)
    assert await mark_all_read(store, "42", up_to=None, now=LATER) == 3


async def deleted(store: Store) -> None:
    await store.add(saved := samples(3))
    await store.add_announcement(announced := announcement())
    wanted = [announced.id, *ids(saved)]
    unknown = sample().id
    assert set(await delete(store, "42", [*wanted, unknown], now=NOW)) == set(wanted)
    assert list(await delete(store, "42", wanted, now=NOW)) == []


async def moved(store: Store) -> None:
    """Forth and back, and what is chosen."""
    await store.add(saved := samples(2))
    await store.add_announcement(announced := announcement())
    wanted = sorted([announced.id, *ids(saved)])
    for change in (Change.SEEN, Change.READ, Change.UNREAD, Change.ARCHIVE, Change.UNARCHIVE):
        done = await store.change("42", change, wanted, now=NOW)
        assert sorted(done.owned) == sorted(done.changed) == wanted, change
    for id in wanted:
        assert await store.press("42", id, "yes", now=NOW)
        assert not await store.press("42", id, "no", now=NOW)
    assert (await store.counts(["42"], now=NOW)) == {"42": (0, 0)}


async def removed(store: Store) -> None:
    await store.add_announcement(saved := announcement())
    await store.mark_delivered([receipt("42", saved)], now=NOW)
    assert await store.remove_announcement(saved.id)
    assert not await store.remove_announcement(saved.id)


async def purged(store: Store) -> None:
    await store.add_announcement(saved := announcement())
    await store.mark_delivered([receipt("42", saved)], now=NOW)
    await store.purge(claimed_before=NOW, now=saved.expires_at or NOW)
    assert list(await store.announcements(after="", now=NOW)) == []


@pytest.mark.parametrize("work", [claimed, claimed_again, delivered, read, all_read, deleted, moved, removed, purged])
async def test_lost_answers_change_no_result(
    store: MongoStore, wire: MongoWire, work: Callable[[Store], Awaitable[None]]
) -> None:
    """The server has done it, and its answer is lost: of every command for the first time."""
    seen: set[str] = set()

    def lose(command: Command) -> Fault | None:
        # A repetition is told by what it is about; the rest is the driver's, and new each time.
        about = repr([command.document.get(name) for name in ABOUT])
        if command.name not in COMMANDS or about in seen:
            return None
        seen.add(about)
        return Fault((command.name,))

    wire.fault_for = lose
    await work(store)
    assert seen


async def test_an_election_is_waited_for(
    backend: Mongodb, wire: MongoWire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A replica set of one, as far as the driver can see: it takes longer than one attempt to find a primary."""
    monkeypatch.setitem(mongo_client.OPTIONS, "serverSelectionTimeoutMS", 500)
    monkeypatch.setattr(mongo_client, "SECONDS", 30)
    election = asyncio.Event()

    def greeting(document: dict[str, Any]) -> dict[str, Any]:
        me = f"{HOST}:{wire.port}"
        part = {"isWritablePrimary": not election.is_set(), "ismaster": not election.is_set()}
        return document | part | {"secondary": election.is_set(), "setName": "rs", "hosts": [me], "me": me}

    wire.greeting = greeting
    store = store_at(wire, backend)
    await store.open()
    await store.add(saved := samples(1))
    election.set()
    wire.faults.append(refusal := Fault(("insert", "update", "find"), None, forward=False, answer=NOT_PRIMARY))
    works = asyncio.gather(store.add(samples(1)), mark_read(store, "42", ids(saved), now=NOW))
    await asyncio.sleep(2)  # how long the election takes
    assert not works.done()
    wire.faults.remove(refusal)
    election.clear()
    await works
    assert [each.read for each in await store.page("42", limit=9, now=NOW)] == [False, True]
    assert not [record for record in caplog.records if record.name == outage.__name__]
    await store.close()


async def test_an_election_without_end_has_changed_nothing(
    store: MongoStore, wire: MongoWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_client, "SECONDS", 8)
    wire.faults.append(Fault(("insert",), None, forward=False, answer=NOT_PRIMARY))
    with pytest.raises(Unavailable):
        await store.add(samples(2))
    assert wire.sent("insert") > 2


@pytest.mark.parametrize(
    "fault",
    [Fault(("insert",), None), Fault(("insert",), None, answer=NOT_REPLICATED), Fault(("insert",), None, pause=3)],
    ids=["no answer", "not replicated", "late"],
)
async def test_what_may_have_been_saved_is_unknown(
    store: MongoStore, wire: MongoWire, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(mongo_client, "SECONDS", 2)
    wire.faults.append(fault)
    with pytest.raises(OutcomeUnknown):
        await store.add(saved := samples(2))
    wire.faults.clear()
    monkeypatch.undo()
    assert ids(await store.page("42", limit=9, now=NOW)) == ids(saved)[::-1]
    await store.add(saved)


async def test_what_was_not_replicated_at_first(store: MongoStore, wire: MongoWire) -> None:
    wire.faults.append(Fault(("insert",), 2, answer=NOT_REPLICATED))
    await store.add(samples(2))
    assert wire.sent("insert") >= 3


async def test_half_of_it_is_not_nothing(store: MongoStore, wire: MongoWire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first part is saved, the second certainly not: nobody may say that nothing was."""
    await store.add(samples(3))
    await store.add_announcement(announcement())
    monkeypatch.setattr(mongo_client, "SECONDS", 3)
    wire.faults.append(Fault(("insert",), None, forward=False, answer=NOT_PRIMARY))
    with pytest.raises(OutcomeUnknown):
        await mark_all_read(store, "42", up_to=None, now=NOW)
    monkeypatch.undo()
    assert [each.read for each in await store.page("42", limit=9, now=NOW)] == [False, True, True, True]


async def test_building_an_index_may_take_long(
    backend: Mongodb, wire: MongoWire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mongo_client, "SECONDS", 6)
    monkeypatch.setitem(mongo_client.OPTIONS, "socketTimeoutMS", 6_000)
    monkeypatch.setattr(mongo_schema, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(mongo_schema, "TOLD_EVERY", 1.0)
    wire.faults.append(Fault(("createIndexes",), pause=7.5))
    store = store_at(wire, backend)
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        await store.open()
    took = time.monotonic() - began
    index = "the index (userId, archived, _id) of notifications"
    said = [record.getMessage() for record in caplog.records if index in record.getMessage()]
    assert said[0].startswith(f"waiting for {index}, which this or another instance")
    assert 3 <= len(said) <= took + 2
    assert said[-1].startswith(f"{index} is there, after")
    await store.close()
