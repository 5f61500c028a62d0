"""Due work in MongoDB: a document each, which whoever does the work holds by a lease in it.

What has failed for good stays where it is, and is `dead`: one document is changed atomically, two are not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from ..due import Dead, Lease, Waiting, Work, WorkId
from .mongo_client import Document, MongoClient

_ALIVE: Document = {"dead": None}
_DEAD: Document = {"dead": True}
_FREE: Document = {"lease": None, "leasedUntil": None}


class MongoDue:
    """The part of `MongoStore` that is about due work."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._due = client["due"]

    async def add(self, work: Work) -> None:
        """Save it, if it is not there yet."""
        about = {"_id": work.id, "kind": work.kind, "at": work.at, "attempts": work.attempts}
        await self._client.insert(self._due, [about | {"payload": _pack(work.payload)} | _FREE | _ALIVE])

    async def first(self, kinds: Collection[str]) -> datetime | None:
        """See `Store.first_due`."""
        wanted = _ALIVE | {"kind": {"$in": [*kinds]}}
        found = await self._client.all(lambda: self._due.find(wanted, ["at"]).sort("at", 1).limit(1))
        return found[0]["at"] if found else None

    async def claim(
        self, kinds: Collection[str], now: datetime, lease: Lease, until: datetime, limit: int
    ) -> Sequence[Work]:
        """See `Store.claim_due`."""
        held = {"leasedUntil": {"$gt": now, "$lte": until + (until - now)}}
        free = _ALIVE | {"at": {"$lte": now}, "kind": {"$in": [*kinds]}, "$nor": [held]}
        some = await self._client.all(
            lambda: self._due.find(free, ["_id"]).sort("at", 1).limit(limit).batch_size(limit)
        )
        if not some:
            return []
        ids = {"$in": [document["_id"] for document in some]}
        # Others may have claimed some of them since: those that have this lease in them are ours.
        await self._client.update(self._due, free | {"_id": ids}, {"lease": lease, "leasedUntil": until})
        found = await self._client.find(self._due, {"_id": ids, "lease": lease}, limit, order=1)
        return sorted(map(_from_document, found), key=lambda work: (work.at, work.id))

    async def prolong(self, ids: Collection[WorkId], lease: Lease, until: datetime) -> None:
        for part in self._client.limits.parts(ids):
            await self._client.update(self._due, {"_id": {"$in": part}, "lease": lease}, {"leasedUntil": until})

    async def finish(self, ids: Collection[WorkId], lease: Lease) -> Collection[WorkId]:
        ours: list[WorkId] = []
        for part in self._client.limits.parts(ids):
            held = await self._client.among(self._due, part, {"lease": lease})
            wanted = {"_id": {"$in": held}, "lease": lease}
            await self._client.write(self._due.delete_many, wanted, attempts=self._client.attempts(many=True))
            ours += held
        return ours

    async def postpone(self, id: WorkId, lease: Lease, at: datetime, attempts: int, payload: Mapping[str, Any]) -> bool:
        return await self._change(
            {"_id": id, "lease": lease}, {"at": at, "attempts": attempts, "payload": _pack(payload)} | _FREE
        )

    async def bury(self, id: WorkId, lease: Lease, error: str, now: datetime) -> bool:
        return await self._change({"_id": id, "lease": lease}, _DEAD | {"error": error, "diedAt": now} | _FREE)

    async def all(self, kinds: Collection[str], after: WorkId, limit: int) -> Sequence[Work]:
        wanted = _ALIVE | {"kind": {"$in": [*kinds]}, "_id": {"$gt": after}}
        return [*map(_from_document, await self._client.find(self._due, wanted, limit, order=1))]

    async def get(self, id: WorkId) -> Work | None:
        found = await self._client.find(self._due, _ALIVE | {"_id": id}, 1)
        return _from_document(found[0]) if found else None

    async def cancel(self, id: WorkId) -> bool:
        return await self._remove(_ALIVE | {"_id": id})

    async def revise(self, id: WorkId, was: Mapping[str, Any], payload: Mapping[str, Any], now: datetime) -> bool:
        wanted = {"_id": id, "payload": _pack(was), "$nor": [{"leasedUntil": {"$gt": now}}]}
        return await self._change(wanted, {"payload": _pack(payload)})

    async def dead(self, after: WorkId, limit: int) -> Sequence[Dead]:
        found = await self._client.find(self._due, _DEAD | {"_id": {"$gt": after}}, limit, order=1)
        return [Dead(_from_document(each), each["error"], each["diedAt"]) for each in found]

    async def retry(self, id: WorkId, now: datetime) -> Work | None:
        found = await self._client.find(self._due, _DEAD | {"_id": id}, 1)
        again = _ALIVE | {"at": now, "attempts": 0, "error": None, "diedAt": None}
        if not found or not await self._change(_DEAD | {"_id": id}, again):
            return None
        return replace(_from_document(found[0]), at=now, attempts=0)

    async def remove(self, id: WorkId) -> bool:
        return await self._remove(_DEAD | {"_id": id})

    async def waiting(self, by: datetime) -> Waiting:
        count = partial(self._client.read, self._due.count_documents)
        late = await count(_ALIVE | {"at": {"$lte": by}})
        return Waiting(int(await count(_ALIVE)), int(late), int(await count(_DEAD)))

    async def _change(self, wanted: Document, change: Document) -> bool:
        attempts = self._client.attempts()
        result = await self._client.write(self._due.update_one, wanted, {"$set": change}, attempts=attempts)
        return bool(result.modified_count) or attempts.in_doubt

    async def _remove(self, wanted: Document) -> bool:
        if not await self._client.ids(self._due, wanted):
            return False
        return await self._client.remove(self._due, wanted)


def _pack(payload: Mapping[str, Any]) -> str:
    return orjson.dumps(payload).decode()


def _from_document(document: Document) -> Work:
    payload = orjson.loads(document["payload"])
    return Work(document["_id"], document["kind"], document["at"], payload, document["attempts"])
