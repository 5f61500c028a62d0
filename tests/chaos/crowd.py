"""Very many Socket.IO clients in one process: a WebSocket with nothing but what a client of the service needs."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from eventide_notify.verify.http import endpoint

NAMESPACE = "/notifications"
_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZXZlbnRpZGUtbm90aWZ5IQ==\r\n\r\n"
)


class Member(asyncio.Protocol):
    """A client that connects, answers pings, and counts what it gets until it is caught up."""

    transport: asyncio.Transport

    def __init__(self, host: str, token: str, caught_up: asyncio.Future[None]) -> None:
        self._host = host
        self._auth = json.dumps({"token": token})
        self._caught_up = caught_up
        self._buffer = b""
        self._open = False
        self.replayed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_HANDSHAKE.format(host=self._host).encode())

    def connection_lost(self, error: Exception | None) -> None:
        if not self._caught_up.done():
            self._caught_up.set_exception(ConnectionError(f"closed by the server ({error})"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._open, self._buffer = True, rest
        for text in self._frames():
            self._frame(text)

    def _frames(self) -> Iterator[bytes]:
        """The texts of the frames that are complete. (A server does not mask them.)"""
        buffer, at = self._buffer, 0
        while len(buffer) >= at + 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start + length:
                break
            yield buffer[start : start + length]
            at = start + length
        self._buffer = buffer[at:]

    def _frame(self, text: bytes) -> None:
        if text.startswith(b"0"):
            self._write(f"40{NAMESPACE},{self._auth}")
        elif text == b"2":
            self._write("3")
        elif text.startswith(b'42/notifications,["notification"'):
            self.replayed += b'"replayed":true' in text
        elif text.startswith(b'42/notifications,["catch_up_complete"') and not self._caught_up.done():
            self._caught_up.set_result(None)

    def _write(self, text: str) -> None:
        data = text.encode()
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self.transport.write(b"\x81" + size + bytes(4) + data)  # masked with zeros


async def join(url: str, tokens: Iterable[str], *, at_once: int) -> list[Member]:
    """Connect a member for each token, and return when all are caught up."""
    host, port = endpoint(urlsplit(url))
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(at_once)

    async def join_one(token: str) -> Member:
        async with places:
            caught_up: asyncio.Future[None] = loop.create_future()
            _, member = await loop.create_connection(lambda: Member(f"{host}:{port}", token, caught_up), host, port)
            await caught_up
            return member

    return list(await asyncio.gather(*map(join_one, tokens)))


def leave(members: Iterable[Member]) -> None:
    """Break all connections off."""
    for member in members:
        member.transport.abort()


@contextmanager
def open_files(number: int) -> Iterator[None]:
    """Let this process, and those that it starts, open this many files, if the system lets us at all."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    if hard != resource.RLIM_INFINITY and hard < number:
        raise OSError(f"a process may open {hard} files here, and {number} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
