"""The brokers, and a service that takes messages of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from ..require import missing
from ..servers import Server, ServerError, start_redis_server
from ..servers.kafka import start_kafka_server
from ..servers.nats import start_nats_server
from ..servers.rabbitmq import start_rabbitmq_server
from ..service import Service
from ..waiting import asked_until
from .events import readiness
from .producers import Producer, kafka_producer, nats_producer, rabbit_producer, redis_producer

QUEUE = "inbox"
_numbers = count(1)


@dataclass(frozen=True)
class Kind:
    """A broker, and how its queues are named and filled."""

    start: Callable[[], Server]
    options: str
    producer: Callable[[Any, str], AbstractAsyncContextManager[Producer]]


KINDS = {
    "rabbitmq": Kind(start_rabbitmq_server, "queue={}", rabbit_producer),
    "kafka": Kind(start_kafka_server, "topic={}", kafka_producer),
    "nats": Kind(start_nats_server, "stream={0}&subject={0}", nats_producer),
    "redis": Kind(start_redis_server, "stream={}", redis_producer),
}


class Broker:
    """A running one."""

    def __init__(self, kind: str, server: Server) -> None:
        self.kind = kind
        self.server = server

    def url(self, queue: str = QUEUE) -> str:
        return f"{self.server.base_url}?{KINDS[self.kind].options.format(queue)}"

    def producer(self, queue: str = QUEUE) -> AbstractAsyncContextManager[Producer]:
        return KINDS[self.kind].producer(self.server, queue)


@pytest.fixture(scope="package", params=KINDS)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    kind: str = request.param
    try:
        server = KINDS[kind].start()
    except ServerError as error:
        missing(f"there is no {kind}: {error}")
    with server:
        yield Broker(kind, server)


@pytest.fixture(scope="package")
def taking(broker: Broker) -> Iterator[Service]:
    """A service that takes the messages of the queue `inbox`."""
    with Service({"EVENTIDE_QUEUES": broker.url()}) as service:
        service.start()
        yield service


@pytest_asyncio.fixture
async def producer(broker: Broker, taking: Service) -> AsyncIterator[Producer]:
    async with broker.producer() as producer:
        await asked_until(lambda: readiness(taking), lambda said: said[0] == 200)
        await producer.dead()
        yield producer


@pytest.fixture
def queue() -> str:
    """A queue that no other test has."""
    return f"queue-{next(_numbers)}"
