"""Reminders: to whom they go, in what rhythm, and what happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventide_notify import wire
from eventide_notify.errors import Unavailable
from eventide_notify.models import Announcement, Counts, Draft, IdGenerator, Receipt, UserId
from eventide_notify.service import reminders as module
from eventide_notify.service.due import Later
from eventide_notify.service.reminders import SAVE_WITHIN, Reminders, first_reminder
from eventide_notify.store import Store, create_store

from ..realtime.fakes import ROOT, FakeHub, FakeTransport, events
from ..waiting import until

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
new_id = IdGenerator()


def demanding(at: datetime = NOW) -> Announcement:
    made = Announcement(new_id(at), Draft(message="Read this"), at, at + 3 * HOUR)
    return replace(made, require_ack=True, remind_after=3_600)


class Asked:
    """A store in which something happens while it is asked who has not acknowledged."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.meanwhile: Any = None
        self.fails = 0
        self.asked: list[int] = []

    async def announcement(self, id: str, *, now: datetime) -> Announcement | None:
        if self.fails:
            self.fails -= 1
            raise Unavailable
        return await self._store.announcement(id, now=now)

    async def unacknowledged(self, announcement: Announcement, users: Sequence[UserId]) -> Collection[UserId]:
        self.asked.append(len(users))
        found = await self._store.unacknowledged(announcement, users)
        if self.meanwhile is not None:
            await self.meanwhile()
        return found


class Desk:
    """Reminders over a store, with sessions that are watched, in a time that the test makes."""

    def __init__(self, store: Store) -> None:
        self.now = NOW
        self.store = store
        self.asked = Asked(store)
        self.hub = FakeHub()
        self.ordered: list[str] = []
        self.reminders = Reminders(self.asked, self.hub, order=self._order, clock=lambda: self.now)  # type: ignore[arg-type]

    async def _order(self, id: str) -> None:
        self.ordered.append(id)

    async def announce(self) -> Announcement:
        await self.store.add_announcement(made := demanding())
        return made

    async def remind(self, made: Announcement) -> None:
        """As every instance does when it is ordered to."""
        await self.reminders.remind({"id": made.id})
        await until(lambda: not self.reminders._tasks)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = create_store("sqlite://")
    await store.open()
    desk = Desk(store)
    yield desk
    await desk.reminders.close()
    await store.close()


def reminded(transport: FakeTransport) -> bool:
    return any('"reminder":true' in event for event in events(transport))


# The rhythm


async def test_it_goes_on_until_it_expires(desk: Desk) -> None:
    made = await desk.announce()
    work = first_reminder(made)
    assert (work.id, work.at) == (made.id, NOW + HOUR)
    for number in (1, 2):
        desk.now = work.at + timedelta(seconds=number)  # a little late
        later = await desk.reminders.due(work)
        assert later == Later(work.at + HOUR, {})
        work = replace(work, at=later.at)
    assert desk.ordered == [made.id] * 2
    desk.now = work.at
    assert await desk.reminders.due(work) is None
    assert len(desk.ordered) == 2


async def test_after_an_outage_it_does_not_catch_up(desk: Desk) -> None:
    made = await desk.announce()
    desk.now = NOW + 2.5 * HOUR
    assert await desk.reminders.due(first_reminder(made)) == Later(desk.now + HOUR, {})


async def test_what_is_not_saved_yet_is_waited_for_and_dropped_in_the_end(desk: Desk) -> None:
    """The work is saved before the announcement, whose save may fail."""
    work = first_reminder(demanding())
    desk.now = NOW + timedelta(seconds=1)
    assert await desk.reminders.due(work) == Later(desk.now + SAVE_WITHIN, {})
    desk.now = NOW + SAVE_WITHIN + timedelta(seconds=1)
    assert await desk.reminders.due(work) is None
    assert desk.ordered == []


# Who is reminded


async def test_those_are_reminded_who_have_not_acknowledged(desk: Desk) -> None:
    made = await desk.announce()
    alice, bob = desk.hub.add("alice"), desk.hub.add("bob", dialect=ROOT)
    carol = desk.hub.add("carol", live=False)
    await desk.store.acknowledge("alice", made.id, now=NOW)
    await desk.remind(made)
    assert [reminded(each) for each in (alice, bob, carol)] == [False, True, True]
    assert bob.receipts == [Receipt("bob", made.id, broadcast=True)]
    await desk.remind(made)
    assert len(events(bob)) == 2
    desk.now = NOW + 3 * HOUR  # it has expired
    await desk.remind(made)
    assert len(events(bob)) == 2


async def test_what_still_waits_to_be_shown_is_no_reminder(desk: Desk) -> None:
    """It comes after the replay, in its place."""
    made = await desk.announce()
    alice = desk.hub.add("alice", live=False)
    await desk.hub.announce(wire.announcement(made), stored=True)
    await desk.remind(made)
    assert events(alice) == []


async def test_many_are_asked_about_in_portions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 10)
    made = await desk.announce()
    all = [desk.hub.add(str(number)) for number in range(25)]
    await desk.remind(made)
    assert desk.asked.asked == [10, 10, 5]
    assert all[0].written
    assert sum(map(reminded, all)) == 25


# What happens meanwhile


async def test_who_acknowledges_meanwhile_is_not_reminded(desk: Desk) -> None:
    """Else the reminder, which comes after the news, would bring it back on the screen."""
    made = await desk.announce()
    alice, bob = desk.hub.add("alice"), desk.hub.add("bob")

    async def meanwhile() -> None:
        await desk.hub.emit(wire.NOTIFICATION_READ, wire.changed([made.id], Counts(0, 0)), ["alice"])
        await desk.hub.emit(wire.NOTIFICATION_READ, wire.changed([new_id(NOW)], Counts(0, 0)), ["bob"])

    desk.asked.meanwhile = meanwhile
    await desk.remind(made)
    assert [reminded(each) for each in (alice, bob)] == [False, True]


async def test_what_is_retracted_meanwhile_is_not_reminded_of(desk: Desk) -> None:
    made = await desk.announce()
    alice = desk.hub.add("alice")
    desk.asked.meanwhile = lambda: desk.hub.retract(made.id)
    await desk.remind(made)
    await desk.hub.idle()
    assert not reminded(alice)


async def test_what_goes_for_all_meanwhile_is_not_reminded_of(desk: Desk) -> None:
    made = await desk.announce()
    alice = desk.hub.add("alice")
    gone = {"ids": [made.id], "reason": "expired"}
    desk.asked.meanwhile = lambda: desk.hub.emit(wire.NOTIFICATION_DELETED, gone, None)
    await desk.remind(made)
    assert not reminded(alice)


async def test_a_store_that_is_away_is_asked_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    made = await desk.announce()
    alice = desk.hub.add("alice")
    desk.asked.fails = 3
    await asyncio.gather(desk.remind(made), desk.remind(made))  # two orders at once are one
    assert len(events(alice)) == 1
