"""Presence over all instances, in Redis.

    eventide:presence:user:<id>   sorted set   connection → when it expires
    eventide:presence:users       sorted set   user → when the last of their connections expires

An instance writes the connections it has every `REFRESH` seconds, so what an instance that was killed leaves behind
is gone after `LIFETIME`. Writing never waits on a connect or disconnect: changes are collected, and written together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ..errors import Unavailable
from ..models import UserId
from ..redis_client import TIMEOUT, connect
from .base import ConnectionId

logger = logging.getLogger(__name__)

REFRESH = 20.0
LIFETIME = 50.0
"""Seconds. Longer than two refreshes, so that one may fail."""

_USERS = "eventide:presence:users"
# A user leaves the list of users with the last connection, and not when another instance has just added one.
_LEAVE = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if #last == 0 then redis.call('ZREM', KEYS[2], ARGV[3]) else redis.call('ZADD', KEYS[2], last[2], ARGV[3]) end
"""


class RedisPresence:
    """See `Presence`. The reading methods raise `Unavailable` while Redis is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Redis | None = None
        self._open: set[tuple[UserId, ConnectionId]] = set()
        self._changed: set[tuple[UserId, ConnectionId]] = set()

    async def close(self) -> None:
        """Take this instance's connections back, and end."""
        self._changed |= self._open
        self._open.clear()
        try:
            await self.flush()
        except Unavailable as error:
            logger.info("presence is left to expire: %s", error)
        await self.abandon()

    async def abandon(self) -> None:
        """End as a killed process would: what was written stays until it expires."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def ping(self) -> None:
        """Return when Redis answers; raises `Unavailable`."""
        await _answered(self._redis().ping())

    async def connected(self, user: UserId, connection: ConnectionId) -> None:
        """See `Presence`. Known to the other instances with the next `flush`."""
        self._open.add((user, connection))
        self._changed.add((user, connection))

    async def disconnected(self, user: UserId, connection: ConnectionId) -> None:
        """See `Presence`. Known to the other instances with the next `flush`."""
        self._open.discard((user, connection))
        self._changed.add((user, connection))

    async def online(self) -> Collection[UserId]:
        """See `Presence`."""
        await self.flush()
        redis = self._redis()
        found = await _answered(redis.zrangebyscore(_USERS, await self._now(), "+inf"))
        return sorted(user.decode() for user in found)

    async def connections(self, user: UserId) -> int:
        """See `Presence`."""
        await self.flush()
        return int(await _answered(self._redis().zcount(_key(user), await self._now(), "+inf")))

    async def refresh(self) -> None:
        """Write every connection of this instance again. Call it every `REFRESH` seconds."""
        self._changed |= self._open
        await self.flush()

    async def flush(self) -> None:
        """Write what has changed; all of it again if this fails."""
        if not self._changed:
            return
        changed, self._changed = self._changed, set()
        try:
            await self._write(changed)
        except Unavailable:
            self._changed |= changed
            raise

    async def _write(self, changed: Collection[tuple[UserId, ConnectionId]]) -> None:
        now = await self._now()
        expires = now + LIFETIME
        pipeline = self._redis().pipeline(transaction=False)
        for user, connection in changed:
            if (user, connection) in self._open:
                pipeline.zadd(_key(user), {connection: expires})
                pipeline.expire(_key(user), int(LIFETIME))
                pipeline.zadd(_USERS, {user: expires}, gt=True)
            else:
                pipeline.eval(_LEAVE, 2, _key(user), _USERS, connection, now, user)
        pipeline.zremrangebyscore(_USERS, "-inf", now)
        await _answered(pipeline.execute())

    async def _now(self) -> float:
        # Redis' clock is the one that all instances share.
        seconds, microseconds = await _answered(self._redis().time())
        return int(seconds) + int(microseconds) / 1e6

    def _redis(self) -> Any:
        if self._client is None:
            self._client = connect(self._url)
        return self._client


async def _answered(command: Any) -> Any:
    try:
        async with asyncio.timeout(TIMEOUT):
            return await command
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable("Redis, which knows who is connected, cannot be reached.") from error


def _key(user: UserId) -> str:
    return f"eventide:presence:user:{user}"
