"""What live sends notice of what a server does in the background, on a database in which there is much of it to do.

Clients are connected, and a notification is sent to one of them 50 times a second. It is measured how long it takes
from the request until the client has it, in windows of ten seconds, some while the work goes on and some while it is
held. Half of a window took no longer than p50, and 99 of 100 no longer than p99. The median of the windows counts.
"""

from __future__ import annotations

import re
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

import httpx

from eventide_notify.store import create_store
from tests.servers import ServerError

from .measure import ONLY as POSTGRESQL
from .measure import QUICK, SQLITE, Bench
from .peers import P50, P99, Peer
from .processes import BenchError, Generator, allow_many_files, cores, on

STORES = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
USERS = 10_000
CONNECTED = 50
RATE = 50
WINDOW = 500
"""Sends: ten seconds."""
PORTION = 20_000
"""Rows that are saved in one transaction."""
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) "
    "SELECT n FROM s)",
    "postgresql": "(SELECT n FROM generate_series({first}::bigint, {last}::bigint) AS s(n))",
}
HEX = {"sqlite": "printf('%012x', at)", "postgresql": "lpad(to_hex(at), 12, '0')"}


def run(
    parser: ArgumentParser, arguments: Sequence[str] | None, measure: Callable[[Bench, str, Namespace], None]
) -> int:
    """`measure` it with each store. Exit code 0 if it was measured, whatever came of it."""
    parser.add_argument("--stores", default=",".join(STORES), help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        allow_many_files()
        with on(cores()[1]), Generator() as load, ExitStack() as stack:
            bench = Bench(load, QUICK, node=False, profile=None, tell=tell, stack=stack)
            for name in options.stores.split(","):
                measure(bench, name, options)
    except (BenchError, ServerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


class Windows:
    """What was measured of a server, while it holds what it does in the background, and while that goes on."""

    def __init__(self, peer: Peer) -> None:
        """The first one is quiet: before there is anything to do, or while it is held."""
        self._peer = peer
        self._windows: dict[bool, list[dict[str, float]]] = {True: [], False: [self._measured()]}
        self.seconds = 0.0
        """For how long the work went on."""

    def measure(self, *, busy: bool) -> None:
        start = time.monotonic()
        if busy:
            self._peer.work("go on")
        self._windows[busy].append(self._measured())
        if busy:
            self._peer.work("hold")
            self.seconds += time.monotonic() - start

    @property
    def ratio(self) -> float:
        """By how much the p99 is longer while the work goes on."""
        return self._middle(True, P99) / self._middle(False, P99)

    def __str__(self) -> str:
        return ", ".join(
            f"{what} p50 {self._middle(busy, P50):.1f} p99 {self._middle(busy, P99):.1f} ms "
            f"of {len(self._windows[busy])}"
            for busy, what in ((False, "quiet"), (True, "during"))
        )

    def _measured(self) -> dict[str, float]:
        return self._peer.posts(WINDOW, at_once=RATE, rate=RATE).beside

    def _middle(self, busy: bool, name: str) -> float:
        return median(each[name] for each in self._windows[busy])


async def fill(url: str, rows: int, insert: str, **values: object) -> None:
    """Save rows by this statement, in which `{series}` is their numbers, and `{hex}` a time `at` in an id."""
    store: Any = create_store(url)
    await store.open()
    kind = "sqlite" if url.startswith("sqlite:") else "postgresql"
    try:
        for first in range(0, rows, PORTION):
            numbers = SERIES[kind].format(first=first, last=min(first + PORTION, rows) - 1)
            text = insert.format(hex=HEX[kind], series=numbers, users=USERS, **values)
            await store._database.write(lambda connection, text=text: connection.exec_driver_sql(text))
    finally:
        await store.close()


def figure(peer: Peer, pattern: str) -> float:
    """This metric of the server; 0 while there is none."""
    found = re.search(rf"^{pattern} (\S+)$", httpx.get(f"{peer.process.url}/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def tell(text: str) -> None:
    print(text, flush=True)
