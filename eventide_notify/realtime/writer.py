"""Writing to sessions: one thing after the other, and many sessions in portions.

What is small is written at once, unless something larger is being written: then it waits for its turn, so everything
reaches a session in the order in which it came. What was begun is done, also when its caller does not wait for it any
more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from .session import Session

AT_ONCE = 500
"""Sessions that are written to before others have their turn."""

Write = Callable[[Session], bool]
"""Writes something to a session; whether it was written."""
Writes = list[tuple[Sequence[Session], Write]]


class Writer:
    """Writes what it is given."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Writes], asyncio.Future[int]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def write(self, find: Callable[[], Writes]) -> int:
        """Write what `find` finds, after everything that was begun before; to how many sessions it was written."""
        writes = find
        if self._task is None:
            found = find()
            if sum(len(sessions) for sessions, _ in found) <= AT_ONCE:
                return _write_now(found)
            writes = lambda: found  # noqa: E731 - as it was found
        written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((writes, written))
        if self._task is None:
            self._task = asyncio.create_task(self._write_waiting(), name="writer")
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


async def _write_in_portions(writes: Writes) -> int:
    written = begun = 0
    for sessions, write in writes:
        for start in range(0, len(sessions), AT_ONCE):
            portion = sessions[start : start + AT_ONCE]
            if begun + len(portion) > AT_ONCE:
                await asyncio.sleep(0)
                begun = 0
            begun += len(portion)
            written += _write_now([(portion, write)])
    return written
