"""Instances that are killed in the very second in which much is due: all of it is sent, once, and soon."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from eventide_notify.models import seconds_of, utc_now
from eventide_notify.wire import iso

from ..raw import RawClient, raw_client
from ..require import missing
from ..servers import MongoServer, PostgresServer, RedisServer, ServerError, start_mongo_server
from ..service import Service
from ..waiting import asked_until

USERS = 10
AFTER = (0.02, 0.2)
"""Seconds after their time at which instances are killed."""
NUMBER = 60
AHEAD = timedelta(seconds=10)
"""For when they are scheduled, so that all are before it is that late, on a busy machine too."""
WITHIN = 30.0
"""Seconds after its time at which the last one may be sent: what a busy machine takes. How long it was is printed."""


@pytest.fixture(scope="module")
def mongo() -> Iterator[MongoServer]:
    try:
        server = start_mongo_server()
    except ServerError as error:
        missing(f"there is no MongoDB: {error}")
    with server:
        if server.kind == "nx":
            missing("nx-27017 is good for a smoke test only")
        yield server


@pytest.fixture(params=["postgresql", "mongodb"])
def database(request: pytest.FixtureRequest, postgres: PostgresServer) -> str:
    name = f"due_{uuid4().hex}"
    if request.param == "mongodb":
        mongo: MongoServer = request.getfixturevalue("mongo")
        return mongo.url(name)
    return postgres.create_database(name)


def schedule(admin: httpx.Client, number: int, at: datetime) -> list[str]:
    """So many sends, each of them with a text of its own; their ids."""
    ids = []
    for each in range(number):
        body = {"userId": f"user {each % USERS}", "message": f"{iso(at)} {each}", "sendAt": iso(at)}
        answer = admin.post("/v1/admin/notifications", json=body)
        assert answer.status_code == 202, answer.text
        ids.append(answer.json()["scheduled"]["id"])
    return ids


async def waiting(admin: httpx.Client) -> int:
    answer = await asyncio.to_thread(admin.get, "/v1/admin/scheduled")
    return len(answer.json()["scheduled"])


async def until_time(at: datetime) -> None:
    await asyncio.sleep((at - utc_now()).total_seconds())


def sent(service: Service, start: str) -> dict[str, list[str]]:
    """The ids of what there is now, by its text."""
    found: dict[str, list[str]] = {}
    for number in range(USERS):
        with service.client(f"user {number}") as client:
            for item in client.get("/v1/notifications", params={"limit": 100}).json()["notifications"]:
                if item["message"].startswith(start):
                    found.setdefault(item["message"], []).append(item["id"])
    return found


def check_each_once_and_soon(found: dict[str, list[str]], number: int, at: datetime, within: float) -> None:
    assert {text: len(ids) for text, ids in found.items()} == {f"{iso(at)} {each}": 1 for each in range(number)}
    delays = [seconds_of(ids[0]) - at.timestamp() for ids in found.values()]
    assert min(delays) >= 0
    print(f"the last of {number} was sent after {max(delays):.2f} s")
    assert max(delays) < within


async def test_the_others_do_what_was_theirs(database: str, redis: RedisServer) -> None:
    settings = {"EVENTIDE_DATABASE_URL": database, "EVENTIDE_REDIS_URL": redis.url(), "EVENTIDE_LIMIT_ADMIN": "off"}
    number = NUMBER
    with ExitStack() as stack:
        instances = [stack.enter_context(Service(settings)) for _ in range(3)]
        survivor, *victims = instances
        for instance in instances:
            await asyncio.to_thread(instance.start)
        admin = stack.enter_context(survivor.client(admin=True))
        async with AsyncExitStack() as devices:
            clients: list[RawClient] = []
            connected: dict[str, RawClient] = {}

            async def connect(user: str) -> None:
                device = raw_client(survivor.base_url, {"token": survivor.token(user)})
                connected[user] = await devices.enter_async_context(device)
                clients.append(connected[user])

            for each in range(USERS):
                await connect(f"user {each}")
            for after in AFTER:
                at = utc_now() + AHEAD
                await asyncio.to_thread(schedule, admin, number, at)
                await until_time(at + timedelta(seconds=after))
                for victim in victims:
                    await asyncio.to_thread(victim.kill)
                await asked_until(lambda: waiting(admin), lambda left: not left, within=60)
                found = await asyncio.to_thread(sent, survivor, iso(at))
                check_each_once_and_soon(found, number, at, WITHIN)
                for victim in victims:
                    await asyncio.to_thread(victim.start)

            async def shown() -> set[str]:
                # What a killed instance had saved is shown late. Who has newer ones by then is to connect again for it.
                for user in [user for user, client in connected.items() if client.closed]:
                    await connect(user)
                return {item["id"] for client in clients for item in client.events("notification")}

            await asked_until(shown, lambda ids: len(ids) == len(AFTER) * number, within=60)
            for client in clients:
                assert set(Counter(item["id"] for item in client.events("notification")).values()) <= {1}


async def test_one_alone_does_it_when_it_is_back(postgres: PostgresServer) -> None:
    """On SQLite, which has one instance."""
    with Service({"EVENTIDE_LIMIT_ADMIN": "off"}) as service, service.client(admin=True) as admin:
        service.start()
        for after in (0.0, 0.05):
            at = utc_now() + AHEAD
            await asyncio.to_thread(schedule, admin, NUMBER, at)
            await until_time(at + timedelta(seconds=after))
            await asyncio.to_thread(service.kill)
            await asyncio.to_thread(service.start)
            back = utc_now()
            await asked_until(lambda: waiting(admin), lambda left: not left, within=60)
            found = await asyncio.to_thread(sent, service, iso(at))
            check_each_once_and_soon(found, NUMBER, at, (back - at).total_seconds() + WITHIN)
