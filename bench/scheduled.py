"""`make bench-scheduled`: what live sends notice of it while 100,000 scheduled ones, due in the same minute, are sent.

Each scheduled send is for one of 10,000 users who are not connected, and with `--recipients` for more. Meanwhile
clients are connected, and a notification is sent to one of them 50 times a second. It is measured how long it takes
from the request until the client has it, in windows of ten seconds: two while scheduled ones are sent, then one while
that is held, and so on until all are sent.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import orjson

from eventide_notify.models import utc_now
from eventide_notify.store import create_store
from tests.servers import ServerError

from .measure import QUICK, Bench
from .payload import CONTENT
from .peers import P99
from .processes import BenchError, Generator, allow_many_files, cores, on
from .retention import CONNECTED, HEX, PORTION, SERIES, STORES, Window, middle, shown, window

USERS = 10_000
DEADLINE = 300.0
"""Seconds of sending after which no more is measured."""
DONE = r'eventide_due_works_total\{kind="send",result="done"\}'
DUE = """
INSERT INTO due (id, kind, at, payload, attempts)
SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7000-8000-000000000000', 'send', {now} - n % 60000,
    '{before}old' || (n * 7919 % {users}) || '{behind}', 0
FROM (SELECT n, {hex} AS hex FROM (SELECT n, {begin} + n AS at FROM {series} AS numbers) AS times) AS ids
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if it was measured, whatever came of it."""
    parser = argparse.ArgumentParser(prog="bench-scheduled", description=__doc__)
    parser.add_argument("--stores", default=",".join(STORES), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=DEADLINE, help="of sending, at most; default: %(default)s")
    parser.add_argument("--rows", type=int, default=100_000, help="scheduled sends; default: %(default)s")
    parser.add_argument("--recipients", type=int, default=1, help="users of each; default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        allow_many_files()
        with on(cores()[1]), Generator() as load, ExitStack() as stack:
            bench = Bench(load, QUICK, node=False, profile=None, tell=_tell, stack=stack)
            for name in options.stores.split(","):
                _measure(bench, name, options.rows, options.recipients, options.seconds)
    except (BenchError, ServerError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _measure(bench: Bench, name: str, rows: int, recipients: int, within: float) -> None:
    with ExitStack() as stack:
        url = bench.url(stack, STORES[name])
        peer = bench.ours(stack, store=STORES[name], url=url)
        peer.connect(CONNECTED)
        windows: dict[bool, list[Window]] = {True: [], False: [window(peer)]}
        peer.work("hold")
        asyncio.run(_fill(url, rows, recipients))
        seconds, done = 0.0, 0.0
        while seconds < within and done < rows:
            for busy in (True, True, False):
                start = time.monotonic()
                if busy:
                    peer.work("go on")
                windows[busy].append(window(peer))
                if busy:
                    peer.work("hold")
                    seconds += time.monotonic() - start
            done = _done(peer.process.url)
            _tell(f"  {done:,.0f} sent in {seconds:.0f} s; {shown(windows)}")
        ratio = middle(windows[True], P99) / middle(windows[False], P99)
        _tell(f"{name}: {done / seconds:,.0f} a second; {shown(windows)}; p99 by {ratio:.2f}")


def _done(url: str) -> float:
    found = re.search(rf"^{DONE} (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def _fill(url: str, rows: int, recipients: int) -> None:
    store: Any = create_store(url)
    await store.open()
    kind = "sqlite" if url.startswith("sqlite:") else "postgresql"
    now = int(utc_now().timestamp() * 1_000)
    others = [f"crowd {number}" for number in range(recipients - 1)]
    payload = orjson.dumps({"users": ["USER", *others], "draft": CONTENT, "caller": "bench"}).decode()
    before, behind = payload.replace("'", "''").split("USER")
    try:
        for first in range(0, rows, PORTION):
            numbers = SERIES[kind].format(first=first, last=min(first + PORTION, rows) - 1)
            text = DUE.format(
                hex=HEX[kind], series=numbers, begin=now, now=now, before=before, behind=behind, users=USERS
            )
            await store._database.write(lambda connection, text=text: connection.exec_driver_sql(text))
    finally:
        await store.close()


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
