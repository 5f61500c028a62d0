"""How many connections there may be, and how long one may wait before it says who it is.

A connection is a *stranger* while its request has not come in whole, while a WebSocket has not joined a namespace, or
while it polls without having joined one. Strangers have little time, and when there are too many connections the
oldest of them is closed for the next one: so nobody keeps others out by opening connections and saying nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from ...faults import ClientFaults

logger = logging.getLogger(__name__)

HEADERS_MAX = 16_384
"""Most bytes of a request line and its headers."""
HEADERS_TIMEOUT = 60.0
"""Seconds in which a request's headers must have come; as on Node."""
REQUEST_TIMEOUT = 300.0
"""Seconds in which a request must have come; as on Node."""
IDLE_TIMEOUT = 75.0
"""Seconds for which a connection stays open for another request: longer than load balancers keep one (60, nginx and
Amazon's by default). Otherwise it might be closed here while a request is on its way, and a POST is not repeated."""
RESERVED_FILES = 64
"""Descriptors that are not for connections: the database, Redis, files."""
STRANGERS_PART = 0.5
"""The part of the connections that may be strangers."""
SOCKETS_PART = 0.9
"""The part of the connections that may be taken when a WebSocket comes; the rest is for requests."""
DEFAULT_MAX = 10_000
"""Most connections where the system tells no limit."""
LOOK_EVERY = 0.5


class Closable(Protocol):
    """A connection, as its limits see it."""

    def expire(self) -> None:
        """Its time is up."""

    def evict(self) -> None:
        """Others need its place."""

    @property
    def stuck(self) -> bool:
        """Whether its client does not take what it is sent."""


class ConnectionLimits:
    """The connections of one server."""

    def __init__(self, most: int | None = None) -> None:
        self.most = connections_max() if most is None else most
        self._open: set[Closable] = set()
        self._strangers: dict[Closable, float | None] = {}
        """The oldest first, with their deadlines on the event loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._faults = ClientFaults()

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Closable) -> bool:
        """Another one is open, and has `HEADERS_TIMEOUT`. False: there is no place for it."""
        if len(self._open) >= self.most and not self._close_oldest():
            self._faults.note(f"were refused: {self.most} connections are open")
            return False
        self._open.add(connection)
        self.stranger(connection, HEADERS_TIMEOUT)
        return True

    @property
    def crowded(self) -> bool:
        """Whether there is no place for another WebSocket, although there may be for a request."""
        return len(self._open) > self.most * SOCKETS_PART

    def closed(self, connection: Closable) -> None:
        """It is gone."""
        self._open.discard(connection)
        self._strangers.pop(connection, None)

    def replaced(self, old: Closable, new: Closable) -> None:
        """It is a WebSocket now, and a stranger until it has joined a namespace."""
        self.closed(old)
        self._open.add(new)
        self.stranger(new, None)

    def stranger(self, connection: Closable, seconds: float | None) -> None:
        """It is a stranger from now on; for so long at most (None: somebody else watches that)."""
        loop = asyncio.get_running_loop()
        self._strangers.pop(connection, None)
        if len(self._strangers) >= max(1, int(self.most * STRANGERS_PART)):
            self._close_oldest()
        self._strangers[connection] = None if seconds is None else loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY, self._look)

    def known(self, connection: Closable) -> None:
        """It is no stranger."""
        self._strangers.pop(connection, None)

    def _close_oldest(self) -> bool:
        oldest = next(iter(self._strangers), None) or next((one for one in self._open if one.stuck), None)
        if oldest is None:
            return False
        self._faults.note("were closed before they had authenticated: others needed their place")
        self.closed(oldest)
        oldest.evict()
        return True

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [one for one, end in self._strangers.items() if end is not None and end <= now]:
            self._strangers.pop(connection, None)
            connection.expire()
        self._timer = loop.call_later(LOOK_EVERY, self._look) if self._strangers else None


def sockets_max() -> int:
    """How many transports the descriptors of this process allow, beside requests."""
    return int(connections_max() * SOCKETS_PART)


def connections_max() -> int:
    """How many connections the descriptors of this process allow."""
    try:
        import resource
    except ImportError:  # Windows
        return DEFAULT_MAX
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return DEFAULT_MAX if soft == resource.RLIM_INFINITY else max(16, soft - min(RESERVED_FILES, soft // 4))
