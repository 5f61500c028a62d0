"""Notifications in MongoDB, through either of its drivers for asyncio.

The server needs nothing special: no transactions, and neither TTL nor partial indexes, which FerretDB 1.24 does not
have. A command changes one document atomically, with the condition in its filter: that is what the guarantees of
`Store` rest on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from ..errors import OutcomeUnknown, Unavailable
from ..models import Announcement, Notification, NotificationId, Receipt, Status, UserId
from .base import Claim
from .mongo_announcements import UNREAD, MongoAnnouncements, Wanted
from .mongo_claims import MongoClaims
from .mongo_client import Document, MongoClient, group, together
from .mongo_errors import advice, one_call
from .mongo_schema import MIGRATION_SECONDS, migrate
from .outage import reason
from .records import pack_content, resume, resume_announcement, unpack_content

DELETES_AT_ONCE = 20
PATIENCE = int(MIGRATION_SECONDS * 1000)

_UNREAD = {"$in": list(UNREAD)}  # {"$ne": "READ"} could not use an index in the order of ids


class MongoStore:
    """See `Store`. The database is the one in the URL's path, or `eventide`."""

    def __init__(self, url: str, *, driver: str = "motor") -> None:
        self._client = MongoClient(url, driver)
        self._patient = partial(MongoClient, url, driver, socketTimeoutMS=PATIENCE, wTimeoutMS=PATIENCE)
        self._notifications = self._client["notifications"]
        self._saves = group(self._save_group, weigh=len)
        self._claims = MongoClaims(self._client)
        self._announcements = MongoAnnouncements(self._client)

    async def open(self) -> None:
        try:
            await self._client.meet()
            await self._migrate()
        except (Unavailable, OutcomeUnknown) as error:
            why = advice(error.__cause__) or reason(error.__cause__)
            raise Unavailable(f"cannot open the MongoDB database: {why}") from error.__cause__
        self._client.opened()

    async def close(self) -> None:
        await self._saves.settle()
        await self._claims.settle()
        await self._client.close()

    async def check_writable(self) -> None:
        await self._client.check_writable(self._client["meta"])

    # Saving

    async def add(self, notifications: Sequence[Notification], *, claim: Claim | None = None) -> Claim | None:
        if claim is None:
            await self._insert(notifications)
            return None
        return await self._claims.once(claim, lambda held: self._insert(resume(notifications, held)))

    async def _insert(self, notifications: Sequence[Notification]) -> None:
        if notifications:
            await self._saves.do([_to_document(notification) for notification in notifications])

    async def _save_group(self, saves: Sequence[Sequence[Document]]) -> Sequence[None]:
        await self._client.insert(self._notifications, [document for save in saves for document in save])
        return [None] * len(saves)

    async def add_announcement(self, announcement: Announcement, *, claim: Claim | None = None) -> Claim | None:
        if claim is None:
            await self._announcements.add(announcement)
            return None
        return await self._claims.once(
            claim, lambda held: self._announcements.add(resume_announcement(announcement, held))
        )

    async def remove_announcement(self, id: NotificationId) -> bool:
        with one_call():
            return await self._announcements.remove(id)

    async def purge(self, *, claimed_before: datetime, now: datetime) -> None:
        await self._claims.purge(claimed_before)
        await self._announcements.purge(now)

    # What a user has

    async def get(self, user: UserId, id: NotificationId, *, now: datetime) -> Notification | None:
        found = await self._newest(user, Wanted({"$in": [id]}), now, 1)
        return found[0] if found else None

    async def page(
        self,
        user: UserId,
        *,
        now: datetime,
        limit: int,
        before: NotificationId | None = None,
        offset: int = 0,
        unread: bool | None = None,
        type: str | None = None,
    ) -> Sequence[Notification]:
        statuses = {None: tuple(Status), True: UNREAD, False: (Status.READ,)}[unread]
        wanted = Wanted({} if before is None else {"$lt": before}, statuses, type)
        return await self._newest(user, wanted, now, limit, offset)

    async def pending(self, user: UserId, *, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._newest(user, Wanted({}, [Status.PENDING]), now, limit))[::-1]

    async def newer(self, user: UserId, *, than: NotificationId, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._newest(user, Wanted({"$gt": than}), now, limit))[::-1]

    async def owned(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        if not ids:
            return []
        own, announced = await asyncio.gather(self._own(user, ids), self._announcements.owned(user, ids, now))
        return [*own, *announced]

    async def unread_counts(self, users: Collection[UserId], *, now: datetime) -> Mapping[UserId, int]:
        if not users:
            return {}
        own, (announced, read) = await asyncio.gather(
            self._client.count(self._notifications, {"status": _UNREAD}, users),
            self._announcements.unread(users, now),
        )
        return {user: own.get(user, 0) + announced - read.get(user, 0) for user in users}

    # What users do

    async def mark_delivered(self, receipts: Collection[Receipt], *, now: datetime) -> int:
        own = {(receipt.notification_id, receipt.user_id) for receipt in receipts if not receipt.broadcast}
        announced = {receipt for receipt in receipts if receipt.broadcast}
        with one_call():
            return sum(await together(self._deliver(own, now), self._announcements.deliver(announced, now)))

    async def _deliver(self, proven: Collection[tuple[NotificationId, UserId]], now: datetime) -> int:
        changed = 0
        for part in self._client.limits.parts(id for id, _ in proven):
            pending = {"_id": {"$in": part}, "status": Status.PENDING}
            found = await self._client.find(self._notifications, pending, len(part), order=1, fields=["userId"])
            # A notification never changes hands: what was its user's a moment ago still is.
            ids = [document["_id"] for document in found if (document["_id"], document["userId"]) in proven]
            if ids:
                change = {"status": Status.DELIVERED, "deliveredAt": now}
                changed += await self._client.update(self._notifications, pending | {"_id": {"$in": ids}}, change)
        return changed

    async def mark_read(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        own: list[NotificationId] = []
        with one_call():
            for part in self._client.limits.parts(ids):
                await self._read({"_id": {"$in": part}, "userId": user}, now)
                own += await self._client.ids(self._notifications, {"_id": {"$in": part}, "userId": user})
            others = set(ids).difference(own)
            return [*own, *await self._announcements.read(user, others, now)] if others else own

    async def mark_all_read(self, user: UserId, *, up_to: NotificationId | None, now: datetime) -> int:
        own = {"userId": user} if up_to is None else {"userId": user, "_id": {"$lte": up_to}}
        with one_call():
            return sum(await together(self._read(own, now), self._announcements.read_all(user, up_to, now)))

    async def _read(self, wanted: Document, now: datetime) -> int:
        """Move on those that are unread. Who reads what no receipt has come for has received it."""
        read: Document = {"status": Status.READ, "readAt": now}
        received = read | {"deliveredAt": now}
        # What is delivered between the two was pending for the first of them, or is delivered for the second.
        pending, delivered = (wanted | {"status": status} for status in UNREAD)
        changed = await self._client.update(self._notifications, pending, received, wanted | received)
        return changed + await self._client.update(
            self._notifications, delivered, read, wanted | read | {"deliveredAt": {"$ne": now}}
        )

    async def delete(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        if not ids:
            return []
        with one_call():
            own, announced = await together(self._delete(user, ids), self._announcements.delete(user, ids, now))
            return [*own, *announced]

    async def _delete(self, user: UserId, ids: Collection[NotificationId]) -> Collection[NotificationId]:
        # One by one: delete_many tells how many it removed, but not which, and another call may be removing them too.
        turns = asyncio.Semaphore(DELETES_AT_ONCE)

        async def delete(id: NotificationId) -> bool:
            async with turns:
                return await self._client.remove(self._notifications, {"_id": id, "userId": user})

        found = sorted(await self._own(user, ids))
        deleted = await together(*map(delete, found))
        return [id for id, gone in zip(found, deleted, strict=True) if gone]

    async def _own(self, user: UserId, ids: Collection[NotificationId]) -> Collection[NotificationId]:
        return await self._client.among(self._notifications, ids, {"userId": user})

    # What may have been missed, of all users

    async def since(self, id: NotificationId, *, limit: int) -> Sequence[Notification]:
        return await self._oldest({"_id": {"$gt": id}}, limit)

    async def overdue(self, *, after: NotificationId, before: NotificationId, limit: int) -> Sequence[Notification]:
        return await self._oldest({"status": Status.PENDING, "_id": {"$gt": after, "$lt": before}}, limit)

    async def announcements(self, *, after: NotificationId, now: datetime) -> Sequence[Announcement]:
        return await self._announcements.after(after, now)

    async def _newest(
        self, user: UserId, wanted: Wanted, now: datetime, limit: int, offset: int = 0
    ) -> list[Notification]:
        if not limit:
            return []
        documents, announced = await asyncio.gather(
            self._client.find(self._notifications, wanted.own(user), limit + offset),
            self._announcements.newest(user, wanted, now, limit + offset),
        )
        both = [*map(_from_document, documents), *announced]
        return sorted(both, key=lambda notification: notification.id, reverse=True)[offset : limit + offset]

    async def _oldest(self, wanted: Document, limit: int) -> list[Notification]:
        return [
            _from_document(document)
            for document in await self._client.find(self._notifications, wanted, limit, order=1)
        ]

    async def _migrate(self) -> None:
        patient = self._patient()
        try:
            await migrate(self._client, patient)
        finally:
            await patient.close()


def _to_document(notification: Notification) -> Document:
    return {
        "_id": notification.id,
        "userId": notification.user_id,
        "status": notification.status,
        "createdAt": notification.created_at,
        "deliveredAt": notification.delivered_at,
        "readAt": notification.read_at,
    } | pack_content(notification.content)


def _from_document(document: Document) -> Notification:
    return Notification(
        id=document["_id"],
        user_id=document["userId"],
        content=unpack_content(document),
        created_at=document["createdAt"],
        status=Status(document["status"]),
        delivered_at=document["deliveredAt"],
        read_at=document["readAt"],
    )
