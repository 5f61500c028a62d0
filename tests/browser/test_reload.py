"""The bell reads its list again when the server says that changes may not have come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio
from playwright.async_api import Request, expect

from ..servers import RedisServer, start_redis_server
from ..service import Service
from .bell import Application, Bell
from .conftest import OpenBell
from .test_sharing import has

RELOAD_WITHIN = 2_000
"""Milliseconds in which a bell asks, at random."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with start_redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, application: Application) -> dict[str, str]:
    """What both instances have."""
    path: Path = tmp_path_factory.mktemp("reload") / "eventide.db"
    return {"EVENTIDE_DATABASE_URL": f"sqlite:///{path}", "EVENTIDE_CORS_ORIGINS": application.origin}


@pytest.fixture(scope="module")
def here(settings: dict[str, str], redis: RedisServer) -> Iterator[Service]:
    """The instance that the bell is connected to."""
    with Service({**settings, "EVENTIDE_REDIS_URL": redis.url()}) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def elsewhere(here: Service, settings: dict[str, str]) -> Iterator[Service]:
    """An instance whose changes do not come to the other one."""
    with Service(settings) as service:
        service.start()
        yield service


async def test_all_tabs_read_their_list_again_once(
    here: Service, elsewhere: Service, redis: RedisServer, user: str, open_bell: OpenBell
) -> None:
    bells = [await open_bell(user, at=here) for _ in range(2)]
    for bell in bells:
        await bell.state("live")
    ids = [here.send(user, message=message)[0] for message in ("deleted", "read", "kept")]
    for bell in bells:
        await has(bell, "deleted", "read", "kept")
        await expect(bell.badge).to_have_text("3")
        # Whoever has these was told before that nothing was missed, which reads the list, too.
        await bell.call("bell => bell.inbox.refresh()")
    with elsewhere.client(user) as client:
        client.delete(f"/v1/notifications/{ids[0]}").raise_for_status()
        client.put(f"/v1/notifications/{ids[1]}/read").raise_for_status()
    read = [lists_read(bell) for bell in bells]
    clock = bells[0].page.context.clock
    await clock.install()
    await clock.pause_at(time.time() + 1)  # until all have come
    worker = socketio.AsyncRedisManager(redis.url(), write_only=True)
    to = {"namespace": "/notifications", "room": f"user:{user}"}
    for _ in range(5):
        await worker.emit("reload", {}, **to)
    await worker.emit("unread_count", {"unreadCount": 4711, "unseenCount": 4711}, **to)
    await worker.redis.aclose()
    for bell in bells:
        await expect(bell.host).to_have_js_property("unreadCount", 4711)
    await clock.resume()
    for bell in bells:
        await bell.page.wait_for_function(
            """() => {
              const { items } = document.querySelector("eventide-bell").inbox;
              return items.map(({ message, read }) => `${message} ${read}`).join() === "kept false,read true";
            }"""
        )
    await bells[0].page.wait_for_timeout(RELOAD_WITHIN)  # in which whatever was asked for later would come
    assert [len(requests) for requests in read] == [1, 1]


def lists_read(bell: Bell) -> list[str]:
    """The requests for lists from now on."""
    requests: list[str] = []

    def note(request: Request) -> None:
        if request.method == "GET" and "/v1/notifications?" in request.url:
            requests.append(request.url)

    bell.page.on("request", note)
    return requests


def test_nobody_else_can_say_so(here: Service) -> None:
    with here.client(admin=True) as client:
        answer = client.post("/v1/admin/events", json={"everyone": True, "event": "reload", "payload": {}})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "event", "message": "the name 'reload' is reserved"}]
