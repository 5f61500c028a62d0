"""One contract over every store: `backend` is an empty database, `store` an open store on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from eventide_notify.models import Notification
from eventide_notify.store import Store

from ..require import missing
from ..servers import MongoServer, PostgresServer, ServerError, start_mongo_server, start_postgres_server
from .backends import KINDS, Backend, SqliteFile, SqliteMemory, mongodb, postgresql
from .samples import ACTIONS, announced, announcement, sample


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smoke: also runs on nx-27017, whose answers are wrong in places")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    try:
        server = start_postgres_server()
    except ServerError as error:
        missing(f"there is no PostgreSQL: {error}")
    with server:
        yield server


@pytest.fixture(scope="session")
def mongo_server() -> Iterator[MongoServer]:
    try:
        server = start_mongo_server()
    except ServerError as error:
        missing(f"there is no MongoDB: {error}")
    with server:
        yield server


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with ExitStack() as stack:
        match request.param.split("-"):
            case ["sqlite", "file"]:
                yield SqliteFile(tmp_path)
            case ["sqlite", "memory"]:
                yield SqliteMemory()
            case ["postgresql"]:
                yield stack.enter_context(postgresql(request.getfixturevalue("postgres_server")))
            case ["mongodb", driver]:
                server = request.getfixturevalue("mongo_server")
                if server.kind == "nx" and "smoke" not in request.keywords:
                    missing("nx-27017 is good for a smoke test only")
                yield stack.enter_context(mongodb(server, driver))


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    store = backend.store()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def both(store: Store) -> list[Notification]:
    """A notification and an announcement, which users cannot tell apart, as user 42 has them."""
    await store.add([own := sample(actions=ACTIONS)])
    await store.add_announcement(everyones := announcement(actions=ACTIONS))
    return [own, announced(everyones)]
