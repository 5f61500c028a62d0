"""What users do, on MongoDB: together in a few commands, and on the condition that nobody else was faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from eventide_notify.errors import OutcomeUnknown, Refused, Unavailable
from eventide_notify.models import Announcement, Change, Pressed, Receipt, Status
from eventide_notify.store import Store
from eventide_notify.store.mongo import MongoStore

from ..mongo_wire import HOST, Command, Fault, MongoWire, wire_to
from ..require import missing
from .backends import Backend, Mongodb
from .roundtrips import commands
from .samples import (
    LATER,
    NOW,
    announced,
    announcement,
    announcements,
    archived,
    delivered,
    ids,
    read,
    receipts,
    sample,
    samples,
    seen,
)

pytestmark = pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)

INVALID = {"code": 121, "errmsg": "Document failed validation"}
AWAY = {"ok": 0.0, "errmsg": "not authorized", "code": 13}  # after which it has not even begun


@pytest.fixture
async def other(backend: Backend, store: Store) -> AsyncIterator[Store]:
    """Another instance."""
    other = backend.store()
    await other.open()
    yield other
    await other.close()


@pytest.fixture
async def wire(backend: Mongodb) -> AsyncIterator[MongoWire]:
    if backend.server is None or backend.server.home is None:
        missing("what is between a given server and its driver is not ours")
    async with wire_to(backend.server.home.port) as wire:
        yield wire


@pytest.fixture
async def wired(backend: Mongodb, wire: MongoWire) -> AsyncIterator[MongoStore]:
    """A store with the wire between it and its server."""
    database = backend.url.rpartition("/")[2]
    store = MongoStore(f"mongodb://{HOST}:{wire.port}/{database}", driver=backend.driver)
    await store.open()
    yield store
    await store.close()


def before_writing(store: Any, work: Callable[[], Awaitable[object]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do this once after the store has read what it changes, and before it writes that."""
    for changes in (store._own, store._announcements):
        monkeypatch.setattr(changes, "_write", _after(work, changes._write, monkeypatch))


def _after(work: Callable[[], Awaitable[object]], write: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    async def late(decided: Any) -> object:
        if decided:
            monkeypatch.undo()
            await work()
        return await write(decided)

    return late


async def test_what_comes_at_the_same_moment_is_changed_together(store: Store) -> None:
    saved, shown = samples(40), announcement()
    await store.add([*saved[:20], *(hers := samples(20, "43"))])
    await store.add_announcement(shown)
    calls = [
        store.change(each.user_id, what, [each.id, shown.id] if number % 10 == 0 else [each.id], now=NOW)
        for number, each in enumerate([*saved[:20], *hers])
        for what in (Change.SEEN, Change.READ, Change.ARCHIVE)
    ]
    with commands() as sent:
        done = await asyncio.gather(*calls)
    assert len(sent) <= 12, [name for name, _ in sent]  # and not 240: the first one goes by itself
    assert [len(each.owned) for each in done] == [2 if number // 3 % 10 == 0 else 1 for number in range(120)]
    for user, some in (("42", saved[:20]), ("43", hers)):
        expected = [archived(read(each)) for each in [*some, announced(shown, user)]]
        put_away = await store.page(user, now=NOW, limit=99, archived=True)
        assert sorted(put_away, key=lambda each: each.id) == sorted(expected, key=lambda each: each.id)


async def test_many_changes_of_few_ids_are_few_commands(store: Store) -> None:
    await store.add([own := sample()])
    await store.add_announcement(shown := announcement())
    for what, own_commands, others in (
        (Change.SEEN, ["find", "update"], ["find", "find", "insert"]),
        (Change.READ, ["find", "update"], ["find", "find", "insert"]),
        (Change.UNREAD, ["find", "update"], ["find", "find", "delete"]),
        (Change.UNREAD, ["find"], ["find", "find"]),
        (Change.DELETE, ["find", "update", "delete"], ["find", "find", "insert"]),
    ):
        with commands() as sent:
            await store.change("42", what, [own.id], now=NOW)
        assert [name for name, _ in sent] == own_commands, what
        with commands() as sent:
            await store.change("42", what, [shown.id], now=NOW)
        assert [name for name, _ in sent][1:] == others, what


async def test_forth_and_back_in_one_command(store: Store) -> None:
    """It is as if each had been made by itself."""
    await store.add([own := sample()])
    await store.add_announcement(shown := announcement())
    for each in (own, announced(shown)):
        await store.change("42", Change.READ, [each.id], now=NOW)
        await store.change("42", Change.ARCHIVE, [each.id], now=NOW)
        wanted = [Change.SEEN, Change.UNREAD, Change.UNARCHIVE, Change.READ, Change.ARCHIVE]
        with commands() as sent:
            done = await asyncio.gather(*(store.change("42", what, [each.id], now=LATER) for what in wanted))
        assert len(sent) <= 10, [name for name, _ in sent]
        assert [len(one.changed) for one in done] == [0, 1, 1, 1, 1]
        expected = archived(replace(read(each), read_at=LATER), LATER)
        assert await store.get("42", each.id, now=NOW) == expected
    assert await store.counts(["42"], now=NOW) == {"42": (0, 0)}


async def test_what_happened_meanwhile_is_kept(store: Store, other: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by one instance while another one delivers, archives, presses and shows it."""
    saved, shown = samples(4), announcements(4)
    some: list[Any]
    await store.add(saved)
    for each in shown:
        await store.add_announcement(each)

    async def meanwhile() -> None:
        await other.mark_delivered([Receipt("42", some[0].id, broadcast=some is shown)], now=LATER)
        await other.change("42", Change.ARCHIVE, [some[1].id], now=LATER)
        assert await other.press("42", some[2].id, "yes", now=LATER)
        await other.change("42", Change.SEEN, [some[3].id], now=LATER)

    for some in (saved, shown):
        before_writing(store, meanwhile, monkeypatch)
        done = await store.change("42", Change.READ, ids(some), now=NOW)
        assert sorted(done.owned) == sorted(done.changed) == ids(some)
    for first, second, third, fourth in (saved, [announced(each) for each in shown]):
        assert await store.get("42", first.id, now=NOW) == read(delivered(first, LATER))
        assert await store.get("42", second.id, now=NOW) == archived(read(second), LATER)
        assert await store.get("42", third.id, now=NOW) == replace(read(third, LATER), pressed=Pressed("yes", LATER))
        assert await store.get("42", fourth.id, now=NOW) == read(seen(fourth, LATER))


async def test_of_two_instances_one_has_deleted(store: Store, other: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, shown = samples(4), announcements(4)
    await store.add(saved)
    for each in shown:
        await store.add_announcement(each)
    told: list[str] = []
    some: list[Any]

    async def meanwhile() -> None:
        told.extend((await other.change("42", Change.DELETE, ids(some[:2]), now=NOW)).changed)
        await other.change("42", Change.READ, ids(some[2:3]), now=NOW)

    for some in (saved, shown):
        before_writing(store, meanwhile, monkeypatch)
        done = await store.change("42", Change.DELETE, ids(some), now=NOW)
        assert sorted(done.owned) == ids(some)
        assert sorted(done.changed) == ids(some[2:])
    assert sorted(told) == ids([*saved[:2], *shown[:2]])
    assert await store.page("42", now=NOW, limit=9) == []


async def test_of_two_instances_one_has_chosen(store: Store, other: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.add([own := sample()])
    await store.add_announcement(shown := announcement())
    for id in (own.id, shown.id):
        before_writing(store, lambda id=id: other.press("42", id, "no", now=LATER), monkeypatch)  # type: ignore[misc]
        assert not await store.press("42", id, "yes", now=NOW)
        found = await store.get("42", id, now=NOW)
        assert found
        assert found.pressed == ("no", LATER)
        assert found.read_at == LATER


async def test_two_instances_at_once_end_well(store: Store, other: Store) -> None:
    saved, shown = samples(6), announcements(4)
    await store.add(saved)
    for each in shown:
        await store.add_announcement(each)
    some = ids([*saved, *shown])
    back = [Change.READ, Change.UNREAD, Change.ARCHIVE, Change.UNARCHIVE, Change.SEEN]
    for _ in range(3):
        await asyncio.gather(
            *(
                each.change("42", what, some[turn:], now=NOW)
                for turn, what in enumerate(back)
                for each in (store, other)
            )
        )
        counts = (await store.counts(["42"], now=NOW))["42"]
        inbox = await other.page("42", now=NOW, limit=99)
        assert counts == (sum(not each.read for each in inbox), sum(not each.seen for each in inbox))
        assert all(each.delivered_at and each.seen_at for each in inbox if each.read)
    deleted = await asyncio.gather(
        *(each.change("42", Change.DELETE, some[turn:], now=NOW) for turn in range(5) for each in (store, other))
    )
    assert sorted(id for each in deleted for id in each.changed) == sorted(some)


async def test_an_interrupted_deletion_holds_and_is_completed(
    backend: Backend, wired: MongoStore, wire: MongoWire
) -> None:
    await wired.add(saved := samples(3))
    wire.faults.append(fault := Fault(("delete",), None, forward=False, answer=AWAY))
    with pytest.raises(OutcomeUnknown):
        await wired.change("42", Change.DELETE, ids(saved[:2]), now=NOW)
    wire.faults.remove(fault)
    assert await wired.page("42", now=NOW, limit=9) == saved[2:]
    assert await wired.since("", limit=9) == saved[2:]
    assert await wired.overdue(after="", before="z", limit=9) == saved[2:]
    assert await wired.find(saved[0].id) is None
    assert await wired.counts(["42"], now=NOW) == {"42": (1, 1)}
    assert await wired.mark_delivered(receipts(saved[:2]), now=NOW) == 0
    assert not any(await wired.change("42", Change.DELETE, ids(saved[:2]), now=NOW))
    assert await backend.rows(wired, "notifications") == 3
    await wired.purge(claimed_before=NOW, now=NOW)
    assert await backend.rows(wired, "notifications") == 1


async def test_one_that_the_server_refuses_fails_alone(wired: MongoStore, wire: MongoWire) -> None:
    await wired.add(saved := samples(6))
    bad = saved[3].id

    def refuse(command: Command) -> Fault | None:
        for index, update in enumerate(command.document.get("updates", [])):
            if command.name == "update" and bad in update["q"]["_id"]["$in"]:
                others = len(command.document["updates"]) - 1
                answer = {"ok": 1.0, "n": others, "nModified": others, "writeErrors": [INVALID | {"index": index}]}
                return Fault(("update",), forward=False, answer=answer)
        return None

    wire.fault_for = refuse
    times = [NOW + number * (LATER - NOW) for number in range(6)]  # different ones: a statement each
    results = await asyncio.gather(
        *(wired.change("42", Change.READ, [each.id], now=at) for each, at in zip(saved, times, strict=True)),
        wired.change("42", Change.ARCHIVE, [bad, saved[4].id], now=NOW),
        return_exceptions=True,
    )
    assert [type(each) for each in results if isinstance(each, Exception)] == [Refused, OutcomeUnknown]
    assert isinstance(results[3], Refused)
    good = [saved[number].id for number in (0, 1, 2, 4, 5)]
    assert [id for each in results if not isinstance(each, BaseException) for id in each.changed] == good
    statuses = {each.id: each.status for each in await wired.page("42", now=NOW, limit=9)}
    assert statuses == dict.fromkeys([*good[:3], good[4]], Status.READ) | {bad: Status.PENDING}


@pytest.mark.parametrize("what", Change)
async def test_what_was_changed_in_part_is_not_denied(wired: MongoStore, wire: MongoWire, what: Change) -> None:
    """Nothing was changed: Unavailable. The notification was, the announcement not: nobody may say that nothing was."""
    await wired.add([own := sample()])
    await wired.add_announcement(shown := announcement())
    for back in (Change.READ, Change.ARCHIVE):
        if what in (Change.UNREAD, Change.UNARCHIVE):
            await wired.change("42", back, ids([own, shown]), now=NOW)
    names = ("insert",) if what not in (Change.UNREAD, Change.UNARCHIVE) else ("insert", "delete")
    wire.faults.append(Fault(names, None, forward=False, answer=AWAY))
    with pytest.raises(OutcomeUnknown):
        await wired.change("42", what, ids([own, shown]), now=NOW)
    with pytest.raises(Unavailable) as caught:
        await wired.change("42", what, ids([shown]), now=NOW)
    assert not isinstance(caught.value, OutcomeUnknown)
    wire.faults.clear()
    assert (await wired.change("42", what, ids([own, shown]), now=NOW)).changed == ids([shown])


async def test_counts_of_many_announcements_are_taken_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventide_notify.store.mongo_client.COUNTED", 12)
    shown: list[Announcement] = announcements(4)
    for each in shown:
        await store.add_announcement(each)
    users = [str(user) for user in range(7)]
    for user in users:
        for what, some in ((Change.SEEN, shown[:3]), (Change.READ, shown[:2]), (Change.ARCHIVE, shown[1:2])):
            await store.change(user, what, ids(some), now=NOW)
    with commands() as sent:
        assert await store.counts(users, now=NOW) == dict.fromkeys(users, (2, 1))
    assert len(sent) == 6  # own ones, announcements before and after, and three times their steps
