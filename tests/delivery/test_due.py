"""Due work: done once whoever dies, tried again when it failed, dead when that does not help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventide_notify.due import Work
from eventide_notify.errors import InvalidRequest, OutcomeUnknown, Refused, Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import IdGenerator
from eventide_notify.service import due
from eventide_notify.service.due import ATTEMPTS, LEASE, LEAST, MOST, PAUSE, TOGETHER, UNPAUSED, DueWork, Later
from eventide_notify.service.scheduling import SEND, recipients
from eventide_notify.store import Store, create_store

from ..waiting import until

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def weight(work: Work) -> int:
    return int(work.payload.get("weight", 1))


class Desk:
    """Two instances over one store, in a time that the test makes; the handler does as the test says."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.time = 1000.0
        self.cost = 0.0
        self.pauses: list[float] = []
        self.done: list[str] = []
        self.begun = 0
        self.weight = self.heaviest = 0
        """Of what is being done, now and at the most."""
        self.gate = asyncio.Event()
        """What the handler waits for."""
        self.gate.set()
        self.outcomes: list[Exception | Later | None] = []
        self.metrics = Metrics()
        self.instance, self.other = self.build(), self.build()
        self.new_id = IdGenerator()

    def build(self) -> DueWork:
        made = DueWork(
            self.store,
            clock=lambda: self.now,
            metrics=self.metrics,
            monotonic=lambda: self.time,
            sleep=self._sleep,
        )
        made.handle("test", self._handle, weigh=weight)
        return made

    async def add(self, at: datetime = START, kind: str = "test", **payload: Any) -> Work:
        work = Work(self.new_id(self.now), kind, at, payload)
        await self.store.add_due(work)
        return work

    async def waiting(self) -> list[Work]:
        return list(await self.store.due(kinds=["test", "other"], after="", limit=1_000))

    async def dead(self) -> list[str]:
        return [each.error for each in await self.store.dead(after="", limit=1_000)]

    async def _handle(self, work: Work) -> Later | None:
        self.begun += 1
        self.weight += weight(work)
        self.heaviest = max(self.heaviest, self.weight)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.weight -= weight(work)
        self.time += self.cost
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        self.done.append(work.id)
        return outcome

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def counted(self, result: str) -> float:
        return (
            self.metrics.registry.get_sample_value("eventide_due_works_total", {"kind": "test", "result": result}) or 0
        )


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = create_store("sqlite://")
    await store.open()
    yield Desk(store)
    await store.close()


async def test_what_is_due_is_done_and_gone(desk: Desk) -> None:
    first, second = await desk.add(START - SECOND), await desk.add()
    later = await desk.add(START + SECOND)
    await desk.instance.round()
    assert desk.done == [first.id, second.id]
    assert await desk.waiting() == [later]
    desk.now += SECOND
    await desk.other.round()
    await desk.instance.round()
    assert desk.done == [first.id, second.id, later.id]
    assert desk.counted("done") == 3


async def test_what_nobody_here_can_do_is_left_to_others(desk: Desk) -> None:
    others = await desk.add(kind="other")
    await desk.instance.round()
    assert await desk.waiting() == [others]
    assert await desk.store.claim_due(kinds=["other"], now=START, lease="x", until=START + LEASE, limit=1) == [others]


@pytest.mark.parametrize("error", [Unavailable(), OutcomeUnknown()])
async def test_while_the_store_is_unavailable_it_waits_and_nothing_counts(desk: Desk, error: Exception) -> None:
    saved = await desk.add()
    desk.outcomes = [error] * (2 * ATTEMPTS)
    for _ in range(2 * ATTEMPTS):
        await desk.instance.round()
        await desk.other.round()  # which may not touch it yet: it may be that it was done
        desk.now += LEASE
    assert await desk.waiting() == [saved]
    await desk.other.round()
    assert desk.done == [saved.id]
    assert await desk.waiting() == []
    assert desk.counted("failed") == 0


@pytest.mark.parametrize("error", [ValueError("a mistake"), Refused("not this")])
async def test_what_fails_is_tried_again_later_and_later_and_then_it_is_dead(desk: Desk, error: Exception) -> None:
    saved = await desk.add(text="kept")
    desk.outcomes = [error] * ATTEMPTS
    pauses = []
    for attempt in range(1, ATTEMPTS):
        await desk.instance.round()
        [found] = await desk.waiting()
        assert (found.attempts, found.payload) == (attempt, saved.payload)
        pauses.append((found.at - desk.now).total_seconds())
        await desk.other.round()
        desk.now = found.at
    assert pauses[0] < 1.3
    assert pauses[:8] == sorted(pauses[:8])
    assert pauses[-1] <= 1.25 * due.BACKOFF_MAX
    await desk.instance.round()
    assert await desk.waiting() == []
    assert await desk.dead() == [f"{type(error).__name__}: {error}"]
    assert (desk.counted("failed"), desk.counted("dead")) == (ATTEMPTS, 1)

    await desk.store.retry_dead(saved.id, now=desk.now)
    await desk.other.round()
    assert desk.done == [saved.id]


async def test_what_can_never_be_done_is_dead_at_once(desk: Desk) -> None:
    await desk.add()
    desk.outcomes = [InvalidRequest("wrong" * 1_000)]
    await desk.instance.round()
    [error] = await desk.dead()
    assert error == f"InvalidRequest: {'wrong' * 1_000}"[: due.ERROR_MAX]
    assert desk.done == []


async def test_there_may_be_more_to_do_at_another_time(desk: Desk) -> None:
    saved = await desk.add(step=1)
    desk.outcomes = [Later(START + SECOND, {"step": 2})]
    await desk.instance.round()
    [found] = await desk.waiting()
    assert (found.at, found.payload) == (START + SECOND, {"step": 2})
    desk.now += SECOND
    await desk.other.round()
    assert desk.done == [saved.id] * 2
    assert await desk.waiting() == []


async def test_what_takes_longer_than_a_lease_is_done_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    held_until = [START]
    prolong = desk.store.prolong_due

    async def noted(ids: Collection[str], lease: str, *, until: datetime) -> None:
        await prolong(ids, lease, until=until)
        held_until.append(until)

    monkeypatch.setattr(due, "GUARD", 0.01)
    monkeypatch.setattr(desk.store, "prolong_due", noted)
    await desk.add()
    desk.gate.clear()
    doing = asyncio.create_task(desk.instance.round())
    for _ in range(3):
        await until(lambda: held_until[-1] == desk.now + LEASE)
        desk.now += 0.9 * LEASE
        await desk.other.round()
    assert desk.begun == 1
    desk.gate.set()
    await doing
    assert await desk.waiting() == []
    assert desk.begun == 1


async def test_one_that_fails_stops_no_other(desk: Desk) -> None:
    bad, good = await desk.add(START - SECOND), await desk.add()
    desk.outcomes = [ValueError("a mistake")]
    await desk.instance.round()
    assert desk.done == [good.id]
    assert [each.id for each in await desk.waiting()] == [bad.id]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400), timedelta(hours=-1)])
async def test_a_clock_that_jumps_while_work_is_held(desk: Desk, jump: timedelta) -> None:
    """Held by an instance that died. It is done as soon as the clock says that it is due, and at once if it was."""
    saved = await desk.add()
    await desk.store.claim_due(kinds=["test"], now=desk.now, lease="dead", until=desk.now + LEASE, limit=1)
    desk.now += jump
    await desk.instance.round()
    assert desk.done == ([] if jump < timedelta() else [saved.id])
    desk.now = max(desk.now, START) if jump > timedelta() else START
    desk.now += LEASE
    await desk.instance.round()
    assert desk.done == [saved.id]
    assert await desk.waiting() == []


async def test_a_clock_that_jumped_ahead_and_came_back_holds_nothing_up(desk: Desk) -> None:
    saved = await desk.add()
    ahead = START + timedelta(days=1)
    await desk.store.claim_due(kinds=["test"], now=ahead, lease="dead", until=ahead + LEASE, limit=1)
    await desk.instance.round()
    assert desk.done == [saved.id]


async def test_much_is_done_in_batches_that_fit_with_pauses(desk: Desk) -> None:
    for _ in range(500):
        await desk.add()
    await desk.instance.round()
    assert len(set(desk.done)) == len(desk.done) == 500
    assert desk.instance._limit == MOST

    for _ in range(500):
        await desk.add()
    desk.pauses.clear()
    desk.cost = 0.01
    await desk.instance.round()
    assert len(set(desk.done)) == len(desk.done) == 1_000
    assert desk.instance._limit < 20
    assert sum(desk.pauses) == pytest.approx(PAUSE * (500 * 0.01 - UNPAUSED), rel=0.3)


async def test_what_is_heavy_is_done_alone_and_what_is_light_together(desk: Desk) -> None:
    weights = [TOGETHER - 1, 1, 1, TOGETHER, 3 * TOGETHER, *[1] * 500]
    added = [await desk.add(weight=each) for each in weights]
    await desk.instance.round()
    assert desk.done == [work.id for work in added]
    assert desk.heaviest == 3 * TOGETHER
    assert desk.instance._limit == MOST
    assert await desk.waiting() == []


async def test_batches_stay_small_only_while_what_is_done_is_heavy(desk: Desk) -> None:
    desk.cost = 1  # however little there is to do
    for each in (2 * TOGETHER, 2 * TOGETHER, 2 * TOGETHER):
        await desk.add(weight=each)
    await desk.instance.round()
    assert desk.instance._limit == 1
    for _ in range(30):
        await desk.add()
    await desk.instance.round()
    assert desk.instance._limit == LEAST


async def test_what_is_too_heavy_for_one_another_instance_does_meanwhile(desk: Desk) -> None:
    for _ in range(2):
        await desk.add(weight=TOGETHER)
    desk.gate.clear()
    doing = []
    for begun, instance in enumerate((desk.instance, desk.other), 1):
        doing.append(asyncio.create_task(instance.round()))
        await until(lambda begun=begun: desk.begun == begun)  # type: ignore[misc]
    desk.gate.set()
    await asyncio.gather(*doing)
    assert len(set(desk.done)) == len(desk.done) == 2


@pytest.mark.parametrize(("payload", "weighs"), [({"users": ["1", "2", "3"]}, 3), ({"users": []}, 1), ({}, 1)])
def test_what_a_send_weighs(payload: dict[str, Any], weighs: int) -> None:
    assert recipients(Work("an id", SEND, START, payload)) == weighs


async def test_how_much_there_is_is_in_the_metrics(desk: Desk) -> None:
    for at in (START - due.LATE, START, START + SECOND):
        await desk.add(at)
    desk.outcomes = [InvalidRequest()]
    await desk.instance.count()
    assert [gauge._value.get() for gauge in (desk.metrics.due_waiting, desk.metrics.due_late)] == [3, 1]
    await desk.instance.round()
    await desk.instance.count()
    value = desk.metrics.registry.get_sample_value
    names = ("eventide_due_waiting", "eventide_due_late", "eventide_due_dead")
    assert [value(name) for name in names] == [1, 0, 1]


async def test_the_store_is_asked_rarely_while_nothing_is_due_and_what_is_seen_is_done_in_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    first_due = desk.store.first_due

    async def noted(*, kinds: Collection[str]) -> datetime | None:
        asked.append(desk.now)
        return await first_due(kinds=kinds)

    monkeypatch.setattr(desk.store, "first_due", noted)
    quarter = SECOND / 4

    async def rounds(number: int) -> list[float]:
        asked.clear()
        began = desk.now
        for _ in range(number):
            desk.now += quarter
            await desk.instance.round()
        return [(each - began).total_seconds() for each in asked]

    assert await rounds(9) == [0.25, 1.25, 2.25]
    sooner = await desk.add(desk.now + quarter)  # by another instance, which has died since
    assert await rounds(4) == [1.0]
    assert desk.done == [sooner.id]
    await rounds(1)
    seen = await desk.add(desk.now + SECOND + quarter)
    await rounds(4)
    assert desk.done == [sooner.id]
    await rounds(1)
    assert desk.done == [sooner.id, seen.id]
    desk.now -= SECOND * 3600
    assert await rounds(1) == [0.25]
