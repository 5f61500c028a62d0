"""The Redis client, for whoever keeps something there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel

TIMEOUT = 2.0
"""Seconds that Redis has to answer."""


def connect(url: str) -> Redis:
    """A client for any of the URLs that `EVENTIDE_REDIS_URL` takes. Connects with its first command."""
    options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    if url.startswith("redis+sentinel://"):
        return _sentinel_master(url, options)
    return Redis.from_url(url, **options)


def _sentinel_master(url: str, options: dict[str, Any]) -> Redis:
    """`redis+sentinel://user:password@host:port,host:port/database/service`"""
    parts = urlsplit(url)
    hosts = [host.rsplit(":", 1) for host in parts.netloc.rpartition("@")[2].split(",")]
    database, _, service = parts.path.strip("/").partition("/")
    options |= {"username": parts.username, "password": parts.password, "db": int(database or 0)}
    sentinel: Any = Sentinel([(host, int(port)) for host, port in hosts], socket_timeout=TIMEOUT)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(service or "mymaster", **options)
    return master
