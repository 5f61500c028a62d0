"""`make bench-retention`: what the sends notice of it while retention removes a million notifications.

A database has that many old notifications of 10,000 users, two thirds of them read. Clients are connected, and a
notification is sent to one of them 50 times a second. It is measured how long it takes from the request until the
client has it, in windows of ten seconds: four while retention goes on, then one while it is held, and so on until all
are removed. Half of a window took no longer than p50, and 99 of 100 no longer than p99. The median of the windows
counts.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from statistics import median
from typing import Any

import httpx

from eventide_notify.models import utc_now
from eventide_notify.store import create_store
from tests.servers import ServerError

from .measure import ONLY as POSTGRESQL
from .measure import QUICK, SQLITE, Bench
from .payload import CONTENT
from .peers import P50, P99, Peer
from .processes import BenchError, Generator, allow_many_files, cores, on

STORES = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
USERS = 10_000
CONNECTED = 50
RATE = 50
WINDOW = 500
"""Sends: ten seconds."""
AGE = timedelta(days=400)
DAYS = 365
GOAL = 2.0
DEADLINE = 1_800.0
"""Seconds of retention after which no more is measured."""
REMOVED = "eventide_notifications_expired_total"

PORTION = 20_000
"""Old notifications that are saved in one transaction."""
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) "
    "SELECT n FROM s)",
    "postgresql": "(SELECT n FROM generate_series({first}::bigint, {last}::bigint) AS s(n))",
}
# Not one user after the other: whoever is sent something is somewhere in an index.
OLD = """
INSERT INTO notifications
    (id, user_id, status, created_at, delivered_at, seen_at, read_at, message, title, type)
SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7000-8000-000000000000', 'old' || (n * 7919 % {users}),
    CASE n % 3 WHEN 0 THEN 'DELIVERED' ELSE 'READ' END, at, at, CASE n % 3 WHEN 0 THEN NULL ELSE at END,
    CASE n % 3 WHEN 0 THEN NULL ELSE at END, '{message}', '', 'SYSTEM'
FROM (SELECT n, at, {hex} AS hex FROM (SELECT n, {begin} + n * 1000 AS at FROM {series} AS numbers) AS times) AS ids
"""
HEX = {"sqlite": "printf('%012x', at)", "postgresql": "lpad(to_hex(at), 12, '0')"}

Window = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if it was measured, whatever came of it."""
    parser = argparse.ArgumentParser(prog="bench-retention", description=__doc__)
    parser.add_argument("--stores", default=",".join(STORES), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=DEADLINE, help="of retention, at most; default: %(default)s")
    parser.add_argument("--rows", type=int, default=1_000_000, help="old notifications; default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        allow_many_files()
        with on(cores()[1]), Generator() as load, ExitStack() as stack:
            bench = Bench(load, QUICK, node=False, profile=None, tell=_tell, stack=stack)
            for name in options.stores.split(","):
                _measure(bench, name, options.rows, options.seconds)
    except (BenchError, ServerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _measure(bench: Bench, name: str, rows: int, within: float) -> None:
    with ExitStack() as stack:
        url = bench.url(stack, STORES[name])
        start = time.monotonic()
        asyncio.run(_fill(url, rows))
        _tell(f"{name}: {rows:,} notifications are there after {time.monotonic() - start:.0f} s")
        peer = bench.ours(stack, store=STORES[name], url=url, settings={"EVENTIDE_RETENTION_DAYS": str(DAYS)})
        peer.work("hold")
        peer.connect(CONNECTED)
        windows: dict[bool, list[Window]] = {True: [], False: [window(peer)]}
        seconds = 0.0
        while seconds < within:
            for busy in (True, True, True, True, False):
                start = time.monotonic()
                if busy:
                    peer.work("go on")
                windows[busy].append(window(peer))
                if busy:
                    peer.work("hold")
                    seconds += time.monotonic() - start
            removed = _removed(peer)
            _tell(f"  {removed:,.0f} removed in {seconds:.0f} s; {shown(windows)}")
            if removed >= rows:
                break
        ratio = middle(windows[True], P99) / middle(windows[False], P99)
        _tell(f"{name}: {shown(windows)}; p99 by {ratio:.2f}{'' if ratio <= GOAL else '  NO'}")


def shown(windows: dict[bool, list[Window]]) -> str:
    return ", ".join(
        f"{what} p50 {middle(windows[busy], P50):.1f} p99 {middle(windows[busy], P99):.1f} ms of {len(windows[busy])}"
        for busy, what in ((False, "quiet"), (True, "during"))
    )


def window(peer: Peer) -> Window:
    return peer.posts(WINDOW, at_once=RATE, rate=RATE).beside


def _removed(peer: Peer) -> float:
    figures = httpx.get(f"{peer.process.url}/metrics").text
    found = re.search(rf"^{REMOVED} (\S+)$", figures, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def _fill(url: str, rows: int) -> None:
    store: Any = create_store(url)
    await store.open()
    kind = "sqlite" if url.startswith("sqlite:") else "postgresql"
    begin = int((utc_now() - AGE).timestamp() * 1_000)
    try:
        for first in range(0, rows, PORTION):
            numbers = SERIES[kind].format(first=first, last=min(first + PORTION, rows) - 1)
            text = OLD.format(hex=HEX[kind], series=numbers, begin=begin, message=CONTENT["message"], users=USERS)
            await store._database.write(lambda connection, text=text: connection.exec_driver_sql(text))
    finally:
        await store.close()


def middle(windows: Sequence[Window], name: str) -> float:
    return median(each[name] for each in windows)


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
