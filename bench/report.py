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

from .peers import IN_FLIGHT
from .peers import NODE as NODE_SERVERS
from .rows import CONNECTED, EVENT, MANY, NODE, ONLY, SAME_PROMISE, SQLITE, STORED, Figures

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


def _broadcasts(row: str, title: str, of_row: tuple[str, float] | None = None) -> list[Line]:
    return [
        Line(row, EVENT, f"{title}: event, not stored", 0.7, None, of_row),
        Line(row, CONNECTED, f"{title}: announcement to `connected`, not stored", 0.7, None, of_row),
        Line(row, STORED, f"{title}: announcement to `everyone`, stored, with receipts", 1.0, 0.5, of_row),
        Line(row, SQLITE, f"{title}: the same, on SQLite", 1.0, 0.5, of_row),
    ]


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
    Line("send", ONLY, "notification to one user, stored, with its receipt"),
    Line("send", SQLITE, "the same, on SQLite"),
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


def _figure(figures: Figures, row: str, series: str) -> float | None:
    found = figures.get((row, series))
    return median(found) if found else None


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one / other


def _number(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def plain(rows: Sequence[Sequence[str]]) -> str:
    """For a terminal."""
    cells = [HEADER, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column in (0, len(HEADER) - 1) else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def markdown(figures: Figures, rounds: int, *, pinned: bool) -> str:
    """The whole of `results.md`."""
    return RESULTS.format(
        table="\n".join(f"| {' | '.join(row)} |" for row in [HEADER, _rule(), *table(figures)]),
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


def _rule() -> tuple[str, ...]:
    return ("---", *["---:"] * (len(HEADER) - 2), "---")


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
# What it costs, beside Node

Written by `make bench`; [README.md](README.md) says what each row is, and how it is measured.

CPU microseconds of the server process for each delivery, event, connect or notification; for memory KiB. What is
compared was measured in one run, in turns: {rounds}, which differ by up to {spread}.

{table}

{date}; {cores} cores, {processor}; {pinned}.
Python {python}, uvicorn {uvicorn}, uvloop {uvloop}; Node {node}, socket.io {socketio}.
"""
