"""A MongoDB database of an earlier version, with what was in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from eventide_notify.models import Announcement, Change, Counts, Notification, Status
from eventide_notify.store.mongo import MongoStore
from eventide_notify.store.mongo_schema import INDEXES, REPLACED, SCHEMA_VERSION
from eventide_notify.store.records import pack_content

from .backends import Backend
from .samples import LATER, NOW, SECOND, announced, announcement, announcements, delivered, ids, read, sample, seen

pytestmark = pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)


def names(indexes: Any) -> set[str]:
    return {"_id_", *("_".join(f"{field}_1" for field in fields) for fields in indexes)}


@pytest.fixture
async def old(backend: Backend) -> AsyncIterator[Any]:
    """A store as version 2 left it; to be filled by way of its collections, and opened."""
    store: Any = backend.store()
    await store.open()
    for collection, indexes in INDEXES.items():
        for fields in indexes:
            await store._client[collection].drop_index([(field, 1) for field in fields])
        for fields in REPLACED.get(collection, ()):
            await store._client[collection].create_index([(field, 1) for field in fields])
    await backend.pretend_version(2)
    yield store
    await store.close()


async def save(store: Any, *notifications: Notification) -> None:
    for each in notifications:
        content = pack_content(each.content)
        del content["actions"]
        state = {"status": each.status, "deliveredAt": each.delivered_at, "readAt": each.read_at}
        about = {"_id": each.id, "userId": each.user_id, "createdAt": each.created_at}
        await store._client["notifications"].insert_one(about | state | content)


async def step(store: Any, of: Announcement, status: str, at: datetime = NOW, user: str = "42") -> None:
    about = {"userId": user, "announcementId": of.id, "status": status, "at": at}
    await store._client["announcement_receipts"].insert_one({"_id": f"{of.id} {status} {user}"} | about)


async def test_indexes_of_earlier_versions_are_replaced(backend: Backend, old: Any) -> None:
    stores: list[Any] = [backend.store() for _ in range(3)]
    await asyncio.gather(*(each.open() for each in stores))
    for collection, indexes in INDEXES.items():
        assert names(indexes) == set(await stores[0]._client[collection].index_information())
    assert (await stores[0]._client["meta"].find_one({"_id": "schema"}))["version"] == SCHEMA_VERSION
    for each in stores:
        await each.close()


async def test_one_that_was_never_used_has_no_collections(backend: Backend, old: Any) -> None:
    for collection in INDEXES:
        await old._client[collection].drop()
    await old.open()
    for collection, indexes in INDEXES.items():
        assert names(indexes) == set(await old._client[collection].index_information())


async def test_notifications_of_version_2(old: MongoStore) -> None:
    """What was read has been seen, and stays so when it is unread again."""
    new, received = sample(), delivered(sample())
    first, second, without = read(delivered(sample()), LATER), read(sample(), LATER), read(sample(), LATER)
    await save(old, new, received, first, second, replace(without, delivered_at=None))
    await old.open()
    assert await old.page("42", now=NOW, limit=9) == [without, second, first, received, new]
    assert await old.counts(["42"], now=NOW) == {"42": (2, 2)}
    assert (await old.change("42", Change.SEEN, ids([first]), now=NOW)).changed == []
    done = await old.change("42", Change.UNREAD, ids([first, without]), now=LATER + SECOND)
    assert sorted(done.changed) == ids([first, without])
    back = [replace(each, status=Status.DELIVERED, read_at=None) for each in (first, without)]
    assert await old.page("42", now=NOW, limit=9) == [back[1], second, back[0], received, new]
    assert await old.counts(["42"], now=NOW) == {"42": (4, 2)}
    assert await old.change_all("42", Change.SEEN, up_to=None, now=NOW) == ids([received, new])
    assert await old.counts(["42"], now=NOW) == {"42": (4, 0)}
    assert await old.change_all("42", Change.ARCHIVE, up_to=None, now=NOW) == ids(
        [without, second, first, received, new]
    )
    assert await old.page("42", now=NOW, limit=9) == []
    await old.change_all("42", Change.UNARCHIVE, up_to=None, now=NOW)
    assert (await old.page("42", now=NOW, limit=9))[1:] == [second, back[0], *map(seen, (received, new))]


async def test_steps_of_version_2(old: MongoStore) -> None:
    untouched, received, first, second, gone = announcements(5)
    await step(old, received, "DELIVERED")
    for each in (first, second, gone):
        await step(old, each, "DELIVERED")
        await step(old, each, "READ", LATER)
    await step(old, gone, "DELETED", LATER)
    await old.open()
    for each in (untouched, received, first, second, gone):
        await old.add_announcement(each)
    was = [read(delivered(announced(each)), LATER) for each in (second, first)]
    rest = [delivered(announced(received)), announced(untouched)]
    assert await old.page("42", now=NOW, limit=9) == [*was, *rest]
    assert await old.counts(["42", "43"], now=NOW) == {"42": (2, 2), "43": (5, 5)}
    assert (await old.change("42", Change.SEEN, ids([first]), now=NOW)).changed == []
    done = await old.change("42", Change.UNREAD, ids([first, gone]), now=LATER)
    assert (done.owned, done.changed) == (ids([first]), ids([first]))
    was[1] = replace(was[1], status=Status.DELIVERED, read_at=None)
    assert await old.page("42", now=NOW, limit=9) == [*was, *rest]
    assert await old.counts(["42"], now=NOW) == {"42": Counts(3, 2)}


async def test_what_an_earlier_version_still_writes_is_understood(backend: Backend, old: Any) -> None:
    """It goes on while the new one starts."""
    await old.open()
    await save(old, new := sample(), was := read(sample()))
    await old.add_announcement(shown := announcement())
    await step(old, shown, "DELIVERED")
    await step(old, shown, "READ")
    assert await old.page("42", now=NOW, limit=9) == [read(announced(shown)), was, new]
    assert await old.pending("42", now=NOW, limit=9) == [new]
    assert await old.overdue(after="", before="z", limit=9) == [new]
    assert await old.counts(["42"], now=NOW) == {"42": (1, 1)}
