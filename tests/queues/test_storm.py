"""Instances and brokers are killed while messages come, and the database is away. See `storm`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import pytest

from ..require import missing
from ..servers import PostgresServer, Server, ServerError, start_postgres_server, start_redis_server
from ..servers.base import finished
from ..servers.kafka import KafkaServer
from ..servers.redis import start_keeping_redis_server
from ..service import Altered, Service
from ..waiting import asked_until
from .brokers import KINDS, Broker
from .events import figures, has, readiness, structured
from .producers import Sent
from .storm import Storm, expected, poison

STARTS: dict[str, Callable[[], Server]] = {
    **{name: kind.start for name, kind in KINDS.items()},
    "redis": start_keeping_redis_server,
}
AWAY = 20.0
"""Seconds without the database."""

SOONER = {
    "queues.kafka.SESSION": 2,
    "queues.kafka.HANDOVER": 1,
    "queues.nats.ACK_WAIT": 3,
    "queues.redis.IDLE": 3,
    "queues.supervisor.HOLD_EVERY": 1,
}
"""Seconds after which a broker gives messages that an instance has not acknowledged to another."""

Brokers = dict[str, Broker | str]
"""Those that run, and why others do not."""


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    found: Brokers = {}
    with ExitStack() as stack, ThreadPoolExecutor(len(STARTS)) as threads:
        for kind, starting in [(kind, threads.submit(start)) for kind, start in STARTS.items()]:
            try:
                found[kind] = Broker(kind, stack.enter_context(starting.result()))
            except ServerError as error:
                found[kind] = f"there is no {kind}: {error}"
        yield found


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    try:
        server = start_postgres_server()
    except ServerError as error:
        missing(f"there is no PostgreSQL: {error}")
    with server:
        yield server


@pytest.fixture(scope="module", params=[1, 2])
def instances(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def storm(instances: int, brokers: Brokers, postgres: PostgresServer) -> Iterator[Storm]:
    """One that is over. All its instances run, and take messages from every broker."""
    queue, running = f"storm-{instances}", _running(brokers)
    database = postgres.create_database(f"storm_{uuid4().hex}")
    for broker in running:
        if isinstance(broker.server, KafkaServer):
            broker.server.create_topic(queue, partitions=4)
    with start_redis_server() as redis, ExitStack() as stack:
        settings = {"EVENTIDE_DATABASE_URL": database, "EVENTIDE_QUEUES": _queues(running, queue)}
        if instances > 1:
            settings["EVENTIDE_REDIS_URL"] = redis.url()
        services = [stack.enter_context(Altered(SOONER, settings)) for _ in range(instances)]
        for service in services:
            service.start()
        storm = Storm(running, queue, services, database)
        finished(storm.rage)
        yield storm


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest, brokers: Brokers) -> Broker:
    found = brokers[request.param]
    if isinstance(found, str):
        missing(found)
    return found


async def test_each_message_is_saved_exactly_once(storm: Storm, broker: Broker, instances: int) -> None:
    users = await storm.users(broker)
    # Several instances have what the brokers give each of them. Kafka gives all with the same key to the same one.
    if instances == 1 or broker.kind == "kafka":
        assert users == expected(broker)
    else:
        assert {user: sorted(messages) for user, messages in users.items()} == expected(broker)


async def test_what_cannot_be_used_is_dead_with_its_reason(storm: Storm, broker: Broker) -> None:
    assert await storm.dead(broker, len(poison())) == poison()


async def test_what_a_killed_instance_had_in_hand_comes_before_what_followed(brokers: Brokers, user: str) -> None:
    running = _running(brokers)

    async def publish(numbers: range) -> None:
        for broker in running:
            async with broker.producer("earlier") as producer:
                for n in numbers:
                    await producer.publish(structured(userId=f"{broker.kind}-{user}", message=f"message {n}"))

    with Service({"EVENTIDE_QUEUES": _queues(running, "earlier")}) as service:
        service.start()
        await asked_until(lambda: readiness(service), lambda said: said[0] == 200)
        assert service.home
        database = sqlite3.connect(service.home.data / "eventide.db", isolation_level=None, timeout=30)
        database.execute("BEGIN EXCLUSIVE")  # nobody else can save until this ends
        await publish(range(5))
        await asked_until(lambda: _waiting(service), lambda waiting: len(waiting) == len(running) and min(waiting) > 0)
        service.kill()
        database.close()
        await publish(range(5, 10))
        await asyncio.to_thread(service.start)
        for broker in running:
            await has(service, f"{broker.kind}-{user}", *(f"message {n}" for n in range(10)), within=60)


async def test_kafkas_partitions_change_hands_in_order(brokers: Brokers, user: str) -> None:
    kafka = brokers["kafka"]
    if isinstance(kafka, str):
        missing(kafka)
    assert isinstance(kafka.server, KafkaServer)
    await asyncio.to_thread(kafka.server.create_topic, "handover", 4)
    users = [f"{user}-{n}" for n in range(8)]

    async def publish(numbers: range) -> None:
        async with kafka.producer("handover") as producer:
            for n in numbers:
                bodies = {each: structured(f"{each}-{n}", userId=each, message=f"message {n}") for each in users}
                await producer.publish_all([Sent(each, body) for each, body in bodies.items()])

    settings = {"EVENTIDE_QUEUES": kafka.url("handover")}
    with Service(settings) as first:
        assert first.home
        settings["EVENTIDE_DATABASE_URL"] = f"sqlite:///{first.home.data / 'eventide.db'}"
        with Service(settings) as second:
            await asyncio.to_thread(first.start)
            await publish(range(10))
            await has(first, users[-1], *(f"message {n}" for n in range(10)))
            await asyncio.gather(publish(range(10, 40)), asyncio.to_thread(second.start))
            await asked_until(lambda: readiness(second), lambda said: said[0] == 200)
            await asyncio.gather(publish(range(40, 70)), asyncio.to_thread(first.stop))
            for each in users:
                await has(second, each, *(f"message {n}" for n in range(70)), within=60)


async def test_while_the_database_is_away_nothing_is_lost_and_nothing_dead(
    brokers: Brokers, postgres: PostgresServer, user: str
) -> None:
    running = _running(brokers)
    database = postgres.create_database(f"away_{uuid4().hex}")
    # The database is away for much longer than any broker waits for a sign of life.
    constants = {**SOONER, "queues.kafka.POLL": 4}
    settings = {"EVENTIDE_DATABASE_URL": database, "EVENTIDE_QUEUES": _queues(running, "away")}
    messages = [f"message {n}" for n in range(30)]
    with Altered(constants, settings) as service:
        service.start()
        await asked_until(lambda: readiness(service), lambda said: said[0] == 200)
        await asyncio.to_thread(postgres.kill)
        try:
            for broker in running:
                async with broker.producer("away") as producer:
                    for message in messages:
                        await producer.publish(structured(userId=f"{broker.kind}-{user}", message=message))
            await asyncio.sleep(AWAY)
            waiting = await _waiting(service)
        finally:
            await asyncio.to_thread(postgres.start)
        for broker in running:
            await has(service, f"{broker.kind}-{user}", *messages, within=60)
            async with broker.producer("away") as producer:
                assert await producer.dead() == []
    assert len(waiting) == len(running)
    assert min(waiting) > AWAY / 2


async def _waiting(service: Service) -> list[float]:
    """Since when messages of each queue are in hand, in seconds."""
    lines = (await figures(service)).splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith("eventide_queue_waiting_seconds{")]


def _running(brokers: Brokers) -> list[Broker]:
    return [broker for broker in brokers.values() if isinstance(broker, Broker)]


def _queues(brokers: list[Broker], queue: str) -> str:
    """EVENTIDE_QUEUES with this queue of each."""
    return ",".join(broker.url(queue) for broker in brokers)
