"""From figures to the table, and to `results.md`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median

from .measure import (
    CONNECTED,
    EVENT,
    KEYS,
    MANY,
    MONGO,
    MONGO_REDIS,
    NODE,
    ONLY,
    REDIS,
    SAME_PROMISE,
    SQLITE,
    SQLITE_REDIS,
    STORED,
    Bench,
    Beside,
    Figures,
)
from .peers import BLOCK, HELD, IN_FLIGHT, P50, P99, RATE, STORES
from .peers import NODE as NODE_SERVERS
from .queues import NAMES, RATE_ROW
from .saving import AT_ONCE, BLOCK_ROW, P50_ROW, P99_ROW, RATES, SECONDS_ROW

BESIDE_HEADER = ("row", "server", "CPU, µs", RATE, STORES, P50, P99, BLOCK, HELD)
HEADER = ("", "ours", "Node", "Node, same promise", "ours ÷ Node", "ours ÷ same promise", "goals")


@dataclass(frozen=True)
class Line:
    """A line of the table: one of our figures, and what it is compared with."""

    row: str
    series: str
    title: str
    of_node: float | None = None
    """The goal, as a part of Node's figure."""
    of_promise: float | None = None
    of_row: tuple[str, float] | None = None
    """A goal, as a part of our own figure in another row."""
    most: float | None = None
    """A goal of its own."""


def _broadcasts(row: str, title: str, of_row: tuple[str, float] | None = None) -> list[Line]:
    return [
        Line(row, EVENT, f"{title}: event, not stored", 0.7, None, of_row),
        Line(row, CONNECTED, f"{title}: announcement to `connected`, not stored", 0.7, None, of_row),
        Line(row, STORED, f"{title}: announcement to `everyone`, stored, with receipts", 1.0, 0.5, of_row),
        Line(row, SQLITE, f"{title}: the same, on SQLite", 1.0, 0.5, of_row),
    ]


def _stores(row: str, title: str, of_promise: float | None = None, most: float | None = None) -> list[Line]:
    """The same on each database."""
    names = {ONLY: "PostgreSQL", SQLITE: "SQLite", MONGO: "MongoDB"}
    return [Line(row, series, f"{title}: {name}", None, of_promise, most=most) for series, name in names.items()]


LINES = [
    *_broadcasts("broadcast", "broadcast to 1,000, next one when all have it"),
    *_broadcasts("paced", "broadcast to 1,000, one every 150 ms"),
    *_broadcasts("broadcast-5000", "broadcast to 5,000", ("broadcast", 1.25)),
    Line("event", ONLY, "event to one user, not stored, one at a time", 1.0),
    Line(f"event{MANY}", ONLY, f"event to one user, not stored, {IN_FLIGHT} in flight", 1.0),
    Line("redis", ONLY, "the same over Redis, two processes, one at a time", 0.7),
    Line(f"redis{MANY}", ONLY, f"the same over Redis, two processes, {IN_FLIGHT} in flight", 0.7),
    Line("connect", ONLY, "connect, JWT checked", 0.6),
    Line("memory", ONLY, "memory of an idle WebSocket (KiB)", 1.5),
    *_stores("send", "notification in process, one after the other", 1.0),
    *_stores(f"send-{AT_ONCE}", f"notification in process, {AT_ONCE} at once", 0.3),
    *(
        Line("post", series, f"POST of a notification, {IN_FLIGHT} at once: {name}", 2.0, 0.25)
        for series, name in (
            (ONLY, "PostgreSQL"),
            (KEYS, "PostgreSQL, with an `Idempotency-Key`"),
            (REDIS, REDIS),
            (SQLITE, "SQLite"),
            (SQLITE_REDIS, SQLITE_REDIS),
            (MONGO, MONGO),
            (MONGO_REDIS, MONGO_REDIS),
        )
    ),
    *_stores("post-1000", "one POST to 1,000 connected users, a user", 0.3),
    *_stores(f"post-1000{BLOCK_ROW}", "the same, longest block of the event loop (ms)"),
    *_stores("post-10000", "one POST to 10,000 connected users, a user", 0.3),
    *_stores(f"post-10000{BLOCK_ROW}", "the same, longest block of the event loop (ms)", most=10),
    *(
        line
        for rate in RATES
        for row, title in (
            (f"latency-{rate}", f"POST, {rate} a second"),
            (f"latency-{rate}{P50_ROW}", "the same, until the client has it, p50 (ms)"),
            (f"latency-{rate}{P99_ROW}", "the same, until the client has it, p99 (ms)"),
        )
        for line in _stores(row, title)
    ),
    *(
        line
        for name in NAMES.values()
        for line in (
            Line("queue", name, f"message from {name}, saved and received: PostgreSQL"),
            Line(f"queue{RATE_ROW}", name, "the same, messages a second"),
        )
    ),
    *_stores("idle", "1,000 idle sockets of 10,000, for a second"),
    *_stores("return", "10,000 come back at once, one of them"),
    *_stores(f"return{SECONDS_ROW}", "the same, until all are welcomed (s)"),
    *_stores(f"return{P99_ROW}", "the same, a POST meanwhile, p99 (ms)"),
    *_stores(f"return{BLOCK_ROW}", "the same, longest block of the event loop (ms)"),
]


def table(figures: Figures) -> list[tuple[str, ...]]:
    """The lines that were measured, as texts."""
    return [_cells(line, figures) for line in LINES if (line.row, line.series) in figures]


def _cells(line: Line, figures: Figures) -> tuple[str, ...]:
    ours = _figure(figures, line.row, line.series)
    node = _figure(figures, line.row, NODE)
    # What stores nothing promises nothing.
    event = line.series in (EVENT, CONNECTED)
    promise = None if event else _figure(figures, line.row, SAME_PROMISE)
    return (
        line.title,
        *(_number(figure) for figure in (ours, node, promise)),
        _number(_ratio(ours, node)),
        _number(_ratio(ours, promise)),
        "; ".join(_goals(line, figures, ours, node, promise)),
    )


def _goals(
    line: Line, figures: Figures, ours: float | None, node: float | None, promise: float | None
) -> Iterator[str]:
    goals = [("Node", line.of_node, node), ("same promise", line.of_promise, promise)]
    if line.of_row:
        row, most_of_row = line.of_row
        goals.append((f"`{row}`", most_of_row, _figure(figures, row, line.series)))
    for name, most, other in goals:
        ratio = _ratio(ours, other)
        if most is not None and ratio is not None:
            yield f"≤ {most:g} {name}: {'yes' if ratio <= most else 'NO'} ({ratio:.2f})"
    if line.most is not None and ours is not None:
        yield f"≤ {line.most:g}: {'yes' if ours <= line.most else 'NO'}"


def beside(figures: Figures, found: Beside) -> list[tuple[str, ...]]:
    """What else was measured, as texts: a line for each row and server."""
    names = BESIDE_HEADER[3:]
    return [
        (
            row,
            _SERVERS.get(series, series),
            _number(_figure(figures, row, series)),
            *(_number(_middle(found.get((row, series, name)))) for name in names),
        )
        for row, series in dict.fromkeys(key[:2] for key in found)
    ]


_SERVERS = {ONLY: "PostgreSQL", SQLITE: "SQLite", KEYS: "PostgreSQL, with keys"}


def _middle(rounds: Sequence[float] | None) -> float | None:
    return median(rounds) if rounds else None


def _figure(figures: Figures, row: str, series: str) -> float | None:
    return _middle(figures.get((row, series)))


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other


def _number(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def plain(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """For a terminal."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column in (0, len(HEADER) - 1) else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def markdown(bench: Bench, *, pinned: bool) -> str:
    """The whole of `results.md`."""
    figures, rounds = bench.figures, bench.size.rounds
    return RESULTS.format(
        table=_markdown(HEADER, table(figures)),
        beside=_markdown(BESIDE_HEADER, beside(figures, bench.beside)),
        mongo=f"; MongoDB is played by {bench.mongo.kind}"
        if (MONGO in {series for _, series in figures}) and bench.mongo
        else "",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        cores=os.cpu_count(),
        processor=platform.machine(),
        python=platform.python_version(),
        uvicorn=version("uvicorn"),
        uvloop=version("uvloop"),
        node=_node(),
        socketio=_socketio(),
        rounds=f"median of {rounds} rounds" if rounds > 1 else "one round",
        spread=f"{_spread(figures):.0%}",
        pinned="the servers on one core, everything else on another" if pinned else "all on one core",
    )


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 2), "---"]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def _spread(figures: Figures) -> float:
    """By how much the rounds of a figure differ at most."""
    return max((max(rounds) / min(rounds) - 1 for rounds in figures.values() if min(rounds) > 0), default=0)


def _node() -> str:
    try:
        return (
            subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip().lstrip("v")
        )
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _socketio() -> str:
    package = json.loads((NODE_SERVERS / "package.json").read_text())
    return str(package["dependencies"]["socket.io"])


RESULTS = """\
# Benchmark results

Written by `make bench`; [README.md](README.md) says what each row is, and how it is measured.

CPU microseconds of the server process for each delivery, event, connect or notification, or what a line says. What is
compared was measured in one run, in turns: {rounds}, which differ by up to {spread}.

{table}

Beside that, for the rows about what is saved: units a second; CPU microseconds of database and Redis for each; how long
half of the requests took, and 99 in 100 (until the client had it, where each is to one); the longest block of the event
loop, and, for ours, the longest by processor time.

{beside}

{date}; {cores} cores, {processor}; {pinned}.
Python {python}, uvicorn {uvicorn}, uvloop {uvloop}; Node {node}, socket.io {socketio}{mongo}.
"""
