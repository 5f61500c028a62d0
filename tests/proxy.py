"""An HTTP proxy that clients reach the service through. It fails on purpose, and keeps what has passed it.

A client's connection lives on from request to request, as browsers like it; each request has a connection of its own to
the server. A `verify.proxy.Link`, which knows nothing of HTTP, may be what this one leads to.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from eventide_notify.verify.proxy import LOOPBACK

from .http1 import Message, read_message, reset_on_close

After101 = Literal["pass", "drop", "swallow"]
"""What happens to a WebSocket once the server has agreed to it: messages pass; or the connection is closed; or it stays
open, and nothing passes in either direction."""
FAULTS = (OSError, EOFError)
"""How connections fail."""

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(eq=False)
class Exchange:
    """A request, and what came of it."""

    request: Message
    at: float
    """When it came, on the monotonic clock."""
    number: int
    """On its connection, from 1."""
    answers: list[Message] = field(default_factory=list)
    """What the server answered, also what was lost; more than one if the proxy has repeated the request."""
    losses: int = 0

    @property
    def is_poll(self) -> bool:
        """Whether it is a GET of a polling session."""
        return self.request.method == "GET" and self.request.query.get("transport") == "polling" and self.has_session

    @property
    def is_post(self) -> bool:
        """Whether it is a POST of a polling session."""
        return self.request.method == "POST" and self.has_session

    @property
    def has_session(self) -> bool:
        return "sid" in self.request.query


class _Lost(Exception):
    """The client's connection has to break."""


class Proxy:
    """One that leads to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._websockets: set[Ends] = set()
        self._passable = asyncio.Event()
        self._passable.set()
        self.exchanges: list[Exchange] = []
        """All that began, in that order."""
        self.after_101: After101 = "pass"
        self.delay = 0.0
        """Seconds that everything takes, in each direction."""
        self.loses: Callable[[Exchange], bool] = lambda exchange: False
        """Whether the last answer of the server does not reach the client: then its connection is reset."""
        self.breaks: Callable[[Exchange], float | None] = lambda exchange: None
        """After how many seconds a request breaks that is not answered by then (None: never): both sides are reset."""
        self.repeats: Callable[[Exchange], float | None] = lambda exchange: None
        """After how many seconds the proxy repeats what was lost by itself (None: it does not, and the client's
        connection is reset). To the server that looks like a browser that repeats a request."""

    async def open(self) -> None:
        """Listen; `url` tells where."""
        self._listener = await asyncio.start_server(self._called, LOOPBACK, 0)
        self.port: int = self._listener.sockets[0].getsockname()[1]
        self.url = f"http://{LOOPBACK}:{self.port}"

    async def close(self) -> None:
        """End everything."""
        assert self._listener
        self._listener.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._listener.wait_closed()

    def hold(self) -> None:
        """Let requests come, and forward none until `release`."""
        self._passable.clear()

    def release(self) -> None:
        self._passable.set()

    def cut(self) -> int:
        """Break all WebSockets; how many there were."""
        broken = len(self._websockets)
        for _, writer in list(self._websockets):
            _reset(writer)
        return broken

    # What has passed

    def polls(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.is_poll]

    def posts(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.is_post]

    def websockets(self) -> int:
        """How many the server has agreed to so far."""
        return sum(answer.status == 101 for exchange in self.exchanges for answer in exchange.answers)

    def answered(self, start: str) -> int:
        """How many packets that start like this the answers to all polls had, lost ones too."""
        answers = [answer for exchange in self.polls() for answer in exchange.answers]
        return sum(packet.startswith(start) for answer in answers for packet in answer.packets)

    # One connection

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
            writer.close()
            await writer.wait_closed()
        except _Lost:
            _reset(writer)
        except FAULTS:
            pass
        except asyncio.CancelledError:
            pass  # the end of the test; asyncio would report it as an error
        finally:
            writer.transport.abort()
            self._serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, goes_on = 0, True
        while goes_on:
            request = await read_message(reader, is_answer=False)
            number += 1
            exchange = Exchange(request, time.monotonic(), number)
            self.exchanges.append(exchange)
            await asyncio.sleep(self.delay)
            if request.headers.get("upgrade", "").lower() == "websocket":
                await self._websocket(exchange, (reader, writer))
                return
            answer = await self._while_connected(reader, self._answer(exchange))
            await asyncio.sleep(self.delay)
            writer.write(answer.head + answer.raw_body)
            await writer.drain()
            goes_on = answer.headers.get("connection", "").lower() != "close"

    async def _while_connected(self, reader: asyncio.StreamReader, answering: Coroutine[Any, Any, Message]) -> Message:
        """The answer; a client that leaves meanwhile takes the server's connection with it."""
        leaving = asyncio.create_task(reader.read(1))
        answer = asyncio.create_task(answering)
        try:
            await asyncio.wait([leaving, answer], return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                assert await leaving == b"", "this proxy takes one request after the other"
                raise ConnectionResetError
            return await answer
        finally:
            for task in (leaving, answer):
                task.cancel()
            await asyncio.gather(leaving, answer, return_exceptions=True)

    async def _answer(self, exchange: Exchange) -> Message:
        while True:
            await self._passable.wait()
            answer = await self._exchange(exchange)
            if answer is not None:
                exchange.answers.append(answer)
                if not self.loses(exchange):
                    return answer
            exchange.losses += 1
            pause = self.repeats(exchange)
            if pause is None:
                raise _Lost
            await asyncio.sleep(pause)

    async def _exchange(self, exchange: Exchange) -> Message | None:
        """What the server answers; None if the connection had to break before."""
        request = exchange.request
        reader, writer = await self._dial()
        try:
            writer.write(_without_compression(request.head) + request.raw_body)
            async with asyncio.timeout(self.breaks(exchange)):
                return await read_message(reader, is_answer=True, to=request.method)
        except TimeoutError:
            _reset(writer)
            return None
        except FAULTS:
            raise _Lost from None  # the server has closed it without an answer
        finally:
            writer.transport.abort()

    async def _dial(self) -> Ends:
        try:
            return await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            raise _Lost from None

    # WebSockets

    async def _websocket(self, exchange: Exchange, client: Ends) -> None:
        await self._passable.wait()
        server = await self._dial()
        try:
            server[1].write(exchange.request.head)
            answer = await read_message(server[0], is_answer=True)
            exchange.answers.append(answer)
            client[1].write(answer.head + answer.raw_body)
            await client[1].drain()
            if answer.status == 101 and self.after_101 != "drop":
                await self._pass(client, server)
        finally:
            server[1].transport.abort()

    async def _pass(self, client: Ends, server: Ends) -> None:
        passes = self.after_101 == "pass"
        if passes:
            self._websockets.add(client)
        pipes = [
            asyncio.create_task(self._pipe(client[0], server[1] if passes else None)),
            asyncio.create_task(self._pipe(server[0], client[1] if passes else None)),
        ]
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED if passes else asyncio.ALL_COMPLETED)
        finally:
            self._websockets.discard(client)
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
        while data := await reader.read(65_536):
            if writer is not None:
                await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """One that runs."""
    proxy = Proxy(port)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


def _without_compression(head: bytes) -> bytes:
    """So that answers can be read here."""
    return re.sub(rb"(?i)\r\naccept-encoding:[^\r]*", b"", head)


def _reset(writer: asyncio.StreamWriter) -> None:
    tcp = writer.get_extra_info("socket")
    if not writer.transport.is_closing():
        reset_on_close(tcp)
    writer.transport.abort()
