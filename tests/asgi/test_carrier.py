"""What carries a WebSocket over plain ASGI, against servers that behave as badly as they may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message

from eventide_notify.realtime.engine import asgi
from eventide_notify.realtime.engine.asgi import UNSENT_MAX, AsgiWebSocket
from eventide_notify.realtime.engine.packets import Frame

from ..waiting import until


class Gone(Exception):
    """A server's own way to say that the client has gone."""


class Server:
    """An ASGI server's half of a WebSocket."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.sent: list[Message] = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.refuses = ""

    async def receive(self) -> Message:
        message = await self.incoming.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def send(self, message: Message) -> None:
        await self.writable.wait()
        if message["type"] == self.refuses:
            raise Gone
        self.sent.append(message)

    def says(self, text: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    def ends(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1005})

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.sent if message["type"] == "websocket.send"]


class Told:
    """Notes what the carrier tells."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.fails = False

    def received(self, message: str | bytes) -> None:
        if self.fails:
            raise RuntimeError("a fault of ours")
        self.heard.append(message)

    def ponged(self) -> None:
        self.heard.append("ponged")

    def writable(self) -> None:
        self.heard.append("writable")

    def lost(self) -> None:
        self.heard.append("lost")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "CLOSE_TIMEOUT", 0.1)


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture
async def carrier(server: Server, told: Told) -> AsgiWebSocket:
    return AsgiWebSocket(server.receive, server.send, told)


@pytest.fixture(autouse=True)
def nothing_in_the_log(caplog: pytest.LogCaptureFixture, told: Told) -> Iterator[None]:
    yield
    assert told.fails or caplog.records == []


@pytest.fixture
async def serving(carrier: AsgiWebSocket) -> asyncio.Task[None]:
    return asyncio.create_task(carrier.serve(1_000))


async def ended(serving: asyncio.Task[None], told: Told) -> None:
    """It has returned, has told so once and last, and nothing of it is left."""
    async with asyncio.timeout(15):
        await serving
    assert told.heard.count("lost") == 1
    assert told.heard[-1] == "lost"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_it_carries_both_ways_until_the_client_goes(
    carrier: AsgiWebSocket, server: Server, told: Told, serving: asyncio.Task[None]
) -> None:
    carrier.write(Frame("one", "two"))
    carrier.write_asking(Frame("three"))
    server.says("4hello")
    server.says("3")
    server.incoming.put_nowait({"type": "websocket.receive", "text": None, "bytes": b"binary"})
    await until(lambda: len(server.texts) == 4 and len(told.heard) == 3)
    assert server.texts == ["one", "two", "three", "2"]
    server.ends()
    await ended(serving, told)
    assert told.heard == ["4hello", "ponged", b"binary", "lost"]
    carrier.write(Frame("late"))
    carrier.close()
    carrier.abort()


@pytest.mark.parametrize("refused", ["websocket.accept", "websocket.send", "websocket.close"])
async def test_a_server_may_raise_what_it_likes_when_the_client_has_gone(
    carrier: AsgiWebSocket, server: Server, told: Told, refused: str
) -> None:
    server.refuses = refused
    carrier.write(Frame("something"))
    if refused == "websocket.close":
        carrier.close()
    await ended(asyncio.create_task(carrier.serve(1_000)), told)


async def test_a_server_may_raise_from_receive_too(server: Server, told: Told, serving: asyncio.Task[None]) -> None:
    server.incoming.put_nowait(Gone())
    await ended(serving, told)


async def test_a_client_that_has_gone_before_it_was_accepted(
    carrier: AsgiWebSocket, server: Server, told: Told
) -> None:
    server.incoming.get_nowait()
    server.ends()
    await ended(asyncio.create_task(carrier.serve(1_000)), told)
    assert server.sent == []


async def test_closing_waits_for_what_was_written_and_for_the_answer(
    carrier: AsgiWebSocket, server: Server, told: Told, serving: asyncio.Task[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "CLOSE_TIMEOUT", 30.0)
    carrier.write(Frame("last"))
    carrier.close(1000)
    await until(lambda: server.sent[-1:] == [{"type": "websocket.close", "code": 1000}])
    assert server.texts == ["last"]
    server.says("4late")
    assert not serving.done()
    server.ends()
    await ended(serving, told)
    assert told.heard == ["lost"]


async def test_closing_ends_it_even_if_the_client_does_not_read(
    carrier: AsgiWebSocket, server: Server, told: Told, serving: asyncio.Task[None]
) -> None:
    await until(lambda: server.sent)
    server.writable.clear()
    carrier.write(Frame("never read"))
    await asyncio.sleep(0)
    carrier.close()
    await ended(serving, told)


async def test_closing_ends_it_even_if_the_client_does_not_answer(
    carrier: AsgiWebSocket, told: Told, serving: asyncio.Task[None]
) -> None:
    carrier.close()
    carrier.close()
    await ended(serving, told)


async def test_aborting_ends_it_at_once(
    carrier: AsgiWebSocket, server: Server, told: Told, serving: asyncio.Task[None]
) -> None:
    await until(lambda: server.sent)
    server.writable.clear()
    carrier.write(Frame("never read"))
    carrier.pause_reading()
    carrier.abort()
    await ended(serving, told)


async def test_a_server_that_stops_may_cancel_it(
    carrier: AsgiWebSocket, server: Server, told: Told, serving: asyncio.Task[None]
) -> None:
    await until(lambda: server.sent)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert told.heard == ["lost"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_message_that_is_too_large_closes_it(server: Server, told: Told, serving: asyncio.Task[None]) -> None:
    server.says("4" * 1_001)
    await ended(serving, told)
    assert server.sent[-1] == {"type": "websocket.close", "code": 1009}
    assert told.heard == ["lost"]


async def test_messages_are_not_taken_while_reading_is_paused(
    carrier: AsgiWebSocket, server: Server, told: Told, serving: asyncio.Task[None]
) -> None:
    carrier.pause_reading()
    for number in range(3):
        server.says(f"4{number}")
    await until(lambda: told.heard)
    await asyncio.sleep(0.01)
    assert told.heard == ["40"]
    carrier.resume_reading()
    server.ends()
    await ended(serving, told)
    assert told.heard == ["40", "41", "42", "lost"]


async def test_it_is_paused_while_the_server_takes_no_more(
    carrier: AsgiWebSocket, server: Server, told: Told, serving: asyncio.Task[None]
) -> None:
    await until(lambda: server.sent)
    server.writable.clear()
    carrier.write(Frame("x" * UNSENT_MAX))
    assert not _paused(carrier)
    carrier.write(Frame("y"))
    assert _paused(carrier)
    await asyncio.sleep(0.01)
    carrier.write(Frame("z"))
    assert _paused(carrier)
    server.writable.set()
    await until(lambda: "writable" in told.heard)
    assert not _paused(carrier)
    await until(lambda: server.texts[-1] == "z")
    server.ends()
    await ended(serving, told)


async def test_a_fault_of_ours_is_logged_and_ends_it(
    server: Server, told: Told, serving: asyncio.Task[None], caplog: pytest.LogCaptureFixture
) -> None:
    told.fails = True
    server.says("4hello")
    await ended(serving, told)
    assert "a fault of ours" in caplog.text


def _paused(carrier: AsgiWebSocket) -> bool:
    return carrier.paused  # a call, for a type checker takes it that an attribute stays as it was
