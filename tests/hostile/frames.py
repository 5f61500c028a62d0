"""WebSocket frames, right and wrong ones, and a WebSocket on a `Peer` that does nothing by itself."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum

from .peer import DEADLINE, Answer, Ended, Peer, connected, request

WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "ZXZlbnRpZGUtbm90aWZ5IQ=="),
)
NAMESPACE = "/notifications"


class Opcode(IntEnum):
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that came from the service."""

    opcode: int
    payload: bytes
    first_byte: int

    @property
    def close_code(self) -> int | None:
        """Of a close frame; None when it has none."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else None


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    key: bytes | None = b"\x12\x34\x56\x78",
    announce: int | None = None,
) -> bytes:
    """A frame as a client writes it.

    `reserved`: the three bits between FIN and opcode. `key=None`: not masked. `announce`: a length other than the true
    one.
    """
    length = len(payload) if announce is None else announce
    masked = 0x80 if key else 0
    head = bytes([0x80 * fin | reserved << 4 | opcode])
    if length < 126:
        head += bytes([masked | length])
    elif length < 1 << 16:
        head += bytes([masked | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([masked | 127]) + length.to_bytes(8, "big")
    return head + (key + masking(payload, key) if key else payload)


def masking(payload: bytes, key: bytes) -> bytes:
    """The payload masked with this key."""
    mask = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(payload), "big")


def text(message: str, *, fin: bool = True) -> bytes:
    return frame(Opcode.TEXT, message.encode(), fin=fin)


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(Opcode.CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def upgrade(headers: Iterable[tuple[str, str]] = (), *, target: str = WEBSOCKET, end: bytes = b"\r\n") -> bytes:
    """The request that opens a WebSocket."""
    return request(target, headers=[*UPGRADE, *headers], end=end)


class WebSocket:
    """An open WebSocket on a `Peer`: it reads one frame at a time, when asked, and answers nothing."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._acks = itertools.count(1)

    async def open(self, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """The answer to the upgrade request, which must be 101."""
        answer = await self.peer.exchange(upgrade(headers))
        assert answer.status == 101, answer
        return answer

    async def join(self, token: str) -> None:
        """Be authenticated, and read until the replay is complete."""
        await self.message(starts="0")
        await self.write(text(f"40{NAMESPACE},{json.dumps({'token': token})}"))
        await self.message(starts=f'42{NAMESPACE},["catch_up_complete"')

    async def write(self, data: bytes) -> bool:
        """Write bytes, which need not be frames; see `Peer.write`."""
        return await self.peer.write(data)

    async def next(self, *, within: float = DEADLINE) -> Frame:
        """The next frame; raises `Ended`."""
        async with asyncio.timeout(within):
            first, second = await self.peer.take(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self.peer.take(2 if size == 126 else 8), "big")
            return Frame(first & 0x0F, await self.peer.take(size), first)

    async def message(self, *, starts: str, within: float = DEADLINE) -> str:
        """The next text that starts like this; others, and control frames, are passed over."""
        async with asyncio.timeout(within):
            while True:
                frame = await self.next(within=within)
                if frame.opcode == Opcode.CLOSE:
                    raise Ended(f"closed with {frame.close_code}")
                if frame.opcode == Opcode.TEXT and frame.payload.startswith(starts.encode()):
                    return frame.payload.decode()

    async def pong(self, *, within: float = DEADLINE) -> bytes:
        """The payload of the next pong."""
        async with asyncio.timeout(within):
            while (frame := await self.next(within=within)).opcode != Opcode.PONG:
                if frame.opcode == Opcode.CLOSE:
                    raise Ended(f"closed with {frame.close_code}")
        return frame.payload

    async def ask(self, event: str = "get_unread_count", *, within: float = DEADLINE) -> str:
        """The answer to an event; the session is alive."""
        number = next(self._acks)
        await self.write(text(f'42{NAMESPACE},{number}["{event}"]'))
        return await self.message(starts=f"43{NAMESPACE},{number}[", within=within)

    async def refusal(self, *, within: float = DEADLINE) -> int | None:
        """Read until the service says that it closes, or has done so; the code of its close frame."""
        async with asyncio.timeout(within):
            try:
                while (frame := await self.next(within=within)).opcode != Opcode.CLOSE:
                    pass
            except Ended:
                return None
        return frame.close_code

    async def end(self, *, within: float = DEADLINE, answering: bool = True) -> int | None:
        """Read until the service has closed the connection; the code of its close frame, None when it sent none.

        `answering`: whether its close frame is answered, as it should be.
        """
        code = None
        async with asyncio.timeout(within):
            try:
                while True:
                    frame = await self.next(within=within)
                    if frame.opcode == Opcode.CLOSE:
                        code = frame.close_code
                        if answering:
                            await self.write(close(code))
            except Ended:
                return code


@asynccontextmanager
async def websocket(url: str, token: str | None = None) -> AsyncIterator[WebSocket]:
    """An open WebSocket; with a token, of a session that has joined."""
    async with connected(url) as peer:
        socket = WebSocket(peer)
        await socket.open()
        if token is not None:
            await socket.join(token)
        yield socket
