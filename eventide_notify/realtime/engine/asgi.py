"""Requests and WebSockets on any ASGI server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import Receive, Scope, Send

from .carrier import EXTENSION, Connection, Receiver
from .packets import PING, Frame, Malformed

UNSENT_MAX = 65_536
"""Characters that may wait for the ASGI server before the carrier is paused."""


async def read_body(receive: Receive, most: int) -> bytes | None:
    """A request's body; None when the client has gone before it was complete. `Malformed` beyond so many bytes."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            raise Malformed("a request is too large")
        if not message.get("more_body", False):
            return bytes(body)


async def respond(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Answer a request."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def respond_to_upgrade(scope: Scope, receive: Receive, send: Send, status: int, body: bytes) -> None:
    """Answer a request for a WebSocket with this status instead; where the server cannot do that, with its own."""
    extensions = scope.get("extensions") or {}
    connection: Connection | None = extensions.get(EXTENSION)
    if connection is not None:
        connection.reject(status, body)
    elif "websocket.http.response" in extensions:
        await receive()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await receive()
        await send({"type": "websocket.close", "code": 1013 if status == 503 else 1008})


class AsgiWebSocket:
    """A carrier over plain ASGI. `serve` runs as long as it lasts."""

    def __init__(self, receive: Receive, send: Send, receiver: Receiver) -> None:
        self.receiver = receiver
        self.paused = False
        self._receive = receive
        self._send = send
        self._unsent: list[str] = []
        self._unsent_size = 0
        self._filled = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._closing: int | None = None
        self._serving: asyncio.Task[None] | None = None

    def write(self, frame: Frame) -> None:
        if self._closing is None:
            self._unsent += frame.packets
            self._unsent_size += frame.size
            self.paused = self._unsent_size > UNSENT_MAX
            self._filled.set()

    def write_asking(self, frame: Frame) -> None:
        self.write(frame)
        self.write(Frame(PING))

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    def admit(self) -> None: ...

    def close(self, code: int = 1000) -> None:
        if self._closing is None:
            self._closing = code
            self._filled.set()
            self._reading.set()

    def abort(self) -> None:
        self._closing = 1008
        if self._serving is not None:
            self._serving.cancel()

    async def serve(self, message_max: int) -> None:
        """Accept it, and carry what comes and goes until it ends."""
        await self._receive()
        await self._send({"type": "websocket.accept"})
        reader = asyncio.create_task(self._read(message_max))
        writer = asyncio.create_task(self._write())
        self._serving = asyncio.create_task(_first_of(reader, writer))
        try:
            await asyncio.wait([self._serving])
        finally:
            for task in (self._serving, reader, writer):
                task.cancel()
            await asyncio.gather(self._serving, reader, writer, return_exceptions=True)
            self._closing = self._closing or 1000
            self.receiver.lost()

    async def _read(self, message_max: int) -> None:
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                return
            data = message.get("text")
            if data is None:
                data = message.get("bytes") or b""
            if len(data) > message_max:
                await self._send({"type": "websocket.close", "code": 1009})
                return
            if data == "3":
                self.receiver.ponged()
            else:
                self.receiver.received(data)
            await self._reading.wait()

    async def _write(self) -> None:
        while self._unsent or self._closing is None:
            self._filled.clear()
            unsent, self._unsent, self._unsent_size = self._unsent, [], 0
            for text in unsent:
                await self._send({"type": "websocket.send", "text": text})
            if self.paused:
                self.paused = False
                self.receiver.writable()
            if not self._unsent and self._closing is None:
                await self._filled.wait()
        await self._send({"type": "websocket.close", "code": self._closing})


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
