"""Unread counts, read together for all who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from ..context import nobodys
from ..models import Counts, UserId
from ..store.base import Store


class UnreadCountLoader:
    """One query at a time, each for everybody who has asked since the last one began.

    So a single question is answered at once, and a crowd that connects costs a query for hundreds of them, not each.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._asked: dict[UserId, list[asyncio.Future[Counts]]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def of(self, user: UserId) -> Counts:
        """The user's counts, read after this was called. Raises Unavailable."""
        answer: asyncio.Future[Counts] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(user, []).append(answer)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="counts", context=nobodys())
        return await answer

    async def _read(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            counts: Mapping[UserId, Counts] | Exception
            try:
                counts = await self._store.counts(asked, now=self._clock())
            except Exception as error:
                counts = error
            for user, answers in asked.items():
                for answer in answers:
                    if answer.done():
                        continue  # it was not waited for
                    if isinstance(counts, Exception):
                        answer.set_exception(counts)
                    else:
                        answer.set_result(counts[user])
