"""MongoDB for tests: a real one, or what comes closest to it here."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from typing import Any, Literal
from urllib.parse import urlsplit

from pymongo import MongoClient

from . import ferretdb
from .base import Choice, Server, start_first
from .process import HOST, Home

MongoKind = Literal["url", "mongod", "ferretdb", "nx"]

GIVEN = "EVENTIDE_TEST_MONGODB_URL"


class MongoServer(Server):
    """A server that speaks MongoDB's wire protocol.

    Its kind says how far to trust it: "url" and "mongod" are MongoDB; "ferretdb" is FerretDB 1.24 over SQLite, right
    in what it implements and clear about what it does not; "nx" is nx-27017, whose answers are wrong in places.
    """

    def url(self, database_name: str) -> str:
        """The URL of one database, which exists once it is written to."""
        parts = urlsplit(self.base_url)
        query = parts.query
        if parts.username and "authSource=" not in query:
            # The path names the database that knows the user too, unless this option does.
            option = f"authSource={parts.path.strip('/') or 'admin'}"
            query = f"{query}&{option}" if query else option
        return parts._replace(path=f"/{database_name}", query=query).geturl()

    def ping(self) -> None:
        if self.home:  # refused, PyMongo would wait half a second before it tries again
            self.home.knock()
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.base_url, serverSelectionTimeoutMS=5_000, socketTimeoutMS=5_000) as client:
            client.admin.command("ping")


def available_mongo_servers() -> list[Choice[MongoServer]]:
    """All kinds, the most trustworthy first."""
    given = os.environ.get(GIVEN, "")
    mongod = shutil.which("mongod")
    return [
        Choice("url", None if given else f"{GIVEN} is not set", lambda: MongoServer("url", given)),
        Choice("mongod", None if mongod else "mongod is not on PATH", _mongod),
        Choice("ferretdb", ferretdb.problem(), _ferretdb),
        Choice("nx", None if find_spec("nx_27017") else "the package nx-27017 is not installed", _nx),
    ]


def start_mongo_server(kind: MongoKind | None = None) -> MongoServer:
    """Start the first server that is possible here, or one of this kind; ServerError says why none is.

    The first "ferretdb" on a machine is built, which takes a minute or two.
    """
    return start_first(available_mongo_servers(), kind)


def _mongod() -> MongoServer:
    home = Home.new("mongod")
    listen = "--bind_ip", HOST, "--port", str(home.port), "--nounixsocket"
    return _own("mongod", home, "mongod", "--dbpath", str(home.data), *listen)


def _ferretdb() -> MongoServer:
    binary = ferretdb.binary()
    home = Home.new("ferretdb")
    return _own("ferretdb", home, str(binary), "--dir", str(home.data), "--listen", f"{HOST}:{home.port}")


def _nx() -> MongoServer:
    home = Home.new("nx")
    # By default all instances share a pid file and a log file; the log goes to stderr as well, which is enough.
    files = "--data-dir", str(home.data), "--pid-file", str(home.directory / "pid"), "--log-file", os.devnull
    return _own("nx", home, sys.executable, "-m", "nx_27017.nx_27017", *files, "--host", HOST, "--port", str(home.port))


def _own(kind: MongoKind, home: Home, *command: str) -> MongoServer:
    return MongoServer(kind, f"mongodb://{HOST}:{home.port}/", home, command)
