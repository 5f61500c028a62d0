"""A run: its servers, how a task is measured, and what came of it."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.servers import (
    MongoServer,
    PostgresServer,
    RedisServer,
    Server,
    available_mongo_servers,
    start_postgres_server,
    start_redis_server,
)

from .peers import BARE, OURS, PROMISE, STORES, Done, Kind, Peer, start_bare, start_ours, start_promise
from .processes import BenchError, Generator, Process, cores, family_cpu, on

IDLE = 2.0
"""Seconds in which a server may tidy up before its memory is looked at."""
MANY = "-many"
"""What the name of a row ends with whose events are not one at a time."""
NODE, SAME_PROMISE = "Node", "Node, same promise"
KEY_ONCE = "Node, same promise, key made once"
EVENT, CONNECTED, STORED, SQLITE, ONLY = "event", "connected", "stored", "stored, SQLite", "ours"
MONGO, REDIS, SQLITE_REDIS, MONGO_REDIS = "MongoDB", "PostgreSQL, Redis", "SQLite, Redis", "MongoDB, Redis"
KEYS = "keys"
POSTGRES = ONLY
"""Whose figure it is: of the Node servers, or of ours in one of several ways."""
NX = "nx"
"""Not MongoDB, and too far from it to measure anything by."""


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
    users: int
    """Connected, where notifications go to one user each."""
    to_all: int
    """How often each of 1,000 users is sent something by one request; a tenth of that for 10,000."""
    many: int
    """What stands for 10,000 users."""
    seconds: float
    """How long requests come at a fixed rate."""
    resting: float
    """Seconds in which idle sockets are watched; a client is pinged every 25."""


FULL = Size(
    rounds=3, broadcasts=30, paced=20, broadcasts_5000=8, events=20_000, sends=4_000, connects=1_000, idle=5_000,
    users=1_000, to_all=20, many=10_000, seconds=5, resting=50,
)  # fmt: skip
QUICK = Size(
    rounds=1, broadcasts=10, paced=6, broadcasts_5000=2, events=5_000, sends=320, connects=500, idle=1_000,
    users=200, to_all=2, many=1_000, seconds=0.5, resting=1,
)  # fmt: skip

Figures = dict[tuple[str, str], list[float]]
"""By row and series: the figure of each round, CPU microseconds or KiB for a unit."""

Beside = dict[tuple[str, str, str], list[float]]
"""By row, series and what it is, in its own unit."""


@dataclass(frozen=True)
class Task:
    """Something that is measured: what it costs these processes to do so many units."""

    series: str
    processes: Sequence[Process]
    work: Callable[[], Done]
    stores: Sequence[Server] = ()
    """Its database, and Redis, if they are processes of their own."""


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
    beside: Beside = field(default_factory=lambda: defaultdict(list))
    _databases: Iterator[int] = field(default_factory=lambda: count(1))
    _postgres: PostgresServer | None = None
    _redis: RedisServer | None = None
    _mongo: MongoServer | None = None

    # Servers

    def ours(
        self,
        stack: ExitStack,
        *,
        store: str = POSTGRES,
        redis: int | None = None,
        url: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> Peer:
        """On a new database, unless its URL is given; with this database of Redis, and these settings."""
        home = self.directory(stack)
        redis_url = None if redis is None else self.redis_url(redis)
        process = start_ours(home, url or self.url(stack, store), redis_url, settings)
        servers = {POSTGRES: self._postgres, MONGO: self._mongo}
        stores = servers.get(store), self._redis if redis is not None else None
        return self._peer(stack, OURS, process, [server for server in stores if server])

    def url(self, stack: ExitStack, store: str) -> str:
        """The URL of a new database."""
        return f"sqlite:///{self.directory(stack) / 'eventide.db'}" if store == SQLITE else self.database(store)

    @staticmethod
    def directory(stack: ExitStack) -> Path:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eventide-bench-")))

    def bare(self, stack: ExitStack, redis: int | None = None) -> Peer:
        return self._peer(stack, BARE, start_bare(None if redis is None else self.redis_url(redis)))

    def promise(self, stack: ExitStack, url: str = "", *, key_once: bool = False) -> Peer:
        process = start_promise(url or self.database(), key_once=key_once)
        return self._peer(stack, PROMISE, process, [self._postgres] if self._postgres else [])

    def all(self, stack: ExitStack) -> dict[str, Peer]:
        """A server of each sort, by the series of its figures."""
        peers = {ONLY: self.ours(stack)}
        if self.node:
            peers |= {NODE: self.bare(stack), SAME_PROMISE: self.promise(stack)}
        return peers

    def database(self, store: str = POSTGRES) -> str:
        """The URL of a new database on a server."""
        name = f"bench_{next(self._databases)}"
        if store == MONGO:
            if self.mongo is None:
                raise BenchError("there is no MongoDB")
            return self.mongo.url(name)
        if self._postgres is None:
            with on(cores()[1]):
                self._postgres = self.stack.enter_context(start_postgres_server())
        return self._postgres.create_database(name)

    @property
    def mongo(self) -> MongoServer | None:
        """MongoDB, or what stands for it; None where there is none whose answers are right."""
        if self._mongo is None:
            choices = [choice for choice in available_mongo_servers() if choice.kind != NX and not choice.problem]
            if choices:
                with on(cores()[1]):
                    self._mongo = self.stack.enter_context(choices[0].start())
        return self._mongo

    @property
    def mongo_kind(self) -> str:
        """What was measured as MongoDB; empty: nothing."""
        return self._mongo.kind if self._mongo else ""

    def redis_url(self, database: int) -> str:
        if self._redis is None:
            with on(cores()[1]):
                self._redis = self.stack.enter_context(start_redis_server())
        return self._redis.url(database)

    def _peer(self, stack: ExitStack, kind: Kind, process: Process, stores: Sequence[Server] = ()) -> Peer:
        stack.enter_context(process)
        peer = Peer(kind, process, self.load, stores)
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

    def add_beside(self, row: str, series: str, found: Mapping[str, float]) -> None:
        for name, figure in found.items():
            self.beside[row, series, name].append(figure)

    def cost(self, row: str, task: Task) -> float:
        """CPU microseconds for a unit."""
        profiler = self._profiler(row, task)
        while True:
            before = sum(process.cpu() for process in task.processes)
            stores = self._stores_cpu(task)
            done = task.work()
            cost = (sum(process.cpu() for process in task.processes) - before) / 1_000 / done.units
            if profiler is None or profiler.poll() is not None:
                break
        self.add_beside(row, task.series, done.beside)
        if stores:
            spent = sum(cpu - stores.get(pid, 0) for pid, cpu in self._stores_cpu(task).items())
            self.add_beside(row, task.series, {STORES: spent / 1_000 / done.units})
        return cost

    @staticmethod
    def _stores_cpu(task: Task) -> dict[int, int]:
        """Of processes that run; what has ended meanwhile is missed, which is little."""
        return {pid: cpu for server in task.stores for pid, cpu in family_cpu(server.pid).items()}

    def _profiler(self, row: str, task: Task) -> subprocess.Popen[bytes] | None:
        """The command beside which our server is to work for as long as it runs."""
        if self.profile is None or task.series in (NODE, SAME_PROMISE, KEY_ONCE):
            return None
        names = {"row": row, "series": task.series.replace(", ", "-"), "pid": task.processes[-1].pid}
        command = self.profile.format(**names)
        self.tell(f"  {command}")
        return subprocess.Popen(shlex.split(command))
