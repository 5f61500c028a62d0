"""PostgreSQL for tests."""

from __future__ import annotations

import os
import pwd
import re
import signal
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import asyncpg

from .base import Choice, Server, ServerError, finished, start_first
from .process import HOST, Home

PostgresKind = Literal["url", "postgres"]

GIVEN = "EVENTIDE_TEST_POSTGRES_URL"


class PostgresServer(Server):
    """A PostgreSQL server, of kind "url" or "postgres" (ours: superuser `postgres`, no password).

    A given URL must name a user who may create databases, and a database to connect to meanwhile.
    """

    stop_signal = signal.SIGINT  # "fast"; SIGTERM would wait until every client has gone

    def url(self, database: str) -> str:
        """The URL of one database, which must exist: see `create_database`."""
        return urlsplit(self.base_url)._replace(path=f"/{database}").geturl()

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL; asyncpg.DuplicateDatabaseError if there is one already."""
        self._execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, and the connections to it; does nothing if there is none."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def ping(self) -> None:
        self._execute("SELECT 1")

    def _execute(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self.base_url, timeout=5, command_timeout=60)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        finished(execute)


def available_postgres_servers() -> list[Choice[PostgresServer]]:
    """All kinds, in order of preference."""
    given = os.environ.get(GIVEN, "")
    programs = _programs()
    missing = "initdb and postgres are neither on PATH nor in /usr/lib/postgresql"
    return [
        Choice("url", None if given else f"{GIVEN} is not set", lambda: PostgresServer("url", given)),
        Choice("postgres", None if programs else missing, _postgres),
    ]


def start_postgres_server(kind: PostgresKind | None = None) -> PostgresServer:
    """Start the first server that is possible here, or one of this kind; ServerError says why none is."""
    return start_first(available_postgres_servers(), kind)


def _postgres() -> PostgresServer:
    programs = _programs()
    if programs is None:
        raise ServerError("PostgreSQL is gone")
    home = Home.new("postgres", _user())
    _initdb(home, programs)
    options = {
        "listen_addresses": HOST,
        "port": home.port,
        "unix_socket_directories": "",
        "max_connections": 100,
        "shared_buffers": "32MB",
        # What was committed outlives a killed server all the same, only not a crashed machine.
        # (With synchronous_commit=off it would not: commits would wait in the server's own memory.)
        "fsync": "off",
        "full_page_writes": "off",
    }
    settings = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(home.data), *settings]
    return PostgresServer("postgres", f"postgresql://postgres@{HOST}:{home.port}/postgres", home, command)


def _initdb(home: Home, programs: Path) -> None:
    how = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    initdb = home.spawn([str(programs / "initdb"), "-D", str(home.data), *how])
    if initdb.wait():
        problem = ServerError(f"initdb ended with code {initdb.returncode}:\n{home.log_tail()}")
        home.remove()
        raise problem


def _programs() -> Path | None:
    """The directory of initdb and postgres: from PATH, else the newest of Debian's, which are not on it."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for directory in [*map(Path, os.get_exec_path()), *debian]:
        if all(os.access(directory / program, os.X_OK) for program in ("initdb", "postgres")):
            return directory
    return None


def _version(directory: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", directory.parent.name)]


def _user() -> str | None:
    """Whom to run the server as: ourselves, except that PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
