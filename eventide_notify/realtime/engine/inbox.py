"""What a client says, handled one after the other.

The end of its transport is the last of it, so whoever handles a message never finds the transport ended halfway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import EngineServer

INBOX_MAX = 64
INBOX_SIZE_MAX = 262_144
"""Messages of one client that wait to be handled, and their characters; before more are read, these are handled."""
AT_ONCE = 16
"""Messages of one client that are handled before others have their turn."""
TURN = 0.001
"""Seconds after which others have it too: some messages cost much, and fail without waiting for anything."""
BURST = 500
PACE = 100
"""Messages that a client may send at once, and in each second after that; the rest is handled at this pace."""


class Inbox:
    """The messages of one transport. Nothing runs while there are none."""

    __slots__ = (
        "_allowance",
        "_counted_at",
        "_emptied",
        "_engine",
        "_messages",
        "_reason",
        "_sid",
        "_size",
        "_waiting",
        "_working",
    )

    def __init__(self, engine: EngineServer, sid: str, emptied: Callable[[], None]) -> None:
        self._engine = engine
        self._sid = sid
        self._emptied = emptied
        self._messages: list[str | bytes] = []
        self._size = 0
        self._reason: str | None = None
        self._working = False
        self._waiting: asyncio.Future[None] | None = None
        self._allowance = float(BURST)
        self._counted_at = engine.loop.time()

    @property
    def full(self) -> bool:
        """Whether nothing more is to be read for now; `emptied` is called when there is room again."""
        return len(self._messages) > INBOX_MAX or self._size > INBOX_SIZE_MAX

    def put(self, message: str | bytes) -> None:
        """Have it handled."""
        self._messages.append(message)
        self._size += len(message)
        self._start()

    def end(self, reason: str) -> None:
        """The transport has ended: tell that when all messages are handled."""
        self._reason = reason
        self._let_go_on()
        self._start()

    async def room(self) -> None:
        """Return when messages may come again: at once, unless it is full; also when the transport has ended."""
        while self.full and self._reason is None:
            if self._waiting is None:
                self._waiting = self._engine.loop.create_future()
            await asyncio.shield(self._waiting)

    def _start(self) -> None:
        if not self._working:
            self._working = True
            self._engine.start(self._work())

    async def _work(self) -> None:
        while self._messages:
            messages, self._messages = self._messages, []
            handled, began = 0, self._engine.loop.time()
            for message in messages:
                await self._engine.handle_message(self._sid, message)
                self._size -= len(message)
                handled += 1
                if handled == AT_ONCE or self._engine.loop.time() - began > TURN:
                    await asyncio.sleep(self._pause(handled))
                    handled, began = 0, self._engine.loop.time()
            self._emptied()
            self._let_go_on()
            if self._messages:
                await asyncio.sleep(self._pause(handled))
        if self._reason is not None:
            await self._engine.handle_end(self._sid, self._reason)  # and nothing is handled any more
            del self._emptied  # the reference back to the transport: without it both are freed at once
        else:
            self._working = False

    def _pause(self, handled: int) -> float:
        """Seconds until the next ones are handled: none, unless the client floods us."""
        now = self._engine.loop.time()
        self._allowance = min(BURST, self._allowance + (now - self._counted_at) * PACE) - handled
        self._counted_at = now
        return max(0.0, -self._allowance / PACE)

    def _let_go_on(self) -> None:
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None
