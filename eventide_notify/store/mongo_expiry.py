"""What expires, in MongoDB: a small collection of its own says when, for the index of all notifications has no room
for it: every save would pay.

What is noted there first is found there, also if its notification was never saved after that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..models import NotificationId
from .base import Expired
from .mongo_client import Document, MongoClient
from .records import DELETED, LONG_AGO

Position = tuple[datetime, NotificationId]


class MongoExpiry:
    """The part of `MongoStore` that is about what has expired."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._notifications = client["notifications"]
        self._announcements = client["announcements"]
        self._expiring = client["expiring"]

    async def note(self, documents: Iterable[Document]) -> None:
        """Note when these expire, which are about to be saved."""
        if expiring := [{"_id": each["_id"], "at": each["expiresAt"]} for each in documents if "expiresAt" in each]:
            await self._client.insert(self._expiring, expiring)

    async def after(self, position: Position, until: datetime, limit: int) -> Expired:
        """See `Store.expired`."""
        own = await self._next(self._expiring, "at", position, until, limit)
        announced = await self._next(self._announcements, "expiresAt", position, until, limit)
        found = sorted([(each["at"], each["_id"], False) for each in own] + [
            (each["expiresAt"], each["_id"], True) for each in announced
        ])[:limit]  # fmt: skip
        users = await self._users([id for _, id, is_announced in found if not is_announced])
        items = [(id, users.get(id)) for _, id, is_announced in found if is_announced or id in users]
        return Expired(items, found[-1][:2] if len(found) == limit else None)

    async def _next(
        self, collection: Any, field: str, position: Position, until: datetime, limit: int
    ) -> list[Document]:
        at, id = position
        # Two stretches of the index, one after the other.
        wanted = [{field: at, "_id": {"$gt": id}}] if LONG_AGO < at <= until else []
        found: list[Document] = []
        for each in (*wanted, {field: {"$gt": max(at, LONG_AGO), "$lte": until}}):
            if left := limit - len(found):
                found += await self._client.all(
                    lambda each=each, left=left: (  # type: ignore[misc]
                        collection.find(each, [field]).sort([(field, 1), ("_id", 1)]).limit(left).batch_size(left)
                    )
                )
        return found

    async def _users(self, ids: Iterable[NotificationId]) -> dict[NotificationId, str]:
        users: dict[NotificationId, str] = {}
        for part in self._client.limits.parts(ids):
            wanted = {"_id": {"$in": part}}
            for each in await self._client.find(self._notifications, wanted, len(part), fields=["userId", "status"]):
                if each["status"] != DELETED:
                    users[each["_id"]] = each["userId"]
        return users

    async def remove(self, before: datetime, limit: int) -> int:
        """See `Store.remove_expired`."""
        wanted = {"at": {"$lt": before}}
        found = await self._client.all(
            lambda: self._expiring.find(wanted, ["_id"]).sort([("at", 1), ("_id", 1)]).limit(limit).batch_size(limit)
        )
        ids = [each["_id"] for each in found]
        await self._client.erase(self._notifications, ids)
        await self._client.erase(self._expiring, ids)
        return len(ids)
