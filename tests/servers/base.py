"""What the test servers share: the life of one, and choosing it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

from .process import Home, alive, freeze, send, thaw


class ServerError(RuntimeError):
    """A test server cannot be had, did not start, or was asked for what it cannot do."""


class Server(ABC):
    """A server for tests: one of ours, which is a process with a home, or one that was given by its URL.

    As a context manager it is closed at the end. A given server (`controllable` is False) is used as it is: `start`
    checks that it answers, `close` leaves it alone, and the other methods raise ServerError.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self,
        kind: str,
        base_url: str,
        home: Home | None = None,
        command: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.base_url = base_url
        self.home = home
        self._command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def ping(self) -> None:
        """Ask the server something over a new connection of the real driver; raises if no answer comes in seconds."""

    @property
    def controllable(self) -> bool:
        return self.home is not None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the running process."""
        return self._running_process().pid

    def start(self, timeout: float = 90) -> None:
        """Start on the same port and data as before, and return once the server answers.

        Raises ServerError, with the end of its log, if it dies instead or does not answer within timeout seconds.
        """
        if self.home is None:
            self.ping()
            return
        if self.running:
            raise ServerError(f"{self.kind} runs already")
        self._process = self.home.spawn(self._command, self._env)
        try:
            self._wait_until_ready(self._process, self.home, time.monotonic() + timeout)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout: float = 10) -> None:
        """End it in order, by force if that takes longer than timeout seconds. Does nothing if it has ended."""
        process = self._own_process()
        if process is None:
            return
        thaw(process.pid)
        send(process.pid, self.stop_signal)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it and its children by SIGKILL, as a crash would. Does nothing if it has ended."""
        process = self._own_process()
        if process is None:
            return
        # A stopped parent neither makes children nor reaps them: until it is killed, each of these pids stays theirs.
        family = freeze(process.pid)
        for pid in reversed(family):
            send(pid, signal.SIGKILL)
        process.wait()
        # A database whose orphans still hold its shared memory or files would refuse to start again.
        deadline = time.monotonic() + 5
        while any(map(alive, family[1:])) and time.monotonic() < deadline:
            time.sleep(0.005)

    def freeze(self) -> None:
        """Stop it and its children in their tracks (SIGSTOP): connections stay open, and nothing answers."""
        freeze(self._running_process().pid)

    def thaw(self) -> None:
        """Let a frozen server go on; does nothing to another."""
        thaw(self._running_process().pid)

    def close(self) -> None:
        """Stop it, and remove its data. Leaves a given server alone."""
        if self.home is not None:
            self.stop()
            self.home.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _own_process(self) -> subprocess.Popen[bytes] | None:
        """The process, or None if it has ended."""
        if self.home is None:
            raise ServerError("this server was given by its URL: it is not ours to control")
        return self._process if self.running else None

    def _running_process(self) -> subprocess.Popen[bytes]:
        process = self._own_process()
        if process is None:
            raise ServerError(f"{self.kind} does not run")
        return process

    def _wait_until_ready(self, process: subprocess.Popen[bytes], home: Home, deadline: float) -> None:
        while True:
            problem: Exception | None = None
            try:
                self.ping()
            except Exception as error:  # each driver has its own
                problem = error
            if process.poll() is not None:
                raise ServerError(f"{self.kind} ended with code {process.returncode} at start:\n{home.log_tail()}")
            if problem is None:
                return
            if time.monotonic() > deadline:
                raise ServerError(f"{self.kind} does not answer ({problem!r}):\n{home.log_tail()}") from problem
            time.sleep(0.02)


T = TypeVar("T")


def finished(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Wait for a coroutine, wherever the caller is: its thread may be inside a running event loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


S = TypeVar("S", bound=Server)


@dataclass(frozen=True)
class Choice(Generic[S]):
    """One kind of server, and what stands in its way here (`problem`, None if nothing does)."""

    kind: str
    problem: str | None
    make: Callable[[], S]

    def start(self) -> S:
        """Return a new server of this kind, which answers."""
        if self.problem:
            raise ServerError(self.problem)
        server = self.make()
        try:
            server.start()
        except BaseException:
            server.close()
            raise
        return server


def start_first(choices: Iterable[Choice[S]], kind: str | None) -> S:
    """Start the first possible of the choices, or of those of one kind; ServerError with every problem if none is."""
    problems = []
    for choice in choices:
        if kind in (None, choice.kind):
            if choice.problem is None:
                return choice.start()
            problems.append(f"{choice.kind}: {choice.problem}")
    raise ServerError("; ".join(problems) or f"there is no kind {kind!r}")
