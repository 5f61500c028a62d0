"""Fixtures for every folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from .service import Service

_numbers = count(1)


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
