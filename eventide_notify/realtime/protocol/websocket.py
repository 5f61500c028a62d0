"""WebSockets (RFC 6455) for the Engine.IO server, on uvicorn.

Frames that are ready go straight to the socket, several in one write; of what comes in, the answer to a ping, seven
bytes, is recognised before anything is parsed. No extension is negotiated: compression costs hundreds of KiB for each
connection, and most of the time of a small message.

What one client can cost is bounded: a message has at most `FRAME_MAX` bytes; a client that does not take what it asked
for is not asked what else it wants; and one that sends more than `IDLE_FRAMES_MAX` frames a second that carry nothing
(pings, pongs, fragments) is closed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any

from ..engine.carrier import FRAME_MAX, STRANGER_MAX, Receiver
from ..engine.packets import Frame

if TYPE_CHECKING:
    from .limits import ConnectionLimits

CLOSE_TIMEOUT = 2.0
"""Seconds in which a client must answer a close frame."""
LAST_WORD = 0.5
"""Seconds in which somebody who does not keep to the protocol may read that, before the connection is broken off."""
IDLE_FRAMES_MAX = 200
EARLY_MAX = 65_536
"""Most bytes that a client may send before its request is answered."""
UNREAD_MAX = 262_144
"""Bytes that wait to be parsed while messages are not taken, or the client does not take what it is sent; then nothing
more is read."""

NORMAL, PROTOCOL_ERROR, INVALID_DATA, POLICY, TOO_LARGE, RESTARTING = 1000, 1002, 1007, 1008, 1009, 1012
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class _Violation(Exception):
    """The client does not keep to the protocol."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def accept_key(key: bytes) -> bytes:
    """What a server answers to this `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket, after its request has been read."""

    __slots__ = (
        "_buffer",
        "_close_timer",
        "_closing",
        "_connections",
        "_fragments",
        "_fragments_kind",
        "_fragments_size",
        "_idle",
        "_idle_since",
        "_key",
        "_late",
        "_limits",
        "_loop",
        "_message_max",
        "_reading",
        "_transport",
        "open",
        "paused",
        "receiver",
    )  # fmt: skip

    receiver: Receiver

    def __init__(
        self,
        transport: asyncio.Transport,
        key: bytes,
        *,
        limits: ConnectionLimits,
        connections: set[Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.paused = False
        self.open = False
        """Whether it was accepted, and has not ended."""
        self._transport = transport
        self._key = key
        self._limits = limits
        self._connections = connections
        self._loop = loop
        self._buffer = bytearray()
        self._reading = True
        self._closing = False
        self._close_timer: asyncio.TimerHandle | None = None
        self._fragments: list[bytes] | None = None
        self._fragments_kind = _TEXT
        self._fragments_size = 0
        self._late = 0
        self._message_max = STRANGER_MAX
        self._idle = 0
        self._idle_since = 0.0

    # The handshake

    def accept(self, receiver: Receiver) -> WebSocketProtocol:
        self.receiver = receiver
        self.open = True
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept_key(self._key)
            + b"\r\n\r\n"
        )
        if self._buffer:
            self._loop.call_soon(self._parse)
        return self

    # What the receiver calls

    def write(self, frame: Frame) -> None:
        if self.open:
            self._transport.write(frame.wire)

    def write_asking(self, frame: Frame) -> None:
        if self.open:
            self._transport.write(frame.asking)

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            if not self.paused:
                self._transport.resume_reading()
                self._parse()

    def admit(self) -> None:
        self._message_max = FRAME_MAX
        self._limits.known(self)

    def close(self, code: int = NORMAL) -> None:
        if self.open:
            self.open = False
            self._end(code.to_bytes(2, "big"))

    def abort(self) -> None:
        self.open = False
        self._transport.abort()

    # What uvicorn and the limits call

    def shutdown(self) -> None:
        """The server stops."""
        if self.open:
            self.open = False
            self._end(RESTARTING.to_bytes(2, "big"))
            self.receiver.lost()
        else:
            self._transport.close()

    def expire(self) -> None:
        self.abort()

    @property
    def stuck(self) -> bool:
        """Whether its client takes nothing."""
        return False  # its backlog is bounded, and then it is cut off

    def evict(self) -> None:
        self.abort()

    # What the event loop calls

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self._reading:
            # First what came meanwhile. There is an answer to a ping in it, if the client reads, however slowly; and
            # what is written now may pause this again at once.
            self._transport.resume_reading()
            self._parse()
        if self.open:
            self.receiver.writable()

    def eof_received(self) -> None: ...

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._limits.closed(self)
        if self._close_timer is not None:
            self._close_timer.cancel()
        self.open = False
        self._buffer.clear()
        if hasattr(self, "receiver"):
            receiver = self.receiver
            del self.receiver  # which refers to this one, too: so both go at once
            receiver.lost()

    def data_received(self, data: bytes) -> None:
        if (
            len(data) == 7
            and data[0] == 0x81
            and data[1] == 0x81
            and data[2] ^ data[6] == 0x33
            and not self._buffer
            and self._fragments is None
            and self.open
        ):
            self.receiver.ponged()
            return
        self._buffer += data
        if self._closing:
            self._late += len(data)
            if self._late > EARLY_MAX:  # it goes on as if nothing had been said
                self._buffer.clear()
                self._stop_listening()
                return
        if self.open or self._closing:
            self._parse()
        elif len(self._buffer) > EARLY_MAX:
            self._transport.abort()

    # Frames

    def _parse(self) -> None:
        buffer = self._buffer
        start = 0
        try:
            while self._closing or (self.open and self._reading and not self.paused):
                end = self._parse_frame(buffer, start)
                if end == start:
                    break
                start = end
        except _Violation as violation:
            buffer.clear()
            if self.open:
                self.open = False
                self._end(violation.code.to_bytes(2, "big"))
                self._stop_listening()
                self.receiver.lost()
            return
        del buffer[:start]
        if len(buffer) > UNREAD_MAX and (self.paused or not self._reading):
            self._transport.pause_reading()

    def _parse_frame(self, buffer: bytearray, start: int) -> int:
        """Handle the frame that begins here; where the next one does, or `start` when this one is not complete."""
        if len(buffer) - start < 2:
            return start
        first, second = buffer[start], buffer[start + 1]
        size, at = second & 0x7F, start + 2
        if first & 0x70 or not second & 0x80:
            raise _Violation(PROTOCOL_ERROR)  # a reserved bit, or no mask
        kind, final = first & 0x0F, bool(first & 0x80)
        if kind >= _CLOSE and (size > 125 or not final):
            raise _Violation(PROTOCOL_ERROR)
        if size == 126:
            size, at = int.from_bytes(buffer[at : at + 2], "big"), at + 2
        elif size == 127:
            size, at = int.from_bytes(buffer[at : at + 8], "big"), at + 8
        if at <= len(buffer) and size + self._fragments_size > self._message_max and kind < _CLOSE:
            raise _Violation(TOO_LARGE)
        end = at + 4 + size
        if len(buffer) < end:
            return start
        data = _unmask(bytes(buffer[at + 4 : end]), bytes(buffer[at : at + 4]))
        if self._closing:
            if kind == _CLOSE:
                self._transport.close()
        elif kind >= _CLOSE:
            self._control(kind, data)
        else:
            self._data(kind, data, final)
        return end

    def _data(self, kind: int, data: bytes, final: bool) -> None:
        if self._fragments is None:
            if kind not in (_TEXT, _BINARY):
                raise _Violation(PROTOCOL_ERROR)
            if final:
                self._message(kind, data)
                return
            self._fragments, self._fragments_kind = [], kind
        elif kind != _CONTINUATION:
            raise _Violation(PROTOCOL_ERROR)
        self._count_idle()
        self._fragments_size += len(data)
        if data:
            self._fragments.append(data)
        if final:
            whole, self._fragments, self._fragments_size = b"".join(self._fragments), None, 0
            self._message(self._fragments_kind, whole)

    def _message(self, kind: int, data: bytes) -> None:
        if kind == _BINARY:
            self.receiver.received(data)
            return
        if data == b"3":
            self.receiver.ponged()
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise _Violation(INVALID_DATA) from None
        self.receiver.received(text)

    def _control(self, kind: int, data: bytes) -> None:
        if kind == _CLOSE:
            self._closed_by_client(data)
            return
        self._count_idle()
        if kind == _PING:
            self._transport.write(bytes((0x8A, len(data))) + data)
        elif kind != _PONG:
            raise _Violation(PROTOCOL_ERROR)

    def _closed_by_client(self, data: bytes) -> None:
        code = int.from_bytes(data[:2], "big")
        if len(data) == 1 or (data and not _may_be_sent(code)):
            raise _Violation(PROTOCOL_ERROR)
        if not _is_text(data[2:]):
            raise _Violation(INVALID_DATA)
        self.open = False
        self._transport.write(bytes((0x88, len(data[:2]))) + data[:2])
        self._close_timer = self._loop.call_later(CLOSE_TIMEOUT, self._transport.abort)
        self._transport.close()
        self._reading = False
        self.receiver.lost()

    def _count_idle(self) -> None:
        self._idle += 1
        if self._idle > IDLE_FRAMES_MAX:
            now = self._loop.time()
            if now - self._idle_since < 1:
                raise _Violation(POLICY)
            self._idle, self._idle_since = 0, now

    def _stop_listening(self) -> None:
        """Take nothing more of somebody who does not keep to the protocol."""
        self._closing = False
        self._transport.pause_reading()
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._close_timer = self._loop.call_later(LAST_WORD, self._transport.abort)

    def _end(self, payload: bytes) -> None:
        """Say that it is closed, and wait a moment for the client to say so too."""
        self._closing = True
        self._fragments, self._fragments_size = None, 0
        self._transport.write(bytes((0x88, len(payload))) + payload)
        self._transport.resume_reading()
        self._close_timer = self._loop.call_later(CLOSE_TIMEOUT, self._transport.abort)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unmask(data: bytes, key: bytes) -> bytes:
    size = len(data)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(mask, "little")).to_bytes(size, "little")


def _may_be_sent(code: int) -> bool:
    return (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999
