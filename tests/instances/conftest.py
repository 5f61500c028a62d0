"""Several instances on one PostgreSQL and one Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from ..require import missing
from ..servers import PostgresServer, RedisServer, ServerError, start_postgres_server, start_redis_server
from ..service import Service

Cluster = list[Service]


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
def settings(postgres: PostgresServer, redis: RedisServer) -> Iterator[dict[str, str]]:
    """What all instances of a cluster have."""
    name = f"cluster_{uuid4().hex}"
    yield {"EVENTIDE_DATABASE_URL": postgres.create_database(name), "EVENTIDE_REDIS_URL": redis.url()}
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def cluster(settings: dict[str, str]) -> Iterator[Cluster]:
    """Two instances."""
    with ExitStack() as stack:
        instances = [stack.enter_context(Service(settings)) for _ in range(2)]
        for instance in instances:
            instance.start()
        yield instances
