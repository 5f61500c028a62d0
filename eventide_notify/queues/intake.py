"""Messages on their way into the service: in order for each recipient, and none is let go before it is dealt with."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..errors import EventideError, Internal, OutcomeUnknown, Refused, Unavailable
from ..metrics import Metrics
from ..models import UserId
from ..service import NotificationService
from .address import QueueAddress
from .base import Broker, Message
from .dead import dead_letter
from .take import Order, take

logger = logging.getLogger(__name__)

PAUSE, PAUSE_MAX = 0.1, 2.0
"""Seconds between two attempts to save, the first and the longest ones; with some jitter."""
ATTEMPTS = 8
"""How often is tried what fails although the store works."""
TOGETHER = 2_000
"""How many recipients the messages have that are carried out at the same time, unless one alone has more: for about as
long as these are saved, others may have to wait."""

Check = Callable[[], Awaitable[None]]
"""Returns when the store can save; raises otherwise."""


class Intake:
    """Takes the messages of one queue."""

    def __init__(
        self,
        address: QueueAddress,
        service: NotificationService,
        *,
        check_store: Check,
        clock: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._address = address
        self._service = service
        self._check_store = check_store
        self._clock = clock
        self._burying = asyncio.Lock()
        self._outcomes = {
            outcome: metrics.queue_messages.labels(address.label, outcome) for outcome in ("taken", "dead")
        }

    async def process(self, messages: Sequence[Message], broker: Broker) -> None:
        """Return when each has been carried out, or is safe with the dead ones.

        Messages that have a recipient in common are carried out one after the other, the others at the same time: what
        is saved at the same time shares a transaction. Those have up to `TOGETHER` recipients in all. While the store
        is unavailable this waits. Raises what `broker` raises when a dead message could not be put away.
        """
        lines = _Lines()
        async with asyncio.TaskGroup() as group:
            for message in messages:
                order = self._understood(message)
                await lines.has_room(order)
                earlier = lines.before(order)
                task = group.create_task(self._settle(message, order, earlier, broker))
                lines.add(order, task)
                await asyncio.sleep(0)  # others have their turn: a message may be large

    def _understood(self, message: Message) -> Order | EventideError:
        try:
            return take(message.headers, message.body, service=self._service, caller=self._address.caller)
        except EventideError as error:
            return error
        except Exception:
            return _internal("%s: a message of %s cannot be read", self._address)

    async def _settle(
        self, message: Message, order: Order | EventideError, earlier: set[asyncio.Task[None]], broker: Broker
    ) -> None:
        if earlier:
            await asyncio.wait(earlier)
        error = order if isinstance(order, EventideError) else await self._carried_out(order)
        if error is None:
            self._outcomes["taken"].inc()
            return
        letter = dead_letter(message, error, queue=self._address.name, now=self._clock(), largest=broker.largest)
        async with self._burying:
            await broker.publish(letter, {"content-type": "application/json"}, dead=True)
        self._outcomes["dead"].inc()
        logger.warning("a message of %s cannot be used, it is in %s now: %s", self._address.label,
                       self._address.dead, error.message)  # fmt: skip

    async def _carried_out(self, order: Order) -> EventideError | None:
        """Why it cannot be; None when it is."""
        failures, pause = 0, PAUSE
        while True:
            try:
                await order.carry_out()
                return None
            except Refused as refused:
                error: EventideError = refused
            except (Unavailable, OutcomeUnknown) as unavailable:
                error = unavailable
                failures = 0
            except EventideError as fault:
                return fault
            except Exception:
                error = _internal("%s: a message of %s cannot be carried out", self._address)
            if not isinstance(error, Unavailable | OutcomeUnknown) or isinstance(error, Refused):
                failures += await self._store_works()
                if failures >= ATTEMPTS:
                    return error
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            pause = min(PAUSE_MAX, pause * 2)

    async def _store_works(self) -> bool:
        """What fails while it does, fails because of the message."""
        try:
            await self._check_store()
        except Exception:
            return False
        return True


@dataclass
class _Lines:
    """Who waits for whom: each for those before it that have a recipient in common with it."""

    _last: dict[UserId, asyncio.Task[None]] = field(default_factory=dict)
    _since: set[asyncio.Task[None]] = field(default_factory=set)
    """All since the last one that was for everybody, and that one."""
    _for_all: set[asyncio.Task[None]] = field(default_factory=set)
    _under_way: dict[asyncio.Task[None], int] = field(default_factory=dict)
    """How many recipients each has."""

    async def has_room(self, order: Order | EventideError) -> None:
        """Wait until so much has been carried out that this one may be, too."""
        weight = _weight(order)
        while self._under_way and sum(self._under_way.values()) + weight > TOGETHER:
            done, _ = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del self._under_way[task]

    def before(self, order: Order | EventideError) -> set[asyncio.Task[None]]:
        if isinstance(order, EventideError):
            return set()
        if order.users is None:
            return set(self._since)
        return self._for_all | {self._last[user] for user in order.users if user in self._last}

    def add(self, order: Order | EventideError, task: asyncio.Task[None]) -> None:
        self._under_way[task] = _weight(order)
        if isinstance(order, EventideError):
            return
        if order.users is None:
            self._last, self._since, self._for_all = {}, {task}, {task}
        else:
            self._last.update(dict.fromkeys(order.users, task))
            self._since.add(task)


def _weight(order: Order | EventideError) -> int:
    return 1 if isinstance(order, EventideError) or order.users is None else len(order.users)


def _internal(text: str, address: QueueAddress) -> Internal:
    error = Internal()
    logger.exception(text, error.message, address.label)
    return error
