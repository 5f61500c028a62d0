"""Retention: everything that is due goes and nothing else, in bounded batches, whatever comes in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Draft, IdGenerator, Notification, Status, UserId
from eventide_notify.service import retention
from eventide_notify.service.retention import LEAST, LOOK, MOST, PAUSE, WALK_EVERY, Retention
from eventide_notify.store import Store, create_store
from eventide_notify.store.base import Removed

from ..raw import raw_client
from ..service import Altered, Service
from ..waiting import until

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class Watched:
    """A store whose batches are noted, take as long as the test says, and fail where it says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[dict[str, Any]] = []
        self.removed: list[int] = []
        self.held = 0.001
        self.fails_at: set[int] = set()

    async def remove_old(self, **asked: Any) -> Removed:
        self.asked.append(asked)
        assert len(self.asked) < 1_000, "the walk does not end"
        if len(self.asked) in self.fails_at:
            raise Unavailable
        removed = await self._store.remove_old(**asked)
        self.removed.append(removed.number)
        return removed._replace(held=self.held)


class Work:
    """Retention over a store, in a time that the test makes."""

    def __init__(self, store: Store, *, days: float | None = 30, read_days: float | None = None) -> None:
        self.store = Watched(store)
        self.time = 1000.0
        self.pauses: list[float] = []
        self.told: set[UserId] = set()
        self.chosen = True
        self.metrics = Metrics()
        self.retention = Retention(
            self.store,  # type: ignore[arg-type]
            days=days,
            read_days=read_days,
            clock=self._clock,
            is_chosen=lambda: self.chosen,
            counts_changed=self._tell,
            metrics=self.metrics,
            monotonic=self._monotonic,
            sleep=self._sleep,
        )

    async def _tell(self, users: Collection[UserId]) -> None:
        self.told.update(users)

    def _clock(self) -> datetime:
        return NOW + timedelta(seconds=self.time - 1000)

    def _monotonic(self) -> float:
        self.time += 0.01  # a batch takes as long
        return self.time

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def round(self) -> None:
        await self.retention.round()

    @property
    def counted(self) -> float:
        return next(iter(self.metrics.expired.collect())).samples[0].value


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = create_store("sqlite://")
    await store.open()
    yield store
    await store.close()


def made(age: timedelta, user: str = "42", *, read: timedelta | None = None) -> Notification:
    at = NOW - age
    item = Notification(IdGenerator()(at), user, Draft(message="x"), at)
    if read is None:
        return item
    return replace(item, status=Status.READ, delivered_at=NOW - read, seen_at=NOW - read, read_at=NOW - read)


async def left(store: Store) -> set[str]:
    return {each.id for each in await store.since("", limit=100_000)}


async def test_what_is_due_goes_and_nothing_else(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", retention.__name__)
    old = [made(31 * DAY + timedelta(minutes=n), str(n % 7)) for n in range(3 * LEAST)]
    was_read = [made(20 * DAY, read=8 * DAY) for _ in range(3)]
    kept = [made(29 * DAY), made(20 * DAY, read=6 * DAY), made(timedelta(0))]
    await store.add([*old, *was_read, *kept])
    work = Work(store, read_days=7)
    await work.round()
    assert await left(store) == {each.id for each in kept}
    assert work.told == {str(n) for n in range(7)}
    assert work.counted == sum(work.store.removed) == len(old) + 3
    assert caplog.messages[-1].startswith(f"retention has removed {len(old) + 3} notifications in ")


async def test_without_settings_nothing_goes(store: Store) -> None:
    await store.add([made(10_000 * DAY)])
    work = Work(store, days=None)
    await work.round()
    assert work.store.asked == []


async def test_only_what_was_read_goes(store: Store) -> None:
    await store.add([old := made(10_000 * DAY), made(8 * DAY, read=8 * DAY)])
    work = Work(store, days=None, read_days=7)
    await work.round()
    assert await left(store) == {old.id}
    assert work.told == set()


async def test_a_walk_ends_while_time_goes_on(store: Store) -> None:
    await store.add([made(31 * DAY), made(20 * DAY, read=8 * DAY)])
    work = Work(store, read_days=7)
    await work.round()
    assert await left(store) == set()
    assert len(work.store.asked) == 2


@pytest.mark.parametrize("held", [0.001, 10.0])
async def test_batches_and_what_they_look_at_are_bounded(store: Store, held: float) -> None:
    number = 3_000
    await store.add([made(31 * DAY) for _ in range(number)])
    work = Work(store)
    work.store.held = held
    await work.round()
    limits = [asked["limit"] for asked in work.store.asked]
    assert sum(work.store.removed) == number
    assert all(LEAST <= limit <= MOST for limit in limits)
    assert max(limits) == (LEAST if held > 1 else MOST)  # as many as hold others up for no longer than they may
    assert {asked["look"] for asked in work.store.asked} == {LOOK}
    assert work.pauses == pytest.approx([PAUSE * 0.01] * len(limits))


async def test_a_walk_goes_on_where_the_database_went_away(store: Store) -> None:
    await store.add([made(31 * DAY) for _ in range(10 * LEAST)])
    work = Work(store)
    work.store.fails_at = {3, 4}
    for _ in range(2):
        with pytest.raises(Unavailable):
            await work.round()
    assert 0 < sum(work.store.removed) < 10 * LEAST
    await work.round()
    assert await left(store) == set()
    assert work.store.asked[2]["after"] == work.store.asked[3]["after"] == work.store.asked[4]["after"] > ""
    assert work.counted == 10 * LEAST


async def test_after_a_restart_the_rest_goes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    first = create_store(url)
    await first.open()
    await first.add([*(made(31 * DAY) for _ in range(4 * LEAST)), kept := made(DAY)])
    work = Work(first)
    work.store.fails_at = {2}
    with pytest.raises(Unavailable):
        await work.round()
    await first.close()
    second = create_store(url)
    await second.open()
    await Work(second).round()
    assert await left(second) == {kept.id}
    await second.close()


async def test_the_next_walk_is_later(store: Store) -> None:
    work = Work(store)
    await work.round()
    await store.add([due := made(31 * DAY)])
    work.time += WALK_EVERY - 10
    await work.round()
    assert await left(store) == {due.id}
    work.time += 10
    await work.round()
    assert await left(store) == set()


async def test_one_instance_does_the_work(store: Store) -> None:
    await store.add([made(31 * DAY)])
    work = Work(store)
    work.chosen = False
    await work.round()
    assert work.store.asked == []
    work.chosen = True  # the one that did it has gone
    await work.round()
    assert await left(store) == set()


async def test_open_screens_are_told_the_new_counts() -> None:
    settings = {"EVENTIDE_RETENTION_DAYS": str(8 / 86_400)}
    with Altered({"service.retention.WALK_EVERY": 0.2, "app.RETENTION_EVERY": 0.2}, settings) as service:
        service.start()
        async with raw_client(service.base_url, {"token": service.token("42")}) as client:
            await client.event("catch_up_complete")
            service.send("42")
            assert (await client.event("unread_count"))["unreadCount"] == 1
            nothing = {"unreadCount": 0, "unseenCount": 0}
            await until(lambda: client.events("unread_count")[-1] == nothing, within=30)
        with service.client("42") as reader:
            assert reader.get("/v1/notifications").json()["notifications"] == []
        assert removed(service) == 1


def removed(service: Service) -> float:
    with service.client() as client:
        figures = client.get("/metrics").text
    [line] = [line for line in figures.splitlines() if line.startswith("eventide_notifications_expired_total")]
    return float(line.split()[1])
