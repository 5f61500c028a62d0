"""Does what is due: every instance looks for it, and whoever is first holds it by a lease while it is done.

Whoever does it prolongs the lease. An instance that dies holds what it has claimed no longer than the lease lasts; then
another one does it. So the same work may be done twice, also at the same time by two: what a handler does must be such
that this changes nothing more, as a save with a claim whose key follows from the work's id.

While the store is unavailable everything waits, and nothing counts as failed. What fails for another reason is tried
again later, and after some attempts it is dead, until somebody has it done again or forgets it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import uuid4

from ..due import Dead, Lease, Work, WorkId
from ..errors import EventideError, FieldError, InvalidRequest, NotFound, OutcomeUnknown, Refused, Unavailable
from ..metrics import Metrics
from ..models import cut_to_milliseconds, is_notification_id
from ..store.base import Store

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.25
"""Seconds between two looks for what is due, if something is or will be before the next one."""
LOOK_AHEAD = timedelta(seconds=1)
"""After so long another look is taken in any case: other instances may have scheduled something."""
LEASE = timedelta(seconds=1.5)
"""Short: what an instance held that was killed is done by another one so much later."""
GUARD = 0.4
"""Seconds after which what is done of a batch is said to be, and what is not is held for longer."""
LEAST, MOST = 10, 100
"""Works in a batch: at the least, unless they weigh too much, and at the most."""
TOGETHER = 2_000
"""Most that the works of a batch may weigh together; what weighs more is done alone."""
BATCH_SECONDS = 0.05
"""How long a batch is to take: for about that time others may have to wait for it."""
PAUSE = 1.0
"""How many times as long as a batch the pause after it is, while there is more to do."""
UNPAUSED = 1.0
"""For so many seconds there are no pauses: what can be done in that time is done at once."""
ATTEMPTS = 10
"""After so many that failed, work is dead."""
BACKOFF, BACKOFF_MAX = 1.0, 300.0
"""Seconds until the second attempt; twice as long before each further one, up to that."""
COUNT_EVERY = 15.0
LATE = timedelta(seconds=5)
"""What is due for longer than that is late."""
ERROR_MAX = 1_000
"""Most characters of what is kept of why work is dead."""


class DeadWork:
    """What has failed for good."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def page(self, *, after: WorkId | None, limit: int) -> Sequence[Dead]:
        """The first `limit` after this id, in the order of ids."""
        return await self._store.dead(after=place(after), limit=limit)

    async def retry(self, id: WorkId) -> Work:
        """Have it done now; `NotFound` if there is none."""
        work = await self._store.retry_dead(id, now=self._clock()) if is_notification_id(id) else None
        if work is None:
            raise NotFound(_NOT_DEAD)
        return work

    async def forget(self, id: WorkId) -> None:
        """Remove it; `NotFound` if there is none."""
        if not is_notification_id(id) or not await self._store.remove_dead(id):
            raise NotFound(_NOT_DEAD)


def place(cursor: WorkId | None) -> WorkId:
    """After which id a page begins. Raises `InvalidRequest` for what is no cursor."""
    if cursor is not None and not is_notification_id(cursor):
        raise InvalidRequest(errors=[FieldError("cursor", "is not a cursor of this service")])
    return cursor or ""


_NOT_DEAD = "There is no such work."


class Later(NamedTuple):
    """What a handler returns when there is more to do at another time."""

    at: datetime
    payload: Mapping[str, Any]


Handler = Callable[[Work], Awaitable[Later | None]]
Weigh = Callable[[Work], int]


class DueWork:
    """Call `round` every `LOOK_EVERY`, and `count` every `COUNT_EVERY` seconds."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime],
        metrics: Metrics,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._monotonic = monotonic
        self._sleep = sleep
        self._handlers: dict[str, Handler] = {}
        self._weigh: dict[str, Weigh] = {}
        self._limit = self._least = LEAST
        self._looked_at = self._look_at = datetime.min.replace(tzinfo=UTC)

    def handle(self, kind: str, handler: Handler, *, weigh: Weigh = lambda _: 1) -> None:
        """From now on this handler does the work of this kind. `weigh`: how many small works one of them is worth,
        at least 1; it does not raise.

        It raises `Unavailable` or `OutcomeUnknown` when it has to be tried again; another error that is the fault of
        what is asked for (`EventideError` with a status below 500) means that it can never be done.
        """
        self._handlers[kind], self._weigh[kind] = handler, weigh

    async def round(self) -> None:
        """Do what is due, and go on while there is more."""
        if not await self._is_time():
            return
        began = self._monotonic()
        while True:
            start = self._monotonic()
            if not await self._batch(self._limit):
                return
            end = self._monotonic()
            self._fit(end - start)
            await self._sleep(PAUSE * (end - start) if end - began > UNPAUSED else 0)

    async def _is_time(self) -> bool:
        """Whether something is due. While nothing is, the store is asked no more often than every `LOOK_AHEAD`."""
        now = self._clock()
        if self._looked_at <= now < self._look_at:  # else the clock was set back
            return False
        first = await self._store.first_due(kinds=self._handlers.keys())
        self._looked_at, ahead = now, now + LOOK_AHEAD
        self._look_at = ahead if first is None else min(first, ahead)
        return self._look_at <= now

    async def count(self) -> None:
        """Say in the metrics how much there is."""
        waiting = await self._store.count_due(by=self._clock() - LATE)
        self._metrics.due_waiting.set(waiting.waiting)
        self._metrics.due_late.set(waiting.late)
        self._metrics.due_dead.set(waiting.dead)

    async def _batch(self, limit: int) -> bool:
        """Do up to so many; whether there may be more."""
        now, lease = self._clock(), uuid4().hex
        kinds = self._handlers.keys()
        works = await self._store.claim_due(kinds=kinds, now=now, lease=lease, until=now + LEASE, limit=limit)
        weights = list(accumulate(self._weigh[work.kind](work) for work in works))
        number = max(1, sum(weight <= TOGETHER for weight in weights))
        some, rest = works[:number], works[number:]
        if works:
            self._least = max(1, min(LEAST, TOGETHER * number // weights[number - 1]))
        if rest:
            self._limit = number
            await self._store.prolong_due([work.id for work in rest], lease, until=now)  # others may have them
        doing = {asyncio.create_task(self._do(work, lease)): work for work in some}
        try:
            await self._finish_all(doing, lease)
        finally:
            for task in doing:
                task.cancel()
        return len(works) == limit or bool(rest)

    async def _finish_all(self, doing: Mapping[asyncio.Task[bool], Work], lease: Lease) -> None:
        left: Collection[asyncio.Task[bool]] = doing
        while left:
            ended, left = await asyncio.wait(left, timeout=GUARD)
            if done := [doing[task].id for task in ended if task.result()]:
                await self._store.finish_due(done, lease)
            if left:  # otherwise another instance would take it, and this one would then not hold what it has done
                until = self._clock() + LEASE
                await self._store.prolong_due([doing[task].id for task in left], lease, until=until)

    async def _do(self, work: Work, lease: Lease) -> bool:
        """Whether there is nothing more to do."""
        try:
            later = await self._handlers[work.kind](work)
        except (Unavailable, OutcomeUnknown) as error:
            if not isinstance(error, Refused):
                # The lease runs out by itself. Until then nobody knows whether it was done.
                logger.debug("%s work %s has to wait: %s", work.kind, work.id, error)
                return False
            await self._failed(work, lease, error)
            return False
        except Exception as error:
            await self._failed(work, lease, error)
            return False
        self._metrics.due.labels(work.kind, "done").inc()
        if later is None:
            return True
        await self._store.postpone_due(work.id, lease, at=later.at, attempts=0, payload=later.payload)
        return False

    async def _failed(self, work: Work, lease: Lease, error: Exception) -> None:
        attempts = work.attempts + 1
        hopeless = isinstance(error, EventideError) and error.status < 500
        expected = isinstance(error, EventideError)
        logger.warning(
            "%s work %s failed (attempt %d): %s", work.kind, work.id, attempts, error,
            exc_info=not expected and attempts == 1,
        )  # fmt: skip
        self._metrics.due.labels(work.kind, "failed").inc()
        if hopeless or attempts >= ATTEMPTS:
            await self._bury(work, lease, error)
            return
        pause = timedelta(seconds=min(BACKOFF * 2**work.attempts, BACKOFF_MAX) * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
        at = cut_to_milliseconds(self._clock() + pause)
        await self._store.postpone_due(work.id, lease, at=at, attempts=attempts, payload=work.payload)

    async def _bury(self, work: Work, lease: Lease, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:ERROR_MAX]
        if await self._store.bury_due(work.id, lease, error=reason, now=self._clock()):
            logger.error("%s work %s is dead: %s", work.kind, work.id, reason)
            self._metrics.due.labels(work.kind, "dead").inc()

    def _fit(self, took: float) -> None:
        """Let the next batch take about as long as it may."""
        if took > BATCH_SECONDS:
            self._limit = max(self._least, int(self._limit * 0.8))
        elif took < BATCH_SECONDS / 2:
            self._limit = min(MOST, max(self._limit + 1, int(self._limit * 1.5)))
