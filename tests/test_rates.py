"""Limits: counted here at once, and over all instances by Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from redis import Redis

from eventide_notify import rates
from eventide_notify.rates import Allowance, Pace, Rate, RateLimit, SharedCounts, Standing, parse_rate

from .require import missing
from .servers import RedisServer, SentinelServer, start_redis_server
from .waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def rate(text: str) -> Rate:
    found = parse_rate(text)
    assert found is not None
    return found


def limit(text: str, clock: Clock | None = None) -> RateLimit:
    return RateLimit("user", rate(text), clock=clock or Clock())


@pytest.mark.parametrize(
    ("text", "amount", "seconds"),
    [("50/second", 50, 1), ("600/minute", 600, 60), ("1/hour", 1, 3600), (" 10/Minute ", 10, 60)],
)
def test_a_rate_is_so_many_in_so_much_time(text: str, amount: int, seconds: int) -> None:
    assert (rate(text).amount, rate(text).get_expiry()) == (amount, seconds)


@pytest.mark.parametrize("text", ["off", " OFF "])
def test_there_may_be_no_limit(text: str) -> None:
    assert parse_rate(text) is None


@pytest.mark.parametrize("text", ["", "600", "0/minute", "-1/minute", "5/day", "5 per minute", "1/second;2/minute"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be off, N/second, N/minute or N/hour, such as 600/minute"):
        parse_rate(text)


def test_a_caller_may_hit_so_often_in_a_window_and_again_in_the_next() -> None:
    clock = Clock()
    limited = limit("3/minute", clock)
    assert [limited.hit("ann") for _ in range(3)] == [Standing(True, left, 60) for left in (2, 1, 0)]
    clock.now += 20.5
    assert limited.hit("ann") == Standing(False, 0, 40)
    assert limited.hit("bob") == Standing(True, 2, 60)
    clock.now += 39.6
    assert limited.hit("ann") == Standing(True, 2, 60)
    assert limited.policy == '"user";q=3;w=60'


def test_what_is_refused_does_not_count() -> None:
    clock = Clock()
    limited = limit("2/minute", clock)
    assert sum(limited.hit("ann").allowed for _ in range(1_000)) == 2
    clock.now += 60
    assert limited.hit("ann").allowed


def test_windows_that_are_over_are_forgotten() -> None:
    clock = Clock()
    limited = limit("3/minute", clock)
    for number in range(1_000):
        limited.hit(str(number))
    clock.now += 60
    for number in range(500):
        limited.hit(f"other-{number}")
    assert len(limited) <= 501


def test_a_flood_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "KEYS_MAX", 100)
    limited = limit("1/hour")
    for number in range(1_000):
        assert limited.hit(str(number)).allowed
    assert len(limited) <= 100
    assert not limited.hit("999").allowed


def test_an_allowance_is_a_burst_and_then_a_pace() -> None:
    pace = Pace.of(rate("50/second"))
    allowance = Allowance(pace, 0)
    assert sum(allowance.take(0) for _ in range(1_000)) == 200
    assert sum(allowance.take(1) for _ in range(1_000)) == 50
    assert sum(allowance.take(1 + number / 100) for number in range(1, 201)) in (99, 100)
    assert sum(allowance.take(1_000) for _ in range(1_000)) == 200


def test_a_slow_pace_lets_one_through_at_least() -> None:
    allowance = Allowance(Pace.of(rate("1/minute")), 0)
    assert [allowance.take(now) for now in (0, 1, 61, 62)] == [True, False, True, False]


# Over all instances


class Told:
    """Shared counts that the test makes."""

    window: Any

    def tell(self, limit: RateLimit, caller: str, window: Any) -> None:
        window.untold = 0
        self.window = window


def test_what_is_counted_in_a_new_window_does_not_prolong_the_old_one() -> None:
    clock, told = Clock(), Told()
    limited = RateLimit("user", rate("20/minute"), told, clock=clock)  # type: ignore[arg-type]
    for _ in range(15):
        limited.hit("ann")
    limited.counted(told.window, 15, 60)
    clock.now += 59.6
    limited.hit("ann")
    limited.counted(told.window, 1, 60)  # in Redis, which rounds the seconds that are left, the window was over
    assert limited.hit("ann") == Standing(True, 3, 1)
    clock.now += 0.4
    assert limited.hit("ann") == Standing(True, 19, 60)
    limited.counted(told.window, 3, 59)
    assert limited.hit("ann") == Standing(True, 16, 59)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with start_redis_server() as server:
        yield server


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis may take its time."""
    monkeypatch.setattr(rates, "TIMEOUT", 30.0)


@asynccontextmanager
async def instances(url: str, text: str, *, count: int = 2) -> AsyncIterator[list[RateLimit]]:
    """The same limit on several instances."""
    async with AsyncExitStack() as stack:
        limits = []
        for _ in range(count):
            shared = SharedCounts(url)
            stack.push_async_callback(shared.close)
            limits.append(RateLimit("user", rate(text), shared))
        yield limits


async def hits(limited: RateLimit, caller: str, most: int) -> int:
    """How many are allowed, one after the other; Redis keeps up with them, however slow it is."""
    shared = limited._shared
    assert shared is not None
    allowed = 0
    for _ in range(most):
        allowed += limited.hit(caller).allowed
        await asyncio.sleep(0.001)
        await until(lambda: not shared._telling, within=60)
    return allowed


@pytest.mark.usefixtures("patient")
async def test_a_limit_holds_over_all_instances_but_for_a_portion(redis: RedisServer, user: str) -> None:
    async with instances(redis.url(), "100/minute") as [one, other]:
        assert await hits(one, user, 60) == 60
        allowed = await hits(other, user, 35)
        await until(lambda: other.hit(user).remaining <= 5)
        allowed += await hits(one, user, 100) + await hits(other, user, 100)
        assert 60 + allowed <= 110
        assert await hits(one, f"not-{user}", 5) == 5


@pytest.mark.usefixtures("patient")
async def test_instances_learn_when_the_window_ends(redis: RedisServer, user: str) -> None:
    async with instances(redis.url(), "20/minute") as [one, other]:
        one.hit(user)
        await until(lambda: one.hit(user).remaining < 15)
        await until(lambda: other.hit(user).remaining < 5)
        assert 55 <= other.hit(user).reset <= 60


async def test_who_stays_below_a_portion_costs_no_command(redis: RedisServer, user: str) -> None:
    async with instances(redis.url(1), "600/minute", count=1) as [one]:
        assert await hits(one, user, 29) == 29
        with Redis.from_url(redis.url(1)) as client:
            assert client.dbsize() == 0
            one.hit(user)
            await until(client.dbsize)


async def test_behind_a_sentinel(redis: RedisServer, user: str) -> None:
    if not redis.controllable:
        missing("there is no Redis of our own")
    with SentinelServer(redis) as sentinel:
        sentinel.start()
        async with instances(f"{sentinel.base_url}/eventide/2", "20/minute") as [one, other]:
            await until(lambda: not one.hit(user).remaining)
            await until(lambda: not other.hit(user).remaining)
            assert not other.hit(user).allowed


@pytest.mark.parametrize("state", ["frozen", "gone"])
async def test_without_redis_each_instance_goes_on_alone(
    redis: RedisServer, user: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    if not redis.controllable:
        missing("there is no Redis of our own")
    caplog.set_level(logging.INFO, "eventide_notify.rates")
    async with instances(redis.url(), "20/minute") as [one, other]:
        one.hit("first")
        await until(lambda: one.hit("first").remaining < 10)
        caplog.clear()
        monkeypatch.setattr(rates, "TIMEOUT", 0.1)  # now it goes away; a moment ago it may only have been slow
        monkeypatch.setattr(rates, "REST", 0.1)
        (redis.freeze if state == "frozen" else redis.kill)()
        try:
            assert [await hits(each, user, 30) for each in (one, other)] == [20, 20]
            await until(lambda: one.hit(f"{user}-again").allowed and caplog.messages)
            for number in range(50):
                one.hit(f"{user}-{number}")
                await asyncio.sleep(0.01)
        finally:
            (redis.thaw if state == "frozen" else redis.start)()
        warned = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert len(warned) <= 2, caplog.messages
        await until(lambda: one.hit("last").remaining < 20 and "over all instances again" in caplog.text)
        await until(lambda: other.hit("last").remaining < 10)
