"""Several instances on one PostgreSQL and one Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from ..require import missing
from ..servers import PostgresServer, RedisServer, ServerError, start_postgres_server, start_redis_server
from ..service import Service

Cluster = list[Service]
StartCluster = Callable[..., Cluster]


@pytest.fixture(scope="package")
def postgres() -> Iterator[PostgresServer]:
    try:
        server = start_postgres_server()
    except ServerError as error:
        missing(f"there is no PostgreSQL: {error}")
    with server:
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with start_redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def cluster(postgres: PostgresServer, redis: RedisServer) -> Iterator[Cluster]:
    """Two instances."""
    name = f"cluster_{uuid4().hex}"
    settings = {
        "EVENTIDE_DATABASE_URL": postgres.create_database(name),
        "EVENTIDE_REDIS_URL": redis.url(),
    }
    with ExitStack() as stack:
        stack.callback(postgres.drop_database, name)
        instances = [stack.enter_context(Service(settings)) for _ in range(2)]
        for instance in instances:
            instance.start()
        yield instances
