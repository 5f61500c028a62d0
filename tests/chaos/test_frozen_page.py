"""A page that is frozen takes bytes, but does not receive: nothing is confirmed before it thaws."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import pytest

from ..waiting import until
from .backends import Backend, DatabaseServers, Deployment, deploy
from .network import TRANSPORTS
from .swarm import Event, Member, address, run_swarm

pytestmark = [pytest.mark.chaos, pytest.mark.usefixtures("node_modules")]

FROZEN = 3.0
USERS = [f"page-{number}" for number in range(2 * len(TRANSPORTS))]


async def test_a_frozen_page_is_confirmed_after_it_thaws_and_not_before(servers: DatabaseServers) -> None:
    events: list[Event] = []
    with deploy(Backend("SQLite", 1), servers) as deployment:
        [instance] = deployment.instances
        async with run_swarm(events.append) as pages:
            pages.start([member(deployment, number) for number in range(len(USERS))])
            await until(lambda: sum(event.what == "caught_up" for event in events) == len(USERS), within=60)
            await until(lambda: sum(event.what == "upgrade" for event in events) == 2, within=60)
            pages.freeze()
            ids = instance.send(*USERS)
            until_thaw = time.monotonic() + FROZEN
            while time.monotonic() < until_thaw:
                assert [await status(deployment, user) for user in USERS] == [("PENDING", None)] * len(USERS)
            thawed_at = time.time()
            pages.thaw()
            await until(lambda: sum(event.what == "notification" for event in events) == len(USERS), within=30)
            taken_at = {
                event.data["id"]: event.data["taken"] / 1000 for event in events if event.what == "notification"
            }
            for user, id in zip(USERS, ids, strict=True):
                assert await delivered_at(deployment, user) >= taken_at[id] >= thawed_at - 0.001


def member(deployment: Deployment, number: int) -> Member:
    transports = TRANSPORTS[number % len(TRANSPORTS)]
    return Member(deployment.urls[0], deployment.token(USERS[number]), transports, address(number))


async def status(deployment: Deployment, user: str) -> tuple[str, str | None]:
    """Of the user's only notification, and since when it is delivered."""
    [url] = deployment.urls
    answer = await deployment.journal.ask("GET", url, "/v1/notifications", deployment.token(user))
    assert answer is not None
    [item] = answer.json()["notifications"]
    return item["status"], item.get("deliveredAt")


async def delivered_at(deployment: Deployment, user: str) -> float:
    """When it was, in seconds since the epoch; waits until it is."""
    end = time.monotonic() + 30
    while (found := await status(deployment, user))[1] is None:
        assert time.monotonic() < end, f"still {found}"
        await asyncio.sleep(0.02)
    assert found[0] == "DELIVERED"
    return datetime.fromisoformat(found[1]).timestamp()
