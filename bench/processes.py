"""The processes of a run: started on a core, and asked what they have cost. Linux only."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[1]
FILES = 32_768
"""How many open files are asked for; most rows need a third of it."""
_FOREIGN = ("EVENTIDE_", "JWT_", "MONGODB_", "DATABASE_", "REDIS_", "FRONTEND_", "PORT", "PG", "COVERAGE_", "NODE_")
"""What the caller's shell may have set, and no server may see."""


class BenchError(RuntimeError):
    """A row could not be measured."""


def cores() -> tuple[set[int], set[int]]:
    """Where servers run, and where everything else does: two different cores if there are two."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, {others[0]} if others else {first}


@contextmanager
def on(chosen: set[int]) -> Iterator[None]:
    """What is started within runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> None:
    """Let this process, and those it starts, open `FILES` files, or as many as the system lets them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most >= FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, most))
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Process:
    """A program that serves; its first line is its address and its port for work. As a context manager it ends."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], directory: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        with on(cores()[0]):
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env={**inherited, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,
            )
        try:
            self.url, self.port_for_work = self._address(" ".join(command))
        except BaseException:
            self.close()
            raise

    def _address(self, command: str) -> tuple[str, int]:
        assert self._process.stdout
        url, _, port = self._process.stdout.readline().decode().partition(" ")
        if not port:
            raise BenchError(f"{command} did not start:\n{self.log()}")
        return url, int(port)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> int:
        """Nanoseconds of processor time so far, of all threads, ended ones too."""
        if self._process.poll() is not None:
            raise BenchError(f"a server has ended:\n{self.log()}")
        return _cpu(self.pid)

    def resident(self) -> int:
        """Bytes of it that are in memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    def log(self) -> str:
        """The end of what it wrote to standard error."""
        # The server writes where this file is, so it must not be moved.
        written = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return "\n".join(written.decode(errors="replace").splitlines()[-20:])

    def close(self) -> None:
        _end(self._process)
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and (log := self.log()):
            print(f"--- {self.url}\n{log}", file=sys.stderr)
        self.close()


def _cpu(pid: int) -> int:
    return time.clock_gettime_ns(~pid << 3 | 2)  # what clock_getcpuclockid(3) answers


def family_cpu(pid: int) -> dict[int, int]:
    """Nanoseconds of processor time so far, of a process and of its children that run, by process."""
    found = {}
    with suppress(OSError):  # it has just ended
        found[pid] = _cpu(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                found |= family_cpu(int(child))
    return found


class Generator:
    """The load generator, a process of its own: `load.py` says what it can do, each `do_…` as `ask("…", …)`."""

    def __init__(self) -> None:
        with on(cores()[1]):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.load"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something, and return what came of it; raises BenchError when a server failed."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):  # it may have said already why it has ended
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("the load generator has ended")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise BenchError(answer["failed"])
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
