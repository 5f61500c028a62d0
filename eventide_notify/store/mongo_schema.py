"""The schema of the MongoDB database: its version, and its indexes, which may take long to build."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .base import Schema
from .mongo_client import MongoClient
from .records import check_version

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 5
MIGRATION_SECONDS = 3_600.0
"""How long building an index may take, or waiting for another instance that builds it."""
QUIET_SECONDS = 2.0
TOLD_EVERY = 30.0
"""Seconds after which the log is told of an index that takes long: for the first time, and again."""

# Of what says yes or nothing (`archived`, `seen`) the documents of earlier versions say nothing, and so do new ones.
INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "notifications": (
        ("userId", "archived", "_id"),
        # All that counts look at, and what can be replaced.
        ("userId", "archived", "status", "_id", "seen", "expiresAt", "collapseKey"),
        ("status", "archived", "_id"),
    ),
    "claims": (("claimedAt",), ("expiresAt",)),
    "announcements": (("expiresAt",), ("topic", "_id")),
    "announcement_receipts": (("userId", "status", "announcementId", "extra"),),
    "revocations": (("expiresAt",),),
    "subscriptions": (("topic", "userId"), ("userId", "topic")),
    "due": (("dead", "at"), ("dead", "_id")),
    "expiring": (("at", "_id"),),
}
REPLACED: dict[str, tuple[tuple[str, ...], ...]] = {
    "notifications": (
        ("userId", "_id"),
        ("userId", "status", "_id"),
        ("status", "_id"),
        ("userId", "archived", "status", "_id", "seen"),
    ),
    "announcement_receipts": (("userId", "status", "announcementId"),),
}
"""Indexes of earlier versions, which would make every save dearer."""


async def schema(client: MongoClient) -> Schema:
    """The version that the database has, and what `migrate` would do to it. Changes nothing."""
    found = await _version(client)
    if found > SCHEMA_VERSION:
        return Schema(found, SCHEMA_VERSION, [])
    steps = []
    for collection, indexes in INDEXES.items():
        there = await _indexes_of(client, collection)
        steps += [f"build the index {_named(fields)} of {collection}" for fields in indexes if fields not in there]
        if 0 < found < SCHEMA_VERSION:
            replaced = [fields for fields in REPLACED.get(collection, ()) if fields in there]
            steps += [f"remove the index {_named(fields)} of {collection}" for fields in replaced]
    if found < SCHEMA_VERSION:
        steps.append(f"note version {SCHEMA_VERSION}")
    return Schema(found, SCHEMA_VERSION, steps)


async def _version(client: MongoClient) -> int:
    found = await client.read(client["meta"].find_one, {"_id": "schema"})
    return int(found["version"]) if found else 0


async def _indexes_of(client: MongoClient, collection: str) -> set[tuple[str, ...]]:
    indexes = await client.read(client[collection].index_information)
    return {tuple(field for field, _ in index["key"]) for index in indexes.values()}


def _named(fields: tuple[str, ...]) -> str:
    return f"({', '.join(fields)})"


async def migrate(client: MongoClient, patient: MongoClient) -> None:
    """Make what is missing. Several instances may do so at once: each step does nothing where it was done.

    `patient` is a client that waits `MIGRATION_SECONDS` for an answer.
    """
    meta = client["meta"]
    found = await _version(client)
    check_version(found, SCHEMA_VERSION)
    if 0 < found < SCHEMA_VERSION:
        logger.info("bringing the database from schema version %d to %d", found, SCHEMA_VERSION)
    # One command each: FerretDB 1.24 closes the connection when a command names two indexes that are there already.
    # And all of them each time: a server lists an index while another instance still builds it, and only this command
    # waits for it.
    for collection, indexes in INDEXES.items():
        for fields in indexes:
            async with _told(f"the index {_named(fields)} of {collection}"):
                await patient.create_index(patient[collection], fields, seconds=MIGRATION_SECONDS)
    if not found:
        await client.insert(meta, [{"_id": "schema", "version": SCHEMA_VERSION}])
    elif found < SCHEMA_VERSION:
        for collection, indexes in REPLACED.items():
            for fields in indexes:
                await patient.drop_index(patient[collection], fields, seconds=MIGRATION_SECONDS)
        newer = {"$set": {"version": SCHEMA_VERSION}}
        await client.write(meta.update_one, {"_id": "schema", "version": found}, newer)


@asynccontextmanager
async def _told(what: str) -> AsyncIterator[None]:
    """Tell the log while this takes long, and when it has ended."""
    start = time.monotonic()
    told = False

    async def tell() -> None:
        nonlocal told
        await asyncio.sleep(QUIET_SECONDS)
        while True:
            told = True
            logger.warning(
                "waiting for %s, which this or another instance has built: %.0f s so far", what, _since(start)
            )
            await asyncio.sleep(TOLD_EVERY)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
    if told:
        logger.warning("%s is there, after %.0f s", what, _since(start))


def _since(start: float) -> float:
    return time.monotonic() - start
