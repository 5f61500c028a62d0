"""Notifications that replace earlier ones, in MongoDB.

Without transactions it goes by steps, under locks, a fixed number of which stand for all keys of all users:

1. what can be replaced is read, and who replaces what is decided (`collapse`);
2. what is new is inserted, and names what it is about to replace (`replaces`);
3. what is replaced is marked as deleted, if nobody has read or archived it meanwhile;
4. what is new has the number of those, and does not name them any more.

Whoever is interrupted leaves the locks, which free themselves, and perhaps what is new beside what it replaces. The
next one with the same key finds it so, and takes steps 3 and 4 first. A mark stays for a while, so that a save which is
repeated later cannot bring back what was replaced after its first time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ..errors import EventideError, Unavailable
from ..models import Notification, NotificationId, Status
from .base import Claim, Collapsed
from .collapse import Decided, Earlier, Place, Save, decide, place_of, stripes
from .group import Sizes
from .mongo_claims import MongoClaims
from .mongo_client import Document, MongoClient, group
from .mongo_errors import one_call
from .mongo_state import is_there, to_document
from .records import DELETED, resume

LEASE = timedelta(seconds=7)
"""How long a lock is held by who is not there any more; otherwise it is prolonged."""
PROLONGED_AFTER = 2.0
"""Seconds. One command takes less than what is left then, by more than clocks of instances differ."""
WAIT_SECONDS = 10.0
"""How long others' locks are waited for: longer than they hold."""
PAUSE = 0.005, 0.015
"""Seconds between two tries, at the least and at the most."""

_UNREAD = {"$in": [Status.PENDING, Status.DELIVERED]}
_REPLACEABLE: Document = {"archived": None, "status": _UNREAD}
_NOTHING = {"message": "", "title": "", "link": None, "avatar": None, "data": None, "actions": None}
"""What a notification says once it was replaced."""

Insert = Callable[[Sequence[Document]], Awaitable[Sequence[Document]]]


class MongoCollapse:
    """The part of `MongoStore` that saves notifications with a `collapse_key`. `insert` inserts any, and returns those
    that were not there."""

    def __init__(self, client: MongoClient, claims: MongoClaims, insert: Insert, sizes: Sizes) -> None:
        self._client = client
        self._claims = claims
        self._insert = insert
        self._notifications = client["notifications"]
        self._locks = client["locks"]
        self._saves = group(self._save, weigh=lambda save: len(save.items), sizes=sizes)

    async def add(self, save: Save) -> Collapsed:
        """See `Store.add_collapsing`."""
        if save.claim is None:
            return await self._saves.do(save)
        outcome = Collapsed(None, (), {})

        async def once(held: Claim) -> None:
            nonlocal outcome
            outcome = await self._saves.do(replace(save, items=resume(save.items, held)))

        held = await self._claims.once(save.claim, once)
        return outcome._replace(held=held)

    async def settle(self) -> None:
        """Wait for all that is under way."""
        await self._saves.settle()

    async def purge(self) -> None:
        """Remove the locks of who was interrupted long ago."""
        wanted = {"until": {"$lt": datetime.now(UTC) - timedelta(hours=1)}}
        await self._client.erase(self._locks, await self._client.ids(self._locks, wanted))

    async def _save(self, saves: Sequence[Save]) -> Sequence[Collapsed]:
        async with self._locked(stripes(saves)) as lease:
            with one_call():
                return await _Replacement(self._client, self._insert, lease).make(saves)

    @asynccontextmanager
    async def _locked(self, wanted: Sequence[int]) -> AsyncIterator[_Lease]:
        """Hold these locks."""
        owner = uuid4().hex
        ids = [f"collapse {stripe:04}" for stripe in wanted]
        try:
            since = await self._lock(ids, owner)
            yield _Lease(self._client, self._locks, {"_id": {"$in": ids}, "owner": owner}, len(ids), since)
        finally:
            with suppress(EventideError):  # they free themselves
                await self._unlock(ids, owner)

    async def _lock(self, ids: Sequence[str], owner: str) -> float:
        """Since when, at least, they are held."""
        since, until, left = 0.0, datetime.now(UTC), list(ids)
        give_up = time.monotonic() + WAIT_SECONDS
        while True:
            now = time.monotonic()
            if len(left) == len(ids):
                since, until = now, datetime.now(UTC) + LEASE
            locks = [{"_id": id, "owner": owner, "until": until} for id in left]
            mine = {lock["_id"] for lock in await self._client.insert(self._locks, locks)}
            missing = [id for id in left if id not in mine]
            if not missing:
                return since
            if now > give_up:
                raise Unavailable
            # Only those are held that come before what is waited for: so nobody waits for each other crosswise.
            left = [id for id in ids if id >= missing[0] or now > since + PROLONGED_AFTER]
            if surplus := [id for id in ids if id in left and id not in missing]:
                await self._unlock(surplus, owner)
            await self._free_abandoned(missing)
            await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311 - not a secret

    async def _unlock(self, ids: Sequence[str], owner: str) -> None:
        mine = {"_id": {"$in": ids}, "owner": owner}
        await self._client.write(self._locks.delete_many, mine, attempts=self._client.attempts(many=True))

    async def _free_abandoned(self, ids: Collection[str]) -> None:
        """Remove the locks of who was interrupted; also if a clock was set back since."""
        now = datetime.now(UTC)
        for lock in await self._client.find(self._locks, {"_id": {"$in": ids}}, len(ids)):
            if not now < lock["until"] <= now + 2 * LEASE:
                abandoned = {"_id": lock["_id"], "owner": lock["owner"]}
                await self._client.write(self._locks.delete_one, abandoned)


class _Lease:
    """Locks that are held: `number` documents that are `mine`."""

    def __init__(self, client: MongoClient, locks: Any, mine: Document, number: int, since: float) -> None:
        self._client = client
        self._locks = locks
        self._mine = mine
        self._number = number
        self._since = since

    async def keep(self) -> None:
        """Call it before each write: who was held up for so long that somebody else has the locks goes no further."""
        now = time.monotonic()
        if now > self._since + PROLONGED_AFTER:
            until = {"until": datetime.now(UTC) + LEASE}
            if await self._client.update(self._locks, self._mine, until) < self._number:
                raise Unavailable
            self._since = now


class _Replacement:
    """One turn under the locks."""

    def __init__(self, client: MongoClient, insert: Insert, lease: _Lease) -> None:
        self._client = client
        self._insert = insert
        self._lease = lease
        self._notifications = client["notifications"]
        self._finished: dict[NotificationId, list[NotificationId]] = {}
        """What those have replaced now whose own saves were interrupted."""

    async def make(self, saves: Sequence[Save]) -> Sequence[Collapsed]:
        """See `Store.add_collapsing`."""
        wanted = [item for save in saves for item in save.items]
        known = set(await self._client.among(self._notifications, [item.id for item in wanted]))
        found = await self._find(wanted, max(save.now for save in saves))
        await self._finish(found)
        earlier = {place: [_earlier(each) for each in some] for place, some in found.items()}
        sends = [[item for item in save.items if item.id not in known] for save in saves]
        decided = decide(sends, earlier)
        await self._replace(decided)
        there = {each["_id"]: each for some in found.values() for each in some}
        return [
            self._with_known(outcome, [there[item.id] for item in save.items if item.id in there], save, decided)
            if known.intersection(item.id for item in save.items)
            else outcome
            for save, outcome in zip(saves, decided.outcomes, strict=True)
        ]

    async def _find(self, wanted: Iterable[Notification], now: datetime) -> dict[Place, list[Document]]:
        """What can be replaced."""
        places = {place_of(item) for item in wanted}
        keys = {"$in": sorted({key for _, key in places if key is not None})}
        condition = _REPLACEABLE | {"collapseKey": keys} | is_there(now)
        fields = ["userId", "collapseKey", "collapsed", "replaces"]
        found: dict[Place, list[Document]] = {}
        for part in self._client.limits.parts(sorted({user for user, _ in places})):
            some = {"userId": {"$in": part}} | condition
            for document in await self._client.all(lambda some=some: self._notifications.find(some, fields)):  # type: ignore[misc]
                place = document["userId"], document["collapseKey"]
                if place in places:
                    found.setdefault(place, []).append(document)
        for documents in found.values():
            documents.sort(key=lambda document: str(document["_id"]))
        return found

    async def _finish(self, found: Mapping[Place, list[Document]]) -> None:
        """Complete what was interrupted; `found` is as it is then."""
        for documents in found.values():
            for new in [each for each in documents if each.get("replaces")]:
                before = await self._there(new["replaces"])
                left = {each["_id"]: each for each in documents if each["_id"] in new["replaces"]}
                gone = await self._take(left)
                kept = [each for id, each in before.items() if id not in gone]
                new["collapsed"] = (new.get("collapsed") or 0) - sum((each.get("collapsed") or 0) + 1 for each in kept)
                await self._name_nothing({new["_id"]: new["collapsed"]})
                self._finished[new["_id"]] = sorted(gone)
                documents[:] = [each for each in documents if each["_id"] not in left]

    async def _there(self, ids: Collection[NotificationId]) -> dict[NotificationId, Document]:
        wanted = {"_id": {"$in": list(ids)}, "status": {"$ne": DELETED}}
        found = await self._client.find(self._notifications, wanted, len(ids), fields=["collapsed"])
        return {each["_id"]: each for each in found}

    async def _replace(self, decided: Decided) -> None:
        new = [
            to_document(item) | ({"replaces": [each.id for each in gone]} if (gone := decided.gone[place]) else {})
            for place, item in decided.new.items()
        ]
        if not new:
            return
        await self._lease.keep()
        await self._insert(new)
        earlier = {each.id for some in decided.gone.values() for each in some}
        if not earlier:
            return
        taken = await self._take(earlier)
        corrected: dict[NotificationId, int] = {}
        for place, some in decided.gone.items():
            item = decided.new[place]
            left = [each for each in some if each.id not in taken]
            if left:
                item = decided.new[place] = replace(
                    item, collapsed=item.collapsed - sum(each.collapsed + 1 for each in left)
                )
            if some:
                corrected[item.id] = item.collapsed
        await self._name_nothing(corrected)
        if len(taken) < len(earlier):
            decided.outcomes[:] = [_without(outcome, earlier - taken, decided) for outcome in decided.outcomes]

    async def _take(self, ids: Collection[NotificationId]) -> set[NotificationId]:
        """Mark them as deleted; those of them that could still be replaced."""
        if not ids:
            return set()
        await self._lease.keep()
        by = uuid4().hex
        mark = {"status": DELETED, "userId": None, "deletedBy": by, "replacedAt": datetime.now(UTC)} | _NOTHING
        number = 0
        for part in self._client.limits.parts(ids):
            number += await self._client.update(self._notifications, {"_id": {"$in": part}} | _REPLACEABLE, mark)
        if number == len(ids):
            return set(ids)
        return set(await self._client.among(self._notifications, ids, {"deletedBy": by}))

    async def _name_nothing(self, collapsed: Mapping[NotificationId, int]) -> None:
        """These have replaced so many, and are done."""
        by_number: dict[int, list[NotificationId]] = {}
        for id, number in collapsed.items():
            by_number.setdefault(number, []).append(id)
        updates: list[tuple[Document, Document]] = []
        for number, ids in by_number.items():
            for part in self._client.limits.parts(ids):
                updates.append(({"_id": {"$in": part}}, {"collapsed": number or None, "replaces": None}))
        if updates:
            await self._lease.keep()
            await self._client.update_each(self._notifications, updates)

    def _with_known(self, outcome: Collapsed, documents: Sequence[Document], save: Save, decided: Decided) -> Collapsed:
        """What was saved before by the same call, and only now has replaced what it was to."""
        gone = {each.id for some in decided.gone.values() for each in some}
        items = {item.id: item for item in save.items}
        again = [
            replace(items[each["_id"]], collapsed=each.get("collapsed") or 0)
            for each in documents
            if each["_id"] not in gone
        ]
        taken = {item.id: self._finished.get(item.id, ()) for item in again}
        both = {**outcome.replaced, **taken}
        return outcome._replace(saved=[*outcome.saved, *again], replaced=both, repeated=True)


def _earlier(document: Document) -> Earlier:
    return Earlier(document["_id"], document.get("collapsed") or 0)


def _without(outcome: Collapsed, kept: Collection[NotificationId], decided: Decided) -> Collapsed:
    """The outcome, if these were not replaced after all."""
    saved = [decided.new[place_of(item)] for item in outcome.saved]
    rest = {id: [each for each in some if each not in kept] for id, some in outcome.replaced.items()}
    return outcome._replace(saved=saved, replaced={id: some for id, some in rest.items() if some})
