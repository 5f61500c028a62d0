"""python-socketio's client, over each transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import socketio

from ..proxy import Proxy
from ..waiting import until
from .inbox import Inbox

NAMESPACE = "/notifications"
TRANSPORTS: dict[str, list[str] | None] = {"polling": ["polling"], "websocket": ["websocket"], "by default": None}


class PythonClient:
    """One that runs; what came, in order."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.socket = socketio.AsyncClient(reconnection_delay=0.1, http_session=http)
        self.events: list[tuple[str, Any]] = []
        self.disconnects: list[str] = []
        self.socket.on("*", lambda name, payload: self.events.append((name, payload)), namespace=NAMESPACE)
        self.socket.on("disconnect", self.disconnects.append, namespace=NAMESPACE)

    async def ready(self) -> None:
        """Wait until it has got what it missed."""
        await until(lambda: any(name == "catch_up_complete" for name, _ in self.events))

    def shown(self) -> list[str]:
        return [payload["id"] for name, payload in self.events if name == "notification"]

    async def until_shown(self, *ids: str) -> None:
        """Wait until it was given all of these; each once, and in this order."""
        await until(lambda: len(self.shown()) >= len(ids))
        assert self.shown() == [*ids]


@asynccontextmanager
async def python_client(url: str, inbox: Inbox, transports: list[str] | None) -> AsyncIterator[PythonClient]:
    async with aiohttp.ClientSession() as http:  # it would leave one of its own open when it comes back
        client = PythonClient(http)
        await client.socket.connect(
            url, namespaces=[NAMESPACE], auth=inbox.auth, transports=transports, wait_timeout=30
        )
        try:
            yield client
        finally:
            await client.socket.disconnect()


@pytest.fixture(params=TRANSPORTS)
def transports(request: pytest.FixtureRequest) -> list[str] | None:
    return TRANSPORTS[request.param]


async def test_it_gets_everything_once_and_confirms_by_itself(
    inbox: Inbox, proxy: Proxy, transports: list[str] | None
) -> None:
    missed = await inbox.send_many(2)
    async with python_client(proxy.url, inbox, transports) as client:
        await client.ready()
        await inbox.becomes("DELIVERED", *missed)
        live = await inbox.send_many(10)
        await client.until_shown(*missed, *live)
        await inbox.becomes("DELIVERED", *live)
        assert await client.socket.call("get_unread_count", namespace=NAMESPACE) == {
            "unreadCount": 12,
            "unseenCount": 12,
        }
        assert client.disconnects == []
    assert proxy.websockets() == (transports != ["polling"])
    assert bool(proxy.polls()) == (transports == ["polling"])  # by default it upgrades before its first poll


async def test_what_came_while_it_was_away_is_replayed(
    inbox: Inbox, proxy: Proxy, transports: list[str] | None
) -> None:
    async with python_client(proxy.url, inbox, transports) as client:
        await client.ready()
        seen = await inbox.send()
        await client.until_shown(seen)
        await inbox.becomes("DELIVERED", seen)
    ids = await inbox.send_many(3)
    async with python_client(proxy.url, inbox, transports) as client:
        await client.until_shown(*ids)
        await inbox.becomes("DELIVERED", *ids)


async def test_a_long_replay_reaches_it(inbox: Inbox, proxy: Proxy, transports: list[str] | None) -> None:
    """Of a polling answer it takes 16 packets at most, and ends the connection when there are more."""
    missed = await inbox.send_many(40)
    async with python_client(proxy.url, inbox, transports) as client:
        await client.ready()
        assert client.shown() == missed
        await inbox.becomes("DELIVERED", *missed)
        assert client.disconnects == []


async def test_forty_events_in_one_tick_get_forty_answers(
    inbox: Inbox, proxy: Proxy, transports: list[str] | None
) -> None:
    answers: list[Any] = []
    async with python_client(proxy.url, inbox, transports) as client:
        await client.ready()
        for _ in range(40):
            await client.socket.emit("get_unread_count", namespace=NAMESPACE, callback=answers.append)
        await until(lambda: len(answers) == 40)
        assert answers == [{"unreadCount": 0, "unseenCount": 0}] * 40
        assert client.disconnects == []


async def test_where_answers_are_lost_it_comes_back_and_gets_them(inbox: Inbox, proxy: Proxy) -> None:
    async with python_client(proxy.url, inbox, ["polling"]) as client:
        await client.ready()
        proxy.loses = lambda exchange: exchange.is_poll and '["notification",' in exchange.answers[-1].text
        ids = [await inbox.send()]
        await until(lambda: client.disconnects)
        await inbox.stays_pending(*ids)
        proxy.loses = lambda exchange: False
        await client.until_shown(*ids)
        ids.append(await inbox.send())
        await client.until_shown(*ids)
        await inbox.becomes("DELIVERED", *ids)
