"""How the cases are shared out among several test processes (`make test`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST = (
    *("delivery", "chaos", "examples", "queues", "transports", "hostile", "store"),
    *("browser", "asgi", "deploy", "frontends", "verify"),
)
"""Folders, the longest first: what is begun last is short, so that no process has to wait long for another."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A process takes whole files, one after the other: what a file shares is started once.

    `--dist loadfile` is like it, but begins with the file that has the most cases.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


def workers() -> int:
    """How many processes `-n auto` means: two for each processor, for they wait much; eight at most."""
    return min(2 * (os.cpu_count() or 1), 8)


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several test processes."""
    return hasattr(config, "workerinput")


def in_order(items: list[pytest.Item]) -> None:
    """Sort the cases, those of one file staying as they are."""
    items.sort(key=lambda item: _place(item.nodeid.split("/")))


def _place(path: Sequence[str]) -> int:
    folder = path[1] if len(path) > 2 else ""
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)
