"""The users there are: whoever has connected, used REST as a user, or was subscribed to a topic.

A connect must not cost a query for it. So each instance remembers whom it has written down, and writes those who are
new to it together, in the background.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice

from ..errors import OutcomeUnknown, Unavailable
from ..models import UserId
from ..store.base import Store

logger = logging.getLogger(__name__)

REMEMBERED = 100_000
"""How many users an instance remembers at least (and at most twice as many)."""
FORGET_EVERY = 600
"""After so many rounds it forgets them: it may not have heard that somebody was erased."""
AT_ONCE = 5_000
"""Most that are written at once."""


class KnownUsers:
    """Call `round` about every second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._new: set[UserId] = set()
        self._met: set[UserId] = set()
        self._met_before: set[UserId] = set()
        self._rounds = 0

    def met(self, user: UserId) -> None:
        """The user is there."""
        if user not in self._met:
            self._meet(user)

    def met_all(self, users: Iterable[UserId]) -> None:
        """Likewise."""
        for user in users:
            self.met(user)

    def forget(self, user: UserId) -> None:
        """The user was erased, and is new if they come back."""
        for some in (self._new, self._met, self._met_before):
            some.discard(user)

    async def round(self) -> None:
        """Write down who is new."""
        self._rounds += 1
        if self._rounds % FORGET_EVERY == 0:
            self._met, self._met_before = set(), set()
        while some := set(islice(self._new, AT_ONCE)):
            await self._store.add_users(some)
            self._new -= some

    async def close(self) -> None:
        """Write down who is left, if the store can be reached."""
        try:
            await self.round()
        except (Unavailable, OutcomeUnknown):
            logger.warning("%d new users are not written down; they are when they come back", len(self._new))

    def _meet(self, user: UserId) -> None:
        self._met.add(user)
        if user not in self._met_before and len(self._new) < REMEMBERED:
            self._new.add(user)
        if len(self._met) >= REMEMBERED:
            self._met, self._met_before = set(), self._met  # drops the older half at once
