"""What expires is gone from then on: nobody finds it any more, and nobody is shown it. Here it also leaves the screens
that show it, and in the end the store.

Each instance looks by itself what has expired since its last look, and tells its own sessions. So nothing between the
instances can be lost, and it makes no difference which of them is there. For the same reason what has expired stays in
the store for a while, until every instance has looked.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ..metrics import Metrics
from ..models import NotificationId, UserId
from ..store.base import Store
from ..wire import Reason
from .fanout import Gone

LOOK_EVERY = 0.5
"""Seconds between two looks."""
REMOVE_EVERY = 5.0
KEPT = timedelta(minutes=1)
"""How long what has expired stays in the store; clocks of instances differ by less."""
BATCH = 1_000
"""How many are told at once."""
REMOVED_AT_ONCE = 250
PAUSE = 3.0
"""How many times as long as a removal the pause after it is: others write meanwhile."""
_LAST = "~"
"""What sorts after all ids."""


class Screens(Protocol):
    """This instance's sessions."""

    async def take_away(self, reason: Reason, gone: Sequence[Gone]) -> None:
        """Tell that these are gone, and show them no more."""

    async def reload(self) -> None:
        """Have all clients read again what they show."""


class Expiry:
    """Call `tell` every `LOOK_EVERY`, and `remove` every `REMOVE_EVERY`.

    `is_chosen`: whether it is this instance that removes. That several do is harmless.
    """

    def __init__(
        self,
        store: Store,
        screens: Screens,
        *,
        clock: Callable[[], datetime],
        is_chosen: Callable[[], bool],
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._screens = screens
        self._clock = clock
        self._is_chosen = is_chosen
        self._metrics = metrics
        self._sleep = sleep
        self._monotonic = monotonic
        self._position = (clock(), _LAST)
        self._looked_at = monotonic()

    async def tell(self) -> None:
        """Tell what has expired since the last time."""
        looked_at, now = self._monotonic(), self._clock()
        # After a clock was set back there is nothing to tell until it is as late as it was. What expires then is told
        # a second time, which is harmless.
        self._position = min(self._position, (now, _LAST))
        while True:
            found = await self._store.expired(after=self._position, until=now, limit=BATCH)
            if found.items:
                await self._screens.take_away("expired", _by_user(found.items))
            self._position = found.position or (now, _LAST)
            if found.position is None:
                break
        if looked_at - self._looked_at > KEPT.total_seconds() / 2:
            await self._screens.reload()  # another instance may have removed what this one had to tell
        self._looked_at = looked_at

    async def remove(self) -> None:
        """Remove what all instances have told."""
        if not self._is_chosen():
            return
        before, removed = self._clock() - KEPT, REMOVED_AT_ONCE
        while removed == REMOVED_AT_ONCE:
            start = self._monotonic()
            removed = await self._store.remove_expired(before=before, limit=REMOVED_AT_ONCE)
            self._metrics.expired.inc(removed)
            if removed:
                await self._sleep(PAUSE * (self._monotonic() - start))


def _by_user(items: Sequence[tuple[NotificationId, UserId | None]]) -> list[Gone]:
    ids: dict[UserId | None, list[NotificationId]] = {}
    for id, user in items:
        ids.setdefault(user, []).append(id)
    return [Gone(user, some) for user, some in ids.items()]
