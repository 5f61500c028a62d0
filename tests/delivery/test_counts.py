"""Unread counts are told exactly, not too often, and along with what changed them where that holds up nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.models import Counts, UserId
from eventide_notify.service import counts as counts_module
from eventide_notify.service.counts import MANY, UnreadCountPublisher

from ..waiting import until

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SOON = 30.0
CROWD = [f"user-{number}" for number in range(MANY)]


class SlowStore:
    """Answers when it may, with what was true when it was asked."""

    def __init__(self) -> None:
        self.count = 1
        self.queries: list[set[str]] = []
        self.may = asyncio.Event()
        self.may.set()
        self.away = False

    async def counts(self, users: Collection[str], *, now: datetime) -> Mapping[str, Counts]:
        self.queries.append(set(users))
        counts = dict.fromkeys(users, Counts(self.count, 0))
        await self.may.wait()
        if self.away:
            raise Unavailable
        return counts


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def told() -> list[Mapping[UserId, Counts]]:
    return []


@pytest.fixture
async def publisher(store: SlowStore, told: list[Mapping[UserId, Counts]]) -> AsyncIterator[UnreadCountPublisher]:
    async def tell(counts: Mapping[UserId, Counts]) -> None:
        told.append(counts)

    publisher = UnreadCountPublisher(cast(Any, store), clock=lambda: NOW)
    publisher.open(tell)
    yield publisher
    await publisher.close()


async def test_a_crowd_takes_its_counts_along(
    publisher: UnreadCountPublisher, store: SlowStore, told: list[Mapping[UserId, Counts]]
) -> None:
    assert await publisher.at_once(["alice", "bob"], SOON) == {"alice": Counts(1, 0), "bob": Counts(1, 0)}
    publisher.changed(["carol"])
    await until(lambda: told == [{"carol": Counts(1, 0)}])
    assert store.queries == [{"alice", "bob"}, {"carol"}]


async def test_nobody_is_told_twice_within_the_spacing(
    publisher: UnreadCountPublisher, store: SlowStore, told: list[Mapping[UserId, Counts]]
) -> None:
    loop = asyncio.get_running_loop()
    await publisher.at_once(["alice"], SOON)
    start = loop.time()
    store.count = 2
    assert await publisher.at_once(["alice", "bob"], SOON) == {"bob": Counts(2, 0)}
    store.count = 3
    publisher.changed(["bob"])
    await until(lambda: {user for counts in told for user in counts} == {"alice", "bob"})
    assert loop.time() - start >= counts_module.SPACING * 0.9
    assert all(count.unread == 3 for counts in told for count in counts.values())


async def test_counts_that_come_late_are_told_by_themselves(
    publisher: UnreadCountPublisher, store: SlowStore, told: list[Mapping[UserId, Counts]]
) -> None:
    store.may.clear()
    assert await publisher.at_once(["alice"], 0.01) == {}
    assert told == []
    store.may.set()
    await until(lambda: told == [{"alice": Counts(1, 0)}])
    assert len(store.queries) == 1


async def test_a_change_while_they_are_read_is_told_after_them(
    publisher: UnreadCountPublisher, store: SlowStore, told: list[Mapping[UserId, Counts]]
) -> None:
    store.may.clear()
    reading = asyncio.create_task(publisher.at_once(["alice"], SOON))
    await until(lambda: store.queries == [{"alice"}])
    store.count = 2
    publisher.changed(["alice"])
    assert await publisher.at_once(["alice"], SOON) == {}  # which would otherwise read it at the same time
    store.may.set()
    assert await reading == {"alice": Counts(1, 0)}
    await until(lambda: told == [{"alice": Counts(2, 0)}])


async def test_a_crowd_does_not_wait_for_a_store_that_was_too_slow_for_the_last_one(
    publisher: UnreadCountPublisher, store: SlowStore, told: list[Mapping[UserId, Counts]]
) -> None:
    store.may.clear()
    asyncio.get_running_loop().call_later(0.05, store.may.set)
    assert await publisher.at_once(CROWD, 0.001) == {}
    await until(lambda: len(told) == 1)
    assert await publisher.at_once(["alice", *CROWD[:10]], 0.001) == {}
    await until(lambda: len(told) > 1)
    await publisher.read(CROWD)  # now it is quick
    await until(lambda: publisher._taken == set())
    assert len(await publisher.at_once(CROWD, SOON)) == len(CROWD)


async def test_who_does_not_wait_any_more_leaves_none_untold(
    publisher: UnreadCountPublisher, store: SlowStore, told: list[Mapping[UserId, Counts]]
) -> None:
    store.may.clear()
    reading = asyncio.create_task(publisher.at_once(["alice"], SOON))
    await until(lambda: store.queries == [{"alice"}])
    reading.cancel()
    store.may.set()
    await until(lambda: told == [{"alice": Counts(1, 0)}])


async def test_who_is_gone_when_they_are_read_leaves_none_untold(
    publisher: UnreadCountPublisher, store: SlowStore, told: list[Mapping[UserId, Counts]]
) -> None:
    store.may.clear()
    reading = asyncio.create_task(publisher.at_once(["alice"], SOON))
    await until(lambda: store.queries == [{"alice"}])
    store.may.set()
    asyncio.get_running_loop().call_soon(reading.cancel)  # the counts are there, and the caller has not seen them
    await until(reading.cancelled)
    await until(lambda: told[-1:] == [{"alice": Counts(1, 0)}])


async def test_while_the_store_is_away_nobody_waits_and_all_are_told_when_it_is_back(
    publisher: UnreadCountPublisher,
    store: SlowStore,
    told: list[Mapping[UserId, Counts]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counts_module, "RETRY", 0.01)
    store.away = True
    async with asyncio.timeout(SOON / 2):
        assert await publisher.at_once(["alice", "bob"], SOON) == {}
    store.away = False
    await until(lambda: told == [{"alice": Counts(1, 0), "bob": Counts(1, 0)}])
