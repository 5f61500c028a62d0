"""Commands to MongoDB, through Motor or its successor, PyMongo's own `AsyncMongoClient`.

Only calls that both drivers share are made; the differences are in `close` and `all`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pymongo import errors

from ..errors import Unavailable
from ..models import UserId
from .outage import OutageLog
from .records import Tasks

Document = dict[str, Any]

SECONDS = 10
"""How long one command may take."""
OPTIONS = {
    "connectTimeoutMS": 3_000,
    "serverSelectionTimeoutMS": 3_000,
    "socketTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 5_000,
    "w": "majority",
    "wTimeoutMS": 5_000,
}
"""What holds unless the URL says otherwise."""
BATCH = 10_000
"""How many ids, and other small documents, come at once."""

_DUPLICATE_KEY = 11000
# What else a server says when it cannot do anything now: login, shutting down, elections, too slow, disk full.
_CODES_AWAY = {18, 50, 64, 91, 100, 189, 10107, 11600, 11602, 13435, 14031}


class MongoClient:
    """The database in the URL's path, or `eventide`."""

    def __init__(self, url: str, driver: str) -> None:
        given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query)}
        options = {name: value for name, value in OPTIONS.items() if name.lower() not in given}
        try:
            self._client = _client_class(driver)(url, tz_aware=True, **options)
        except errors.ConfigurationError as error:
            raise ValueError(str(error)) from error
        self._database = self._client.get_default_database("eventide")
        self._tasks = Tasks()
        self._outage = OutageLog()

    def __getitem__(self, collection: str) -> Any:
        return self._database[collection]

    def opened(self) -> None:
        """From now on the log is told when the database is away."""
        self._outage.begin()

    async def close(self) -> None:
        await self._tasks.settle()
        close = self._client.close
        # Motor's is no coroutine, and blocks for seconds when the server does not answer.
        await (close() if inspect.iscoroutinefunction(close) else asyncio.to_thread(close))

    async def do(self, command: Awaitable[Any]) -> Any:
        """Send the command and return its outcome: all that goes to the server goes through here."""

        async def do() -> Any:
            with self._outage.watching(), _away_is_unavailable():
                async with asyncio.timeout(SECONDS):
                    return await command

        return await self._tasks.finish(do())

    async def find(
        self, collection: Any, wanted: Document, limit: int, *, order: int = -1, fields: Sequence[str] | None = None
    ) -> list[Document]:
        """The documents with the highest ids, highest first, or with `order` 1 the other way round."""
        if not limit:  # which to MongoDB means: no limit
            return []
        # The first batch would otherwise be of 101 documents, whatever the limit.
        return await self.all(collection.find(wanted, fields).sort("_id", order).limit(limit).batch_size(limit))

    async def ids(self, collection: Any, wanted: Document) -> list[str]:
        """The ids of all these documents."""
        return [document["_id"] for document in await self.all(collection.find(wanted, ["_id"]).batch_size(BATCH))]

    async def count(self, collection: Any, wanted: Document, users: int) -> Mapping[UserId, int]:
        """How many documents there are of each user, of whom there are at most so many."""
        pipeline = [{"$match": wanted}, {"$group": {"_id": "$userId", "count": {"$sum": 1}}}]
        # One more than there can be: a batch that is full leaves the question open whether there is another.
        counts = await self.all(collection.aggregate(pipeline, batchSize=users + 1))
        return {count["_id"]: count["count"] for count in counts}

    async def all(self, cursor: Any) -> list[Document]:
        """All that a cursor has."""
        # Motor's aggregate() returns a cursor, PyMongo's a coroutine that does.
        cursor = await self.do(cursor) if inspect.isawaitable(cursor) else cursor
        documents: list[Document] = await self.do(cursor.to_list(None))
        return documents

    async def insert(self, collection: Any, documents: Sequence[Document]) -> Sequence[Document]:
        """Insert those whose ids are not there yet, and return these. Of concurrent calls one returns a document."""
        if not documents:
            return []
        try:
            await self.do(collection.insert_many(documents, ordered=False))
        except errors.BulkWriteError as error:
            details = error.details or {}
            if details["writeConcernErrors"]:
                raise Unavailable from error
            if any(failed["code"] != _DUPLICATE_KEY for failed in details["writeErrors"]):
                raise
            known = {failed["index"] for failed in details["writeErrors"]}
            return [document for index, document in enumerate(documents) if index not in known]
        return documents


def _client_class(driver: str) -> Any:
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient
    if driver == "pymongo":
        from pymongo import AsyncMongoClient

        return AsyncMongoClient
    raise ValueError(f"no MongoDB driver {driver!r}; known are motor and pymongo")


@contextmanager
def _away_is_unavailable() -> Iterator[None]:
    """The one place where a database that is away becomes `Unavailable`. Mistakes of ours stay what they are."""
    try:
        yield
    except (errors.ConnectionFailure, errors.ExecutionTimeout, errors.WTimeoutError, TimeoutError) as error:
        raise Unavailable from error
    except errors.OperationFailure as error:
        if error.code in _CODES_AWAY:
            raise Unavailable from error
        raise
