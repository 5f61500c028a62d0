"""How often something may be asked for: limits for requests and connects, and an allowance for a socket's events.

An instance counts by itself, at once and without waiting for anything. Where there is Redis, it tells Redis of its
counts in portions, a twentieth of the limit at a time, and learns what all instances have counted. So a limit holds
over all instances, but for a portion of each of them; whoever stays below a portion causes no command at all; and when
Redis is slow or away, nobody notices: each instance then goes on alone.

Of the library `limits` this uses the rates and the counters in Redis, and not its counters in memory: these look at all
callers with every hit (2 ms with 10,000 callers, where ours take 3 µs).
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import limits
from limits.aio.storage import RedisStorage

from .redis_client import connect

logger = logging.getLogger(__name__)

KEYS_MAX = 100_000
"""Callers that one limit remembers; of more, the one that it has known longest is forgotten."""
PORTIONS = 20
"""In how many portions Redis is told of a limit's hits."""
AT_ONCE = 50
"""Portions that are on their way to Redis at the same moment; others wait for the caller's next hit."""
TIMEOUT = 1.0
"""Seconds that Redis has to take a portion."""
REST = 5.0
"""Seconds for which Redis is left alone after it took none."""
BURST_SECONDS = 4.0
"""A socket may send at once what it may send in so many seconds."""

Rate = limits.RateLimitItem
"""So many in a second, a minute or an hour."""


def parse_rate(text: str) -> Rate | None:
    """`N/second`, `N/minute` or `N/hour`; None for `off`. Raises `ValueError`."""
    written = text.strip().lower()
    if written == "off":
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour)", written):
        raise ValueError("must be off, N/second, N/minute or N/hour, such as 600/minute")
    return limits.parse(written)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after a hit. `reset`: seconds until everything is allowed again, rounded up."""

    allowed: bool
    remaining: int
    reset: int


class _Window:
    __slots__ = ("count", "ends", "untold")

    def __init__(self, ends: float) -> None:
        self.count = 0
        self.ends = ends
        self.untold = 0


class RateLimit:
    """A limit that each of many callers has. A caller's window begins with the first hit, and lasts as long as the rate
    says."""

    def __init__(
        self, name: str, rate: Rate, shared: SharedCounts | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.rate = rate
        self._seconds = rate.get_expiry()
        self.policy = f'"{name}";q={rate.amount};w={self._seconds}'
        """As the header `RateLimit-Policy` has it."""
        self._portion = max(1, rate.amount // PORTIONS)
        self._shared = shared
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        """The oldest first."""

    def __len__(self) -> int:
        """Of how many callers something is known."""
        return len(self._windows)

    def hit(self, caller: str) -> Standing:
        """Count one, if that is allowed."""
        now = self._clock()
        window = self._windows.get(caller)
        if window is None or window.ends <= now:
            window = self._opened(caller, now)
        allowed = window.count < self.rate.amount
        if allowed:
            window.count += 1
            window.untold += 1
            if self._shared is not None and window.untold >= self._portion:
                self._shared.tell(self, caller, window)
        return Standing(allowed, max(0, self.rate.amount - window.count), max(1, math.ceil(window.ends - now)))

    def counted(self, window: _Window, total: int, seconds: float) -> None:
        """All instances together have counted so many, in a window that lasts so much longer.

        If that is less than what is known here, Redis has begun anew; this window then ends when it would have, and
        what follows belongs to the next one.
        """
        if total + window.untold >= window.count:
            window.count = total + window.untold
            window.ends = self._clock() + seconds

    def _opened(self, caller: str, now: float) -> _Window:
        for _ in range(2):  # of those that are over two go for each that comes, so none stay
            oldest = next(iter(self._windows), None)
            if oldest is not None and (self._windows[oldest].ends <= now or len(self._windows) >= KEYS_MAX):
                del self._windows[oldest]
        self._windows.pop(caller, None)
        window = self._windows[caller] = _Window(now + self._seconds)
        return window


class SharedCounts:
    """The counts of all instances, in Redis. Nobody waits for them, and what goes wrong with them is nobody's fault."""

    def __init__(self, url: str) -> None:
        self._client = connect(url)
        # The pool is ours, so that time limits and Sentinels are what they are everywhere else.
        self._storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="eventide:limits",
            connection_pool=self._client.connection_pool,  # type: ignore[arg-type]
        )
        self._telling: set[asyncio.Task[None]] = set()
        self._alone = False
        self._rests_until = -math.inf

    def tell(self, limit: RateLimit, caller: str, window: _Window) -> None:
        """Add what has not been told, soon; if that cannot be now, the caller's next hit tries again."""
        loop = asyncio.get_running_loop()
        if len(self._telling) < AT_ONCE and loop.time() >= self._rests_until:
            task = loop.create_task(self._tell(limit, caller, window))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def close(self) -> None:
        """End; what has not been told is forgotten."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        await self._client.aclose()

    async def _tell(self, limit: RateLimit, caller: str, window: _Window) -> None:
        portion, window.untold = window.untold, 0
        key = limit.rate.key_for(limit.name, caller)
        try:
            async with asyncio.timeout(TIMEOUT):
                total = await self._storage.incr(key, limit.rate.get_expiry(), amount=portion)
                ends = await self._storage.get_expiry(key)
        except Exception as error:
            window.untold += portion
            self._rests_until = asyncio.get_running_loop().time() + REST
            if not self._alone:
                logger.warning("limits are counted by this instance alone: Redis does not answer (%r)", error)
            self._alone = True
            return
        limit.counted(window, total, ends - time.time())
        if self._alone:
            logger.info("limits are counted over all instances again")
        self._alone = False


@dataclass(frozen=True, slots=True)
class Pace:
    """So many a second, and so many at once after a pause."""

    per_second: float
    burst: float

    @classmethod
    def of(cls, rate: Rate) -> Pace:
        """At once: what comes in `BURST_SECONDS`, and one at least."""
        per_second = rate.amount / rate.get_expiry()
        return cls(per_second, max(1.0, per_second * BURST_SECONDS))


class Allowance:
    """What one client may still do at this pace."""

    __slots__ = ("_at", "_left", "_pace")

    def __init__(self, pace: Pace, now: float) -> None:
        self._pace = pace
        self._left = pace.burst
        self._at = now

    def take(self, now: float) -> bool:
        """Whether there is one left; it is taken."""
        self._left = min(self._pace.burst, self._left + (now - self._at) * self._pace.per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
