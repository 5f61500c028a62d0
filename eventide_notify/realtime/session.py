"""A Socket.IO session: a client in one namespace, and what it was shown."""

from __future__ import annotations

import asyncio
import time
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from ..models import NotificationId, Principal, Receipt, UserId
from ..service.journal import Journal
from ..wire import UNREAD_COUNT, CatchUp, Dialect
from .engine.transport import BACKLOG_BYTES, BACKLOG_PACKETS, Transport
from .frames import Content, Shown

REMEMBERED_IDS = 1_000
"""How many of the ids that it was shown a session remembers at least (and at most twice as many), so as not to be shown
one twice."""


class Session:
    """An authenticated client in one namespace.

    While its replay is being read and written, live notifications wait in `held`, in the order of their ids, so that
    they come after it; None: it is live.
    """

    __slots__ = (
        "_gone", "_held_size", "_journal", "_now", "_shown", "_shown_before", "catch_up", "dialect", "expiry", "held",
        "newest", "opened_at", "principal", "sid", "since", "transport", "user", "welcome",
    )  # fmt: skip

    def __init__(
        self,
        sid: str,
        transport: Transport,
        dialect: Dialect,
        principal: Principal,
        *,
        catch_up: CatchUp,
        since: NotificationId | None,
        opened_at: datetime,
        journal: Journal,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.sid = sid
        self.transport = transport
        self.dialect = dialect
        self.principal = principal
        self.user: UserId = principal.user_id
        self.catch_up = catch_up
        self.since = since
        self.opened_at = opened_at
        self.newest: NotificationId = ""
        """The newest id that it was shown."""
        self.held: list[Shown] | None = []
        self._held_size = 0
        self.welcome: asyncio.Task[None] | None = None
        self.expiry: asyncio.TimerHandle | None = None
        self._shown: set[NotificationId] = set()
        self._shown_before: set[NotificationId] = set()
        self._gone: NotificationId = ""
        self._journal = journal
        self._now = now

    def is_gone(self, id: NotificationId, until: float | None) -> bool:
        """Whether nothing is to be written of it: it was shown, or told to be deleted, or has expired."""
        return self.has(id) or id <= self._gone or (until is not None and until <= self._now())

    def has(self, id: NotificationId) -> bool:
        """Whether it was shown this one, or told that it was deleted."""
        return id in self._shown or id in self._shown_before

    def show(self, shown: Shown, count: Content | None = None) -> bool:
        """Write a notification or an announcement, or let it wait until the replay is written. Whether it was written;
        False also when it was before. `count`: the unread count, which leaves with it, and does not wait."""
        written = False
        if self.held is not None:
            self._hold(self.held, shown)
        else:
            written = self.write(shown, count)
        if count is not None and not written:
            self.tell(UNREAD_COUNT, count)
        return written

    def _hold(self, held: list[Shown], shown: Shown) -> None:
        if len(held) >= BACKLOG_PACKETS or self._held_size >= BACKLOG_BYTES:
            # It takes its replay too slowly. What is stored comes when it is back.
            self.transport.cut_off()
            held.clear()
            self._held_size = 0
        elif not self.transport.closed:
            insort(held, shown, key=lambda waiting: waiting.id)
            self._held_size += len(shown.content.json)

    def next_held(self) -> Shown | None:
        """Take the oldest of what waits; None: nothing did, and from now on nothing does."""
        if not self.held:
            self.held = None
            return None
        shown = self.held.pop(0)
        self._held_size -= len(shown.content.json)
        return shown

    def write(self, shown: Shown, count: Content | None = None) -> bool:
        """Write it now, unless it was written before or has expired. What is late is not written after newer ones."""
        id = shown.id
        if shown.until is not None and shown.until <= self._now():
            return False
        if shown.late and id < self.newest and self.catch_up != "none" and not self.has(id):
            # Written now it would come after newer ones. On a new transport it comes in its place.
            self._journal.note(
                id, "postponed", session=self.sid, detail="newer ones were sent before: it reconnects first"
            )
            self.transport.close()
            return False
        if id <= self._gone and not shown.late:
            return False
        if not self._remember(id):
            return False
        receipts = (Receipt(self.user, id, shown.broadcast),) if shown.stored else ()
        frame = shown.frame(self.dialect)
        if count is not None:
            frame = frame.then(count.frame(self.dialect.namespace, UNREAD_COUNT))
        self.transport.send(frame, receipts)
        if shown.broadcast:
            self._journal.reached(id, "sent", shown.how)
        else:
            self._journal.sent(id, self.sid, self.transport.sid, shown.how)
        return True

    def remind(self, shown: Shown) -> bool:
        """Write it once more, now, and whatever was written since; unless it waits to be written for the first time."""
        if any(waiting.id == shown.id for waiting in self.held or ()):
            return False
        if not self.has(shown.id):
            self._note(shown.id)
        self.transport.send(shown.frame(self.dialect), (Receipt(self.user, shown.id, shown.broadcast),))
        self._journal.reached(shown.id, "sent", shown.how)
        return True

    def write_batch(self, event: str, content: Content, receipts: Sequence[Receipt]) -> None:
        """Write several as one event; `receipts`: what is received with it."""
        for _, id, broadcast in receipts:
            self._remember(id)
            if broadcast:
                self._journal.reached(id, "sent", "replay")
            else:
                self._journal.sent(id, self.sid, self.transport.sid, "replay")
        self.transport.send(content.frame(self.dialect.namespace, event), receipts)

    def tell(self, event: str, content: Content) -> None:
        """Write any other event."""
        self.transport.send(content.frame(self.dialect.namespace, event))

    def withdraw(self, ids: Iterable[NotificationId]) -> None:
        """Write none of these any more: a copy that is still waiting would bring back what has been deleted."""
        for id in ids:
            if not self.has(id):
                self._note(id)

    def withdraw_all(self, up_to: NotificationId) -> None:
        """Likewise for all up to this one, but for what is late: it may have been saved only afterwards."""
        self._gone = max(self._gone, up_to)

    def _remember(self, id: NotificationId) -> bool:
        if id in self._shown or id in self._shown_before:
            return False
        self._note(id)
        self.newest = max(self.newest, id)
        return True

    def _note(self, id: NotificationId) -> None:
        self._shown.add(id)
        if len(self._shown) >= REMEMBERED_IDS:
            self._shown, self._shown_before = set(), self._shown  # drops the older half at once
