"""The clients of a server, as the load generator has them: Socket.IO over raw WebSockets.

What a broadcast brings is the same for every socket, often to the byte: what one socket has parsed, the next ones only
compare.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from itertools import cycle
from urllib.parse import urlsplit

RECEIVE = 65_536
"""Bytes asked for at once."""
WITHIN = 60.0
"""Seconds in which whatever is waited for must come."""
PONGS = 1_024
"""How many pongs, each masked by a key of its own, are made ready."""


class Failed(Exception):
    """A server did not do what was expected of it."""


def frame(text: bytes, mask: bytes | None = None) -> bytes:
    """A masked WebSocket text frame; only short texts are sent."""
    mask = mask or os.urandom(4)
    size = len(text)
    head = bytes((0x81, 0x80 | size)) if size < 126 else struct.pack(">BBH", 0x81, 0xFE, size)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))


_pongs = cycle([frame(b"3", os.urandom(4)) for _ in range(PONGS)])


class Client:
    """One connection of one user. It is `ready` when the server has said all it says to a newcomer."""

    __slots__ = ("_crowd", "_rest", "_state", "_token", "asked_at", "events", "receive", "send", "socket")

    def __init__(self, crowd: Crowd, token: str) -> None:
        self._crowd = crowd
        self._token = token
        self._rest = b""
        self._state = "upgrading"
        self.events = 0
        self.asked_at = 0.0
        """When something was asked for that this client is to be sent, if its time is measured."""
        self.socket = socket.create_connection(crowd.address, timeout=WITHIN)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.receive = self.socket.recv
        self.send = self.socket.send
        self.send(crowd.handshake)

    def readable(self) -> None:
        try:
            data = self.receive(RECEIVE)
        except BlockingIOError:
            return
        crowd = self._crowd
        if data == crowd.known and not self._rest:
            events, pings = crowd.known_to_be
        elif data:
            events, pings = self._read(data)
        else:
            raise Failed(f"{crowd.name} closed a connection")
        self.events += events
        crowd.events += events
        if events and self.asked_at:
            crowd.times.append(time.monotonic() - self.asked_at)
            self.asked_at = 0.0
        if pings:
            self.send(next(_pongs) if pings == 1 else b"".join(next(_pongs) for _ in range(pings)))

    def _read(self, data: bytes) -> tuple[int, int]:
        """How many of the events that are counted, and how many pings, end in this data.

        Data that is a whole number of frames, none of which asks for more than that, is remembered as it is.
        """
        whole = data
        if self._state == "upgrading":
            head, end, data = (self._rest + data).partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return 0, 0
            if not head.startswith(b"HTTP/1.1 101 "):
                raise Failed(f"{self._crowd.name} refused a WebSocket: {head[:60]!r}")
            self._rest, self._state, whole = b"", "opening", b""
        started, same = self._rest, self._state == "ready"
        events = pings = at = 0
        data = started + data
        while (found := _text(data, at)) is not None:
            start, at = found
            packet = data[start:at]
            if packet.startswith(b"42"):
                counted, plain = self._event(packet)
                events += counted
                same = same and plain
            elif packet == b"2":
                pings += 1
            else:
                same = False
                self._control(packet)
        self._rest = data[at:]
        if same and whole and not started and not self._rest:
            self._crowd.known, self._crowd.known_to_be = whole, (events, pings)
        return events, pings

    def _event(self, packet: bytes) -> tuple[int, bool]:
        """Answers an event if it asks for that; whether it is one that is counted, and whether that was all."""
        crowd = self._crowd
        after = len(crowd.event_start)
        begin = packet.index(b"[", after)
        if begin > after:
            self.send(frame(crowd.ack_start + packet[after:begin] + b"[]"))
        if self._state == "joining" and packet.startswith(crowd.ready_when, begin):
            self._state = "ready"
            crowd.ready += 1
        return packet.startswith(crowd.counted, begin), begin == after

    def _control(self, packet: bytes) -> None:
        crowd = self._crowd
        if packet.startswith(b"0") and self._state == "opening":
            self._state = "joining"
            auth = json.dumps({"token": self._token}, separators=(",", ":"))
            self.send(frame(b"40%b%b" % (crowd.namespace, auth.encode())))
        elif packet.startswith(b"40") and self._state == "joining":
            if not crowd.ready_when:
                self._state = "ready"
                crowd.ready += 1
        else:
            raise Failed(f"{crowd.name} sent {packet[:200]!r}")


def _text(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the text of the frame at this place begins and ends; None while it is not all there."""
    left = len(data) - at
    if left < 2:
        return None
    if data[at] != 0x81:
        raise Failed(f"not a text frame: {data[at : at + 20]!r}")
    size, head = data[at + 1], 2
    if size == 126:
        if left < 4:
            return None
        size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
    elif size == 127:
        raise Failed("a frame of more than 64 KiB")
    start = at + head
    return (start, start + size) if left >= head + size else None


class Crowd:
    """The clients of one server."""

    def __init__(self, name: str, url: str, port_for_work: int, namespace: str, ready_when: str) -> None:
        self.name = name
        parts = urlsplit(url)
        self.address = parts.hostname or "", parts.port or 0
        self.address_for_work = self.address[0], port_for_work
        self.namespace = b"" if namespace == "/" else namespace.encode() + b","
        self.event_start = b"42" + self.namespace
        self.ack_start = b"43" + self.namespace
        self.ready_when = f'["{ready_when}"'.encode() if ready_when else b""
        self.host = parts.netloc.encode()
        self.handshake = (
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
            f"Host: {parts.netloc}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n"
            f"Origin: http://{parts.netloc}\r\n"
            "Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
            "Cache-Control: no-cache\r\nPragma: no-cache\r\n\r\n"
        ).encode()
        self.clients: list[Client] = []
        self.ready = 0
        self.events = 0
        self.times: list[float] = []
        """Seconds until what was asked for was there, where that is measured."""
        self.counted = b""
        self.known = b""
        self.known_to_be = 0, 0

    def count(self, event: str) -> None:
        """From now on count the events of this name."""
        self.counted = f'["{event}",'.encode()
        self.known = b""
        self.events = 0
        self.times = []
        for client in self.clients:
            client.events = 0
            client.asked_at = 0.0
