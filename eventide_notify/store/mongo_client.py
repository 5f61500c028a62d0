"""Commands to MongoDB, through Motor or its successor, PyMongo's own `AsyncMongoClient`.

Only calls that both drivers share are made; the differences are in `close` and `_fetch`.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from pymongo import UpdateMany, errors

from ..errors import OutcomeUnknown, Refused, Unavailable
from ..models import UserId
from .group import Group, Sizes, untold
from .mongo_errors import RAISED, Attempts, Commands, MongoErrors, changed, follow, known_already, may_pass
from .mongo_limits import BATCH, Limits
from .outage import OutageLog
from .readiness import WriteCheck
from .records import Tasks

_NO_SUCH_INDEX = 27
Document = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")

SECONDS = 10.0
"""How long one command may take, with all its repetitions."""
PAUSE = 0.05
PAUSE_MAX = 1.0
"""Seconds between repetitions: twice as long each time, up to that. The first comes at once."""
OPTIONS = {
    "connectTimeoutMS": 3_000,
    "serverSelectionTimeoutMS": 3_000,
    "socketTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 5_000,
    "w": "majority",
    "wTimeoutMS": 5_000,
}
"""What holds unless the URL says otherwise."""
GROUP = 1_000
"""Most documents that several callers have in one command."""
COUNTED = 200_000
"""Most things that one command counts: so many of each of its users."""
ROWS = 10
"""How many rows at most a count has of one user."""


class MongoClient:
    """The database in the URL's path, or `eventide`.

    What fails for a moment only (a connection that had died unnoticed, an election) is repeated until `SECONDS` are
    over. So all that is written must be such that doing it twice changes nothing more.
    """

    def __init__(self, url: str, driver: str, **options: object) -> None:
        given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query)}
        options = {name: value for name, value in OPTIONS.items() if name.lower() not in given} | options
        try:
            self._client = _client_class(driver)(url, tz_aware=True, event_listeners=[Commands()], **options)
        except errors.ConfigurationError as error:
            raise ValueError(str(error)) from error
        self._database = self._client.get_default_database("eventide")
        self._stoppable = driver != "motor"  # whose threads go on with what nobody waits for any more
        self._tasks = Tasks()
        self._outage = OutageLog()
        self._errors = MongoErrors()
        self._writes = WriteCheck()
        self.limits = Limits()

    def __getitem__(self, collection: str) -> Any:
        return self._database[collection]

    async def meet(self) -> None:
        """Ask the server what it can take."""
        # Not "hello", which is the newer name: servers that only resemble MongoDB may know this one alone.
        self.limits = Limits.of(await self.read(self._client.admin.command, "ismaster"))

    def opened(self) -> None:
        """From now on the log is told when the database is away."""
        self._outage.begin()

    async def check_writable(self, collection: Any) -> None:
        """Return if saving works, and raise `Unavailable` with the reason if not; see `Store`."""

        async def write() -> None:
            noted = await self.write(collection.update_one, {"_id": "writable"}, {"$set": {"at": datetime.now(UTC)}})
            if not noted.matched_count:
                await self.insert(collection, [{"_id": "writable"}])

        await self._writes.ask(write)

    async def close(self) -> None:
        await self._tasks.settle()
        close = self._client.close
        # Motor's is no coroutine, and blocks for seconds when the server does not answer.
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                await (close() if inspect.iscoroutinefunction(close) else asyncio.to_thread(close))

    async def read(self, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        """The answer to a command that changes nothing. Raises `Unavailable`."""
        return await self._tasks.finish(self._repeated(partial(call, *args), None, SECONDS))

    async def write(
        self, call: Callable[..., Awaitable[T]], *args: Any, attempts: Attempts | None = None, seconds: float = 0
    ) -> T:
        """The answer to one that does. Raises `Unavailable` if nothing was changed, and otherwise `OutcomeUnknown`.

        All that goes to the server goes through here or through `read`. Afterwards `attempts` tells whether the answer
        may leave out what an earlier attempt did, whose own answer was lost.
        """
        attempts = attempts or self.attempts()
        try:
            answer = await self._tasks.finish(self._repeated(partial(call, *args), attempts, seconds or SECONDS))
        except Refused:  # for what this one is
            raise
        except (Unavailable, OutcomeUnknown) as error:
            self._writes.failed(error.__cause__)
            raise
        self._writes.saved()
        return answer

    def attempts(self, *, many: bool = False) -> Attempts:
        """For `write`; with `many` if the command concerns more than one document."""
        return Attempts(many=many, stoppable=self._stoppable)

    async def find(
        self, collection: Any, wanted: Document, limit: int, *, order: int = -1, fields: Sequence[str] | None = None
    ) -> list[Document]:
        """The documents with the highest ids, highest first, or with `order` 1 the other way round."""
        if not limit:  # which to MongoDB means: no limit
            return []
        # The first batch would otherwise be of 101 documents, whatever the limit.
        return await self.all(lambda: collection.find(wanted, fields).sort("_id", order).limit(limit).batch_size(limit))

    async def ids(self, collection: Any, wanted: Document) -> list[str]:
        """The ids of all these documents."""
        found = await self.all(lambda: collection.find(wanted, ["_id"]).batch_size(BATCH))
        return [document["_id"] for document in found]

    async def among(self, collection: Any, ids: Iterable[str], wanted: Document | None = None) -> list[str]:
        """Those of `ids` that such a document has."""
        found: list[str] = []
        for part in self.limits.parts(ids):
            found += await self.ids(collection, {"_id": {"$in": part}, **(wanted or {})})
        return found

    async def count(
        self, collection: Any, wanted: Document, users: Collection[UserId], stages: Iterable[Document], each: int = 1
    ) -> list[Document]:
        """What these stages make of such documents of these users: some rows of each. A user has up to `each`."""
        found: list[Document] = []
        for part in self.limits.parts(users, most=COUNTED // max(1, each)):
            pipeline = [{"$match": {"userId": {"$in": part}} | wanted}, *stages]
            # More than there can be: a batch that is full leaves the question open whether there is another.
            found += await self.all(partial(collection.aggregate, pipeline, batchSize=ROWS * len(part) + 1))
        return found

    async def all(self, cursor: Callable[[], Any]) -> list[Document]:
        """All that a cursor has, which is made anew for each attempt."""
        return await self.read(_fetch, cursor)

    async def update(self, collection: Any, wanted: Document, change: Document) -> int:
        """Change all these documents; how many there were."""
        result = await self.write(collection.update_many, wanted, {"$set": change}, attempts=self.attempts(many=True))
        return int(result.modified_count)

    async def update_each(self, collection: Any, updates: Iterable[tuple[Document, Document]]) -> int:
        """Make several changes, each to all documents of its own condition, in one command; how many there were."""
        # FerretDB 1.24 never ends with a command of hundreds of updates of one document each.
        requests = [UpdateMany(wanted, {"$set": change}) for wanted, change in updates]
        attempts = self.attempts(many=True)
        result = await self.write(partial(collection.bulk_write, requests, ordered=False), attempts=attempts)
        return int(result.modified_count)

    async def erase(self, collection: Any, ids: Iterable[str]) -> None:
        """Remove these documents."""
        for part in self.limits.parts(ids):
            wanted = {"_id": {"$in": part}}
            await self.write(collection.delete_many, wanted, attempts=self.attempts(many=True))

    async def remove(self, collection: Any, wanted: Document) -> bool:
        """Remove one document that was there a moment ago; whether this call did so."""
        attempts = self.attempts()
        result = await self.write(collection.delete_one, wanted, attempts=attempts)
        return bool(result.deleted_count) or attempts.in_doubt

    async def insert(self, collection: Any, documents: Iterable[Document]) -> Sequence[Document]:
        """Insert those whose ids are not there yet, and return these. Of concurrent calls one returns a document."""
        ordered = sorted(documents, key=lambda document: document["_id"])
        new: list[Document] = []
        for start in range(0, len(ordered), self.limits.documents):  # what else it may hold the drivers see to
            try:
                new += await self._insert(collection, ordered[start : start + self.limits.documents])
            except Unavailable as error:
                if not new:
                    raise
                raise OutcomeUnknown from error.__cause__
        return new

    async def create_index(self, collection: Any, fields: Sequence[str], *, seconds: float) -> None:
        """Make it, or wait for another instance that makes it."""
        await self.write(collection.create_index, _ascending(fields), seconds=seconds)

    async def drop_index(self, collection: Any, fields: Sequence[str], *, seconds: float) -> None:
        """Remove it, if it is there."""
        await self.write(_drop_index, collection, fields, seconds=seconds)

    async def _insert(self, collection: Any, documents: Sequence[Document]) -> Sequence[Document]:
        attempts = self.attempts(many=len(documents) > 1)
        known = await self.write(_insert, collection, documents, attempts=attempts)
        new = [document for index, document in enumerate(documents) if index not in known]
        if known and attempts.in_doubt:
            # What is there as it was to be was inserted by an earlier attempt.
            wanted = {documents[index]["_id"]: documents[index] for index in known}
            for part in self.limits.parts(wanted):
                found = await self.find(collection, {"_id": {"$in": part}}, len(part))
                new += [document for document in found if document == wanted[document["_id"]]]
        return new

    async def _repeated(self, call: Callable[[], Awaitable[T]], attempts: Attempts | None, seconds: float) -> T:
        """Carry out the command until it succeeds, fails for more than a moment, or the time is over."""
        if attempts is not None:
            follow(attempts)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        pause = 0.0
        with self._outage.watching():
            while True:
                try:
                    async with asyncio.timeout_at(end):
                        answer = await call()
                    if attempts is not None:
                        changed()
                    return answer
                except RAISED as error:
                    if attempts is not None:
                        attempts.failed(error)
                    if loop.time() + pause >= end or not may_pass(error, election=self._has_servers()):
                        in_doubt = attempts is not None and attempts.in_doubt
                        raise self._errors.translated(error, in_doubt=in_doubt) from error
                await asyncio.sleep(pause)
                pause = min(max(PAUSE, 2 * pause), PAUSE_MAX)

    def _has_servers(self) -> bool:
        return bool(self._client.topology_description.has_known_servers)


def group(
    work: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, weigh: Callable[[T], int], sizes: Sizes = untold
) -> Group[T, R]:
    """What comes while a command runs goes into the next one, all together."""
    return Group(work, weigh=weigh, most=GROUP, sizes=sizes)


async def together(*calls: Awaitable[T]) -> list[T]:
    """What they return; if one fails, not before the others have ended, so that it is known what they have changed."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast(list[T], results)


async def _wait_for(work: Awaitable[T], seconds: float | None) -> T:
    """As `asyncio.wait_for` is from Python 3.12 on.

    That of 3.11 leaves what it waits for alone when it is cancelled at the moment at which the time is over. PyMongo
    then gives back a lock that another task holds, and afterwards nobody does: all of the client waits for ever.
    """
    async with asyncio.timeout(seconds):
        return await work


async def _fetch(make: Callable[[], Any]) -> list[Document]:
    cursor = make()
    # Motor's aggregate() returns a cursor, PyMongo's a coroutine that does.
    cursor = await cursor if inspect.isawaitable(cursor) else cursor
    documents: list[Document] = await cursor.to_list(None)
    return documents


async def _insert(collection: Any, documents: Sequence[Document]) -> set[int]:
    """Insert them; the places of those that were there already."""
    try:
        await collection.insert_many(documents, ordered=False)
    except errors.BulkWriteError as error:
        known = known_already(error)
        if known is None:
            raise
        return known
    return set()


async def _drop_index(collection: Any, fields: Sequence[str]) -> None:
    try:
        await collection.drop_index(_ascending(fields))
    except errors.OperationFailure as error:
        if error.code != _NO_SUCH_INDEX:
            raise


def _ascending(fields: Iterable[str]) -> list[tuple[str, int]]:
    return [(field, 1) for field in fields]


def _client_class(driver: str) -> Any:
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient
    if driver == "pymongo":
        from pymongo import AsyncMongoClient, lock

        if sys.version_info < (3, 12):
            lock.wait_for = _wait_for  # type: ignore[assignment, attr-defined]
        return AsyncMongoClient
    raise ValueError(f"no MongoDB driver {driver!r}; known are motor and pymongo")
