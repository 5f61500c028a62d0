"""Topics in MongoDB: a document for each user who is subscribed to one. Its id is made of both, so there is one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import orjson

from ..models import NotificationId, Status, UserId
from .mongo_client import Document, MongoClient
from .records import DELETED

ByUser = Mapping[UserId, Collection[NotificationId]]
Subscription = tuple[str, UserId]
"""A topic, and a user."""


class MongoTopics:
    """The part of `MongoStore` that is about topics."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._subscriptions = client["subscriptions"]
        self._announcements = client["announcements"]
        self._steps = client["announcement_receipts"]

    async def subscribe(self, topic: str, users: Collection[UserId], now: datetime) -> ByUser:
        """See `Store.subscribe`."""
        wanted = [{"_id": _id(topic, user), "topic": topic, "userId": user} for user in set(users)]
        new = await self._client.insert(self._subscriptions, wanted)
        return await self._concerned(topic, [document["userId"] for document in new], now)

    async def unsubscribe(self, topic: str, users: Collection[UserId], now: datetime) -> ByUser:
        """See `Store.unsubscribe`."""
        there = await self.subscribed(topic, users)
        await self._client.erase(self._subscriptions, [_id(topic, user) for user in there])
        return await self._concerned(topic, there, now)

    async def of(self, user: UserId) -> list[str]:
        """The user's topics."""
        return sorted(topic for topic, _ in await self.of_all([user]))

    async def of_all(self, users: Iterable[UserId]) -> list[Subscription]:
        """What these users are subscribed to."""
        found: list[Document] = []
        for part in self._client.limits.parts(users):
            found += await self._client.all(
                lambda part=part: self._subscriptions.find({"userId": {"$in": part}}, ["topic", "userId"])  # type: ignore[misc]
            )
        return [(document["topic"], document["userId"]) for document in found]

    async def among(self, asked: Iterable[Subscription]) -> set[Subscription]:
        """Those of them that there are."""
        ids = {_id(topic, user): (topic, user) for topic, user in asked}
        return {ids[id] for id in await self._client.among(self._subscriptions, ids)} if ids else set()

    async def subscribed(self, topic: str, users: Collection[UserId]) -> list[UserId]:
        """Those of them who are."""
        return sorted(user for _, user in await self.among((topic, user) for user in users))

    async def subscribers(self, topic: str) -> int:
        """How many there are."""
        return int(await self._client.read(self._subscriptions.count_documents, {"topic": topic}))

    async def _concerned(self, topic: str, users: Collection[UserId], now: datetime) -> ByUser:
        """The topic's announcements that each of them has if they are subscribed, and else not."""
        current = {"topic": topic, "expiresAt": {"$gt": now}}
        ids = sorted(await self._client.ids(self._announcements, current)) if users else []
        if not ids:
            return dict.fromkeys(users, ())
        others: dict[UserId, set[NotificationId]] = {}
        for part in self._client.limits.parts(users):
            done = {"userId": {"$in": part}, "status": {"$in": [Status.READ, DELETED]}, "announcementId": {"$in": ids}}
            for step in await self._client.all(lambda done=done: self._steps.find(done, ["userId", "announcementId"])):  # type: ignore[misc]
                others.setdefault(step["userId"], set()).add(step["announcementId"])
        return {user: [id for id in ids if id not in others.get(user, ())] for user in users}


def _id(topic: str, user: UserId) -> str:
    return orjson.dumps([topic, user]).decode()
