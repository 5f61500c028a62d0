"""What happened around a notification, for whoever has to find out why it went wrong."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime

AROUND = 6.0
"""Seconds before and after what happened to the notification itself."""


class Stories:
    """Everything that happened to each user's client and notifications."""

    def __init__(self) -> None:
        self._lines: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
        self._clock = time.time() - time.monotonic()

    def note(self, user: str, at: float, what: str, id: str = "") -> None:
        """`at` in seconds since the epoch; `id`: which notification it is about."""
        self._lines[user].append((at, id, what))

    def about(self, user: str, id: str) -> list[str]:
        """This notification's story, and what happened to the client meanwhile."""
        lines = self._lines[user]
        own = [at for at, about, _ in lines if about == id]
        if not own:
            return []
        first, last = min(own) - AROUND, max(own) + AROUND
        moved = time.time() - time.monotonic() - self._clock
        return [
            f"  (in all this time the system's clock has been moved by {moved:+.3f} s)",
            *(
                f"  {datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {'* ' if about == id else ''}{what}"
                for at, about, what in sorted(lines)
                if first <= at <= last
            ),
        ]
