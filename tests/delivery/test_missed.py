"""What the channel between instances lost is found in the store: when, how often, and at what cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from eventide_notify.channel.health import FORGET, ChannelHealth
from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Announcement, Change, Draft, IdGenerator, Notification, Receipt
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
        self.reloads = 0
        self.waiting: list[str] | None = None
        self.dropped = False
        self.users: set[str] = set()

    def live(self, message: str) -> None:
        """What the channel brings."""
        if self.waiting is None:
            self.shown.append(message)
        else:
            self.waiting.append(message)

    @property
    def holds(self) -> bool:
        """Whether what comes waits."""
        return self.waiting is not None

    def hold(self) -> Sequence[str]:
        held, self.waiting = self.waiting or [], []
        return held

    async def show_held(self, held: Sequence[str]) -> None:
        self.shown += held

    async def release(self) -> bool:
        self.shown += self.waiting or []
        self.waiting = None
        complete, self.dropped = not self.dropped, False
        return complete

    def connected(self, user: str) -> bool:
        return user in self.users

    async def show_missed(self, items: Iterable[Notification], *, how: str) -> None:
        self.shown += [item.content.message for item in items]

    async def show_missed_announcements(self, items: Iterable[Announcement], *, how: str) -> None:
        self.announced += [item.content.message for item in items]

    def counts_changed(self) -> None:
        self.counted += 1

    async def reload(self) -> None:
        self.reloads += 1


class World:
    """One instance, that hears itself and another one, unless it is told otherwise."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.screens = Screens()
        self.metrics = Metrics()
        self.health = ChannelHealth("own", now=self.monotonic())
        self.health.subscribed(now=self.monotonic())
        self.health.began(now=self.monotonic())
        self.ids = IdGenerator()
        self.hears_itself = self.hears_other = True
        self.other_sent = 0
        self.sweep = Sweep(store, self.screens, clock=self.clock, metrics=self.metrics)
        self.reader = MissedReader(store, self.screens, self.health, clock=self.clock, monotonic=self.monotonic)

    def monotonic(self) -> float:
        return 1_000 + (self.clock() - START).total_seconds()

    async def save(self, message: str, user: str = "alice") -> Notification:
        """As an instance does that is killed before it can publish."""
        now = self.clock()
        item = Notification(self.ids(now), user, Draft(message=message), now)
        await self.store.add([item])
        return item

    async def lose(self, message: str) -> Notification:
        """The other instance saves it, and what it publishes does not come."""
        self.other_sent += 1
        return await self.save(message)

    def beat(self) -> None:
        """Heartbeats."""
        now = self.monotonic()
        if self.hears_itself:
            self.health.heard("own", 0, age=now, now=now)
        if self.hears_other:
            self.health.heard("other", self.other_sent, age=now, now=now)
        self.health.check(now=now)

    async def seconds(self, count: float, *, each: float = 1) -> None:
        """Let time pass, with heartbeats and the rounds of background work in it."""
        for _ in range(round(count / each)):
            self.clock.pass_(timedelta(seconds=each))
            self.beat()
            await self.reader.round()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    store = create_store("sqlite://")
    await store.open()
    yield World(store)
    await store.close()


class TestSweep:
    async def test_what_it_finds_is_in_the_figures_until_it_is_received(self, world: World) -> None:
        def pending(age: str) -> float | None:
            return world.metrics.registry.get_sample_value("eventide_notifications_pending", {"age": age})

        def overdue() -> float | None:
            return world.metrics.registry.get_sample_value("eventide_notifications_overdue")

        world.screens.users = {"bob"}
        await world.sweep.round()
        items = [await world.save("one"), await world.save("two", user="bob")]
        await world.seconds(6)
        await world.sweep.round()
        assert (pending("5"), pending("10"), overdue()) == (2, 0, 1)
        await world.store.mark_delivered([Receipt("bob", items[1].id)], now=world.clock())
        await world.seconds(5)
        await world.sweep.round()
        assert (pending("5"), pending("10"), overdue()) == (0, 1, 0)

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
        await world.store.change("alice", Change.READ, [read.id], now=START)
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
        assert (world.screens.counted, world.screens.reloads) == (0, 0)
        assert not world.screens.holds

    async def test_while_it_is_deaf_everything_new_is_shown(self, world: World) -> None:
        world.hears_itself = world.hears_other = False
        await world.seconds(4)
        for number in range(10):
            await world.save(str(number))
            await world.seconds(1)
            assert world.screens.shown[-1] == str(number)
            assert world.screens.holds
        assert world.screens.reloads == 0
        assert 2 <= world.screens.counted <= 4

    async def test_what_comes_while_it_reads_is_shown_after_the_next_reading(self, world: World) -> None:
        world.hears_itself = world.hears_other = False
        await world.seconds(4)
        world.screens.live("own")
        await world.save("older")
        await world.seconds(1)
        assert world.screens.shown == ["older", "own"]

    async def test_after_an_outage_all_is_read_once_more_and_clients_read_again(self, world: World) -> None:
        world.hears_itself = world.hears_other = False
        await world.seconds(10)
        world.hears_itself = world.hears_other = True
        await world.lose("at its end")
        counted = world.screens.counted
        await world.seconds(2)
        assert "at its end" in world.screens.shown
        assert world.screens.reloads == 1
        assert not world.screens.holds
        seen = len(world.screens.shown)
        await world.save("published again")
        await world.seconds(30)
        assert len(world.screens.shown) == seen
        assert world.screens.counted <= counted + 1

    async def test_an_outage_costs_what_is_new_and_not_more_and_more(self, world: World) -> None:
        world.hears_itself = world.hears_other = False
        await world.seconds(4)
        await world.save("once")
        await world.seconds(60)
        assert world.screens.shown.count("once") <= MARGIN.total_seconds() + 2

    async def test_a_gap_is_closed_at_once(self, world: World) -> None:
        await world.seconds(20)
        await world.lose("lost")
        world.clock.pass_(timedelta(seconds=0.5))
        world.beat()
        world.screens.waiting = ["newer"]
        await world.reader.round()
        assert world.screens.shown == ["lost", "newer"]
        assert (world.screens.reloads, world.screens.holds) == (1, False)
        assert world.health.problems == []

    async def test_what_was_lost_just_before_is_shown_and_what_is_older_is_not(self, world: World) -> None:
        await world.save("long ago")
        await world.seconds(MARGIN.total_seconds() + 2)
        await world.save("just before")
        await world.seconds(1)
        await world.lose("lost")
        await world.seconds(1)
        assert world.screens.shown == ["just before", "lost"]

    async def test_several_gaps_are_closed_one_after_the_other(self, world: World) -> None:
        await world.seconds(5)
        for number in range(20):
            await world.lose(str(number))
            await world.seconds(0.1, each=0.1)
            assert world.screens.shown[-1] == str(number)
        assert world.screens.reloads == 1
        await world.seconds(missed.RELOAD_EVERY, each=0.1)
        assert world.screens.reloads == 2, "all clients at once, but not all the time"

    async def test_anothers_silence_lets_own_sends_wait_for_the_reading_only(self, world: World) -> None:
        await world.seconds(10)
        world.hears_other = False
        await world.save("not published")
        for number in range(20):
            await world.seconds(1)
            world.screens.live(f"own {number}")
            assert world.screens.shown[-1] == f"own {number}"
        assert "not published" in world.screens.shown
        assert world.screens.reloads == 0

    async def test_one_that_is_gone_is_read_for_a_minute_and_then_clients_read_again(self, world: World) -> None:
        await world.seconds(10)
        world.hears_other = False
        await world.seconds(FORGET + 2)
        assert world.screens.reloads == 1
        seen = len(world.screens.shown)
        await world.save("from now on")
        await world.seconds(20)
        assert len(world.screens.shown) == seen
        assert world.health.problems == []

    async def test_what_was_saved_late_is_shown(self, world: World) -> None:
        world.hears_itself = False
        await world.seconds(10)
        now = world.clock() - timedelta(seconds=3)
        late = Notification(world.ids(now), "alice", Draft(message="late"), now)
        await world.store.add([late])
        await world.seconds(1)
        assert "late" in world.screens.shown

    async def test_a_store_that_is_away_holds_nothing_back_and_is_read_later(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.seconds(20)
        await world.lose("lost")
        world.clock.pass_(timedelta(seconds=1))
        world.beat()
        world.screens.waiting = ["newer"]
        with monkeypatch.context() as away:
            away.setattr(world.store, "since", unavailable)
            with pytest.raises(Unavailable):
                await world.reader.round()
        assert world.screens.shown == ["newer"]
        assert not world.screens.holds
        assert world.screens.reloads == 0
        await world.seconds(1)
        assert "lost" in world.screens.shown
        assert world.screens.reloads == 1

    async def test_more_than_can_wait_is_read_again(self, world: World) -> None:
        await world.seconds(20)
        await world.lose("lost")
        world.screens.dropped = True
        await world.seconds(1)
        assert world.health.lacking_since is not None
        assert world.screens.reloads == 0
        await world.seconds(1)
        assert world.screens.shown == ["lost", "lost"]
        assert world.screens.reloads == 1

    async def test_announcements_are_shown_too(self, world: World) -> None:
        world.hears_itself = False
        await world.seconds(5)
        now = world.clock()
        await world.store.add_announcement(
            Announcement(world.ids(now), Draft(message="noon"), now, now + timedelta(days=1))
        )
        await world.seconds(1)
        assert "noon" in world.screens.announced

    async def test_many_are_read_in_batches(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(missed, "BATCH", 3)
        await world.seconds(20)
        for number in range(8):
            await world.lose(str(number))
        await world.seconds(1)
        assert world.screens.shown == [str(number) for number in range(8)]


async def unavailable(*_: object, **__: object) -> NoReturn:
    raise Unavailable("The database is away.")
