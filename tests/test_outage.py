"""The database goes away in the middle of everything, and comes back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventide_notify.store import readiness

from .raw import raw_client
from .require import missing
from .servers import Server, ServerError, start_mongo_server, start_postgres_server
from .service import Service
from .waiting import asked_until


@contextmanager
def postgresql() -> Iterator[tuple[Server, str]]:
    with start_postgres_server() as server:
        yield server, server.create_database("outage")


@contextmanager
def mongodb() -> Iterator[tuple[Server, str]]:
    with start_mongo_server() as server:
        yield server, server.url("outage")


@pytest.fixture(params=[postgresql, mongodb], ids=["postgresql", "mongodb"])
def outage(request: pytest.FixtureRequest) -> Iterator[tuple[Service, Server]]:
    start: Callable[[], Any] = request.param
    try:
        with start() as (server, url):
            if not server.controllable:
                missing(f"{server.kind} was given by its URL, and cannot be killed")
            with Service({"EVENTIDE_DATABASE_URL": url}) as service:
                service.start()
                yield service, server
    except ServerError as error:
        missing(str(error))


async def post(service: Service, user: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.base_url, timeout=30) as http:
        body = {"userIds": [user], "message": "Hello"}
        return await http.post("/v1/admin/notifications", json=body, headers=service.bearer(admin=True))


async def ready(service: Service) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.base_url, timeout=30) as http:
        return await http.get("/readyz")


async def test_it_says_so_and_recovers_without_a_restart(outage: tuple[Service, Server]) -> None:
    service, database = outage
    before = (await post(service, "alice")).json()["notifications"][0]["id"]
    async with raw_client(service.base_url, {"token": service.token("bob")}) as bob:
        await bob.event("catch_up_complete")
        await asyncio.to_thread(database.kill)

        refused = await post(service, "bob")
        # A driver of MongoDB may have sent it into a connection that was dead: then nobody knows where it ended.
        assert refused.status_code == 503
        assert refused.json()["code"] in ("unavailable", "outcome_unknown")
        assert (await post(service, "bob")).json()["code"] == "unavailable"
        assert int(refused.headers["Retry-After"]) > 0
        answer = await bob.call("get_unread_count", within=40)
        assert answer["error"]["code"] == "unavailable"
        unready = await ready(service)
        assert unready.status_code == 503
        assert any("database" in reason for reason in unready.json()["reasons"])

        async with raw_client(service.base_url, {"token": service.token("alice")}) as alice:
            assert alice.events("connected") == []  # she is let in, and waits
            await asyncio.to_thread(database.start)
            assert (await alice.event("notification", within=40))["id"] == before
            assert await bob.call("get_unread_count", within=40) == {
                "unreadCount": 0,
                "unseenCount": 0,
            }  # the refused one was not saved
            after = (await post(service, "bob")).json()["notifications"][0]["id"]
            assert (await bob.event("notification"))["id"] == after
        assert (await ready(service)).status_code == 200


async def test_sqlite_that_saves_nothing_is_not_ready(tmp_path: Path) -> None:
    """It answers questions all the while, and would take what it is sent into a file that is gone."""
    path = tmp_path / "eventide.db"
    with Service({"EVENTIDE_DATABASE_URL": f"sqlite:///{path}"}) as service:
        service.start()
        assert (await ready(service)).json() == {"status": "ready", "reasons": []}
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(readiness.SAVED_LATELY)

            async def reasons() -> Any:
                answer = await ready(service)
                assert answer.status_code == 503
                return answer.json()["reasons"]

            # When the machine stands still it may be told first that nothing was saved in time.
            await asked_until(reasons, lambda found: found == ["database: OperationalError: database is locked"])
        assert (await post(service, "alice")).status_code == 201
        path.unlink()
        refused = await post(service, "alice")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert "file was removed" in refused.json()["detail"]
        [reason] = (await ready(service)).json()["reasons"]
        assert "No such file" in reason
        assert not path.exists()
