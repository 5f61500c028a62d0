"""What is measured: for each row which servers run, what they have to do, and how often."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from .measure import CONNECTED, EVENT, IDLE, MANY, NODE, ONLY, SAME_PROMISE, SQLITE, STORED, Bench, Task
from .peers import IN_FLIGHT, Peer
from .queues import queue
from .saving import SAVING

PAUSE = 0.15
"""Seconds between two broadcasts that do not follow each other at once."""
LIVELY = 200
"""Sockets that are there before: what only the first ones cost is no cost of a socket."""


def broadcast(bench: Bench) -> None:
    _broadcasts(bench, "broadcast", sockets=1_000, count=bench.size.broadcasts)


def paced(bench: Bench) -> None:
    _broadcasts(bench, "paced", sockets=1_000, count=bench.size.paced, every=PAUSE)


def broadcast_5000(bench: Bench) -> None:
    _broadcasts(bench, "broadcast-5000", sockets=5_000, count=bench.size.broadcasts_5000, sqlite=False)


def _broadcasts(bench: Bench, row: str, *, sockets: int, count: int, every: float = 0, sqlite: bool = True) -> None:
    with ExitStack() as stack:
        peers = bench.all(stack)
        ours = peers[ONLY]
        kinds = [(EVENT, ours, "event"), (CONNECTED, ours, "connected"), (STORED, ours, "everyone")]
        if sqlite:
            kinds.append((SQLITE, bench.ours(stack, store=SQLITE), "everyone"))
        if bench.node:
            kinds += [(NODE, peers[NODE], "event"), (SAME_PROMISE, peers[SAME_PROMISE], "everyone")]
        for peer in dict.fromkeys(peer for _, peer, _ in kinds):
            peer.connect(sockets)
        bench.measure(
            row,
            [
                Task(series, [peer.process], partial(peer.broadcast, kind, count, every=every))
                for series, peer, kind in kinds
            ],
        )


def event(bench: Bench) -> None:
    with ExitStack() as stack:
        peers = {ONLY: bench.ours(stack), **({NODE: bench.bare(stack)} if bench.node else {})}
        _events(bench, "event", {series: [peer] for series, peer in peers.items()})


def redis(bench: Bench) -> None:
    with ExitStack() as stack:
        shared = bench.database()
        pairs = {ONLY: [bench.ours(stack, redis=0, url=shared) for _ in range(2)]}
        if bench.node:
            pairs[NODE] = [bench.bare(stack, redis=1) for _ in range(2)]
        _events(bench, "redis", pairs)


def _events(bench: Bench, row: str, peers: dict[str, list[Peer]]) -> None:
    """Events by the first peer of each list to users who are connected to the last; one at a time, and many."""
    for group in peers.values():
        group[-1].connect(1_000)
    most = bench.size.events
    for name, in_flight, amount in ((f"{row}{MANY}", IN_FLIGHT, most), (row, 1, most // 5)):
        tasks = []
        for series, group in peers.items():
            via = group[0] if len(group) > 1 else None
            work = partial(group[-1].events, amount, in_flight, via=via)
            tasks.append(Task(series, [peer.process for peer in group], work))
        bench.measure(name, tasks)


def connect(bench: Bench) -> None:
    """A server that has had connections already; those of the round before are gone."""
    amount = bench.size.connects

    def again(peer: Peer) -> None:
        peer.close_sockets()
        bench.load.ask("idle", seconds=0.5)

    with ExitStack() as stack:
        peers = bench.all(stack)
        for peer in peers.values():
            peer.connect(amount)
            again(peer)
        for number in range(1, bench.size.rounds + 1):
            for series, peer in peers.items():
                task = Task(series, [peer.process], partial(peer.connect, amount))
                bench.add("connect", series, number, bench.cost("connect", task))
                again(peer)


def memory(bench: Bench) -> None:
    """New servers for each round: what has been freed once hides what is taken now."""
    for number in range(1, bench.size.rounds + 1):
        with ExitStack() as stack:
            for series, peer in bench.all(stack).items():
                peer.connect(LIVELY)
                bench.load.ask("idle", seconds=IDLE)
                before = peer.process.resident()
                sockets = peer.connect(bench.size.idle).units
                bench.load.ask("idle", seconds=IDLE)
                bench.add("memory", series, number, (peer.process.resident() - before) / 1_024 / sockets)


ROWS: dict[str, Callable[[Bench], None]] = {
    "broadcast": broadcast,
    "paced": paced,
    "broadcast-5000": broadcast_5000,
    "event": event,
    "redis": redis,
    "connect": connect,
    "memory": memory,
    **SAVING,
    "queue": queue,
}
"""In the order of the table."""
