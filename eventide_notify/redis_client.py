"""The Redis client, for whoever keeps something there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel

TIMEOUT = 2.0
"""Seconds that Redis has to answer."""
SENTINEL_PORT = 26379


def connect(url: str) -> Redis:
    """A client for any of the URLs that `EVENTIDE_REDIS_URL` takes. Connects with its first command."""
    options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    if url.startswith("redis+sentinel://"):
        return _sentinel_master(url, options)
    return Redis.from_url(url, **options)


class _Master(Redis):
    """The client of a service that Sentinels know, which also closes the connections to them."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()
        await super().aclose(close_connection_pool)


def _sentinel_master(url: str, options: dict[str, Any]) -> Redis:
    address = sentinel_address(url)
    options |= {"username": address.username, "password": address.password, "db": address.database}
    sentinel: Any = Sentinel(address.sentinels, socket_timeout=TIMEOUT)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(address.service, _Master, **options)
    return master


class SentinelAddress(NamedTuple):
    """What a `redis+sentinel://` URL says. User name and password are the master's."""

    sentinels: Sequence[tuple[str, int]]
    service: str
    database: int
    username: str | None
    password: str | None


def sentinel_address(url: str) -> SentinelAddress:
    """Read `redis+sentinel://user:password@host:port,host:port/service/database`; the database may be left out.

    Raises `ValueError`, without anything of the URL in it. The two parts of the path may also be the other way round,
    as python-socketio has them.
    """
    parts = urlsplit(url)
    path = [part for part in parts.path.split("/") if part]
    numbers = [part for part in path if part.isdecimal()]
    services = [part for part in path if not part.isdecimal()]
    if len(services) != 1 or len(numbers) > 1:
        raise ValueError("needs the name of the service: redis+sentinel://host:26379/mymaster/0")
    given, _, hosts = parts.netloc.rpartition("@")
    username, _, password = given.partition(":")
    return SentinelAddress(
        [_endpoint(host) for host in hosts.split(",")],
        unquote(services[0]),
        int(numbers[0]) if numbers else 0,
        unquote(username) or None,
        unquote(password) or None,
    )


def _endpoint(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port or SENTINEL_PORT
    except ValueError:
        raise ValueError("has a port that is not a number; in a password write / as %2F") from None
    if not parts.hostname:
        raise ValueError("has no host: redis+sentinel://host:26379/mymaster/0")
    return parts.hostname, port
