"""The servers that are measured: ours and the two on Node, each with its crowd of sockets in the load generator."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import jwt

from .payload import PAYLOAD
from .processes import BenchError, Generator, Process

NODE = Path(__file__).parent / "node"
SECRET = "a secret for measurements, long enough"
TOKEN_TTL = 3600
CONCURRENCY = 32
"""How many clients connect at a time."""
IN_FLIGHT = 32
"""How many events or notifications are on their way at a time; the next ones follow when clients have them all."""
SETTLE = 0.3
"""Seconds after the last receipt, in which a server may still tell new counts: that is part of the cost."""

_names = count(1)


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

    def __init__(self, kind: Kind, process: Process, load: Generator) -> None:
        self.kind = kind
        self.process = process
        self.name = f"{kind.name} {next(_names)}"
        self.sockets = 0
        self._load = load
        self._receipts = 0.0
        load.ask(
            "crowd", name=self.name, url=process.url, port_for_work=process.port_for_work,
            namespace=kind.namespace, ready_when=kind.ready_when,
        )  # fmt: skip

    def connect(self, sockets: int) -> int:
        """Connect that many more; how many."""
        users = range(self.sockets, self.sockets + sockets)
        self._load.ask("connect", name=self.name, tokens=tokens(users), concurrency=CONCURRENCY)
        self.sockets += sockets
        return sockets

    def close_sockets(self) -> None:
        self._load.ask("close", name=self.name)
        self.sockets = 0

    def broadcast(self, kind: str, count: int, *, every: float = 0) -> int:
        """Broadcast an `event`, or an announcement to those `connected` or to `everyone`; how often one was received.

        What is for everyone is stored; this returns when all receipts are, too.
        """
        event = "news" if kind == "event" else self.kind.announcement
        body = {"work": kind, "event": event}
        done = self._load.ask("broadcast", name=self.name, body=body, event=event, count=count, every=every)
        if kind == "everyone":
            self._until_confirmed(done["units"])
        return int(done["units"])

    def events(self, count: int, in_flight: int, *, via: Peer | None = None) -> int:
        """Send so many events, each to a user, through this or another instance; how many.

        By one caller who sends one after the other; or, as each has to wait for Redis, by several at a time.
        """
        callers = in_flight if via else 1
        return self._single({"work": "events", "event": "price", "callers": callers}, count, in_flight, via)

    def sends(self, count: int) -> int:
        """Send so many notifications, each to a user, saved and confirmed; how many."""
        body = {"work": "sends", "event": self.kind.notification, "callers": IN_FLIGHT}
        sent = self._single(body, count, IN_FLIGHT, None)
        self._until_confirmed(sent)
        return sent

    def _single(self, body: dict[str, Any], count: int, in_flight: int, via: Peer | None) -> int:
        done = self._load.ask(
            "events", name=self.name, via=(via or self).name, body=body, event=body["event"],
            count=count // in_flight * in_flight, in_flight=in_flight,
        )  # fmt: skip
        return int(done["units"])

    def _until_confirmed(self, more: int) -> None:
        self._receipts += more
        found = self._load.ask("figure", name=self.name, figure=self.kind.delivered, least=self._receipts)
        if found["value"] != self._receipts:
            raise BenchError(f"{self.name}: {found['value']} receipts instead of {self._receipts}")
        self._load.ask("idle", seconds=SETTLE)

    def leave(self) -> None:
        """Close all connections to it."""
        with suppress(BenchError):  # told already
            self._load.ask("leave", name=self.name)


def tokens(users: Sequence[int]) -> list[str]:
    """A token for each of these users."""
    expires = int(time.time()) + TOKEN_TTL
    return [jwt.encode({"sub": f"u{user}", "exp": expires}, SECRET, algorithm="HS256") for user in users]


def start_ours(directory: Path, database_url: str, redis_url: str | None = None) -> Process:
    env = {
        "EVENTIDE_PORT": "0",
        "EVENTIDE_JWT_SECRET": SECRET,
        "EVENTIDE_DATABASE_URL": database_url,
        **({"EVENTIDE_REDIS_URL": redis_url} if redis_url else {}),
    }
    return Process([sys.executable, "-m", "bench.ours"], env, directory)


def start_bare(redis_url: str | None = None) -> Process:
    return _start_node("bare.mjs", {"BENCH_REDIS_URL": redis_url} if redis_url else {})


def start_promise(database_url: str) -> Process:
    return _start_node("promise.mjs", {"BENCH_DATABASE_URL": database_url})


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
