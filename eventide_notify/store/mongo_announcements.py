"""Announcements in MongoDB: one document each, and one for each step that a user took with it.

Steps (`DELIVERED`, `READ`, `DELETED`) are only ever inserted, and their ids are unique: of concurrent calls one takes
a step, and none can be taken back, even where a conditional update is not atomic (FerretDB 1.24).

Who reads asks for the steps before the announcements, and a removal hides the announcement before it takes its steps
away, so that nobody sees it without what they did with it. A step that is taken in the very moment of the removal may
stay behind: it is of no announcement, and is never read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..models import Announcement, Notification, NotificationId, Receipt, Status, UserId
from .mongo_client import BATCH, Document, MongoClient
from .records import AT_ONCE, DELETED, LONG_AGO, expiry, pack_content, unpack_content

Taken = dict[NotificationId, dict[str, datetime]]
"""The steps that one user took with each announcement, and when."""
UNREAD = (Status.PENDING, Status.DELIVERED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of all that a user has."""

    ids: Document
    """A condition on the id: `$lt` and the like."""
    statuses: Collection[Status] = tuple(Status)
    type: str | None = None

    def own(self, user: UserId) -> Document:
        """The query for notifications."""
        # Without the status where it does not matter: the index then is in the order of ids.
        status = {} if len(self.statuses) == len(Status) else {"status": {"$in": list(self.statuses)}}
        return {"userId": user} | ({"_id": self.ids} if self.ids else {}) | status | self._of_type()

    def having(self, taken: Taken) -> Document:
        """The query for announcements, for the user who took these steps."""
        status = {id: _status(steps) for id, steps in taken.items()}
        if Status.PENDING in self.statuses:  # then those without steps too
            ids = {"$nin": [id for id in status if status[id] not in self.statuses]}
        else:
            ids = {"$in": [id for id in status if status[id] in self.statuses]}
        return {"_id": self.ids | ids} | self._of_type()

    def _of_type(self) -> Document:
        return {} if self.type is None else {"type": self.type}


class MongoAnnouncements:
    """The part of `MongoStore` that is about announcements only."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._announcements = client["announcements"]
        self._steps = client["announcement_receipts"]

    async def add(self, announcement: Announcement) -> None:
        times = {"createdAt": announcement.created_at, "expiresAt": expiry(announcement)}
        document = {"_id": announcement.id} | times | pack_content(announcement.content)
        await self._client.insert(self._announcements, [document])

    async def after(self, id: NotificationId, now: datetime) -> Sequence[Announcement]:
        newer = _active(now) | {"_id": {"$gt": id}}
        return [
            Announcement(document["_id"], unpack_content(document), document["createdAt"], document["expiresAt"])
            for document in await self._client.all(lambda: self._announcements.find(newer).sort("_id", 1))
        ]

    async def remove(self, id: NotificationId) -> bool:
        """Hide it from all users at once, then take the steps away, which may be millions."""
        if not await self._client.ids(self._announcements, {"_id": id}):
            return False
        shown = {"_id": id} | _active(LONG_AGO)
        attempts = self._client.attempts()
        hiding = self._announcements.update_one, shown, {"$set": {"expiresAt": LONG_AGO}}
        hidden = await self._client.write(*hiding, attempts=attempts)
        cleared = await self._clear(id)  # also what an interrupted removal has hidden
        return bool(hidden.modified_count) or attempts.in_doubt or cleared

    async def purge(self, now: datetime) -> None:
        """Remove those that have expired, and those whose removal was interrupted."""
        for id in await self._client.ids(self._announcements, {"expiresAt": {"$lte": now}}):
            await self._clear(id)

    async def _clear(self, id: NotificationId) -> bool:
        # In the order of ids, of which the announcement's is the first part: "!" is what follows the space after it.
        while some := await self._client.find(self._steps, _between(f"{id} ", f"{id}!"), AT_ONCE, order=1):
            steps = _between(f"{id} ", some[-1]["_id"])
            await self._client.write(self._steps.delete_many, steps, attempts=self._client.attempts(many=True))
        return await self._client.remove(self._announcements, {"_id": id})

    async def newest(self, user: UserId, wanted: Wanted, now: datetime, limit: int) -> list[Notification]:
        """As they are for this user."""
        taken = await self._taken(user)
        documents = await self._client.find(self._announcements, _active(now) | wanted.having(taken), limit)
        return [_to_notification(document, user, taken.get(document["_id"], {})) for document in documents]

    async def owned(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> list[NotificationId]:
        """Those of `ids` that the user has."""
        return await self._had(ids, await self._taken(user), now)

    async def unread(self, users: Collection[UserId], now: datetime) -> tuple[int, Mapping[UserId, int]]:
        """How many there are, and how many of them each user has read or deleted."""
        active = set(await self._ids({}, now))
        while active:
            read = {"status": Status.READ, "announcementId": {"$in": sorted(active)}}
            counts = await self._client.count(self._steps, read, users)
            before, active = active, set(await self._ids({}, now))
            if active == before:  # else one was removed, and perhaps its steps were not counted
                return len(active), counts
        return 0, {}

    async def deliver(self, receipts: Collection[Receipt], now: datetime) -> int:
        """`DELIVERED` where there is no step yet; how many there are now."""
        if not receipts:
            return 0
        named = {receipt.notification_id for receipt in receipts}
        active = set(await self._client.among(self._announcements, named, _active(now)))
        proven = [
            (receipt.notification_id, receipt.user_id) for receipt in receipts if receipt.notification_id in active
        ]
        reading = [_step_id(id, Status.READ, user) for id, user in proven]
        read = set(await self._client.among(self._steps, reading))
        new = [each for each, step in zip(proven, reading, strict=True) if step not in read]
        return len(await self._take(new, Status.DELIVERED, now))

    async def read(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> Collection[NotificationId]:
        """→ `READ`; those of `ids` that the user has."""
        taken = await self._taken(user)
        found = await self._had(ids, taken, now)
        await self._read(user, found, taken, now)
        return found

    async def read_all(self, user: UserId, up_to: NotificationId | None, now: datetime) -> int:
        """→ `READ`; how many changed."""
        wanted = Wanted({} if up_to is None else {"$lte": up_to}, UNREAD)
        taken = await self._taken(user)
        return await self._read(user, await self._ids(wanted.having(taken), now), taken, now)

    async def delete(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> Collection[NotificationId]:
        """Take them from this user; those of `ids` that the user had."""
        found = [(id, user) for id in await self.owned(user, ids, now)]
        await self._take(found, Status.READ, now)  # what is deleted is counted as read
        return await self._take(found, DELETED, now)

    async def _had(self, ids: Collection[NotificationId], taken: Taken, now: datetime) -> list[NotificationId]:
        """Those of `ids` that a user has who took these steps."""
        gone = {id for id, steps in taken.items() if DELETED in steps}
        return await self._client.among(self._announcements, set(ids) - gone, _active(now))

    async def _ids(self, wanted: Document, now: datetime) -> list[NotificationId]:
        return await self._client.ids(self._announcements, _active(now) | wanted)

    async def _taken(self, user: UserId) -> Taken:
        fields = ["announcementId", "status", "at"]
        steps = await self._client.all(lambda: self._steps.find({"userId": user}, fields).batch_size(BATCH))
        taken: Taken = {}
        for step in steps:
            taken.setdefault(step["announcementId"], {})[step["status"]] = step["at"]
        return taken

    async def _take(
        self, which: Iterable[tuple[NotificationId, UserId]], status: str, now: datetime
    ) -> list[NotificationId]:
        """Take this step with each of them; those where it was not taken before."""
        steps = [_step(id, status, user, now) for id, user in which]
        return [step["announcementId"] for step in await self._client.insert(self._steps, steps)]

    async def _read(self, user: UserId, ids: Iterable[NotificationId], taken: Taken, now: datetime) -> int:
        """Take all steps up to `READ`: who reads what no receipt has come for has received it. How many changed."""
        steps = [
            _step(id, status, user, now)
            for id in ids
            for status in (Status.DELIVERED, Status.READ)
            if not {status, Status.READ} & taken.get(id, {}).keys()
        ]
        return sum(step["status"] == Status.READ for step in await self._client.insert(self._steps, steps))


def _step(announcement: NotificationId, status: str, user: UserId, now: datetime) -> Document:
    id = _step_id(announcement, status, user)
    return {"_id": id, "userId": user, "announcementId": announcement, "status": status, "at": now}


def _step_id(announcement: NotificationId, status: str, user: UserId) -> str:
    return f"{announcement} {status} {user}"


def _between(after: str, up_to: str) -> Document:
    return {"_id": {"$gt": after, "$lte": up_to}}


def _active(now: datetime) -> Document:
    return {"expiresAt": {"$gt": now}}


def _status(steps: Mapping[str, datetime]) -> str:
    return next((step for step in (DELETED, Status.READ, Status.DELIVERED) if step in steps), Status.PENDING)


def _to_notification(document: Document, user: UserId, steps: Mapping[str, datetime]) -> Notification:
    return Notification(
        id=document["_id"],
        user_id=user,
        content=unpack_content(document),
        created_at=document["createdAt"],
        status=Status(_status(steps)),
        delivered_at=steps.get(Status.DELIVERED),
        read_at=steps.get(Status.READ),
        broadcast=True,
    )
