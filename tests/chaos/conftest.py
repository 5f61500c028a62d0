"""One deployment for each test, and the table at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _pytest.terminal import TerminalReporter

from .backends import DatabaseServers
from .report import Row, table
from .size import FULL

ROWS = pytest.StashKey[list[Row]]()
NOTES = pytest.StashKey[list[str]]()

full_only = pytest.mark.chaos(full_only=True)
"""Marks what takes too long for every day."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "chaos(full_only=False): clients, instances, Redis and databases break; `make chaos` runs all"
    )
    config.stash[ROWS] = []
    config.stash[NOTES] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [] if FULL else [item for item in items if _is_full_only(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    rows, notes = config.stash[ROWS], config.stash[NOTES]
    if (rows or notes) and (FULL or config.get_verbosity() > 0):
        terminalreporter.section("chaos")
        for line in [*(table(rows) if rows else ()), *notes]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="package")
def servers() -> Iterator[DatabaseServers]:
    """Databases, which are started when first asked for."""
    servers = DatabaseServers()
    yield servers
    servers.close()


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """The table so far."""
    return request.config.stash[ROWS]


@pytest.fixture
def notes(request: pytest.FixtureRequest) -> list[str]:
    """Figures to be told below the table."""
    return request.config.stash[NOTES]


def _is_full_only(item: pytest.Item) -> bool:
    return any(mark.kwargs.get("full_only") for mark in item.iter_markers("chaos"))
