"""Due work: what is to be done at some time, by whichever instance gets to it first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from .models import NotificationId

WorkId = NotificationId
"""A UUIDv7, as those of notifications."""
Lease = str
"""Names a claim on due work; no two are the same."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something to be done. Times are UTC with milliseconds."""

    id: WorkId
    kind: str
    """Who does it."""
    at: datetime
    """When it is due."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Any JSON object: what there is to do."""
    attempts: int = 0
    """How many have failed so far."""


@dataclass(frozen=True, slots=True)
class Dead:
    """Work that has failed for good, why, and when that was."""

    work: Work
    error: str
    died_at: datetime


class Waiting(NamedTuple):
    """How much work there is."""

    waiting: int
    """That is not done, whenever it is due."""
    late: int
    """That was due by some time."""
    dead: int
