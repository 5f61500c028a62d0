"""The rows about notifications that are saved: in process and by REST, to one user and to many; and who comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial

from .measure import (
    IDLE,
    KEY_ONCE,
    KEYS,
    MONGO,
    MONGO_REDIS,
    NODE,
    ONLY,
    POSTGRES,
    REDIS,
    SAME_PROMISE,
    SQLITE,
    SQLITE_REDIS,
    Bench,
    Task,
)
from .peers import BLOCK, P50, P99, Done, Peer

AT_ONCE = 64
"""Callers in process who save at the same time."""
LESS = 8
"""FerretDB takes about so many times as long as a database does, and what ours costs can be seen in fewer."""
LEAST = 500
"""Notifications sent one after the other: of fewer a good part of the figure is what a run costs once."""
RATES = (100, 500)
"""Requests a second, where it is their time that is measured."""
P50_ROW, P99_ROW, BLOCK_ROW, SECONDS_ROW = "-p50", "-p99", "-block", "-seconds"
"""What the name of a row ends with whose figure is not processor time."""


def send(bench: Bench) -> None:
    """In process: by one caller, and by many."""
    with ExitStack() as stack:
        peers = _stored(bench, stack)
        for peer in peers.values():
            peer.connect(bench.size.users)
        for row, callers in (("send", 1), (f"send-{AT_ONCE}", AT_ONCE)):
            # One after the other it takes several times as long.
            amount = bench.size.sends if callers > 1 else max(bench.size.sends // 4, LEAST)
            bench.measure(row, _tasks(peers, amount, partial(Peer.sends, callers=callers)))


def post(bench: Bench) -> None:
    """By REST, many at once; with and without Redis."""
    with ExitStack() as stack:
        peers = _stored(bench, stack, redis=True)
        if bench.node:
            peers |= {KEY_ONCE: bench.promise(stack, key_once=True), NODE: bench.bare(stack)}
        for peer in peers.values():
            peer.connect(bench.size.users)
        tasks = _tasks(peers, bench.size.sends, Peer.posts)
        ours = peers[ONLY]
        keyed = partial(ours.posts, bench.size.sends, keys=True)
        bench.measure("post", [*tasks, Task(KEYS, [ours.process], keyed, ours.stores)])


def post_1000(bench: Bench) -> None:
    with ExitStack() as stack:
        peers = _stored(bench, stack, crowd=True)
        if bench.node:
            peers[NODE] = bench.bare(stack)
        for peer in peers.values():
            peer.connect(1_000)
        bench.measure("post-1000", _tasks(peers, bench.size.to_all, Peer.posts_to_all))
    _also(bench, "post-1000", peers, {BLOCK_ROW: BLOCK})


def post_10000(bench: Bench) -> None:
    """One server after the other: a process can hardly have the sockets of all."""
    starts = _starts(bench)
    for series, start in starts.items():
        with ExitStack() as stack:
            peer = start(stack, bench.url(stack, series))
            peer.connect(bench.size.many)
            bench.measure("post-10000", _tasks({series: peer}, max(1, bench.size.to_all // 10), Peer.posts_to_all))
    _also(bench, "post-10000", starts, {BLOCK_ROW: BLOCK})


def latency(bench: Bench) -> None:
    with ExitStack() as stack:
        peers = _stored(bench, stack)
        if bench.node:
            peers[NODE] = bench.bare(stack)
        for peer in peers.values():
            peer.connect(bench.size.users)
        for rate in RATES:
            row, amount = f"latency-{rate}", int(rate * bench.size.seconds)
            bench.measure(row, _tasks(peers, amount, partial(Peer.posts, at_once=AT_ONCE, rate=rate)))
            _also(bench, row, peers, {P50_ROW: P50, P99_ROW: P99})


def come_back(bench: Bench) -> None:
    """Many are connected and idle; then the server is started anew, and all come back. Once: it takes its time."""
    for series, start in _starts(bench).items():
        with ExitStack() as stack:
            url = bench.url(stack, series)
            with ExitStack() as before:
                peer = start(before, url)
                peer.connect(bench.size.many)
                bench.load.ask("idle", seconds=IDLE)
                task = Task(series, [peer.process], partial(_rest, bench, peer))
                bench.add("idle", series, 1, bench.cost("idle", task))
            peer = start(stack, url)
            found: dict[str, float] = {}

            def again(peer: Peer = peer, found: dict[str, float] = found) -> Done:
                with peer.watched() as block:
                    done = peer.come_back(bench.size.many)
                found["seconds"] = done.beside.pop("seconds")
                return Done(done.units, {**done.beside, **block})

            bench.add("return", series, 1, bench.cost("return", Task(series, [peer.process], again, peer.stores)))
            bench.add(f"return{SECONDS_ROW}", series, 1, found["seconds"])
        _also(bench, "return", [series], {P99_ROW: P99, BLOCK_ROW: BLOCK})


def _starts(bench: Bench) -> dict[str, Callable[[ExitStack, str], Peer]]:
    """How each server is started on the database with this URL, for rows that have one at a time."""
    starts: dict[str, Callable[[ExitStack, str], Peer]] = {
        ONLY: lambda stack, url: bench.ours(stack, url=url),
        SQLITE: lambda stack, url: bench.ours(stack, store=SQLITE, url=url),
    }
    if bench.node:
        starts |= {NODE: lambda stack, url: bench.bare(stack), SAME_PROMISE: bench.promise}
    return starts


def _rest(bench: Bench, peer: Peer) -> Done:
    """Nothing happens; the unit is a thousand sockets for a second."""
    bench.load.ask("idle", seconds=bench.size.resting)
    return Done(max(1, round(peer.sockets * bench.size.resting / 1_000)))


def _stored(bench: Bench, stack: ExitStack, *, redis: bool = False, crowd: bool = False) -> dict[str, Peer]:
    """Ours on each database that there is, and Node's of the same promise.

    FerretDB does not save what a crowd receives within the time that our service gives a database.
    """
    mongo = bench.mongo and not (crowd and bench.mongo_kind == "ferretdb")
    stores = {ONLY: POSTGRES, SQLITE: SQLITE, **({MONGO: MONGO} if mongo else {})}
    peers = {series: bench.ours(stack, store=store) for series, store in stores.items()}
    if redis:
        names = {ONLY: REDIS, SQLITE: SQLITE_REDIS, MONGO: MONGO_REDIS}
        for number, (series, store) in enumerate(stores.items()):
            peers[names[series]] = bench.ours(stack, store=store, redis=number)
    if bench.node:
        peers[SAME_PROMISE] = bench.promise(stack)
    return peers


def _tasks(peers: dict[str, Peer], amount: int, work: Callable[[Peer, int], Done]) -> list[Task]:
    """For each server the same; less where the database is what takes the time."""
    amounts = {series: max(1, amount // LESS) if series in (MONGO, MONGO_REDIS) else amount for series in peers}
    return [
        Task(series, [peer.process], partial(work, peer, amounts[series]), peer.stores)
        for series, peer in peers.items()
    ]


def _also(bench: Bench, row: str, all_series: Iterable[str], names: dict[str, str]) -> None:
    """Make rows of their own of what is told beside the cost."""
    for ending, name in names.items():
        for series in all_series:
            bench.figures[f"{row}{ending}", series] = bench.beside[row, series, name]


SAVING: dict[str, Callable[[Bench], None]] = {
    "send": send,
    "post": post,
    "post-1000": post_1000,
    "post-10000": post_10000,
    "latency": latency,
    "return": come_back,
}
