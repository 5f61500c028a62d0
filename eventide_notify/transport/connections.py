"""What is known of one authenticated socket, beside what python-socketio knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..models import NotificationId, Principal
from ..wire import CatchUp, Dialect

REMEMBERED_IDS = 2_000
"""How many of the ids it was sent a socket remembers, so as not to send one twice."""


class RecentIds:
    """The last `REMEMBERED_IDS` ids that were added."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[NotificationId, None] = {}

    def __contains__(self, id: NotificationId) -> bool:
        return id in self._ids

    def add(self, id: NotificationId) -> bool:
        """Remember it; False if it was there already."""
        if id in self._ids:
            return False
        self._ids[id] = None
        if len(self._ids) > REMEMBERED_IDS:
            del self._ids[next(iter(self._ids))]
        return True


@dataclass(slots=True, eq=False)
class Connection:
    """A socket of a user in one namespace.

    While its replay is being read and written, live notifications wait in `held`, so that they come after it.
    """

    sid: str
    eio_sid: str
    dialect: Dialect
    principal: Principal
    catch_up: CatchUp
    since: NotificationId | None
    opened_at: datetime
    newest: NotificationId = ""
    """The newest id that it was sent."""
    sent: RecentIds = field(default_factory=RecentIds)
    held: list[dict[str, Any]] | None = field(default_factory=list)
    welcome: asyncio.Task[None] | None = None
    expiry: asyncio.TimerHandle | None = None

    @property
    def user(self) -> str:
        return self.principal.user_id
