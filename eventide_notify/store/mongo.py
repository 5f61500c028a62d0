"""Notifications in MongoDB, through either of its drivers for asyncio.

The server needs nothing special: no transactions, and neither TTL nor partial indexes, which FerretDB 1.24 does not
have. A command changes one document atomically, with the condition in its filter: that is what the guarantees of
`Store` rest on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..due import Dead, Lease, Waiting, Work, WorkId
from ..errors import OutcomeUnknown, Unavailable
from ..models import Announcement, Change, Counts, Notification, NotificationId, Reach, Receipt, Status, UserId
from ..revocation import Revocation, RevocationId
from .base import Changed, Claim, Collapsed, Erased, Expired, Removed, Schema
from .collapse import Save
from .group import Sizes, untold
from .mongo_announcements import UNREAD, MongoAnnouncements, Wanted
from .mongo_changes import NOT_DELETED, Outcome, OwnChanges, Wish
from .mongo_claims import MongoClaims
from .mongo_client import GROUP, Document, MongoClient, group, together
from .mongo_collapse import MongoCollapse
from .mongo_due import MongoDue
from .mongo_errors import advice, changed, one_call
from .mongo_expiry import MongoExpiry
from .mongo_reach import MongoReach
from .mongo_removal import MongoRemoval
from .mongo_revocations import MongoRevocations
from .mongo_schema import MIGRATION_SECONDS, migrate, schema
from .mongo_state import is_there, state_of, to_document, to_notification
from .mongo_topics import MongoTopics
from .outage import reason
from .records import newest_of, resume, resume_announcement, resume_work

PATIENCE = int(MIGRATION_SECONDS * 1000)

_UNREAD = {"$in": list(UNREAD)}  # {"$ne": "READ"} could not use an index in the order of ids
_BY_SEEN = {"$group": {"_id": {"user": "$userId", "seen": "$seen"}, "number": {"$sum": 1}}}
_CHANGING: dict[Change, Document] = {
    Change.SEEN: {"status": _UNREAD, "seen": None},
    Change.READ: {"status": _UNREAD},
    Change.UNREAD: {"status": Status.READ},
}
"""What a change changes, where it is not all that there is."""
NOTHING = Counts(0, 0)
REPLACED_FOR = timedelta(hours=1)
"""How long is remembered that a notification was replaced: a save of it that is repeated does not bring it back."""


class MongoStore:
    """See `Store`. The database is the one in the URL's path, or `eventide`."""

    def __init__(self, url: str, *, driver: str = "motor", sizes: Sizes = untold) -> None:
        self._client = MongoClient(url, driver)
        self._patient = partial(MongoClient, url, driver, socketTimeoutMS=PATIENCE, wTimeoutMS=PATIENCE)
        self._notifications = self._client["notifications"]
        self._saves = group(self._save_group, weigh=len, sizes=sizes)
        self._own = OwnChanges(self._client)
        self._claims = MongoClaims(self._client)
        self._topics = MongoTopics(self._client)
        self._announcements = MongoAnnouncements(self._client, self._topics)
        self._removal = MongoRemoval(self._client)
        self._expiry = MongoExpiry(self._client)
        self._collapse = MongoCollapse(self._client, self._claims, self._insert_now, sizes)
        self._reach = MongoReach(self._client)
        self._revocations = MongoRevocations(self._client)
        self._due = MongoDue(self._client)

    async def open(self) -> None:
        with _opening():
            await self._client.meet()
            await self._migrate()
        self._client.opened()

    async def schema(self) -> Schema:
        with _opening():
            return await schema(self._client)

    async def close(self) -> None:
        for work in (self._saves, self._collapse, self._own, self._announcements):
            await work.settle()
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
            await self._saves.do([to_document(notification) for notification in notifications])

    async def _save_group(self, saves: Sequence[Sequence[Document]]) -> Sequence[None]:
        await self._insert_now([document for save in saves for document in save])
        return [None] * len(saves)

    async def _insert_now(self, documents: Sequence[Document]) -> Sequence[Document]:
        """Those that were not there yet."""
        await self._expiry.note(documents)
        return await self._client.insert(self._notifications, documents)

    async def add_collapsing(
        self, notifications: Sequence[Notification], *, claim: Claim | None = None, now: datetime
    ) -> Collapsed:
        return await self._collapse.add(Save(notifications, claim, now))

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

    async def is_claimed(self, key: str, *, now: datetime) -> bool:
        return await self._claims.holds(key, now)

    async def purge(self, *, claimed_before: datetime, now: datetime) -> None:
        await self._claims.purge(claimed_before, now)
        await self._announcements.purge(now)
        await self._revocations.purge(now)
        await self._own.purge(now - REPLACED_FOR)
        await self._collapse.purge()

    async def remove_old(
        self,
        *,
        older: NotificationId,
        read_before: datetime | None,
        after: NotificationId,
        look: int,
        limit: int,
    ) -> Removed:
        return await self._removal.due(older, read_before, after, look, limit)

    async def expired(self, *, after: tuple[datetime, NotificationId], until: datetime, limit: int) -> Expired:
        return await self._expiry.after(after, until, limit)

    async def remove_expired(self, *, before: datetime, limit: int) -> int:
        with one_call():
            return await self._expiry.remove(before, limit)

    async def erase(self, user: UserId) -> Erased:
        with one_call():
            erased = await self._removal.erase(user)
            await self._reach.forget(user)
            return erased

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
        archived: bool | None = False,
        type: str | None = None,
        text: str | None = None,
        top: datetime | None = None,
        from_top: bool = False,
    ) -> Sequence[Notification]:
        statuses = {None: tuple(Status), True: UNREAD, False: (Status.READ,)}[unread]
        wanted = Wanted({} if before is None else {"$lt": before}, statuses, archived, type, text)
        if archived is None:  # each of both is one stretch of an index
            places = (replace(wanted, archived=each) for each in (False, True))
            some = await asyncio.gather(*(self._newest(user, place, now, limit + offset) for place in places))
            return newest_of(*some)[offset : limit + offset]
        if top is None:
            return await self._newest(user, wanted, now, limit, offset)
        above = replace(wanted, top=top, on_top=True)
        others = replace(wanted, top=top, ids={} if from_top else wanted.ids)
        on_top, rest = await asyncio.gather(
            self._announcements.newest(user, above, now, limit + offset if from_top or before is None else 0),
            self._newest(user, others, now, limit + offset),
        )
        return [*on_top, *rest][offset : limit + offset]

    async def pending(self, user: UserId, *, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._newest(user, Wanted({}, [Status.PENDING], archived=False), now, limit))[::-1]

    async def newer(self, user: UserId, *, than: NotificationId, now: datetime, limit: int) -> Sequence[Notification]:
        return (await self._newest(user, Wanted({"$gt": than}, archived=False), now, limit))[::-1]

    async def owned(
        self, user: UserId, ids: Collection[NotificationId], *, now: datetime
    ) -> Collection[NotificationId]:
        if not ids:
            return []
        own, announced = await asyncio.gather(self._owned(user, ids, now), self._announcements.owned(user, ids, now))
        return [*own, *announced]

    async def counts(self, users: Collection[UserId], *, now: datetime) -> Mapping[UserId, Counts]:
        if not users:
            return {}
        unread = {"archived": {"$ne": True}, "status": _UNREAD} | is_there(now)
        rows, announced = await asyncio.gather(
            self._client.count(self._notifications, unread, users, [_BY_SEEN]),
            self._announcements.counts(users, now),
        )
        own: dict[UserId, Counts] = {}
        for row in rows:
            user, unseen, number = row["_id"]["user"], not row["_id"].get("seen"), row["number"]
            before = own.get(user, NOTHING)
            own[user] = Counts(before.unread + number, before.unseen + unseen * number)
        return {user: _sum(own.get(user, NOTHING), announced[user]) for user in users}

    # What users do

    async def mark_delivered(self, receipts: Collection[Receipt], *, now: datetime) -> int:
        own = {(receipt.notification_id, receipt.user_id) for receipt in receipts if not receipt.broadcast}
        announced = {receipt for receipt in receipts if receipt.broadcast}
        with one_call():
            return sum(await together(self._deliver(own, now), self._announcements.deliver(announced, now)))

    async def _deliver(self, proven: Collection[tuple[NotificationId, UserId]], now: datetime) -> int:
        changed = 0
        for part in self._client.limits.parts(id for id, _ in proven):
            pending = {"_id": {"$in": part}, "status": Status.PENDING} | is_there(now)
            found = await self._client.find(self._notifications, pending, len(part), order=1, fields=["userId"])
            # A notification never changes hands: what was its user's a moment ago still is.
            ids = [document["_id"] for document in found if (document["_id"], document["userId"]) in proven]
            if ids:
                change = {"status": Status.DELIVERED, "deliveredAt": now}
                changed += await self._client.update(self._notifications, pending | {"_id": {"$in": ids}}, change)
        return changed

    async def change(self, user: UserId, change: Change, ids: Collection[NotificationId], *, now: datetime) -> Changed:
        owned: list[NotificationId] = []
        changed: list[NotificationId] = []
        withheld: list[NotificationId] = []
        with one_call():
            for part in self._client.limits.parts(ids, most=GROUP):  # what is decided of each holds others up
                for outcome in await self._do(Wish(user, change, part, now)):
                    owned += outcome.owned
                    changed += outcome.changed
                    withheld += outcome.withheld
        return Changed(owned, changed, withheld)

    async def change_all(
        self, user: UserId, change: Change, *, up_to: NotificationId | None, now: datetime
    ) -> Sequence[NotificationId]:
        own = {"userId": user, "archived": True if change is Change.UNARCHIVE else None} | is_there(now)
        older = {} if up_to is None else {"_id": {"$lte": up_to}}
        ids, announced = await asyncio.gather(
            self._client.ids(self._notifications, own | older | _CHANGING.get(change, {})),
            self._announcements.all_for(user, change, up_to, now),
        )
        return sorted((await self.change(user, change, [*ids, *announced], now=now)).changed, reverse=True)

    async def acknowledge(self, user: UserId, id: NotificationId, *, now: datetime) -> Changed:
        outcome = await self._announcements.do(Wish(user, Change.READ, [id], now, acknowledge=True))
        return Changed(outcome.owned, outcome.changed)

    async def press(self, user: UserId, id: NotificationId, action: str, *, now: datetime) -> bool:
        outcomes = await self._do(Wish(user, Change.READ, [id], now, action))
        return any(outcome.chosen for outcome in outcomes)

    async def _do(self, wish: Wish) -> list[Outcome]:
        """What became of it among the user's own notifications, and among announcements."""
        own = await self._own.do(wish)
        others = set(wish.ids) - own.owned
        if own.changed:
            changed()
        return [own, await self._announcements.do(replace(wish, ids=others))] if others else [own]

    async def _owned(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> Collection[NotificationId]:
        return await self._client.among(self._notifications, ids, {"userId": user} | is_there(now))

    # What may have been missed, of all users

    async def since(self, id: NotificationId, *, limit: int) -> Sequence[Notification]:
        return await self._oldest({"_id": {"$gt": id}} | NOT_DELETED, limit)

    async def overdue(self, *, after: NotificationId, before: NotificationId, limit: int) -> Sequence[Notification]:
        pending = {"status": Status.PENDING, "archived": None}
        return await self._oldest(pending | {"_id": {"$gt": after, "$lt": before}}, limit)

    async def find(self, id: NotificationId) -> Notification | None:
        found = await self._oldest({"_id": id} | NOT_DELETED, 1)
        return found[0] if found else None

    async def announcements(self, *, after: NotificationId, now: datetime) -> Sequence[Announcement]:
        return await self._announcements.after(after, now)

    async def newest_announcements(
        self, *, before: NotificationId | None, now: datetime, limit: int
    ) -> Sequence[Announcement]:
        return await self._announcements.before(before, now, limit)

    # Due work

    async def add_due(self, work: Work, *, claim: Claim | None = None) -> Claim | None:
        if claim is None:
            await self._due.add(work)
            return None
        return await self._claims.once(claim, lambda held: self._due.add(resume_work(work, held)))

    async def first_due(self, *, kinds: Collection[str]) -> datetime | None:
        return await self._due.first(kinds)

    async def claim_due(
        self, *, kinds: Collection[str], now: datetime, lease: Lease, until: datetime, limit: int
    ) -> Sequence[Work]:
        return await self._due.claim(kinds, now, lease, until, limit)

    async def prolong_due(self, ids: Collection[WorkId], lease: Lease, *, until: datetime) -> None:
        await self._due.prolong(ids, lease, until)

    async def finish_due(self, ids: Collection[WorkId], lease: Lease) -> Collection[WorkId]:
        return await self._due.finish(ids, lease)

    async def postpone_due(
        self, id: WorkId, lease: Lease, *, at: datetime, attempts: int, payload: Mapping[str, Any]
    ) -> bool:
        return await self._due.postpone(id, lease, at, attempts, payload)

    async def bury_due(self, id: WorkId, lease: Lease, *, error: str, now: datetime) -> bool:
        return await self._due.bury(id, lease, error, now)

    async def due(self, *, kinds: Collection[str], after: WorkId, limit: int) -> Sequence[Work]:
        return await self._due.all(kinds, after, limit)

    async def find_due(self, id: WorkId) -> Work | None:
        return await self._due.get(id)

    async def cancel_due(self, id: WorkId) -> bool:
        return await self._due.cancel(id)

    async def revise_due(self, work: Work, payload: Mapping[str, Any], *, now: datetime) -> bool:
        return await self._due.revise(work.id, work.payload, payload, now)

    async def dead(self, *, after: WorkId, limit: int) -> Sequence[Dead]:
        return await self._due.dead(after, limit)

    async def retry_dead(self, id: WorkId, *, now: datetime) -> Work | None:
        return await self._due.retry(id, now)

    async def remove_dead(self, id: WorkId) -> bool:
        return await self._due.remove(id)

    async def count_due(self, *, by: datetime) -> Waiting:
        return await self._due.waiting(by)

    # Topics

    async def subscribe(
        self, topic: str, users: Collection[UserId], *, now: datetime
    ) -> Mapping[UserId, Collection[NotificationId]]:
        with one_call():
            return await self._topics.subscribe(topic, users, now)

    async def unsubscribe(
        self, topic: str, users: Collection[UserId], *, now: datetime
    ) -> Mapping[UserId, Collection[NotificationId]]:
        with one_call():
            return await self._topics.unsubscribe(topic, users, now)

    async def topics(self, user: UserId) -> Sequence[str]:
        return await self._topics.of(user)

    async def subscribed(self, topic: str, users: Collection[UserId]) -> Collection[UserId]:
        return await self._topics.subscribed(topic, users)

    async def subscribers(self, topic: str) -> int:
        return await self._topics.subscribers(topic)

    # Whom announcements have reached

    async def add_users(self, users: Collection[UserId]) -> None:
        await self._reach.add_users(users)

    async def announcement(self, id: NotificationId, *, now: datetime) -> Announcement | None:
        return await self._reach.announcement(id, now)

    async def reach(self, announcement: Announcement) -> Reach:
        return await self._reach.reach(announcement)

    async def missing(self, announcement: Announcement, *, after: UserId, limit: int) -> Sequence[UserId]:
        return await self._reach.missing(announcement, after, limit)

    async def unacknowledged(self, announcement: Announcement, users: Collection[UserId]) -> Collection[UserId]:
        found = await self._reach.unacknowledged(announcement, users)
        return found if announcement.topic is None else await self._topics.subscribed(announcement.topic, found)

    # Tokens that are no longer accepted

    async def add_revocation(self, revocation: Revocation) -> None:
        await self._revocations.add(revocation)

    async def remove_revocation(self, id: RevocationId) -> bool:
        return await self._revocations.remove(id)

    async def revocations(self, *, after: RevocationId, limit: int) -> Sequence[Revocation]:
        return await self._revocations.after(after, limit)

    async def _newest(
        self, user: UserId, wanted: Wanted, now: datetime, limit: int, offset: int = 0
    ) -> list[Notification]:
        if not limit:
            return []
        documents, announced = await asyncio.gather(
            self._client.find(self._notifications, wanted.own(user, now), limit + offset),
            self._announcements.newest(user, wanted, now, limit + offset),
        )
        return newest_of([*map(_from_document, documents)], announced)[offset : limit + offset]

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


@contextmanager
def _opening() -> Iterator[None]:
    try:
        yield
    except (Unavailable, OutcomeUnknown) as error:
        why = advice(error.__cause__) or reason(error.__cause__)
        raise Unavailable(f"cannot open the MongoDB database: {why}") from error.__cause__


def _from_document(document: Document) -> Notification:
    return to_notification(document, document["userId"], state_of(document))


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(one.unread + other.unread, one.unseen + other.unseen)
