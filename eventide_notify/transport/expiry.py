"""The end of tokens on open sockets: a warning first, then the transport is closed.

A closed transport is a lost network to a stock client: it comes back by itself, with the token that its `auth` then
gives. (A Socket.IO *disconnect* would keep it away for good.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from .connections import Connection

WARNING = timedelta(seconds=60)
"""How long before its token expires a client is told."""
LONGEST_TIMER = 86_400.0
"""Seconds. A later end is looked at again then; event loops do not take any number."""

Act = Callable[[Connection], Awaitable[None]]


class ExpiryWatch:
    """One timer per socket: the warning, then the end."""

    def __init__(self, *, clock: Callable[[], datetime], leeway: float, warn: Act, end: Act) -> None:
        self._clock = clock
        self._leeway = timedelta(seconds=leeway)
        self._warn = warn
        self._end = end
        self._tasks: set[asyncio.Future[None]] = set()

    def start(self, connection: Connection) -> None:
        """Watch the socket's token; also after it got a new one."""
        self.stop(connection)
        self._arm(connection, connection.principal.expires_at - WARNING, self._warn_now)

    def stop(self, connection: Connection) -> None:
        """The socket is gone."""
        if connection.expiry is not None:
            connection.expiry.cancel()
            connection.expiry = None

    def _arm(self, connection: Connection, due: datetime, action: Callable[[Connection], None]) -> None:
        seconds = max(0.0, (due - self._clock()).total_seconds())
        loop = asyncio.get_running_loop()
        if seconds > LONGEST_TIMER:
            connection.expiry = loop.call_later(LONGEST_TIMER, self._arm, connection, due, action)
        else:
            connection.expiry = loop.call_later(seconds, action, connection)

    def _warn_now(self, connection: Connection) -> None:
        self._start(self._warn(connection))
        # A client that comes back with the same token is let in for as long as the leeway lasts, and must not be sent
        # away at once again and again.
        end = connection.principal.expires_at
        self._arm(connection, end if self._clock() < end else end + self._leeway, self._end_now)

    def _end_now(self, connection: Connection) -> None:
        connection.expiry = None
        self._start(self._end(connection))

    def _start(self, action: Awaitable[None]) -> None:
        task = asyncio.ensure_future(action)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
