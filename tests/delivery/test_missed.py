"""What the channel between instances lost is found in the store: when, how often, and at what cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from eventide_notify.models import Announcement, Draft, IdGenerator, Notification, Receipt
from eventide_notify.service import missed
from eventide_notify.service.missed import FIRST_LOOK, LAST_LOOK, MARGIN, MissedReader, Sweep
from eventide_notify.store import Store, create_store

START = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, time: timedelta) -> None:
        self.now += time


class Screens:
    """Sockets that note what they are shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.announced: list[str] = []
        self.counted = 0
        self.reading_store = False

    async def show_missed(self, items: Iterable[Notification]) -> None:
        self.shown += [item.content.message for item in items]

    async def show_missed_announcements(self, items: Iterable[Announcement]) -> None:
        self.announced += [item.content.message for item in items]

    def counts_changed(self) -> None:
        self.counted += 1


class World:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.screens = Screens()
        self.problems: list[str] = []
        self.ids = IdGenerator()
        self.sweep = Sweep(store, self.screens, clock=self.clock)
        self.reader = MissedReader(store, self.screens, problems=lambda: self.problems, clock=self.clock)

    async def save(self, message: str, user: str = "alice") -> Notification:
        """As an instance does that is killed before it can publish."""
        now = self.clock()
        item = Notification(self.ids(now), user, Draft(message=message), now)
        await self.store.add([item])
        return item

    async def seconds(self, count: float, *, each: float = 1) -> None:
        """Let time pass, with the rounds of background work in it."""
        for _ in range(round(count / each)):
            self.clock.pass_(timedelta(seconds=each))
            await self.reader.round()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    store = create_store("sqlite://")
    await store.open()
    yield World(store)
    await store.close()


class TestSweep:
    async def test_what_is_pending_is_looked_at_less_and_less_often(self, world: World) -> None:
        await world.sweep.round()
        await world.save("lost")
        looks: list[float] = []
        began = world.clock()
        while world.clock() - began < LAST_LOOK * 1.2:
            world.clock.pass_(FIRST_LOOK)
            before = len(world.screens.shown)
            await world.sweep.round()
            looks += [(world.clock() - began).total_seconds()] * (len(world.screens.shown) - before)
        ages = [FIRST_LOOK.total_seconds() * 2**n for n in range(10)]
        assert [age <= look <= age + FIRST_LOOK.total_seconds() for age, look in zip(ages, looks, strict=True)] == [
            True
        ] * len(ages)

    async def test_what_was_received_or_read_is_not_shown(self, world: World) -> None:
        received, read = await world.save("received"), await world.save("read")
        await world.save("lost")
        await world.store.mark_delivered([Receipt("alice", received.id)], now=START)
        await world.store.mark_read("alice", [read.id], now=START)
        world.clock.pass_(FIRST_LOOK * 1.5)
        await world.sweep.round()
        assert world.screens.shown == ["lost"]

    async def test_what_is_on_its_way_is_left_alone(self, world: World) -> None:
        await world.save("young")
        world.clock.pass_(FIRST_LOOK / 2)
        await world.sweep.round()
        assert world.screens.shown == []

    async def test_many_are_looked_at_in_batches(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(missed, "BATCH", 3)
        for number in range(8):
            await world.save(str(number))
        world.clock.pass_(FIRST_LOOK * 1.5)
        await world.sweep.round()
        assert world.screens.shown == [str(number) for number in range(8)]


class TestMissedReader:
    async def test_while_all_is_well_nothing_is_read(self, world: World) -> None:
        await world.save("published")
        await world.seconds(30)
        assert world.screens.shown == []
        assert world.screens.counted == 0

    async def test_while_the_channel_is_degraded_everything_new_is_shown(self, world: World) -> None:
        world.problems = ["deaf"]
        for number in range(10):
            await world.save(str(number))
            await world.seconds(1)
            assert world.screens.shown[-1] == str(number)
            assert world.screens.reading_store
        assert world.screens.counted == 10

    async def test_what_was_lost_before_the_fault_was_noticed_is_shown(self, world: World) -> None:
        await world.save("long ago")
        await world.seconds(MARGIN.total_seconds() + 1)
        await world.save("just before")
        await world.seconds(3)
        world.problems = ["deaf"]
        await world.seconds(1)
        assert world.screens.shown == ["just before"]

    async def test_what_was_saved_late_is_shown(self, world: World) -> None:
        world.problems = ["deaf"]
        await world.seconds(10)
        now = world.clock() - timedelta(seconds=3)
        late = Notification(world.ids(now), "alice", Draft(message="late"), now)
        await world.store.add([late])
        await world.seconds(1)
        assert "late" in world.screens.shown

    async def test_after_the_recovery_it_reads_a_little_longer_and_stops(self, world: World) -> None:
        world.problems = ["deaf"]
        await world.seconds(2)
        world.problems = []
        await world.save("at the recovery")
        await world.seconds(MARGIN.total_seconds() + 2)
        assert "at the recovery" in world.screens.shown
        seen = len(world.screens.shown)
        assert not world.screens.reading_store
        await world.save("published again")
        await world.seconds(5)
        assert len(world.screens.shown) == seen

    async def test_announcements_are_shown_too(self, world: World) -> None:
        world.problems = ["deaf"]
        await world.seconds(1)
        now = world.clock()
        await world.store.add_announcement(
            Announcement(world.ids(now), Draft(message="noon"), now, now + timedelta(days=1))
        )
        await world.seconds(1)
        assert "noon" in world.screens.announced

    async def test_many_are_read_in_batches(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(missed, "BATCH", 3)
        world.problems = ["deaf"]
        for number in range(8):
            await world.save(str(number))
        await world.reader.round()
        assert world.screens.shown == [str(number) for number in range(8)]
