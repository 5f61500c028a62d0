"""`make bench-retention`: what the sends notice of it while retention removes a million notifications.

A database has that many old notifications of 10,000 users, two thirds of them read. Clients are connected, and a
notification is sent to one of them 50 times a second. Before retention, while it goes on, and after it, the time from
the request until the client has the notification is measured in windows of some seconds: half of a window took no
longer than p50, and 99 of 100 no longer than p99. The median of the windows counts.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from statistics import median

import httpx

from eventide_notify.models import Draft, IdGenerator, Notification, Status, utc_now
from eventide_notify.store import Store, create_store
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
QUIET = 6
"""Windows before retention, and after it."""
AGE = timedelta(days=400)
DAYS = 365
GOAL = 2.0
DEADLINE = 1_200.0
"""Seconds in which everything must have been removed."""
REMOVED = "eventide_notifications_expired_total"

Window = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if it was measured, whatever came of it."""
    parser = argparse.ArgumentParser(prog="bench-retention", description=__doc__)
    parser.add_argument("--stores", default=",".join(STORES), help="default: %(default)s")
    parser.add_argument("--rows", type=int, default=1_000_000, help="old notifications; default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        allow_many_files()
        with on(cores()[1]), Generator() as load, ExitStack() as stack:
            bench = Bench(load, QUICK, node=False, profile=None, tell=_tell, stack=stack)
            for name in options.stores.split(","):
                _measure(bench, name, options.rows)
    except (BenchError, ServerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _measure(bench: Bench, name: str, rows: int) -> None:
    with ExitStack() as stack:
        url = bench.url(stack, STORES[name])
        start = time.monotonic()
        asyncio.run(_fill(url, rows))
        _tell(f"{name}: {rows:,} notifications are there after {time.monotonic() - start:.0f} s")
        with ExitStack() as quiet:
            before = [_window(peer) for peer in [_started(bench, quiet, name, url)] for _ in range(QUIET)]
        peer = _started(bench, stack, name, url, {"EVENTIDE_RETENTION_DAYS": str(DAYS)})
        start = time.monotonic()
        busy = list(_while_removing(peer, rows))
        seconds = time.monotonic() - start
        after = [_window(peer) for _ in range(QUIET)]
    _tell(f"{name}: removed in {seconds:.0f} s, {rows / seconds:,.0f} a second")
    for what, windows in (("before", before), ("during", busy), ("after", after)):
        shown = ", ".join(f"{each[P99]:.1f}" for each in windows)
        _tell(f"  {what}: p50 {_median(windows, P50):.1f} ms, p99 {_median(windows, P99):.1f} ms of windows {shown}")
    ratio = _median(busy, P99) / _median([*before, *after], P99)
    _tell(f"  p99 during retention / quiet: {ratio:.2f}{'' if ratio <= GOAL else '  NO'}")


def _started(bench: Bench, stack: ExitStack, name: str, url: str, settings: dict[str, str] | None = None) -> Peer:
    peer = bench.ours(stack, store=STORES[name], url=url, settings=settings)
    peer.connect(CONNECTED)
    return peer


def _window(peer: Peer) -> Window:
    return peer.posts(WINDOW, at_once=RATE, rate=RATE).beside


def _while_removing(peer: Peer, rows: int) -> Iterator[Window]:
    """The windows of which nothing is left when the last one ends; that one does not count."""
    end = time.monotonic() + DEADLINE
    while True:
        window = _window(peer)
        removed = _removed(peer)
        if removed >= rows:
            return
        if time.monotonic() > end:
            raise BenchError(f"only {removed:.0f} notifications were removed")
        yield window


def _removed(peer: Peer) -> float:
    figures = httpx.get(f"{peer.process.url}/metrics").text
    found = re.search(rf"^{REMOVED} (\S+)$", figures, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def _fill(url: str, rows: int) -> None:
    store = create_store(url)
    await store.open()
    try:
        await _save_old(store, rows)
    finally:
        await store.close()


async def _save_old(store: Store, rows: int) -> None:
    new_id, draft, now = IdGenerator(), Draft.model_validate(CONTENT), utc_now()
    portion = 10_000
    for first in range(0, rows, portion):
        made = now - AGE + timedelta(seconds=first)
        some = []
        for number in range(first, min(first + portion, rows)):
            read = {"status": Status.READ, "delivered_at": made, "seen_at": made, "read_at": made}
            state = read if number % 3 else {"status": Status.DELIVERED, "delivered_at": made}
            # Not one user after the other: whoever is sent something is somewhere in an index.
            user = f"old{number * 7_919 % USERS}"
            some.append(Notification(new_id(made), user, draft, made, **state))  # type: ignore[arg-type]
        await store.add(some)


def _median(windows: Sequence[Window], name: str) -> float:
    return median(each[name] for each in windows)


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
