"""What a client that connects has missed, and the receipts for what clients have received."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..context import nobodys
from ..errors import EventideError, OutcomeUnknown, Refused, Unavailable
from ..metrics import Metrics
from ..models import Counts, Notification, NotificationId, Receipt, UserId, id_at, seconds_of, time_of
from ..store.base import Store
from .unread import UnreadCountLoader

logger = logging.getLogger(__name__)

RECEIPT_PAUSE = 0.1
"""Seconds that receipts are collected before they are written together."""
SINCE_OVERLAP = timedelta(seconds=2)
"""How much older than `since` a notification may be and be replayed all the same: it may have been saved later than
its id says, because the clocks of instances differ or the save took long. Most of these the client has, and drops."""
AT_ONCE_MIN, AT_ONCE_MAX = 100, 2_500
"""Receipts in one call of the store: fewer after one that failed, for a slow database may not have had the time."""
RECEIPT_RETRY = 1.0
"""Seconds until receipts that could not be written are tried again."""
REFUSED_MAX = 20
"""How many receipts in a row may be refused one by one, with none written, before that is not taken for their fault."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a client that connects has missed, oldest first."""

    notifications: Sequence[Notification]
    complete: bool
    """Whether that is all of it."""
    counts: Counts


class BacklogReader:
    """Reads what a client has missed."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], limit: int) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._counts = UnreadCountLoader(store, clock=clock)

    async def of(self, user: UserId, *, since: NotificationId | None, replay: bool) -> Backlog:
        """The newest of what is pending and, with `since`, of all that is newer; none of it unless `replay`."""
        limit = self._limit if replay else 0
        now = self._clock()
        counts = await self._counts.of(user)
        found: dict[NotificationId, Notification] = {}
        if counts.unread:  # what is pending is unread, so most users cost one small query
            found.update((item.id, item) for item in await self._store.pending(user, now=now, limit=limit + 1))
        if since is not None:
            than = id_at(time_of(since) - SINCE_OVERLAP)
            newer = await self._store.newer(user, than=than, now=now, limit=limit + 1)
            found.update((item.id, item) for item in newer if item.id != since)
        newest = sorted(found.values(), key=lambda item: item.id)
        return Backlog(newest[-limit:] if limit else (), len(newest) <= limit, counts)


class ReceiptWriter:
    """Writes down what clients have received, in batches."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._receipts: set[Receipt] = set()
        self._most = AT_ONCE_MAX
        self._task: asyncio.Task[None] | None = None
        self._observe, self._observe_announcement = map(metrics.delivery.observer, ("notification", "announcement"))
        metrics.receipts_waiting.set_function(lambda: len(self._receipts))

    @property
    def waiting(self) -> int:
        """How many are to be written."""
        return len(self._receipts)

    def received(self, receipts: Iterable[Receipt]) -> None:
        """Clients have proven to have these; it is written within some `RECEIPT_PAUSE`."""
        self._receipts.update(receipts)
        if self._receipts and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._write_soon(), name="receipts", context=nobodys())

    def confirmed(self, receipts: Sequence[Receipt]) -> None:
        """Likewise, and this is the moment at which they came."""
        now = time.time()
        for _, id, broadcast in receipts:
            (self._observe_announcement if broadcast else self._observe)(now - seconds_of(id))
        self.received(receipts)

    async def acknowledge(self, user: UserId, ids: Collection[NotificationId]) -> Collection[NotificationId]:
        """The user's client names what it has received; those of the ids that are the user's. Written at once."""
        await self._write({Receipt(user, id, broadcast) for id in ids for broadcast in (False, True)})
        return await self._store.owned(user, ids, now=self._clock())

    async def flush(self) -> None:
        """Write what has been received so far."""
        await self.abandon()
        batch, self._receipts = self._receipts, set()
        try:
            await self._write_or_halve(batch)
        except BaseException:
            self._receipts |= batch
            raise

    async def abandon(self) -> None:
        """Stop writing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Write what is left, and end."""
        try:
            await self.flush()
        except EventideError:
            self._metrics.receipts_lost.inc(len(self._receipts))
            logger.warning("%d receipts are lost; these notifications will be sent again", len(self._receipts))

    async def _write_soon(self) -> None:
        while self._receipts:
            await asyncio.sleep(RECEIPT_PAUSE)
            batch, self._receipts = self._receipts, set()
            try:
                await self._write_or_halve(batch)
            except (Unavailable, OutcomeUnknown):
                self._receipts |= batch
                await asyncio.sleep(RECEIPT_RETRY)
            except asyncio.CancelledError:
                self._receipts |= batch
                raise

    async def _write_or_halve(self, receipts: Collection[Receipt]) -> None:
        """Write all of them but those that the store refuses one by one, which are dropped.

        Raises `Unavailable` or `OutcomeUnknown` when it is the store that fails, and not single receipts.
        """
        ordered = sorted(receipts, key=lambda receipt: receipt.notification_id)
        parts = [ordered[start : start + self._most] for start in range(0, len(ordered), self._most)][::-1]
        refused: list[Receipt] = []
        written = False
        while parts:
            part = parts.pop()
            try:
                await self._write(part)
                written = True
            except Exception as error:
                if isinstance(error, Unavailable | OutcomeUnknown) and not isinstance(error, Refused):
                    self._most = max(AT_ONCE_MIN, self._most // 4)  # it may be too much for the time that it has
                    raise
                if len(part) > 1:
                    self._tell_of_halves(len(part), error, first=len(part) == len(receipts))
                    parts += part[len(part) // 2 :], part[: len(part) // 2]
                    continue
                refused += part
                if not written and len(refused) == REFUSED_MAX:
                    raise Unavailable from error
        self._most = min(AT_ONCE_MAX, self._most * 2)
        self._metrics.receipts_lost.inc(len(refused))
        for receipt in refused:
            logger.error("a receipt is refused and dropped; its notification will be sent again: %s", receipt)

    def _tell_of_halves(self, number: int, error: Exception, *, first: bool) -> None:
        trace = None if isinstance(error, EventideError) else error  # the store has logged its own
        level = logging.WARNING if first else logging.DEBUG
        logger.log(level, "%d receipts at once are refused, trying the halves (%r)", number, error, exc_info=trace)

    async def _write(self, receipts: Collection[Receipt]) -> None:
        if receipts:
            self._metrics.delivered.inc(await self._store.mark_delivered(receipts, now=self._clock()))
