"""Presence over all instances, in Redis.

    eventide:presence:user:<id>       sorted set   session → when it expires
    eventide:presence:users           sorted set   user → when the last of their sessions expires
    eventide:presence:names           sorted set   the same users, all with the score 0: in the order of their ids
    eventide:presence:instance:<id>   string       there as long as Redis has what this instance has written

An instance writes the sessions it has every `REFRESH` seconds, so what an instance that was killed leaves behind
is gone after `LIFETIME`; and at once when Redis has lost everything. Writing never waits on a connect or disconnect:
changes are collected, and written together, one writing after the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ..errors import Unavailable
from ..models import UserId
from ..redis_client import TIMEOUT, connect
from .base import Online, SessionId

logger = logging.getLogger(__name__)

REFRESH = 20.0
LIFETIME = 50.0
"""Seconds. Longer than two refreshes, so that one may fail."""
AT_ONCE = 500
"""Changes that are written before others have their turn."""

_USERS = "eventide:presence:users"
_NAMES = "eventide:presence:names"
# A user leaves the list of users with the last session, and not when another instance has just added one.
_LEAVE = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if #last == 0 then
    redis.call('ZREM', KEYS[2], ARGV[3])
    redis.call('ZREM', KEYS[3], ARGV[3])
else
    redis.call('ZADD', KEYS[2], last[2], ARGV[3])
    redis.call('ZADD', KEYS[3], 0, ARGV[3])
end
"""
_FORGET = """
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1000)
if #expired > 0 then
    redis.call('ZREM', KEYS[1], unpack(expired))
    redis.call('ZREM', KEYS[2], unpack(expired))
end
return #expired
"""

_Session = tuple[UserId, SessionId]


class RedisPresence:
    """See `Presence`. The reading methods raise `Unavailable` while Redis is unavailable."""

    def __init__(self, url: str, *, around: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        """`around`: what is entered around each command."""
        self._url = url
        self._around = around
        self._client: Redis | None = None
        self._mark = f"eventide:presence:instance:{uuid4().hex}"
        self._open: set[_Session] = set()
        self._changed: set[_Session] = set()
        self._writing = asyncio.Lock()

    async def close(self) -> None:
        """Remove this instance's sessions, and end."""
        self._changed |= self._open
        self._open.clear()
        try:
            await self.flush()
            await self._answered(self._redis().delete(self._mark))
        except Unavailable as error:
            logger.info("presence is left to expire: %s", error)
        await self.abandon()

    async def abandon(self) -> None:
        """End as a killed process would: what was written stays until it expires."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def probe(self) -> None:
        """Return when Redis takes what is written here; raises `Unavailable`."""
        await self._answered(self._redis().set("eventide:presence:probe", 1, ex=1))

    async def connected(self, user: UserId, session: SessionId) -> None:
        """See `Presence`. Known to the other instances with the next `flush`."""
        self._open.add((user, session))
        self._changed.add((user, session))

    async def disconnected(self, user: UserId, session: SessionId) -> None:
        """See `Presence`. Known to the other instances with the next `flush`."""
        self._open.discard((user, session))
        self._changed.add((user, session))

    async def online(self, *, limit: int, after: UserId = "") -> Online:
        """See `Presence`."""
        await self.restore()
        redis = self._redis()
        now = await self._now()
        while await self._answered(redis.eval(_FORGET, 2, _USERS, _NAMES, now)):
            pass
        start = b"(" + after.encode() if after else b"-"
        count = await self._answered(redis.zcard(_NAMES))
        found = await self._answered(redis.zrangebylex(_NAMES, start, b"+", 0, limit + 1))
        return Online([user.decode() for user in found[:limit]], int(count), len(found) > limit)

    async def sessions(self, user: UserId) -> int:
        """See `Presence`."""
        await self.restore()
        return int(await self._answered(self._redis().zcount(_key(user), await self._now(), "+inf")))

    async def refresh(self) -> None:
        """Write every session of this instance again. Call it every `REFRESH` seconds."""
        self._changed |= self._open
        await self.flush()

    async def restore(self) -> None:
        """Write what has changed; and everything, if Redis has lost it. Call it every second."""
        if self._open and not await self._answered(self._redis().exists(self._mark)):
            self._changed |= self._open
        await self.flush()

    async def flush(self) -> None:
        """Write what has changed; what could not be written is written by the next one. If another one takes its time,
        it writes this as well."""
        if not self._changed:
            return
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._writing.acquire()
        except TimeoutError:
            return
        try:
            while self._changed:
                await self._write_some()
        finally:
            self._writing.release()

    async def _write_some(self) -> None:
        changed = set(islice(self._changed, AT_ONCE))
        self._changed -= changed
        try:
            await self._write(changed)
        except BaseException:
            self._changed |= changed
            raise

    async def _write(self, changed: Collection[_Session]) -> None:
        now = await self._now()
        expires = now + LIFETIME
        pipeline = self._redis().pipeline(transaction=False)
        for user, session in changed:
            if (user, session) in self._open:
                pipeline.zadd(_key(user), {session: expires})
                pipeline.expire(_key(user), int(LIFETIME))
                pipeline.zadd(_USERS, {user: expires}, gt=True)
                pipeline.zadd(_NAMES, {user: 0})
            else:
                pipeline.eval(_LEAVE, 3, _key(user), _USERS, _NAMES, session, now, user)
        pipeline.eval(_FORGET, 2, _USERS, _NAMES, now)
        pipeline.set(self._mark, 1, ex=int(LIFETIME))
        await self._answered(pipeline.execute())

    async def _now(self) -> float:
        # Redis' clock is the one that all instances share.
        seconds, microseconds = await self._answered(self._redis().time())
        return int(seconds) + int(microseconds) / 1e6

    async def _answered(self, command: Any) -> Any:
        try:
            with self._around():
                async with asyncio.timeout(TIMEOUT):
                    return await command
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("Redis, which has the list of connected users, cannot be reached.") from error

    def _redis(self) -> Any:
        if self._client is None:
            self._client = connect(self._url)
        return self._client


def _key(user: UserId) -> str:
    return f"eventide:presence:user:{user}"
