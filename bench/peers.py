"""The servers that are measured: ours and the two on Node, each with its crowd of sockets in the load generator."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import jwt

from tests.servers import Server

from .payload import CONTENT, PAYLOAD
from .posts import Plan
from .processes import BenchError, Generator, Process

NODE = Path(__file__).parent / "node"
SECRET = "a secret for measurements, long enough"
TOKEN_TTL = 3600
CONCURRENCY = 32
"""How many clients connect at a time."""
IN_FLIGHT = 32
"""How many events or notifications are on their way at a time; the next ones follow when clients have them all."""
SENDS = 5
"""How many each caller sends before the load generator looks whether all have come."""
RETURNING = 500
"""How many connect at a time when all come back: as many as Node lets wait."""
MEANWHILE = 20
"""How many requests a second there are meanwhile."""
SETTLE = 0.3
"""Seconds after the last receipt, in which a server may still tell new counts: that is part of the cost."""

RATE, STORES, P50, P99 = "a second", "stores, µs", "p50, ms", "p99, ms"
BLOCK, HELD = "longest block, ms", "longest block, CPU ms"
"""What is told beside the cost of a task: units in a second; CPU microseconds of database and Redis for a unit; how
long half of what was asked for took, and 99 in 100; and for how long the event loop did nothing else, in
time and, for ours, in processor time."""

_names = count(1)


@dataclass(frozen=True)
class Done:
    """What a server has done: so many units, and what is to be told beside their cost."""

    units: int
    beside: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """What one sort of server is like on the wire."""

    name: str
    namespace: str
    ready_when: str
    """The event after which a client that connects has been told everything; empty: CONNECT is answered."""
    delivered: str
    """The figure in `/metrics` that counts receipts."""
    announcement: str
    """The event whose arrival counts as that of an announcement, the last of its names."""
    notification: str
    """The same of a notification."""


OURS = Kind(
    "ours",
    "/notifications",
    "catch_up_complete",
    "eventide_notifications_delivered_total",
    "announcement",
    "newNotification",
)
BARE = Kind("Node", "/", "", "", "announcement", "notification")
PROMISE = Kind("Node, same promise", "/", "connected", "bench_delivered", "announcement", "notification")


class Peer:
    """One server, or an instance of several, and its clients: `u0`, `u1`, …, one socket each."""

    def __init__(self, kind: Kind, process: Process, load: Generator, stores: Sequence[Server] = ()) -> None:
        self.kind = kind
        self.process = process
        self.stores = [server for server in stores if server.controllable]
        """Its database, and Redis, as far as they are processes here."""
        self.name = f"{kind.name} {next(_names)}"
        self.sockets = 0
        self._load = load
        self._receipts = 0.0
        load.ask(
            "crowd", name=self.name, url=process.url, port_for_work=process.port_for_work,
            namespace=kind.namespace, ready_when=kind.ready_when,
        )  # fmt: skip

    def connect(self, sockets: int) -> Done:
        """Connect that many more."""
        users = range(self.sockets, self.sockets + sockets)
        self._load.ask("connect", name=self.name, tokens=tokens(users), concurrency=CONCURRENCY)
        self.sockets += sockets
        return Done(sockets)

    def come_back(self, sockets: int) -> Done:
        """So many connect as fast as they can, while somebody else is sent a notification every now and then."""
        plan = Plan(admin_token(), CONTENT, users=1, first=sockets, connections=MEANWHILE, rate=MEANWHILE)
        users = tokens(range(sockets))
        done = self._load.ask("return", name=self.name, tokens=users, concurrency=RETURNING, posts=asdict(plan))
        self.sockets = sockets
        return Done(sockets, {"seconds": done["seconds"], P50: done["p50"], P99: done["p99"]})

    def close_sockets(self) -> None:
        self._load.ask("close", name=self.name)
        self.sockets = 0

    def broadcast(self, kind: str, count: int, *, every: float = 0) -> Done:
        """Broadcast an `event`, or an announcement to those `connected` or to `everyone`; how often one was received.

        What is for everyone is stored; this returns when all receipts are, too.
        """
        event = "news" if kind == "event" else self.kind.announcement
        body = {"work": kind, "event": event}
        done = self._load.ask("broadcast", name=self.name, body=body, event=event, count=count, every=every)
        if kind == "everyone":
            self._until_confirmed(done["units"])
        return Done(done["units"])

    def events(self, count: int, in_flight: int, *, via: Peer | None = None) -> Done:
        """Send so many events, each to a user, through this or another instance.

        By one caller who sends one after the other; or, as each has to wait for Redis, by several at a time.
        """
        body = {"work": "events", "event": "price", "callers": in_flight if via else 1}
        return Done(self._single(body, count, in_flight, via)["units"])

    def sends(self, count: int, callers: int) -> Done:
        """Send so many notifications, each to a user, saved and confirmed; by callers who each send one after the
        other.
        """
        body = {"work": "sends", "event": self.kind.notification, "callers": callers}
        done = self._single(body, count, callers * SENDS, None)
        return self._confirmed(done, {RATE: done["units"] / done["seconds"]})

    def _single(self, body: dict[str, Any], count: int, in_flight: int, via: Peer | None) -> dict[str, Any]:
        return self._load.ask(
            "events", name=self.name, via=(via or self).name, body=body, event=body["event"],
            count=max(1, count // in_flight) * in_flight, in_flight=in_flight,
        )  # fmt: skip

    def posts(self, count: int, *, at_once: int = IN_FLIGHT, rate: float = 0, keys: bool = False) -> Done:
        """Have so many notifications sent by REST, each to a user, saved and confirmed."""
        plan = Plan(admin_token(), CONTENT, self.sockets, connections=at_once, rate=rate, keys=keys)
        done = self._load.ask("posts", name=self.name, event=self.kind.notification, count=count, plan=asdict(plan))
        return self._confirmed(done, {RATE: done["units"] / done["seconds"], P50: done["p50"], P99: done["p99"]})

    def messages(self, count: int, publish: Callable[[], None]) -> Done:
        """Have so many notifications sent by what `publish` does, each to a user, saved and confirmed."""
        self._load.ask("count", name=self.name, event=self.kind.notification)
        with ThreadPoolExecutor(1) as thread:
            publishing = thread.submit(publish)
            done = self._load.ask("come", name=self.name, count=count)
            publishing.result()
        return self._confirmed(done, {RATE: done["units"] / done["seconds"]})

    def until(self, figure: str, least: float) -> None:
        """Wait until this figure in `/metrics` is so high."""
        self._load.ask("figure", name=self.name, figure=figure, least=least)

    def posts_to_all(self, count: int) -> Done:
        """The same, each to all users who are connected; and for how long the event loop did nothing else, in
        time and, for ours, in processor time."""
        plan = Plan(admin_token(), CONTENT, self.sockets, to_all=True)
        event = self.kind.notification
        with self.watched() as beside:
            done = self._load.ask("posts_to_all", name=self.name, event=event, count=count, plan=asdict(plan))
            self._confirmed(done, {})
        rate = done["units"] / done["seconds"]
        return Done(done["units"], {RATE: rate, P50: done["p50"], P99: done["p99"], **beside})

    @contextmanager
    def watched(self) -> Iterator[dict[str, float]]:
        """For how long the event loop is held at most meanwhile: to be read afterwards."""
        beside: dict[str, float] = {}
        self._load.ask("work", name=self.name, body={"work": "watch"})
        yield beside
        found = self._load.ask("work", name=self.name, body={"work": "watched"})
        beside[BLOCK] = found["longest"]
        if "held" in found:
            beside[HELD] = found["held"]

    def _confirmed(self, done: dict[str, Any], beside: dict[str, float]) -> Done:
        self._until_confirmed(done["units"])
        return Done(done["units"], beside)

    def _until_confirmed(self, more: int) -> None:
        if self.kind.delivered:
            self._receipts += more
            found = self._load.ask("figure", name=self.name, figure=self.kind.delivered, least=self._receipts)
            if found["value"] != self._receipts:
                raise BenchError(f"{self.name}: {found['value']} receipts instead of {self._receipts}")
        self._load.ask("idle", seconds=SETTLE)

    def work(self, what: str) -> None:
        """Have it do something that has no figure."""
        self._load.ask("work", name=self.name, body={"work": what})

    def leave(self) -> None:
        """Close all connections to it."""
        with suppress(BenchError):  # told already
            self._load.ask("leave", name=self.name)


def tokens(users: Sequence[int]) -> list[str]:
    """A token for each of these users."""
    expires = int(time.time()) + TOKEN_TTL
    return [jwt.encode({"sub": f"u{user}", "exp": expires}, SECRET, algorithm="HS256") for user in users]


def admin_token() -> str:
    """A token of somebody who may send."""
    claims = {"sub": "back end", "role": "admin", "exp": int(time.time()) + TOKEN_TTL}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def start_ours(
    directory: Path, database_url: str, redis_url: str | None = None, settings: Mapping[str, str] | None = None
) -> Process:
    """With these settings beside the address of the database, and of Redis."""
    env = {
        "EVENTIDE_PORT": "0",
        "EVENTIDE_JWT_SECRET": SECRET,
        "EVENTIDE_DATABASE_URL": database_url,
        **({"EVENTIDE_REDIS_URL": redis_url} if redis_url else {}),
        **(settings or {}),
    }
    return Process([sys.executable, "-m", "bench.ours"], env, directory)


def start_bare(redis_url: str | None = None) -> Process:
    return _start_node("bare.mjs", {"BENCH_REDIS_URL": redis_url} if redis_url else {})


def start_promise(database_url: str, *, key_once: bool = False) -> Process:
    once = {"BENCH_KEY_ONCE": "1"} if key_once else {}
    return _start_node("promise.mjs", {"BENCH_DATABASE_URL": database_url, **once})


def _start_node(script: str, env: dict[str, str]) -> Process:
    shared = {"NODE_ENV": "production", "BENCH_SECRET": SECRET, "BENCH_PAYLOAD": json.dumps(PAYLOAD)}
    return Process(["node", script], {**shared, **env}, NODE)


def install_node_modules() -> None:
    """Install what the Node servers need, as their lock says."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise BenchError(f"{program} is not on PATH; without Node: --only ours")
    lock, installed = NODE / "package-lock.json", NODE / "node_modules" / ".package-lock.json"
    with lock.open() as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)  # another run may share this folder
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return
        npm = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=NODE, env=os.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if npm.returncode:
        raise BenchError(f"npm could not install what bench/node needs: {npm.stderr.strip()}")
