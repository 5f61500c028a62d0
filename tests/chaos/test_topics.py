"""What is announced to a topic reaches each subscriber, whatever breaks, and nobody else.

Devices lose their connections all the time and come back as stock clients do. Meanwhile users subscribe and
unsubscribe, and something else breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from ..instances.devices import Device
from ..waiting import until
from . import faults
from .backends import Backend, DatabaseServers, Deployment, deploy
from .faults import Fault
from .network import Balancer
from .sender import RETRY_PAUSE
from .size import FULL

pytestmark = pytest.mark.chaos

TOPIC = "releases/all"
DROP_EVERY = 1.0
CASES: list[tuple[Backend, Fault]] = [
    (Backend("SQLite", 1), faults.instance_killed),
    (Backend("PostgreSQL", 2), faults.redis_restarted),
]
if FULL:
    CASES += [
        (backend, fault)
        for backend in (Backend("PostgreSQL", 2), Backend("MongoDB", 2))
        for fault in (
            faults.instance_killed,
            faults.redis_frozen,
            faults.database_restarted,
            faults.rolling_restart,
        )
    ]


class Follower(Device):
    """A user's device. It has announcements, and may be subscribed."""

    def __init__(self, deployment: Deployment, number: int) -> None:
        super().__init__(deployment.instances[number % len(deployment.instances)], f"follower-{number}")
        self.user = self._user
        self._chance = random.Random(number)

    def shown(self) -> list[dict[str, Any]]:
        return [item for connection in self.connections for item in connection.events("announcement")]

    async def live(self) -> None:
        """Connect again also while nobody is there, and lose the connection all the time."""
        dropping = asyncio.create_task(self._drop())
        try:
            while True:
                with contextlib.suppress(OSError, AssertionError, TimeoutError, EOFError, WebSocketException):
                    await super().live()
                await asyncio.sleep(0.1)
        finally:
            dropping.cancel()

    async def _drop(self) -> None:
        while True:
            await asyncio.sleep(DROP_EVERY * self._chance.uniform(0.5, 1.5))
            if self.connections and not self.connections[-1].closed:
                self.connections[-1].break_off()


class Office:
    """The back end: what it asks for is tried again, at the next instance, until it is done."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._admin = deployment.token("office", admin=True)
        self._tries = 0

    async def ask(self, method: str, path: str, body: Any, key: str | None = None) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        while True:
            url = self._deployment.urls[self._tries % len(self._deployment.urls)]
            self._tries += 1
            answer = await self._deployment.journal.ask(method, url, path, self._admin, body=body, headers=headers)
            if answer is not None:
                return answer.json()
            await asyncio.sleep(RETRY_PAUSE)

    async def announce(self, number: int) -> str:
        body = {"message": f"number {number}", "topic": TOPIC}
        return str((await self.ask("POST", "/v1/admin/announcements", body, f"announcement {number}"))["id"])

    async def subscribe(self, users: Sequence[str], *, to_it: bool = True) -> None:
        path = f"/v1/admin/topics/{TOPIC.replace('/', '%2F')}/subscribers"
        await self.ask("PUT" if to_it else "DELETE", path, {"userIds": users})


@asynccontextmanager
async def living(followers: Sequence[Follower]) -> AsyncIterator[None]:
    lives = [asyncio.create_task(follower.live()) for follower in followers]
    try:
        yield
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


@pytest.mark.parametrize(("backend", "fault"), CASES, ids=lambda case: getattr(case, "__name__", str(case)))
async def test_every_subscriber_and_nobody_else(backend: Backend, fault: Fault, servers: DatabaseServers) -> None:
    with deploy(backend, servers) as deployment:
        await deployment.all_ready()
        followers = [Follower(deployment, number) for number in range(9)]
        always, sometimes, never = followers[:3], followers[3:6], followers[6:]
        office = Office(deployment)
        await office.subscribe([each.user for each in always])
        async with living(followers):
            ids = await announced_amid(fault, deployment, office, [each.user for each in sometimes])
            await until(lambda: all(set(ids) <= each.ids() for each in always), within=deployment.size.settle)
            # Who is subscribed in the end has all of it, also what was announced before.
            for each in (*always, *sometimes):
                assert await listed(deployment, each) == set(ids), each.user
        for each in always:
            live = [item["id"] for item in each.shown() if item.get("replayed") is not True]
            assert len(set(live)) == len(live), "a copy that is not marked"
        for each in never:
            assert not each.ids()
            assert await listed(deployment, each) == set()
        assert not deployment.tracebacks(), deployment.logs()


async def announced_amid(fault: Fault, deployment: Deployment, office: Office, wavering: Sequence[str]) -> list[str]:
    """Announce again and again while things break; the ids. At the end those who waver are subscribed."""
    breaking = asyncio.create_task(faults.break_things(fault, deployment, Balancer(deployment.urls)))
    ids: list[str] = []
    while not breaking.done() or len(ids) < 20:
        ids.append(await office.announce(len(ids)))
        await office.subscribe(wavering, to_it=len(ids) % 2 == 0)
        await asyncio.sleep(0.1)
    await breaking
    ids.append(await office.announce(len(ids)))
    await office.subscribe(wavering)
    return ids


async def listed(deployment: Deployment, follower: Follower) -> set[str]:
    """What the user has of announcements."""
    token = deployment.token(follower.user)
    answer = await deployment.journal.ask("GET", deployment.urls[0], "/v1/notifications?limit=100", token)
    assert answer is not None
    return {item["id"] for item in answer.json()["notifications"]}
