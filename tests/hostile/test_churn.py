"""Connections that come and go, thousands of them: nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis import Redis

from eventide_notify import Settings, auth, create_app
from eventide_notify.models import utc_now
from eventide_notify.realtime.protocol import HttpProtocol

from ..servers import RedisServer, start_redis_server
from ..service import SECRET, Service, issuer
from ..serving import serving
from ..waiting import asked_until, until
from .hostile import come_and_go, leave_over_polling, many, vanish
from .watch import Watch, left

Visit = Callable[[str, str], Awaitable[str]]
VISITS: dict[str, Visit] = {"websocket": come_and_go, "polling": leave_over_polling, "lost": vanish}
_numbers = itertools.count(1)

each_visit = pytest.mark.parametrize("visit", VISITS.values(), ids=VISITS.keys())


def token() -> str:
    """Of a user that nobody was before."""
    return issuer().issue(f"visitor-{next(_numbers)}", ttl=600, now=utc_now())


async def visits(url: str, visit: Visit, count: int) -> None:
    outcomes = await many(count, lambda _: visit(url, token()), at_once=20, seconds=60)
    assert len(outcomes) == 1, outcomes


@each_visit
async def test_they_leave_neither_memory_nor_descriptors_nor_presence(victim: Service, visit: Visit) -> None:
    await visits(victim.base_url, visit, 500)
    watch = Watch(victim)
    descriptors = watch.descriptors
    await visits(victim.base_url, visit, 1_500)
    while await asyncio.to_thread(left, victim) != (0, 0):  # noqa: ASYNC110 - bounded by the test's own time limit
        await asyncio.sleep(0.05)
    await watch.until_descriptors(descriptors + 5)
    assert watch.growth < 30, "a session is some 50 KiB: 1,500 would be 70 MiB"
    watch.assert_quiet()


def in_redis(redis: RedisServer) -> tuple[int, list[str]]:
    """Connections to Redis, that of this question aside, and the keys that there are."""
    with Redis.from_url(redis.url(), decode_responses=True) as client:
        return len(client.client_list()) - 1, sorted(client.scan_iter())


async def test_they_leave_nothing_in_redis() -> None:
    with start_redis_server() as redis, Service({"EVENTIDE_REDIS_URL": redis.url()}) as service:
        service.start()
        for visit in VISITS.values():
            await visits(service.base_url, visit, 100)
        connections, keys = await until_left(service, redis)
        for visit in VISITS.values():
            await visits(service.base_url, visit, 200)

        def is_left(found: tuple[int, list[str]]) -> bool:
            return set(found[1]) <= set(keys) and found[0] <= connections + 2  # a pool may have grown

        await asked_until(lambda: until_left(service, redis), is_left)


async def until_left(service: Service, redis: RedisServer) -> tuple[int, list[str]]:
    """What is in Redis once everybody has left."""
    while await asyncio.to_thread(left, service) != (0, 0):  # noqa: ASYNC110 - bounded by the test's own time limit
        await asyncio.sleep(0.05)
    return await asyncio.to_thread(in_redis, redis)


@pytest.mark.parametrize("http", [HttpProtocol, "auto"], ids=["our protocol", "plain ASGI"])
@each_visit
async def test_no_task_and_no_object_is_left(visit: Visit, http: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED", 20)  # tokens; as many as there are before
    app = create_app(Settings(jwt_secret=SECRET, database_url="sqlite://", _env_file=None))
    async with serving(app, http=http) as url:
        await visits(url, visit, 50)
        before = settled()
        tasks = len(asyncio.all_tasks())
        await visits(url, visit, 200)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        await until_level(before)


async def until_level(before: Counter[str], *, within: float = 30) -> None:
    """Wait until no kind of object is there a hundred times more often than before."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while more := {kind: count for kind, count in (settled() - before).items() if count >= 100}:
        assert loop.time() < end, more
        await asyncio.sleep(0.1)


def settled() -> Counter[str]:
    """How many objects there are of each type."""
    gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
