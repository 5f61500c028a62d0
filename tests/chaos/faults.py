"""What breaks. Each fault is done some rounds, each with an end: afterwards everything runs again.

A fault says which requests it makes fail, at which URL. Everything else is a surprise, and fails the test: Redis, for
one, explains nothing at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..servers import RedisServer, Server
from ..service import Service
from .backends import Deployment
from .journal import GONE

AWAY = 1.0
"""Seconds that what was killed is away, beside the time it takes to start."""
AT_THE_MOMENT = 1
"""Requests through nginx that may meet an instance in the very moment of its end, when it stops in order."""
FROZEN = 4.0
"""Seconds that Redis is frozen."""


class Routes(Protocol):
    """Where clients are led, as by a load balancer that knows which instances run."""

    def take_out(self, url: str) -> None: ...
    def put_back(self, url: str) -> None: ...


Fault = Callable[[Deployment, Routes, int], Awaitable[None]]
"""Given the number of the round."""


async def instance_killed(deployment: Deployment, routes: Routes, round: int) -> None:
    """`kill -9` of an instance, another one each round; later it is started again."""
    instance = deployment.instances[round % len(deployment.instances)]
    with _away(deployment, routes, instance), deployment.journal.expecting("502"):  # which is nginx's answer
        await asyncio.to_thread(instance.kill)
        routes.take_out(instance.base_url)
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(instance.start)


async def rolling_restart(deployment: Deployment, routes: Routes, round: int) -> None:
    """SIGTERM to each instance in turn, which is started again when it has ended."""
    for instance in deployment.instances:
        at_the_moment = deployment.journal.expecting("502", at_most=AT_THE_MOMENT)  # nginx's answer
        with _away(deployment, routes, instance), at_the_moment:
            stopping = asyncio.create_task(asyncio.to_thread(instance.stop))
            routes.take_out(instance.base_url)
            await stopping
            await asyncio.to_thread(instance.start)


async def redis_restarted(deployment: Deployment, routes: Routes, round: int) -> None:
    """Redis is killed, and started again, empty."""
    redis = _redis(deployment)
    await asyncio.to_thread(redis.kill)
    await asyncio.sleep(AWAY)
    await asyncio.to_thread(redis.start)


async def redis_frozen(deployment: Deployment, routes: Routes, round: int) -> None:
    """Redis takes connections and does not answer."""
    redis = _redis(deployment)
    redis.freeze()
    try:
        await asyncio.sleep(FROZEN)
    finally:
        redis.thaw()


async def database_restarted(deployment: Deployment, routes: Routes, round: int) -> None:
    """The database is killed, and started again. What it must not forget is what it has confirmed."""
    database = _database(deployment)
    with deployment.journal.expecting("503"):
        await asyncio.to_thread(database.kill)
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(database.start)


async def break_things(fault: Fault | None, deployment: Deployment, routes: Routes) -> None:
    """Do the fault's rounds, evenly spread over the time of the load."""
    if fault is not None:
        size = deployment.size
        start, period = time.monotonic(), size.seconds / size.rounds
        for round in range(size.rounds):
            await asyncio.sleep(max(0.0, start + (round + 0.2) * period - time.monotonic()))
            await fault(deployment, routes, round)


@contextmanager
def _away(deployment: Deployment, routes: Routes, instance: Service) -> Iterator[None]:
    with deployment.journal.expecting(*GONE, at=instance.base_url):
        yield
    routes.put_back(instance.base_url)


def _redis(deployment: Deployment) -> RedisServer:
    assert deployment.redis is not None
    return deployment.redis


def _database(deployment: Deployment) -> Server:
    assert deployment.database is not None
    return deployment.database
