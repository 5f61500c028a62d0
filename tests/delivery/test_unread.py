"""Counts that are asked for at the same time are read together, after the questions."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.models import Counts
from eventide_notify.service.unread import UnreadCountLoader

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


class SlowStore:
    """Answers when it is let go on, with what was true when it was asked."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.queries: list[list[str]] = []
        self.away = False
        self.let = asyncio.Semaphore(0)

    async def counts(self, users: Collection[str], *, now: datetime) -> Mapping[str, Counts]:
        assert now == NOW
        self.queries.append(list(users))
        counts = {user: Counts(self.found.get(user, 0), 0) for user in users}
        await self.let.acquire()
        if self.away:
            raise Unavailable
        return counts


def reading(store: SlowStore) -> UnreadCountLoader:
    return UnreadCountLoader(cast(Any, store), clock=lambda: NOW)


async def asked(unread: UnreadCountLoader, *users: str) -> list[asyncio.Task[Counts]]:
    tasks = [asyncio.create_task(unread.of(user)) for user in users]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def unread_of(*tasks: asyncio.Task[Counts]) -> list[int]:
    return [counts.unread for counts in await asyncio.gather(*tasks)]


async def test_all_who_ask_while_another_query_is_answered_share_the_next_one() -> None:
    store = SlowStore()
    unread = reading(store)
    first = await asked(unread, "alice")
    crowd = await asked(unread, *(f"user-{n}" for n in range(300)), "user-7")
    store.found = {"user-7": 2}
    assert store.queries == [["alice"]]
    store.let.release()
    store.let.release()
    assert await unread_of(*first, *crowd) == [0, *(2 if n == 7 else 0 for n in range(300)), 2]
    assert store.queries == [["alice"], [f"user-{n}" for n in range(300)]]


async def test_a_question_is_never_answered_with_an_older_reading() -> None:
    store = SlowStore()
    unread = reading(store)
    before = await asked(unread, "alice")
    store.found = {"alice": 1}
    after = await asked(unread, "alice")
    store.let.release()
    store.let.release()
    assert await unread_of(*before, *after) == [0, 1]


async def test_everybody_is_told_that_the_store_is_away_and_the_next_is_answered() -> None:
    store = SlowStore()
    unread = reading(store)
    store.away = True
    both = await asked(unread, "alice", "bob")
    store.let.release()
    store.let.release()
    for task in both:
        with pytest.raises(Unavailable):
            await task
    store.away = False
    [again] = await asked(unread, "alice")
    store.let.release()
    assert await unread_of(again) == [0]


async def test_who_stops_waiting_disturbs_nobody() -> None:
    store = SlowStore()
    unread = reading(store)
    gone, stays = await asked(unread, "alice", "bob")
    gone.cancel()
    store.let.release()
    store.let.release()
    assert await unread_of(stays) == [0]
    assert gone.cancelled()
