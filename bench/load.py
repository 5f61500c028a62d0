"""The load generator: thousands of Socket.IO clients over raw WebSockets in one process.

It is told what to do on standard input, an object a line, and answers each with an object on standard output; between
and during these it answers pings and acks. `generator.py` is the other end, and says what can be asked.

It must be faster than any server it measures, so it works on `epoll` and sockets directly. What a broadcast brings is
the same for every socket, often to the byte: what one socket has parsed, the next ones only compare.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from typing import Any
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

    __slots__ = ("_crowd", "_rest", "_state", "_token", "events", "receive", "send", "socket")

    def __init__(self, crowd: Crowd, token: str) -> None:
        self._crowd = crowd
        self._token = token
        self._rest = b""
        self._state = "upgrading"
        self.events = 0
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
        self.counted = b""
        self.known = b""
        self.known_to_be = 0, 0

    def count(self, event: str) -> None:
        """From now on count the events of this name."""
        self.counted = f'["{event}",'.encode()
        self.known = b""
        self.events = 0
        for client in self.clients:
            client.events = 0


class Asked:
    """A connection by which a server is asked for something, one thing at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=WITHIN)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._data = b""
        self.answer: bytes | None = None

    def work(self, body: dict[str, Any]) -> None:
        """Ask for work, on the port for that."""
        self.answer, self._data = None, b""
        self.socket.send(json.dumps(body).encode() + b"\n")

    def get(self, path: str) -> None:
        """Ask by HTTP."""
        self.answer, self._data = None, b""
        self.socket.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    def readable(self) -> None:
        data = self.socket.recv(RECEIVE)
        self._data += data
        if self._data == b"done\n" or (not data and self._data.startswith(b"HTTP/1.1 200 ")):
            self.answer = self._data
        elif not data:
            raise Failed(f"a server closed a connection after {self._data[:500]!r}")


class Load:
    """Everything the process does, in one thread."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._readable: dict[int, Callable[[], None]] = {sys.stdin.fileno(): self._told}
        self._commands: list[dict[str, Any]] = []
        self._input = b""
        self._ended = False
        self._crowds: dict[str, Crowd] = {}

    def run(self) -> None:
        """Do what is asked until the input ends, or a server fails; it may do so while nothing is asked of it."""
        while not self._ended:
            try:
                self._pump(1)
                while self._commands:
                    command = self._commands.pop(0)
                    answer = getattr(self, f"do_{command.pop('do')}")(**command)
                    print(json.dumps(answer or {}), flush=True)
            except Failed as error:
                print(json.dumps({"failed": str(error)}), flush=True)
                return

    def do_crowd(self, name: str, **about: Any) -> None:
        """Know a server by this name."""
        self._crowds[name] = Crowd(name, **about)

    def do_connect(self, name: str, tokens: list[str], concurrency: int) -> None:
        """Connect a client with each token, so many at a time; done when all are ready."""
        crowd = self._crowds[name]
        target = crowd.ready + len(tokens)
        waiting = iter(tokens)
        begun = crowd.ready
        end = time.monotonic() + WITHIN
        while crowd.ready < target:
            while begun - crowd.ready < concurrency and (token := next(waiting, None)) is not None:
                begun += 1
                client = Client(crowd, token)
                crowd.clients.append(client)
                self._watch(client.socket, client.readable)
            self._pump(1)
            if time.monotonic() > end:
                raise Failed(f"{crowd.name}: {target - crowd.ready} sockets are not ready after {WITHIN} s")

    def do_close(self, name: str) -> None:
        """Close all connections of the crowd."""
        crowd = self._crowds[name]
        for client in crowd.clients:
            self._forget(client.socket)
        crowd.clients.clear()
        crowd.ready = 0

    def do_leave(self, name: str) -> None:
        """Close all connections to the server, and forget it."""
        self.do_close(name)
        del self._crowds[name]

    def do_broadcast(self, *, name: str, body: dict[str, Any], event: str, count: int, every: float) -> dict[str, Any]:
        """Have the server broadcast so often: again when all sockets have got it, and not before `every` seconds."""
        crowd = self._crowds[name]
        crowd.count(event)
        start = time.monotonic()
        with self._asked(crowd.address_for_work) as server:
            for n in range(1, count + 1):
                self._wait_for(server, partial(server.work, body))
                self._until_counted(crowd, n * len(crowd.clients))
                self._pump_until(start + n * every)
        return self._result(crowd, count * len(crowd.clients), start)

    def do_events(
        self, *, name: str, via: str, body: dict[str, Any], event: str, count: int, in_flight: int
    ) -> dict[str, Any]:
        """Have the server `via` send events to single users of this crowd: so many, and again when all have come."""
        crowd = self._crowds[name]
        crowd.count(event)
        start = time.monotonic()
        with self._asked(self._crowds[via].address_for_work) as server:
            for n in range(0, count, in_flight):
                now = {**body, "count": in_flight, "first": n, "users": len(crowd.clients)}
                self._wait_for(server, partial(server.work, now))
                self._until_counted(crowd, n + in_flight)
        return self._result(crowd, count, start)

    def do_figure(self, name: str, figure: str, least: float) -> dict[str, Any]:
        """Wait until this figure of the server's `/metrics` is at least so high; how high it is."""
        end = time.monotonic() + WITHIN
        while (value := self._figure(self._crowds[name], figure)) < least:
            if time.monotonic() > end:
                raise Failed(f"{name}: {figure} is {value}, not {least}, after {WITHIN} s")
            self._pump_until(time.monotonic() + 0.1)
        return {"value": value}

    def _figure(self, crowd: Crowd, figure: str) -> float:
        with self._asked(crowd.address) as server:
            lines = self._wait_for(server, partial(server.get, "/metrics")).decode().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{figure} ")), 0.0)

    def do_idle(self, seconds: float) -> None:
        """Only answer what comes."""
        self._pump_until(time.monotonic() + seconds)

    @contextmanager
    def _asked(self, address: tuple[str, int]) -> Iterator[Asked]:
        asked = Asked(address)
        self._watch(asked.socket, asked.readable)
        try:
            yield asked
        finally:
            self._forget(asked.socket)

    def _wait_for(self, asked: Asked, ask: Callable[[], None]) -> bytes:
        ask()
        end = time.monotonic() + WITHIN
        while asked.answer is None:
            self._pump(1)
            if time.monotonic() > end:
                raise Failed(f"a server has not answered in {WITHIN} s")
        return asked.answer

    def _until_counted(self, crowd: Crowd, target: int) -> None:
        end = time.monotonic() + WITHIN
        while crowd.events < target:
            self._pump(1)
            if time.monotonic() > end:
                raise Failed(f"{crowd.name}: {target - crowd.events} of {target} events did not come in {WITHIN} s")

    def _result(self, crowd: Crowd, expected: int, start: float) -> dict[str, Any]:
        counts = {client.events for client in crowd.clients}
        if crowd.events != expected or max(counts) - min(counts) > 1:
            raise Failed(f"{crowd.name}: {crowd.events} events instead of {expected}; by socket: {sorted(counts)}")
        return {"units": expected, "seconds": time.monotonic() - start}

    def _pump(self, seconds: float) -> None:
        readable = self._readable
        for fd, _ in self._epoll.poll(seconds, 1_024):
            if reader := readable.get(fd):
                reader()

    def _pump_until(self, time_: float) -> None:
        while (left := time_ - time.monotonic()) > 0:
            self._pump(left)

    def _watch(self, connection: socket.socket, readable: Callable[[], None]) -> None:
        self._readable[connection.fileno()] = readable
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _forget(self, connection: socket.socket) -> None:
        del self._readable[connection.fileno()]
        connection.close()  # which takes it out of epoll, too

    def _told(self) -> None:
        data = os.read(sys.stdin.fileno(), RECEIVE)
        self._ended = not data
        *lines, self._input = (self._input + data).split(b"\n")
        self._commands += map(json.loads, lines)


if __name__ == "__main__":
    Load().run()
