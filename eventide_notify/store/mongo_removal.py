"""What is removed in MongoDB because it is old, or because its user is to be forgotten: in small parts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..models import NotificationId, Status, UserId
from .base import Erased, Removed
from .mongo_client import Document, MongoClient
from .records import names_user, without_user

ERASED_AT_ONCE = 1_000
CLAIMS_AT_ONCE = 500
"""Claims that one command looks at, each of which may name thousands of users."""


class MongoRemoval:
    """The part of `MongoStore` that removes what nobody has asked it to one by one."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._notifications = client["notifications"]
        self._steps = client["announcement_receipts"]
        self._subscriptions = client["subscriptions"]
        self._claims = client["claims"]

    async def due(
        self, older: NotificationId, read_before: datetime | None, after: NotificationId, look: int, limit: int
    ) -> Removed:
        """See `Store.remove_old`."""
        if after < older:
            found = await self._few({"_id": {"$gt": after, "$lt": older}}, limit)
            position = found[-1]["_id"] if len(found) == limit else older
            removed = await self._remove(found, {})
            return removed.up_to(position if read_before is not None or len(found) == limit else None)
        if read_before is None:
            return Removed(0, (), None)
        end = await self._nth(self._notifications, after, look)
        read = {"status": Status.READ, "readAt": {"$lt": read_before}}
        found = await self._few({"_id": {"$gt": after, **({} if end is None else {"$lte": end})}} | read, limit)
        removed = await self._remove(found, read)
        return removed.up_to(found[-1]["_id"] if len(found) == limit else end)

    async def _few(self, wanted: Document, limit: int) -> list[Document]:
        fields = ["userId", "status", "archived"]
        return await self._client.find(self._notifications, wanted, limit, order=1, fields=fields)

    async def _nth(self, collection: Any, after: str, number: int) -> str | None:
        """The id of so manieth document after this one."""
        later = {"_id": {"$gt": after}}
        found = await self._client.all(
            lambda: collection.find(later, ["_id"]).sort("_id", 1).skip(number - 1).limit(1).batch_size(1)
        )
        return str(found[0]["_id"]) if found else None

    async def _remove(self, found: Sequence[Document], due: Document) -> Removed:
        """Those of them that are still due."""
        if not found:
            return Removed(0, (), None)
        start, number = time.monotonic(), 0
        for part in self._client.limits.parts(document["_id"] for document in found):
            number += await self._delete(self._notifications, {"_id": {"$in": part}} | due)
        counted = (Status.PENDING, Status.DELIVERED)
        users = {each["userId"] for each in found if each["status"] in counted and not each.get("archived")}
        return Removed(number, users, None, time.monotonic() - start)

    async def _delete(self, collection: Any, wanted: Document) -> int:
        result = await self._client.write(collection.delete_many, wanted, attempts=self._client.attempts(many=True))
        return int(result.deleted_count)

    async def erase(self, user: UserId) -> Erased:
        """See `Store.erase`."""
        own = await self._all(self._notifications, user)
        receipts, followed = await self._all(self._steps, user), await self._all(self._subscriptions, user)
        return Erased(own, receipts, await self._erase_claims(user), followed)

    async def _all(self, collection: Any, user: UserId) -> int:
        """Remove all of this user's; how many there were."""
        number = 0
        while some := await self._client.all(
            lambda: collection.find({"userId": user}, ["_id"]).limit(ERASED_AT_ONCE).batch_size(ERASED_AT_ONCE)
        ):
            for part in self._client.limits.parts(document["_id"] for document in some):
                number += await self._delete(collection, {"_id": {"$in": part}, "userId": user})
        return number

    async def _erase_claims(self, user: UserId) -> int:
        number, after = 0, ""
        named = {"$regex": re.escape(names_user(user))}
        while True:
            end = await self._nth(self._claims, after, CLAIMS_AT_ONCE)
            within = {"_id": {"$gt": after, **({} if end is None else {"$lte": end})}, "items": named}
            for claim in await self._client.all(lambda within=within: self._claims.find(within, ["items"])):  # type: ignore[misc]
                number += await self._erase_in_claim(claim, user)
            if end is None:
                return number
            after = end

    async def _erase_in_claim(self, claim: Document | None, user: UserId) -> int:
        while claim is not None and (changed := without_user(claim["items"], user)) is not None:
            same = {"_id": claim["_id"], "items": claim["items"]}
            result = await self._client.write(self._claims.update_one, same, {"$set": {"items": changed}})
            if result.modified_count:
                return 1
            # Somebody else who is in it was erased meanwhile; or it is gone, or another one by now.
            claim = await self._client.read(self._claims.find_one, {"_id": claim["_id"]})
        return 0
