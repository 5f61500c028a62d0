"""A TCP connection that writes what it is told to, and reads only when it is told to: what attacks are made of."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from eventide_notify.verify.http import endpoint

DEADLINE = 20.0
"""Seconds in which anything that is waited for must come."""
HEADER_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Ended(ConnectionError):
    """The other side closed the connection before an answer was complete."""


class Peer:
    """One connection. Nothing is read before somebody asks for it, so what the service writes waits in the system."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.ended = False

    @classmethod
    async def open(cls, url: str, *, within: float = DEADLINE, takes: int | None = None) -> Self:
        """`takes`: bytes that the system takes for it, about, while it does not read."""
        host, port = endpoint(urlsplit(url))
        sock = socket.socket()
        if takes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)  # counts only before it is connected
        sock.setblocking(False)
        peer = cls(sock)
        try:
            async with asyncio.timeout(within):
                await peer._loop.sock_connect(sock, (host, port))
        except BaseException:
            sock.close()
            raise
        return peer

    async def write(self, data: bytes, *, within: float = DEADLINE) -> bool:
        """Whether the connection took it all; not if it has ended. `TimeoutError` when nobody reads there."""
        try:
            async with asyncio.timeout(within):
                await self._loop.sock_sendall(self._socket, data)
        except ConnectionError:
            self.ended = True
        return not self.ended

    async def read(self, size: int = 1 << 20) -> bytes:
        """What comes next, however long that takes; nothing when the connection has ended."""
        try:
            data = await self._loop.sock_recv(self._socket, size)
        except ConnectionError:
            data = b""
        self.ended = self.ended or not data
        return data

    async def take(self, size: int) -> bytes:
        """The next bytes, this many; raises `Ended`."""
        while len(self.buffer) < size:
            await self._more()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    async def answer(self, *, to: str = "GET", within: float = DEADLINE) -> Answer:
        """The next answer; raises `Ended` when the connection ends before it is complete."""
        async with asyncio.timeout(within):
            while (end := self.buffer.find(HEADER_END)) < 0:
                await self._more()
            head = (await self.take(end + len(HEADER_END))).decode("latin-1")
            status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            number = int(status.split()[1])
            bodyless = number == 101 or to == "HEAD"
            return Answer(number, headers, b"" if bodyless else await self._body(headers))

    async def exchange(self, request: bytes, *, within: float = DEADLINE) -> Answer:
        """Send a request; its answer, which may come before all of the request was taken."""
        await self.write(request, within=within)
        return await self.answer(within=within)

    async def until_closed(self, *, within: float = DEADLINE) -> bytes:
        """All that came before the other side closed the connection; `TimeoutError` when it does not."""
        async with asyncio.timeout(within):
            while data := await self.read():
                self.buffer += data
        return bytes(self.buffer)

    def close(self) -> None:
        # Whoever still reads here would go on, with the number of the socket, on the next one that gets it.
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    async def _more(self) -> None:
        data = await self.read()
        if not data:
            raise Ended(f"the connection ended after {bytes(self.buffer[:200])!r}")
        self.buffer += data

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return await self._chunks()
        if (length := headers.get("content-length")) is not None:
            return await self.take(int(length))
        while data := await self.read():
            self.buffer += data
        return await self.take(len(self.buffer))

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            while (end := self.buffer.find(b"\r\n")) < 0:
                await self._more()
            size = int((await self.take(end + 2)).split(b";")[0], 16)
            body += (await self.take(size + 2))[:size]
            if size == 0:
                return body


@asynccontextmanager
async def connected(url: str, *, takes: int | None = None) -> AsyncIterator[Peer]:
    """A connection, closed at the end; see `Peer.open`."""
    peer = await Peer.open(url, takes=takes)
    try:
        yield peer
    finally:
        peer.close()


def request(
    target: str,
    *,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    end: bytes = b"\r\n",
) -> bytes:
    """A request as bytes; with `end=b""` its header block is not complete."""
    lines = [f"{method} {target} HTTP/1.1", "Host: eventide.test"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + end + (body or b"")


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"
