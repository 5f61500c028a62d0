"""Where a page of a user's notifications ends, and the next one begins.

What has to be acknowledged comes first. It may be acknowledged between two pages; so that nothing is then in both, or
in none, a cursor says when the first page was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ..models import Notification, NotificationId, id_at, is_notification_id, time_of

_CURSOR = re.compile(r"(top-)?(.{36})(?:-([0-9a-f]{8}-[0-9a-f]{4}))?")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list."""

    before: NotificationId
    from_top: bool = False
    """Whether that is among those that come first."""
    read_at: datetime | None = None
    """When the list was first read; None: nothing in it had to be acknowledged."""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The cursor again; None: it is none."""
        found = _CURSOR.fullmatch(text)
        if found is None or not is_notification_id(found[2]):
            return None
        if found[3] is None:
            return None if found[1] else cls(found[2])
        read_at = f"{found[3]}{_REST}"
        return cls(found[2], found[1] is not None, time_of(read_at)) if is_notification_id(read_at) else None

    @classmethod
    def after(cls, item: Notification, read_at: datetime, *, plain: bool) -> Self:
        """The place after this one. `plain`: nothing has to be acknowledged."""
        return cls(item.id) if plain else cls(item.id, item.on_top(read_at), read_at)

    def __str__(self) -> str:
        if self.read_at is None:
            return self.before
        return f"{'top-' if self.from_top else ''}{self.before}-{id_at(self.read_at)[:13]}"


_REST = "-7000-8000-000000000000"
"""What follows the time in an id."""
