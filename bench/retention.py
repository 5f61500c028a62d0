"""`make bench-retention`: what the sends notice of it while retention removes a million notifications.

A database has that many old notifications of 10,000 users, two thirds of them read. Four windows of ten seconds while
retention goes on are followed by one while it is held, and so on until all are removed; see `background`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta

from eventide_notify.models import utc_now

from .background import CONNECTED, STORES, Windows, figure, fill, run, tell
from .measure import Bench
from .payload import CONTENT

AGE = timedelta(days=400)
DAYS = 365
GOAL = 2.0
DEADLINE = 1_800.0
"""Seconds of retention after which no more is measured."""
REMOVED = "eventide_notifications_expired_total"
# Not one user after the other: whoever is sent something is somewhere in an index.
OLD = """
INSERT INTO notifications
    (id, user_id, status, created_at, delivered_at, seen_at, read_at, message, title, type)
SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7000-8000-000000000000', 'old' || (n * 7919 % {users}),
    CASE n % 3 WHEN 0 THEN 'DELIVERED' ELSE 'READ' END, at, at, CASE n % 3 WHEN 0 THEN NULL ELSE at END,
    CASE n % 3 WHEN 0 THEN NULL ELSE at END, '{message}', '', 'SYSTEM'
FROM (SELECT n, at, {hex} AS hex FROM (SELECT n, {begin} + n * 1000 AS at FROM {series} AS numbers) AS times) AS ids
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench-retention", description=__doc__)
    parser.add_argument("--seconds", type=float, default=DEADLINE, help="of retention, at most; default: %(default)s")
    parser.add_argument("--rows", type=int, default=1_000_000, help="old notifications; default: %(default)s")
    return run(parser, arguments, _measure)


def _measure(bench: Bench, name: str, options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        url = bench.url(stack, STORES[name])
        start = time.monotonic()
        begin = int((utc_now() - AGE).timestamp() * 1_000)
        asyncio.run(fill(url, options.rows, OLD, begin=begin, message=CONTENT["message"]))
        tell(f"{name}: {options.rows:,} notifications are there after {time.monotonic() - start:.0f} s")
        peer = bench.ours(stack, store=STORES[name], url=url, settings={"EVENTIDE_RETENTION_DAYS": str(DAYS)})
        peer.work("hold")
        peer.connect(CONNECTED)
        windows, removed = Windows(peer), 0.0
        while windows.seconds < options.seconds and removed < options.rows:
            for busy in (True, True, True, True, False):
                windows.measure(busy=busy)
            removed = figure(peer, REMOVED)
            tell(f"  {removed:,.0f} removed in {windows.seconds:.0f} s; {windows}")
        tell(f"{name}: {windows}; p99 by {windows.ratio:.2f}{'' if windows.ratio <= GOAL else '  NO'}")


if __name__ == "__main__":
    sys.exit(main())
