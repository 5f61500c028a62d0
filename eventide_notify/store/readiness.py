"""Whether saving works. That a database answers does not say so: its disk may be full, or it may only read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ..errors import OutcomeUnknown, Unavailable
from .outage import reason

SAVED_LATELY = 1.0
"""Seconds for which a write that was saved says that the next one will be."""
FAILED_LATELY = 5.0
"""Seconds for which one that failed says that the next one will, unless another one is saved."""
ASK_SECONDS = 2.5
"""How long a question waits for its write; those who ask give it three seconds."""


class WriteCheck:
    """What became of the last write decides. If there was none lately a tiny one is made, for all who ask meanwhile."""

    def __init__(self) -> None:
        self._saved_at = float("-inf")
        self._failed_at = float("-inf")
        self._failure = ""
        self._asking: asyncio.Future[object] | None = None

    def saved(self) -> None:
        """A write was saved just now."""
        self._saved_at, self._failed_at = time.monotonic(), float("-inf")

    def failed(self, error: BaseException | None) -> None:
        """A write has failed for this reason, which will not only concern this one."""
        self._failed_at, self._failure = time.monotonic(), reason(error)

    async def ask(self, write: Callable[[], Awaitable[object]]) -> None:
        """Return if saving works; raise `Unavailable` with the reason otherwise. `write` makes the tiny write."""
        now = time.monotonic()
        if now - self._failed_at < FAILED_LATELY:
            raise Unavailable(self._failure)
        if now - self._saved_at < SAVED_LATELY:
            return
        if self._asking is None:
            self._asking = asyncio.ensure_future(write())
            self._asking.add_done_callback(self._answered)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await asyncio.shield(self._asking)
        except TimeoutError:
            raise Unavailable(f"nothing was saved within {ASK_SECONDS:g} s") from None
        except (Unavailable, OutcomeUnknown) as error:
            raise Unavailable(reason(error.__cause__ or error)) from error

    async def close(self) -> None:
        """Make no more of the write that is under way: what it has begun ends with the rest."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    def _answered(self, asking: asyncio.Future[object]) -> None:
        self._asking = None
        if not asking.cancelled() and asking.exception() is None:
            self.saved()
