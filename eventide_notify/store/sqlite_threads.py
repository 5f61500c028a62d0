"""The threads that SQLite works in: one that writes, and a few that read.

What is to be written while a transaction runs goes into the next one, all together: a commit waits for the disk, and
costs the same for one as for a hundred. Nobody waits for company: who comes when nothing runs is served at once.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from . import engines
from .group import Sizes
from .sql_errors import Progress, may_be_of_one

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

TOGETHER = 500
"""Most pieces of work in one transaction: what one of them waits for all others is bounded."""


@dataclass(slots=True, eq=False)
class _Job:
    work: Work[Any]
    progress: Progress
    patience: float | None
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def answer(self) -> None:
        if self.future.done():
            return  # nobody waits for it any more
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


_Jobs = queue.SimpleQueue["_Job | None"]
"""None is the last of them."""


class WritingThread:
    """One thread with one connection, in transactions of many pieces of work.

    A piece that fails by itself fails alone: the others are done again without it, so work must be repeatable.
    `check` is called before and after each transaction; what it raises, the work of the transaction raises.
    """

    def __init__(self, engine: sa.Engine, check: Callable[[], None], sizes: Sizes) -> None:
        self._engine = engine
        self._check = check
        self._sizes = sizes
        self._jobs = _Jobs()
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None

    async def do(self, work: Work[T], progress: Progress, *, patience: float | None = None) -> T:
        """The result of the work, once it is committed. With `patience`, in a transaction of its own, which waits so
        many seconds for other processes."""
        if self._thread is None:
            self._jobs = _Jobs()  # one that is ending has those that are left
            args = self._jobs, self._ending
            self._thread = threading.Thread(target=self._run, args=args, name="SQLite writes", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        job = _Job(work, progress, patience, loop, loop.create_future())
        self._jobs.put(job)
        return await job.future  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Do what is left, and end."""
        if (thread := self._thread) is not None:
            self._thread, self._ending = None, thread
            self._jobs.put(None)
            await asyncio.to_thread(thread.join)

    def _run(self, waiting: _Jobs, earlier: threading.Thread | None) -> None:
        if earlier is not None:
            earlier.join()  # it has the connection
        goes_on = True
        while goes_on:
            jobs: list[_Job] = []
            goes_on = _take(waiting, jobs)
            for group in _groups(jobs):
                self._sizes(len(group))
                self._transact(group)
                _answer(group)
        self._engine.dispose()

    def _transact(self, jobs: Sequence[_Job]) -> None:
        try:
            self._check()
            with self._engine.connect() as connection, _patient(connection, jobs[0].patience):
                transaction = connection.begin()
                for job in jobs:
                    job.result = job.work(connection)
                for job in jobs:
                    job.progress.committing = True
                transaction.commit()
            self._check()  # what went into a file that was removed meanwhile must not be taken for saved
        except BaseException as error:
            if len(jobs) > 1 and not jobs[0].progress.committing and may_be_of_one(error):
                for job in jobs:
                    self._transact([job])
                return
            for job in jobs:
                job.error = error


@contextmanager
def _patient(connection: sa.Connection, seconds: float | None) -> Iterator[None]:
    """Meanwhile wait so long for other processes."""
    if seconds is None:
        yield
        return
    cursor = connection.connection.cursor()  # BEGIN, for which it may have to wait, comes with SQLAlchemy's own
    cursor.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout={engines.CONNECT_SECONDS * 1000:.0f}")
        cursor.close()


def _take(waiting: _Jobs, jobs: list[_Job]) -> bool:
    """What there is to do, at least one; False when that was the last."""
    with suppress(queue.Empty):
        job = waiting.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == TOGETHER:
                return True
            job = waiting.get_nowait()
        return False
    return True


def _groups(jobs: Sequence[_Job]) -> list[list[_Job]]:
    groups: list[list[_Job]] = []
    for job in jobs:
        before = groups[-1][-1] if groups else job
        if groups and job.patience is None and before.patience is None and job.loop is before.loop:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def _answer(jobs: Sequence[_Job]) -> None:
    with suppress(RuntimeError):  # the loop has been closed: nobody waits for this
        jobs[0].loop.call_soon_threadsafe(_answer_all, jobs)


def _answer_all(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.answer()


class ReadingThreads:
    """Threads with a connection each, for single queries."""

    def __init__(self, engine: sa.Engine, number: int) -> None:
        self._engine = engine
        self._number = number
        self._threads: ThreadPoolExecutor | None = None

    async def do(self, work: Work[T]) -> T:
        """The result of the work."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._number, "SQLite reads")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, work)

    async def close(self) -> None:
        """Do what is left, and end."""
        if (threads := self._threads) is not None:
            self._threads = None
            await asyncio.to_thread(threads.shutdown)
        self._engine.dispose()

    def _work(self, work: Work[T]) -> T:
        with self._engine.connect() as connection:
            return work(connection)
