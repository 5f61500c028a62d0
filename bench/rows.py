"""What is measured: for each row which servers run, what they have to do, and how often."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from tests.servers import PostgresServer, RedisServer, start_postgres_server, start_redis_server

from .peers import BARE, IN_FLIGHT, OURS, PROMISE, Kind, Peer, start_bare, start_ours, start_promise
from .processes import Generator, Process, cores, on

PAUSE = 0.15
"""Seconds between two broadcasts that do not follow each other at once."""
IDLE = 2.0
"""Seconds in which a server may tidy up before its memory is looked at."""
LIVELY = 200
"""Sockets that are there before: what only the first ones cost is no cost of a socket."""

MANY = "-many"
"""What the name of a row ends with whose events are not one at a time."""
NODE, SAME_PROMISE = "Node", "Node, same promise"
EVENT, CONNECTED, STORED, SQLITE, ONLY = "event", "connected", "stored", "stored, SQLite", "ours"
"""Whose figure it is: of the Node servers, or of ours in one of several ways."""


@dataclass(frozen=True)
class Size:
    """How much is done: in each round so many units."""

    rounds: int
    broadcasts: int
    paced: int
    broadcasts_5000: int
    events: int
    sends: int
    connects: int
    idle: int


FULL = Size(
    rounds=3, broadcasts=30, paced=20, broadcasts_5000=8, events=20_000, sends=4_000, connects=1_000, idle=5_000
)
QUICK = Size(rounds=1, broadcasts=10, paced=6, broadcasts_5000=2, events=5_000, sends=1_000, connects=500, idle=1_000)

Figures = dict[tuple[str, str], list[float]]
"""By row and series: the figure of each round, CPU microseconds or KiB for a unit."""


@dataclass(frozen=True)
class Task:
    """Something that is measured: what it costs these processes to do so many units."""

    series: str
    processes: Sequence[Process]
    work: Callable[[], int]


@dataclass
class Bench:
    """One run."""

    load: Generator
    size: Size
    node: bool
    """Whether Node's servers are measured, too."""
    profile: str | None
    tell: Callable[[str], None]
    stack: ExitStack
    figures: Figures = field(default_factory=lambda: defaultdict(list))
    _databases: Iterator[int] = field(default_factory=lambda: count(1))
    _postgres: PostgresServer | None = None
    _redis: RedisServer | None = None

    def run(self, row: str) -> None:
        """Measure one of `ROWS`."""
        self.tell(f"{row} ...")
        start = time.monotonic()
        ROWS[row](self)
        self.tell(f"{row}: {time.monotonic() - start:.0f} s")

    # Servers

    def ours(self, stack: ExitStack, *, sqlite: bool = False, redis_url: str | None = None, url: str = "") -> Peer:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eventide-bench-")))
        url = url or (f"sqlite:///{home / 'eventide.db'}" if sqlite else self.database())
        return self._peer(stack, OURS, start_ours(home, url, redis_url))

    def bare(self, stack: ExitStack, redis_url: str | None = None) -> Peer:
        return self._peer(stack, BARE, start_bare(redis_url))

    def promise(self, stack: ExitStack) -> Peer:
        return self._peer(stack, PROMISE, start_promise(self.database()))

    def all(self, stack: ExitStack) -> dict[str, Peer]:
        """A server of each sort, by the series of its figures."""
        peers = {ONLY: self.ours(stack)}
        if self.node:
            peers |= {NODE: self.bare(stack), SAME_PROMISE: self.promise(stack)}
        return peers

    def database(self) -> str:
        """The URL of a new PostgreSQL database."""
        if self._postgres is None:
            with on(cores()[1]):
                self._postgres = self.stack.enter_context(start_postgres_server())
        return self._postgres.create_database(f"bench_{next(self._databases)}")

    def redis_url(self, database: int) -> str:
        if self._redis is None:
            with on(cores()[1]):
                self._redis = self.stack.enter_context(start_redis_server())
        return self._redis.url(database)

    def _peer(self, stack: ExitStack, kind: Kind, process: Process) -> Peer:
        stack.enter_context(process)
        peer = Peer(kind, process, self.load)
        stack.callback(peer.leave)
        return peer

    # Measuring

    def measure(self, row: str, tasks: Sequence[Task]) -> None:
        """Do all tasks in turn, as often as there are rounds; and once before, which does not count."""
        for task in tasks:
            task.work()
        for number in range(1, self.size.rounds + 1):
            for task in tasks:
                self.add(row, task.series, number, self.cost(row, task))

    def add(self, row: str, series: str, number: int, figure: float) -> None:
        self.figures[row, series].append(figure)
        self.tell(f"  {row}, {series}, round {number}: {figure:.2f}")

    def cost(self, row: str, task: Task) -> float:
        """CPU microseconds for a unit."""
        profiler = self._profiler(row, task)
        while True:
            before = sum(process.cpu() for process in task.processes)
            units = task.work()
            cost = (sum(process.cpu() for process in task.processes) - before) / 1_000 / units
            if profiler is None or profiler.poll() is not None:
                return cost

    def _profiler(self, row: str, task: Task) -> subprocess.Popen[bytes] | None:
        """The command beside which our server is to work for as long as it runs."""
        if self.profile is None or task.series in (NODE, SAME_PROMISE):
            return None
        names = {"row": row, "series": task.series.replace(", ", "-"), "pid": task.processes[-1].pid}
        command = self.profile.format(**names)
        self.tell(f"  {command}")
        return subprocess.Popen(shlex.split(command))


def broadcast(bench: Bench) -> None:
    _broadcasts(bench, "broadcast", sockets=1_000, count=bench.size.broadcasts)


def paced(bench: Bench) -> None:
    _broadcasts(bench, "paced", sockets=1_000, count=bench.size.paced, every=PAUSE)


def broadcast_5000(bench: Bench) -> None:
    _broadcasts(bench, "broadcast-5000", sockets=5_000, count=bench.size.broadcasts_5000, sqlite=False)


def _broadcasts(bench: Bench, row: str, *, sockets: int, count: int, every: float = 0, sqlite: bool = True) -> None:
    with ExitStack() as stack:
        peers = bench.all(stack)
        ours = peers[ONLY]
        kinds = [(EVENT, ours, "event"), (CONNECTED, ours, "connected"), (STORED, ours, "everyone")]
        if sqlite:
            kinds.append((SQLITE, bench.ours(stack, sqlite=True), "everyone"))
        if bench.node:
            kinds += [(NODE, peers[NODE], "event"), (SAME_PROMISE, peers[SAME_PROMISE], "everyone")]
        for peer in dict.fromkeys(peer for _, peer, _ in kinds):
            peer.connect(sockets)
        bench.measure(
            row,
            [
                Task(series, [peer.process], partial(peer.broadcast, kind, count, every=every))
                for series, peer, kind in kinds
            ],
        )


def event(bench: Bench) -> None:
    with ExitStack() as stack:
        peers = {ONLY: bench.ours(stack), **({NODE: bench.bare(stack)} if bench.node else {})}
        _events(bench, "event", {series: [peer] for series, peer in peers.items()})


def redis(bench: Bench) -> None:
    with ExitStack() as stack:
        url, shared = bench.redis_url(0), bench.database()
        pairs = {ONLY: [bench.ours(stack, redis_url=url, url=shared) for _ in range(2)]}
        if bench.node:
            pairs[NODE] = [bench.bare(stack, bench.redis_url(1)) for _ in range(2)]
        _events(bench, "redis", pairs)


def _events(bench: Bench, row: str, peers: dict[str, list[Peer]]) -> None:
    """Events by the first peer of each list to users who are connected to the last; one at a time, and many."""
    for group in peers.values():
        group[-1].connect(1_000)
    most = bench.size.events
    for name, in_flight, amount in ((f"{row}{MANY}", IN_FLIGHT, most), (row, 1, most // 5)):
        tasks = []
        for series, group in peers.items():
            via = group[0] if len(group) > 1 else None
            work = partial(group[-1].events, amount, in_flight, via=via)
            tasks.append(Task(series, [peer.process for peer in group], work))
        bench.measure(name, tasks)


def send(bench: Bench) -> None:
    with ExitStack() as stack:
        peers = {ONLY: bench.ours(stack), SQLITE: bench.ours(stack, sqlite=True)}
        if bench.node:
            peers[SAME_PROMISE] = bench.promise(stack)
        for peer in peers.values():
            peer.connect(1_000)
        tasks = [Task(series, [peer.process], partial(peer.sends, bench.size.sends)) for series, peer in peers.items()]
        bench.measure("send", tasks)


def connect(bench: Bench) -> None:
    """A server that has had connections already; those of the round before are gone."""
    amount = bench.size.connects

    def again(peer: Peer) -> None:
        peer.close_sockets()
        bench.load.ask("idle", seconds=0.5)

    with ExitStack() as stack:
        peers = bench.all(stack)
        for peer in peers.values():
            peer.connect(amount)
            again(peer)
        for number in range(1, bench.size.rounds + 1):
            for series, peer in peers.items():
                task = Task(series, [peer.process], partial(peer.connect, amount))
                bench.add("connect", series, number, bench.cost("connect", task))
                again(peer)


def memory(bench: Bench) -> None:
    """New servers for each round: what has been freed once hides what is taken now."""
    for number in range(1, bench.size.rounds + 1):
        with ExitStack() as stack:
            for series, peer in bench.all(stack).items():
                peer.connect(LIVELY)
                bench.load.ask("idle", seconds=IDLE)
                before = peer.process.resident()
                sockets = peer.connect(bench.size.idle)
                bench.load.ask("idle", seconds=IDLE)
                bench.add("memory", series, number, (peer.process.resident() - before) / 1_024 / sockets)


ROWS: dict[str, Callable[[Bench], None]] = {
    "broadcast": broadcast,
    "paced": paced,
    "broadcast-5000": broadcast_5000,
    "event": event,
    "redis": redis,
    "connect": connect,
    "memory": memory,
    "send": send,
}
"""In the order of the table."""
