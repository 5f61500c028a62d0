"""What came of the scenarios, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .journal import Journal

COLUMNS = (
    "scenario", "backend", "instances", "created", "received", "copies", "twice", "false", "disorder",
    "late p50 / p99 (s)", "of that, connected (s)", "requests, failed",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One scenario's."""

    scenario: str
    backend: str
    instances: int
    outcome: Mapping[str, Any]
    """As `eventide-notify verify --json` prints it."""
    journal: Journal

    def cells(self) -> list[str]:
        outcome, faults = self.outcome, self.outcome["faults"]
        return [
            self.scenario,
            self.backend,
            str(self.instances),
            str(outcome["created"]),
            _percent(outcome["received"], outcome["created"]),
            str(outcome["copies"]),
            str(faults["shown_twice"]),
            str(faults["falsely_delivered"]),
            str(faults["out_of_order"]),
            _delay(outcome["late"]),
            _delay(outcome["late_online"]),
            f"{self.journal.answered.total()}, {len(self.journal.failures)}",
        ]


def table(rows: Sequence[Row]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [list(COLUMNS), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]


def _percent(part: int, whole: int) -> str:
    """Rounded down: 100.000 % is all."""
    return f"{part * 100_000 // whole / 1000:.3f} %" if whole else "nothing"


def _delay(delay: Mapping[str, float] | None) -> str:
    return "" if delay is None else f"{delay['p50']:.2f} / {delay['p99']:.2f}"
