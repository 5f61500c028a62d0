"""`POST /v1/admin/notifications`, by the load generator: on connections that are kept, many at once or paced."""

from __future__ import annotations

import json
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from .clients import RECEIVE, WITHIN, Crowd, Failed

LARGE = 1 << 20
"""Bytes that the system is to take at once: a request to 10,000 users has less."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_keys = count(1)


@dataclass(frozen=True)
class Plan:
    """Which requests there are."""

    token: str
    content: dict[str, Any]
    users: int
    """They are for so many users, one after the other; or each for all of them."""
    first: int = 0
    """The number of the first of these users."""
    to_all: bool = False
    connections: int = 1
    """So many requests at once, at most."""
    rate: float = 0
    """So many requests a second; 0: the next one as soon as a connection is free."""
    keys: bool = False
    """Whether each request has an `Idempotency-Key`."""


class Connection:
    """One that is kept; a request at a time."""

    def __init__(self, crowd: Crowd, answered: Callable[[Connection], None]) -> None:
        self._crowd = crowd
        self._answered = answered
        self._data = b""
        self._size = 0
        self.asked_at = 0.0
        self.socket = socket.create_connection(crowd.address, timeout=WITHIN)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGE)
        self.socket.setblocking(False)

    def send(self, request: bytes) -> None:
        if self.socket.send(request) < len(request):
            raise Failed("the system does not take a whole request at once")

    def readable(self) -> None:
        data = self.socket.recv(RECEIVE)
        if not data:
            raise Failed(f"{self._crowd.name} closed a connection after {self._data[:500]!r}")
        self._data += data
        if not self._size and (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._data, 0, end)
            if not self._data.startswith(b"HTTP/1.1 201 ") or length is None:
                raise Failed(f"{self._crowd.name} answered {self._data[:500]!r}")
            self._size = end + 4 + int(length[1])
        if self._size and len(self._data) >= self._size:
            self._data, self._size = b"", 0
            self._answered(self)


class Posts:
    """Requests to one server, as planned: as many as `limit` says, or without end."""

    def __init__(self, crowd: Crowd, plan: Plan, limit: int | None = None) -> None:
        self._crowd = crowd
        self._plan = plan
        self._limit = limit
        content = json.dumps(plan.content, separators=(",", ":")).encode()
        self._body = b'{"userIds":[%b],' + content[1:]
        self._head = (
            b"POST /v1/admin/notifications HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nAccept: */*\r\n" % (crowd.host, plan.token.encode())
        )
        # In turn: servers close a connection that is not used for five seconds.
        self._free = deque(Connection(crowd, self._answered) for _ in range(plan.connections))
        self.connections: Sequence[Connection] = tuple(self._free)
        self._start = time.monotonic()
        self._late = False
        self._sent = 0
        self.times: list[float] = []
        """Seconds until each was answered."""

    def push(self) -> float:
        """Send what is due as far as connections are free; seconds until there is more."""
        while self._sent != self._limit:
            now = time.monotonic()
            due = self._start + self._sent / self._plan.rate if self._plan.rate else now
            if due > now:
                self._late = False
                return due - now
            if not self._free:
                self._late = True
                break
            # What waits for a connection is late because of the server. Else the generator is, by less than 1 ms.
            self._send(self._free.popleft(), due if self._late else now)
        return 1.0

    @property
    def ended(self) -> bool:
        return len(self.times) == self._limit

    def _send(self, connection: Connection, asked_at: float) -> None:
        plan, clients = self._plan, self._crowd.clients
        if plan.to_all:
            users = b",".join(b'"u%d"' % number for number in range(plan.first, plan.first + plan.users))
        else:
            number = plan.first + self._sent % plan.users
            users = b'"u%d"' % number
            if number < len(clients):
                clients[number].asked_at = asked_at
        key = b"Idempotency-Key: bench-%d-%d\r\n" % (id(self), next(_keys)) if plan.keys else b""
        body = self._body % users
        self._sent += 1
        connection.asked_at = asked_at
        connection.send(b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, key, len(body), body))

    def _answered(self, connection: Connection) -> None:
        self.times.append(time.monotonic() - connection.asked_at)
        self._free.append(connection)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Half of them, and 99 in 100, took no longer than so many milliseconds."""
    ordered = sorted(seconds)
    return {name: ordered[int((len(ordered) - 1) * part)] * 1_000 for name, part in (("p50", 0.5), ("p99", 0.99))}
