"""Many messages through several brokers at once, while instances and brokers are killed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg

from ..servers import Server
from ..service import Service
from ..waiting import asked_until
from .brokers import Broker
from .events import event, readiness
from .producers import Sent

FULL = os.environ.get("EVENTIDE_TEST_QUEUES") == "full"
MESSAGES = 10_000 if FULL else 2_500
"""Through each broker."""
USERS = 10
"""Of each broker, who get them in turn."""
POISON_EVERY = 250
BATCH = 50
WITHIN = 180.0 if FULL else 150.0
"""Seconds at most until all is saved, or what has to be saved before the next fault."""


class Storm:
    """The messages of some brokers, and the instances that take them."""

    def __init__(self, brokers: Sequence[Broker], queue: str, instances: Sequence[Service], database: str) -> None:
        self._brokers = brokers
        self._queue = queue
        self._instances = instances
        self._database = database

    async def rage(self) -> None:
        """Publish all. Meanwhile kill the first instance, all brokers, and the last instance. Return when everything is
        saved."""
        for instance in self._instances:
            await asked_until(partial(readiness, instance), lambda said: said[0] == 200)
        faults: list[Sequence[Server]] = [
            [self._instances[0]],
            [broker.server for broker in self._brokers],
            [self._instances[-1]],
        ]
        for number, killed in enumerate(faults):
            await self._publish(range(MESSAGES * number // len(faults), MESSAGES * (number + 1) // len(faults)), killed)
        await self._have_saved(MESSAGES)

    async def dead(self, broker: Broker, count: int) -> list[str]:
        """What is in the queue for dead messages, as soon as there are so many different ones."""
        found: set[str] = set()
        async with broker.producer(self._queue) as producer:

            async def more() -> int:
                found.update(json.dumps([each["error"]["code"], each["event"]]) for each in await producer.dead())
                return len(found)

            await asked_until(more, lambda there: there >= count)
        return sorted(found)

    async def users(self, broker: Broker) -> Mapping[str, Sequence[str]]:
        """What each of the broker's users has, oldest first."""
        users: dict[str, list[str]] = {}
        query = "SELECT user_id, message FROM notifications WHERE user_id LIKE $1 ORDER BY id"
        for user, message in await self._rows(query, f"{broker.kind}-%"):
            users.setdefault(user, []).append(message)
        return users

    async def _publish(self, numbers: range, killed: Sequence[Server]) -> None:
        """Publish these messages. When a third of them is saved, kill what is to be killed, and start it again."""
        async with asyncio.TaskGroup() as group:
            for broker in self._brokers:
                group.create_task(_flow(broker, self._queue, numbers))
            await self._have_saved(numbers[len(numbers) // 3])
            await asyncio.to_thread(_kill_and_start, killed)

    async def _have_saved(self, count: int) -> None:
        async def saved() -> Mapping[str, int]:
            query = "SELECT split_part(user_id, '-', 1), count(*) FROM notifications GROUP BY 1"
            return dict(await self._rows(query))

        def enough(saved: Mapping[str, int]) -> bool:
            return all(saved.get(broker.kind, 0) >= count for broker in self._brokers)

        await asked_until(saved, enough, within=WITHIN)

    async def _rows(self, query: str, *values: object) -> Sequence[tuple[str, Any]]:
        connection = await asyncpg.connect(self._database)
        try:
            return [(row[0], row[1]) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()


def expected(broker: Broker) -> Mapping[str, Sequence[str]]:
    """What each of its users has, when nothing was lost, doubled or put out of order."""
    return {_user(broker, n): [f"{m:06}" for m in range(n, MESSAGES, USERS)] for n in range(USERS)}


def poison() -> list[str]:
    """What is dead of each broker, at least once, as `Storm.dead` has it."""
    return sorted(json.dumps(["invalid_request", {"poison": n}]) for n in range(0, MESSAGES, POISON_EVERY))


def _user(broker: Broker, n: int) -> str:
    return f"{broker.kind}-{n % USERS}"


def _messages(broker: Broker, n: int, prefix: str) -> Sequence[Sent]:
    """The nth one, half of them with the attributes in headers; now and then one before it that cannot be used."""
    user = _user(broker, n)
    whole = event(str(n), userId=user, message=f"{n:06}")
    if n % 2:
        data = whole.pop("data")
        sent = Sent(user, json.dumps(data).encode(), {f"{prefix}{name}": value for name, value in whole.items()})
    else:
        sent = Sent(user, json.dumps(whole).encode())
    return [sent] if n % POISON_EVERY else [Sent(user, json.dumps({"poison": n}).encode()), sent]


async def _flow(broker: Broker, queue: str, numbers: range) -> None:
    """Publish these, whatever happens to the broker: what it may not have is published again."""
    position = 0
    while position < len(numbers):
        with suppress(Exception):
            async with asyncio.timeout(10), broker.producer(queue) as producer:
                while position < len(numbers):
                    some = numbers[position : position + BATCH]
                    prefix = producer.prefixes[0]
                    await producer.publish_all([each for n in some for each in _messages(broker, n, prefix)])
                    position += len(some)
        await asyncio.sleep(0.05)


def _kill_and_start(servers: Sequence[Server]) -> None:
    for server in servers:
        server.kill()
    with ThreadPoolExecutor(len(servers)) as threads:
        list(threads.map(lambda server: server.start(), servers))
