"""What has expired is told once by each instance, whatever becomes of its clock, and is removed when all have told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Draft, IdGenerator, Notification
from eventide_notify.service import expiry
from eventide_notify.service.expiry import KEPT, Expiry
from eventide_notify.service.fanout import Gone
from eventide_notify.store import Store, create_store
from eventide_notify.wire import Reason

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Instance:
    """One that looks when it is told to, in a time that the test makes."""

    def __init__(self, store: Store) -> None:
        self.now = START
        self.passed = 0.0
        self.told: list[tuple[str | None, tuple[str, ...]]] = []
        self.reloads = 0
        self.chosen = True
        self.pauses: list[float] = []
        self.metrics = Metrics()
        self.expiry = Expiry(
            store,
            self,
            clock=lambda: self.now,
            is_chosen=lambda: self.chosen,
            metrics=self.metrics,
            sleep=self._sleep,
            monotonic=lambda: self.passed,
        )

    async def take_away(self, reason: Reason, gone: Sequence[Gone]) -> None:
        assert reason == "expired"
        self.told += [(each.user, tuple(each.ids)) for each in gone]

    async def reload(self) -> None:
        self.reloads += 1

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def after(self, time: timedelta) -> list[tuple[str | None, tuple[str, ...]]]:
        """What it tells when so much time has passed."""
        self.now += time
        self.passed += max(0.0, time.total_seconds())
        self.told.clear()
        await self.expiry.tell()
        return list(self.told)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = create_store("sqlite://")
    await store.open()
    yield store
    await store.close()


new_id = IdGenerator()


def expiring(at: datetime, user: str = "42") -> Notification:
    return replace(Notification(new_id(START), user, Draft(message="x"), START), expires_at=at)


async def test_each_is_told_once_to_each_user(store: Store) -> None:
    instance = Instance(store)
    first, second, hers = expiring(START + SECOND), expiring(START + SECOND), expiring(START + SECOND, "43")
    later = expiring(START + 2 * SECOND)
    await store.add([first, second, hers, later, expiring(START)])
    assert await instance.after(0.5 * SECOND) == []
    assert await instance.after(0.5 * SECOND) == [("42", (first.id, second.id)), ("43", (hers.id,))]
    assert await instance.after(0.5 * SECOND) == []
    assert await instance.after(SECOND) == [("42", (later.id,))]


async def test_each_instance_tells_its_own_sessions(store: Store) -> None:
    instances = [Instance(store), Instance(store)]
    instances[1].chosen = False
    await store.add([item := expiring(START + SECOND)])
    for instance in instances:
        assert await instance.after(2 * SECOND) == [("42", (item.id,))]
        await instance.expiry.remove()
    assert await store.find(item.id) is not None


async def test_many_are_told_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 3)
    items = [expiring(START + SECOND, str(number)) for number in range(7)]
    await store.add(items)
    told = await Instance(store).after(SECOND)
    assert told == [(item.user_id, (item.id,)) for item in items]


async def test_a_clock_that_jumps(store: Store) -> None:
    """Forwards: it is told then. Back: nothing is, until it expires again, and then once more."""
    instance = Instance(store)
    await store.add([item := expiring(START + 3 * SECOND)])
    assert await instance.after(4 * SECOND) == [("42", (item.id,))]
    assert await instance.after(-3 * SECOND) == []
    assert await instance.after(SECOND) == []
    assert await instance.after(SECOND) == [("42", (item.id,))]
    assert await instance.after(SECOND) == []


async def test_after_an_outage_it_is_told_and_all_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance(store)
    await store.add([item := expiring(START + SECOND)])

    async def unavailable(**_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, "expired", unavailable)
        with pytest.raises(Unavailable):
            await instance.after(SECOND)
    assert await instance.after(SECOND) == [("42", (item.id,))]
    assert instance.reloads == 0
    await instance.after(KEPT)
    assert instance.reloads == 1, "another instance may have removed what this one had to tell"
    await instance.after(SECOND)
    assert instance.reloads == 1


async def test_it_is_removed_when_all_instances_have_told(store: Store) -> None:
    instance = Instance(store)
    items = [expiring(START + SECOND, str(number)) for number in range(expiry.REMOVED_AT_ONCE + 5)]
    await store.add([*items, kept := expiring(START + 10 * SECOND)])
    await instance.after(KEPT)
    await instance.expiry.remove()
    assert len(await store.since("", limit=1_000)) == len(items) + 1
    await instance.after(2 * SECOND)
    instance.chosen = False
    await instance.expiry.remove()
    assert len(await store.since("", limit=1_000)) == len(items) + 1
    instance.chosen = True
    await instance.expiry.remove()
    assert await store.since("", limit=10) == [kept]
    assert next(iter(instance.metrics.expired.collect())).samples[0].value == len(items)
    assert len(instance.pauses) == 2
