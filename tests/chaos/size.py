"""How much of the suite is run."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Size:
    """Of one load."""

    users: int
    notifications: int
    seconds: float
    """In which they are created."""
    rounds: int
    """How often a fault happens in that time."""
    beside: int
    """How often in that time others send what replaces, and what has to be acknowledged."""
    patience: float
    """Seconds in which every request must be answered."""
    settle: float
    """Seconds at most until all is received and confirmed afterwards.

    More than the 45 after which a stock client notices that nothing comes any more: one whose WebSocket has ended while
    it changed to it does not poll again before.
    """


_SIZES = {
    "small": Size(users=12, notifications=120, seconds=6, rounds=1, beside=6, patience=10, settle=60),
    "full": Size(users=30, notifications=600, seconds=20, rounds=2, beside=8, patience=10, settle=60),
}
_NAME = os.environ.get("EVENTIDE_TEST_CHAOS") or "small"
if _NAME not in _SIZES:
    raise ValueError(f"EVENTIDE_TEST_CHAOS is {_NAME!r}; it may be {' or '.join(_SIZES)}")

FULL = _NAME == "full"
SIZE = _SIZES[_NAME]
SIZE_ON_MONGODB = replace(SIZE, notifications=150 if FULL else 100, beside=2, patience=30, settle=60)
"""FerretDB, which stands in where there is no MongoDB, reads a whole collection for most of what it is asked. With as
much as the others it falls behind on a small machine, further and further."""
