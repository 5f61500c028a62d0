"""Fixtures for every folder."""

from __future__ import annotations

import fcntl
import logging
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from . import parallel
from .frontends.page import JS
from .require import missing
from .service import Service

_numbers = count(1)

# httpx gives up after 5 seconds where a test says nothing else: on a busy machine a server may stand still for so long.
for _part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _part, 30.0)


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """One running service with default settings, for tests that keep to users of their own."""
    with Service() as service:
        service.start()
        yield service


@pytest.fixture
def user() -> str:
    """A user that no other test has."""
    return f"user-{next(_numbers)}"


@pytest.fixture(scope="session")
def node_modules() -> None:
    """What `tests/js` needs, as its lock says."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            missing(f"{program} is not on PATH")
    lock, installed = JS / "package-lock.json", JS / "node_modules" / ".package-lock.json"
    with lock.open() as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)  # other test runs share this folder
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return
        npm = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=JS, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if npm.returncode:
        missing(f"npm could not install what tests/js needs: {npm.stderr.strip()}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if parallel.is_worker(config):
        parallel.in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return parallel.workers()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> parallel.ByFile:
    return parallel.ByFile(config, log)


@pytest.fixture(autouse=True)
def level_of_the_log() -> Iterator[None]:
    """A command that runs in this process sets it, and other tests read what is logged."""
    logger = logging.getLogger("eventide_notify")
    before = logger.level
    yield
    logger.setLevel(before)
