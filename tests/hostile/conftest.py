"""The service that is attacked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..service import Service
from .watch import Watch


@pytest.fixture(scope="module")
def victim() -> Iterator[Service]:
    """A service of this module's own: what attacks leave in its memory and its log is no other test's business."""
    with Service() as service:
        service.start()
        yield service


@pytest.fixture
def watch(victim: Service) -> Watch:
    """The victim, watched from the test's beginning."""
    return Watch(victim)
