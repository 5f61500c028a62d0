"""The client: that it behaves like the stock one, from which `verify` takes its worth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from eventide_notify.verify.client import Backoff, Client
from eventide_notify.verify.http import Answer, exchange
from eventide_notify.verify.proxy import LOOPBACK

from ..waiting import until

OPEN = '0{"sid":"x","pingInterval":25000,"pingTimeout":20000}'
LET_IN = '40/notifications,{"sid":"y"}'


def notified(id: str, **fields: Any) -> str:
    return "42/notifications," + json.dumps(["notification", {"id": id, **fields}])


class Script:
    """A server's side that says these frames, and then nothing."""

    def __init__(self, frames: Iterable[str]) -> None:
        self._frames = iter(frames)
        self.heard: list[str] = []
        self.aborted = False

    async def send(self, frame: str) -> None:
        self.heard.append(frame)

    async def receive(self) -> str:
        for frame in self._frames:
            return frame
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    def abort(self) -> None:
        self.aborted = True


class Server:
    """Connections that follow one script after the other."""

    def __init__(self, *scripts: Iterable[str]) -> None:
        self._scripts = iter(scripts)
        self.connections: list[Script] = []

    async def dial(self) -> Script:
        frames = next(self._scripts, None)
        if frames is None:
            raise ConnectionRefusedError
        self.connections.append(Script(frames))
        return self.connections[-1]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventide_notify.verify.client.DELAY_MAX", 0.001)


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[Client, list[tuple[int, str] | bool]]]:
    """A client that runs, and what it tells: each arrival, and whether it is connected."""
    told: list[tuple[int, str] | bool] = []
    client = Client(
        "secret",
        event="notification",
        dial=server.dial,
        arrived=lambda number, payload: told.append((number, payload["id"])),
        changed=told.append,
    )
    running = asyncio.create_task(client.run())
    try:
        yield client, told
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_it_connects_with_its_token_and_answers_pings() -> None:
    server = Server([OPEN, LET_IN, "2", "6", '42/notifications,["unread_count",{"unreadCount":1}]', "2"])
    async with connected(server) as (client, told):
        await until(lambda: server.connections and len(server.connections[0].heard) == 3)
        assert server.connections[0].heard == ['40/notifications,{"token": "secret"}', "3", "3"]
        assert client.connections == 1
        assert told == [True]


async def test_it_comes_back_and_shows_each_notification_once() -> None:
    server = Server(
        [OPEN, LET_IN, notified("a"), "1"], [OPEN, LET_IN, notified("a", replayed=True), notified("b"), "1"]
    )
    async with connected(server) as (client, told):
        await until(lambda: len(told) == 7)
        assert told == [True, (1, "a"), False, True, (2, "a"), (2, "b"), False]
        assert client.shown == ["a", "b"]
        await until(lambda: client.trouble == "ConnectionRefusedError")
        assert all(connection.aborted for connection in server.connections)
        assert client.sent_away is None


async def test_a_dead_server_is_noticed_when_no_ping_comes() -> None:
    quick = '0{"sid":"x","pingInterval":20,"pingTimeout":30}'
    server = Server([quick, LET_IN, "2"], [OPEN, LET_IN])
    async with connected(server) as (client, _):
        await until(lambda: client.connections == 2)
        assert client.trouble == "TimeoutError"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ('44/notifications,{"message":"Authentication failed","data":{"code":"unavailable"}}', "unavailable"),
        ('44/notifications,{"message":"Not now"}', "Not now"),
        ("41/notifications,", "disconnected"),
    ],
)
async def test_sent_away_it_stays_away(frame: str, reason: str) -> None:
    server = Server([OPEN, frame], [OPEN, LET_IN])
    async with connected(server) as (client, _):
        await client.first_answer.wait()
        assert client.sent_away == reason
        assert len(server.connections) == 1


async def test_it_notes_that_more_was_waiting() -> None:
    def complete(all: bool) -> str:
        return "42/notifications," + json.dumps(["catch_up_complete", {"complete": all}])

    server = Server([OPEN, LET_IN, complete(False), "1"], [OPEN, LET_IN, complete(True), "1"])
    async with connected(server) as (client, _):
        await until(lambda: client.connections == 2)
        assert client.cut_short == 1


async def test_what_does_not_speak_engine_io_is_tried_again() -> None:
    server = Server(["<html>"], ['0{"sid":"x"}'], [OPEN, LET_IN])
    async with connected(server) as (client, _):
        await until(lambda: client.connections == 1)


def test_it_waits_as_long_as_the_stock_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventide_notify.verify.client.DELAY_MAX", 5.0)
    backoff = Backoff()
    for _ in range(2):
        for least, most in [(0.5, 1.5), (1, 3), (2, 5), (2.5, 5), (5, 5), (5, 5)]:
            assert least <= backoff.next() <= most
        backoff.reset()


@pytest.mark.parametrize(
    "answer",
    [
        "Content-Length: 5\r\n\r\nhelloXXX",
        "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "Server: old\r\n\r\nhello",
    ],
    ids=["length", "chunked", "until the end"],
)
async def test_http_answers_of_any_form(answer: str) -> None:
    def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{answer}".encode())
        writer.close()

    async with await asyncio.start_server(answering, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        got = await exchange("GET", "http://somewhere.test/path?q=1", port=port)
    assert (got.status, got.text) == (200, "hello")


def test_why_it_was_refused() -> None:
    assert Answer(400, {}, b'{"detail": "no\\n way"}').detail == "no way"
    assert Answer(502, {}, b"<h1>Bad\nGateway</h1>").detail == "<h1>Bad Gateway</h1>"
    assert Answer(502, {}, b"").detail == "no reason given"
