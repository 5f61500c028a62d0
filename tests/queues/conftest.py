"""The brokers, and a service that takes messages of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
import pytest_asyncio

from ..require import missing
from ..servers import ServerError
from ..service import Service
from ..waiting import asked_until
from .brokers import KINDS, Broker
from .events import readiness
from .producers import Producer

_numbers = count(1)


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
