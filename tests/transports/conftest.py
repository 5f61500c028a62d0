"""A user of their own for each test, and stock clients."""

from __future__ import annotations

import pytest

from ..service import Service
from .inbox import Inbox


@pytest.fixture
def inbox(service: Service, user: str) -> Inbox:
    """That of a user that no other test has."""
    return Inbox(service, user)
