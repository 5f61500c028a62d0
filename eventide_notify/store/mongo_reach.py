"""Whom an announcement has reached, in MongoDB, and the users there are.

The steps of one kind with an announcement are in the order of users, as the users themselves are: so both are read
side by side, a stretch at a time, and no document is looked for by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

from ..models import Announcement, NotificationId, Reach, Status, UserId
from .mongo_announcements import ACKNOWLEDGED, from_document, step_id
from .mongo_client import Document, MongoClient
from .mongo_limits import BATCH
from .records import DELETED


class MongoReach:
    """The part of `MongoStore` that looks at an announcement from the side of those who have sent it."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._announcements = client["announcements"]
        self._steps = client["announcement_receipts"]
        self._subscriptions = client["subscriptions"]
        self._users = client["users"]

    async def add_users(self, named: Collection[UserId]) -> None:
        await self._client.insert(self._users, [{"_id": user} for user in set(named)])

    async def forget(self, user: UserId) -> None:
        await self._client.erase(self._users, [user])

    async def announcement(self, id: NotificationId, now: datetime) -> Announcement | None:
        found = await self._client.find(self._announcements, {"_id": id, "expiresAt": {"$gt": now}}, 1)
        return from_document(found[0]) if found else None

    async def reach(self, announcement: Announcement) -> Reach:
        users = received = read = acknowledged = 0
        async for some in self._audience(announcement, "", BATCH):
            has = {
                kind: await self._who(announcement, kind, some)
                for kind in (Status.DELIVERED, Status.READ, DELETED, ACKNOWLEDGED)
            }
            users += len(some)
            received += len(has[Status.DELIVERED] | has[Status.READ] | has[DELETED])
            read += len(has[Status.READ])
            acknowledged += len(has[ACKNOWLEDGED])
        return Reach(users, received, read, acknowledged)

    async def missing(self, announcement: Announcement, after: UserId, limit: int) -> Sequence[UserId]:
        found: list[UserId] = []
        wanted = ACKNOWLEDGED if announcement.require_ack else Status.READ
        size = max(limit, BATCH // 10)
        async for some in self._audience(announcement, after, size):
            done = await self._who(announcement, wanted, some)
            found += [user for user in some if user not in done]
            if len(found) >= limit:
                break
        return found[:limit]

    async def unacknowledged(self, announcement: Announcement, named: Collection[UserId]) -> Collection[UserId]:
        steps = {step_id(announcement.id, ACKNOWLEDGED, user): user for user in named}
        done = {steps[step] for step in await self._client.among(self._steps, steps)}
        return set(named) - done

    async def _audience(self, announcement: Announcement, after: UserId, size: int) -> AsyncIterator[list[UserId]]:
        """Those whom it is for, in the order of their ids, so many at a time."""
        while True:
            some = await self._users_after(announcement, after, size)
            if some:
                yield some
            if len(some) < size:
                return
            after = some[-1]

    async def _users_after(self, announcement: Announcement, after: UserId, size: int) -> list[UserId]:
        if announcement.topic is None:
            found = await self._client.find(self._users, {"_id": {"$gt": after}}, size, order=1, fields=["_id"])
            return [document["_id"] for document in found]
        of_topic: Document = {"topic": announcement.topic, "userId": {"$gt": after}}
        subscribed = await self._client.all(
            lambda: self._subscriptions.find(of_topic, ["userId"]).sort("userId", 1).limit(size).batch_size(size)
        )
        return [document["userId"] for document in subscribed]

    async def _who(self, announcement: Announcement, kind: str, among: Sequence[UserId]) -> set[UserId]:
        """Those of these users, who are a stretch of all, who took this step."""
        first, last = (step_id(announcement.id, kind, user) for user in (among[0], among[-1]))
        taken = await self._client.ids(self._steps, {"_id": {"$gte": first, "$lte": last}})
        return {step[len(step_id(announcement.id, kind, "")) :] for step in taken}.intersection(among)
