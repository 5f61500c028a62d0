"""Requests and WebSockets on any ASGI server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from starlette.types import Message, Receive, Scope, Send

from .carrier import EXTENSION, Connection, Receiver
from .packets import PING_PACKET, PONG, Frame, Malformed

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 2.0
"""Seconds in which a WebSocket that is closed must have ended: what was written has left, and the client answered."""
TOO_LARGE = 1009
Headers = Iterable[tuple[bytes, bytes]]
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


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Answer a request."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def respond_to_upgrade(
    scope: Scope, receive: Receive, send: Send, status: int, body: bytes, *, headers: Headers | None = None
) -> None:
    """Answer a request for a WebSocket with this status instead; where the server cannot do that, with its own.

    `headers`: of the answer; by default the body is JSON.
    """
    extensions = scope.get("extensions") or {}
    connection: Connection | None = extensions.get(EXTENSION)
    given = list(headers or [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())])
    if connection is not None:
        connection.reject(status, given, body)
        return
    await _next(receive)
    if "websocket.http.response" in extensions:
        if await _takes(send, {"type": "websocket.http.response.start", "status": status, "headers": given}):
            await _takes(send, {"type": "websocket.http.response.body", "body": body})
    else:
        await _takes(send, {"type": "websocket.close", "code": 1013 if status in (429, 503) else 1008})


class AsgiWebSocket:
    """A carrier over plain ASGI. `serve` runs as long as it lasts.

    Each server tells differently that a client has gone: by a message, by an exception of its own from `send`, or
    not at all while a `send` waits for the client. Each of them ends it, and none of them is worth a line in the log.
    """

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
        self._close_timer: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()

    def write(self, frame: Frame) -> None:
        if self._closing is None:
            self._unsent += frame.packets
            self._unsent_size += frame.size
            self.paused = self.paused or self._unsent_size > UNSENT_MAX
            self._filled.set()

    def write_asking(self, frame: Frame) -> None:
        self.write(frame)
        self.write(PING_PACKET)

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
            self._close_timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._ended.set)

    def abort(self) -> None:
        self._closing = self._closing or 1008
        self._ended.set()

    async def serve(self, message_max: int) -> None:
        """Accept it, and carry what comes and goes until it ends."""
        tasks: list[asyncio.Task[None]] = []
        try:
            if await self._accepted():
                reader = asyncio.create_task(self._read(message_max))
                tasks = [reader, asyncio.create_task(self._write(reader))]
                for task in tasks:
                    task.add_done_callback(self._done)
                await self._ended.wait()
        finally:
            self._closing = self._closing or 1000
            if self._close_timer is not None:
                self._close_timer.cancel()
            for task in tasks:
                task.cancel()
            self.receiver.lost()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _accepted(self) -> bool:
        connect = await _next(self._receive)
        return connect["type"] == "websocket.connect" and await _takes(self._send, {"type": "websocket.accept"})

    async def _read(self, message_max: int) -> None:
        while self._closing is None:
            message = await _next(self._receive)
            if message["type"] != "websocket.receive":
                self._ended.set()
                return
            data = message.get("text")
            if data is None:
                data = message.get("bytes") or b""
            if len(data) > message_max:
                self.close(TOO_LARGE)
            elif data == PONG:
                self.receiver.ponged()
            else:
                self.receiver.received(data)
            await self._reading.wait()

    async def _write(self, reader: asyncio.Task[None]) -> None:
        while self._unsent or self._closing is None:
            self._filled.clear()
            unsent, self._unsent, self._unsent_size = self._unsent, [], 0
            for text in unsent:
                if not await _takes(self._send, {"type": "websocket.send", "text": text}):
                    self._ended.set()
                    return
            if self.paused:
                self.paused = False
                self.receiver.writable()
                await asyncio.sleep(0)  # a server that takes everything at once would let nobody else have a turn
            if not self._unsent and self._closing is None:
                await self._filled.wait()
        reader.cancel()  # Granian does not tell a `receive` that waits already
        await asyncio.wait([reader])
        if await _takes(self._send, {"type": "websocket.close", "code": self._closing}):
            while (await _next(self._receive))["type"] == "websocket.receive":
                pass  # until the client has answered, lest the server cut off what is under way
        self._ended.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a WebSocket could not be carried", exc_info=error)
            self._ended.set()


async def _next(receive: Receive) -> Message:
    try:
        return await receive()
    except Exception as error:
        logger.debug("an ASGI server has nothing to receive: %r", error)
        return {"type": "websocket.disconnect"}


async def _takes(send: Send, message: Message) -> bool:
    try:
        await send(message)
    except Exception as error:
        logger.debug("an ASGI server takes nothing: %r", error)
        return False
    return True
