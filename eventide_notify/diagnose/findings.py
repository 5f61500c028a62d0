"""What is said of each thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NOBODY = "no --token, or a certificate that cannot be trusted with it"
"""Why nothing was asked in anybody's name."""

Level = Literal["ok", "warning", "FAILED", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    said: str
    change: str = ""
    """What to do about it, in plain words; empty where there is nothing to do."""

    def __str__(self) -> str:
        line = f"{self.level:<8} {self.what}: {self.said}"
        return f"{line}\n         -> {self.change}" if self.change else line


def ok(what: str, said: str) -> Finding:
    return Finding("ok", what, said)


def warning(what: str, said: str, change: str) -> Finding:
    return Finding("warning", what, said, change)


def failed(what: str, said: str, change: str) -> Finding:
    return Finding("FAILED", what, said, change)


def skipped(what: str, said: str) -> Finding:
    return Finding("skipped", what, said)
