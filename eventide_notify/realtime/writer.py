"""Writing to sessions: one thing after the other, and many sessions in portions.

What is small is written at once, unless something larger is being written: then it waits for its turn, so everything
reaches a session in the order in which it came. What was begun is done, also when its caller does not wait for it any
more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from ..context import nobodys
from .session import Session

AT_ONCE = 250
"""Sessions that are written to before others have their turn."""

Write = Callable[[Session], bool]
"""Writes something to a session; whether it was written."""
Writes = Iterable[tuple[Sequence[Session], Write]]


class Writer:
    """Writes what it is given."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Writes], asyncio.Future[int]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def write(self, find: Callable[[], Writes]) -> int:
        """Write what `find` finds, after everything that was begun before; to how many sessions it was written.

        What it finds is asked for piece by piece, while it is written.
        """
        writes = find
        if self._task is None:
            found = iter(find())
            first, there_is_more = _first(found)
            if not there_is_more:
                return _write_now(first)
            writes = lambda: chain(first, found)  # noqa: E731
        written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((writes, written))
        if self._task is None:
            self._task = asyncio.create_task(self._write_waiting(), name="writer", context=nobodys())
        return await written

    async def close(self) -> None:
        """Write nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                await self._write_next(*self._waiting.popleft())
                if self._waiting:
                    await asyncio.sleep(0)  # the next may be large, too
        finally:
            self._task = None

    async def _write_next(self, find: Callable[[], Writes], written: asyncio.Future[int]) -> None:
        try:
            count = await _write_in_portions(find())
        except asyncio.CancelledError:
            written.cancel()
            raise
        except Exception as error:
            if not written.done():
                written.set_exception(error)
        else:
            if not written.done():
                written.set_result(count)


def _write_now(writes: Writes) -> int:
    written = 0
    for sessions, write in writes:
        for session in sessions:
            if write(session):
                written += 1
    return written


def _first(found: Iterator[tuple[Sequence[Session], Write]]) -> tuple[Writes, bool]:
    """What makes a portion, or a little more than one; and whether there may be more than a portion."""
    first = []
    size = 0
    for sessions, write in found:
        first.append((sessions, write))
        size += len(sessions) or 1  # to find nobody takes time as well
        if size > AT_ONCE:
            return first, True
    return first, False


async def _write_in_portions(writes: Writes) -> int:
    written = begun = 0
    for sessions, write in writes:
        for start in range(0, len(sessions) or 1, AT_ONCE):
            portion = sessions[start : start + AT_ONCE]
            size = len(portion) or 1
            if begun + size > AT_ONCE:
                await asyncio.sleep(0)
                begun = 0
            begun += size
            written += _write_now([(portion, write)])
    return written
