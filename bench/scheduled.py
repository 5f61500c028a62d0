"""`make bench-scheduled`: what live sends notice of it while 100,000 scheduled ones, due in the same minute, are sent.

Each scheduled send is for one of 10,000 users who are not connected, and with `--recipients` for more. Two windows of
ten seconds while scheduled ones are sent are followed by one while that is held, and so on until all are sent; see
`background`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import orjson

from eventide_notify.models import utc_now

from .background import CONNECTED, STORES, Windows, figure, fill, run, tell
from .measure import Bench
from .payload import CONTENT

DEADLINE = 300.0
"""Seconds of sending after which no more is measured."""
DONE = r'eventide_due_works_total\{kind="send",result="done"\}'
DUE = """
INSERT INTO due (id, kind, at, payload, attempts)
SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7000-8000-000000000000', 'send', {now} - n % 60000,
    '{before}old' || (n * 7919 % {users}) || '{behind}', 0
FROM (SELECT n, {hex} AS hex FROM (SELECT n, {now} + n AS at FROM {series} AS numbers) AS times) AS ids
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench-scheduled", description=__doc__)
    parser.add_argument("--seconds", type=float, default=DEADLINE, help="of sending, at most; default: %(default)s")
    parser.add_argument("--rows", type=int, default=100_000, help="scheduled sends; default: %(default)s")
    parser.add_argument("--recipients", type=int, default=1, help="users of each; default: %(default)s")
    return run(parser, arguments, _measure)


def _measure(bench: Bench, name: str, options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        url = bench.url(stack, STORES[name])
        peer = bench.ours(stack, store=STORES[name], url=url)
        peer.connect(CONNECTED)
        windows, sent = Windows(peer), 0.0
        peer.work("hold")
        before, behind = _payload(options.recipients)
        now = int(utc_now().timestamp() * 1_000)
        asyncio.run(fill(url, options.rows, DUE, now=now, before=before, behind=behind))
        while windows.seconds < options.seconds and sent < options.rows:
            for busy in (True, True, False):
                windows.measure(busy=busy)
            sent = figure(peer, DONE)
            tell(f"  {sent:,.0f} sent in {windows.seconds:.0f} s; {windows}")
        tell(f"{name}: {sent / windows.seconds:,.0f} a second; {windows}; p99 by {windows.ratio:.2f}")


def _payload(recipients: int) -> list[str]:
    """What is before the one user who differs, and what is behind, as SQL."""
    others = [f"crowd {number}" for number in range(recipients - 1)]
    payload = orjson.dumps({"users": ["USER", *others], "draft": CONTENT, "caller": "bench"}).decode()
    return payload.replace("'", "''").split("USER")


if __name__ == "__main__":
    sys.exit(main())
