"""What is put to the test: a database, Redis and instances of the service, each a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar
from uuid import uuid4

from ..require import missing
from ..servers import (
    MongoServer,
    PostgresServer,
    RedisServer,
    Server,
    ServerError,
    start_mongo_server,
    start_postgres_server,
    start_redis_server,
)
from ..service import Service
from .journal import Journal
from .size import SIZE, SIZE_ON_MONGODB, Size

READY_WITHIN = 60.0
"""Seconds until all instances of a new deployment must be ready."""

Database = Literal["SQLite", "PostgreSQL", "MongoDB"]
S = TypeVar("S", bound=Server)


@dataclass(frozen=True)
class Backend:
    """A kind of deployment. More than one instance has Redis."""

    database: Database
    instances: int

    @property
    def size(self) -> Size:
        """Of the load that it is put under."""
        return SIZE_ON_MONGODB if self.database == "MongoDB" else SIZE

    def __str__(self) -> str:
        return f"{self.database.lower()}-{self.instances}"


class DatabaseServers:
    """The servers that all deployments share, started when first asked for. Skips the test if there is none."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    @cached_property
    def postgres(self) -> PostgresServer:
        return self._started("PostgreSQL", start_postgres_server)

    @cached_property
    def mongo(self) -> MongoServer:
        return self._started("MongoDB", start_mongo_server)

    def close(self) -> None:
        self._stack.close()

    def _started(self, name: str, start: Callable[[], S]) -> S:
        try:
            server = start()
        except ServerError as error:
            missing(f"there is no {name}: {error}")
        self._stack.enter_context(server)
        return server


@dataclass
class Deployment:
    """One that runs."""

    backend: Backend
    instances: list[Service]
    database: Server | None
    redis: RedisServer | None
    journal: Journal

    @property
    def size(self) -> Size:
        return self.backend.size

    @property
    def urls(self) -> list[str]:
        return [instance.base_url for instance in self.instances]

    def token(self, user: str, *, admin: bool = False) -> str:
        return self.instances[0].token(user, admin=admin)

    async def all_ready(self) -> None:
        """Wait until every instance says so."""
        async with asyncio.timeout(READY_WITHIN):
            for url in self.urls:
                while await Journal().ask("GET", url, "/readyz") is None:  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(0.05)

    def logs(self, lines: int = 25) -> str:
        """What the instances printed last."""
        return "\n\n".join(
            f"{instance.base_url} printed last:\n{instance.home.log_tail(lines)}"
            for instance in self.instances
            if instance.home
        )

    def tracebacks(self) -> int:
        """How many there are in the logs of the instances."""
        homes = [instance.home for instance in self.instances if instance.home]
        return sum(home.log.read_text(errors="replace").count("Traceback (most") for home in homes)


@contextmanager
def deploy(backend: Backend, servers: DatabaseServers) -> Iterator[Deployment]:
    """A deployment of its own: new instances, a new database, a new Redis."""
    settings: dict[str, str] = {}
    database: Server | None = None
    redis: RedisServer | None = None
    with ExitStack() as stack:
        name = f"chaos_{uuid4().hex}"
        if backend.database == "PostgreSQL":
            database = servers.postgres
            settings["EVENTIDE_DATABASE_URL"] = servers.postgres.create_database(name)
            stack.callback(servers.postgres.drop_database, name)
        elif backend.database == "MongoDB":
            database = servers.mongo
            settings["EVENTIDE_DATABASE_URL"] = servers.mongo.url(name)
        if backend.instances > 1:
            redis = stack.enter_context(start_redis_server())
            settings["EVENTIDE_REDIS_URL"] = redis.url()
        instances = [stack.enter_context(Service(settings)) for _ in range(backend.instances)]
        with ThreadPoolExecutor(len(instances)) as threads:
            list(threads.map(Service.start, instances))
        yield Deployment(backend, instances, database, redis, Journal(backend.size.patience))
