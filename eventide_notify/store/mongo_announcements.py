"""Announcements in MongoDB: one document each, and one for each step that a user took with it.

Steps (`DELIVERED`, `SEEN`, `ACKNOWLEDGED`, `READ`, `ARCHIVED`, `PRESSED`, `DELETED`) are inserted, and their ids are
unique: of concurrent calls one takes a step, even where a conditional update is not atomic (FerretDB 1.24). Only `READ`
and `ARCHIVED` are ever taken back. What is read is seen, also without that step, as earlier versions left it.

Who reads asks for the steps before the announcements, and a removal hides the announcement before it takes its steps
away, so that nobody sees it without what they did with it. A step that is taken in the very moment of the removal may
stay behind: it is of no announcement, and is never read.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..models import Announcement, Change, Counts, Notification, NotificationId, Pressed, Receipt, Status, UserId
from .mongo_changes import Changes, Decided, Found, Key, Written
from .mongo_client import Document, MongoClient
from .mongo_limits import BATCH
from .mongo_state import State, is_there, to_notification
from .mongo_topics import MongoTopics, Subscription
from .records import AT_ONCE, DELETED, LONG_AGO, expiry, in_any_case, pack_content, unpack_content

SEEN, ARCHIVED, PRESSED, ACKNOWLEDGED = "SEEN", "ARCHIVED", "PRESSED", "ACKNOWLEDGED"
FEW = 100
"""Announcements that are read at once, whomever they are for."""
Steps = Mapping[str, Document]
"""The steps that one user took with one announcement: the documents, by their kind."""
Taken = dict[NotificationId, dict[str, Document]]
"""Those with each announcement."""
UNREAD = (Status.PENDING, Status.DELIVERED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of all that a user has."""

    ids: Document
    """A condition on the id: `$lt` and the like."""
    statuses: Collection[Status] = tuple(Status)
    archived: bool | None = None
    """None: whether it is archived or not."""
    type: str | None = None
    text: str | None = None
    top: datetime | None = None
    """When what is `on_top` was not acknowledged."""
    on_top: bool = False

    def own(self, user: UserId, now: datetime) -> Document:
        """The query for notifications."""
        # Without the status where it does not matter: the index then is in the order of ids.
        status = {} if len(self.statuses) == len(Status) else {"status": {"$in": list(self.statuses)}}
        archived = {} if self.archived is None else {"archived": self.archived or None}
        ids = {"_id": self.ids} if self.ids else {}
        return {"userId": user} | archived | ids | status | is_there(now) | self._content()

    def having(self, taken: Taken) -> Document:
        """The query for announcements, for the user who took these steps."""
        fits = {id for id, steps in taken.items() if self._fits(_state(steps))}
        ids = {"$nin": sorted(taken.keys() - fits)} if self._fits(State()) else {"$in": sorted(fits)}
        return {"_id": self.ids | ids} | self._content() | self._place(taken)

    def _place(self, taken: Taken) -> Document:
        if self.top is None:
            return {}
        at = {id: steps[ACKNOWLEDGED]["at"] for id, steps in taken.items() if ACKNOWLEDGED in steps}
        done = sorted(id for id, time in at.items() if time <= self.top)
        if self.on_top:
            return {"requireAck": True, "$nor": [{"_id": {"$in": done}}]}
        return {"$nor": [{"requireAck": True, "_id": {"$nin": done}}]}

    def _fits(self, state: State | None) -> bool:
        return (
            state is not None
            and state.status in self.statuses
            and self.archived in (None, state.archived_at is not None)
        )

    def _content(self) -> Document:
        type = {} if self.type is None else {"type": self.type}
        if not self.text:
            return type
        text = {"$regex": in_any_case(self.text)}
        return type | {"$or": [{"title": text}, {"message": text}]}


class MongoAnnouncements(Changes):
    """The part of `MongoStore` that is about announcements only."""

    def __init__(self, client: MongoClient, topics: MongoTopics) -> None:
        super().__init__()
        self._client = client
        self._topics = topics
        self._announcements = client["announcements"]
        self._steps = client["announcement_receipts"]

    async def add(self, announcement: Announcement) -> None:
        times = {"createdAt": announcement.created_at, "expiresAt": expiry(announcement)}
        about = {
            "topic": announcement.topic,
            "requireAck": announcement.require_ack,
            "remindAfter": announcement.remind_after,
        }
        document = {"_id": announcement.id} | times | about | pack_content(announcement.content)
        await self._client.insert(self._announcements, [document])

    async def after(self, id: NotificationId, now: datetime) -> Sequence[Announcement]:
        newer = _active(now) | {"_id": {"$gt": id}}
        found = await self._client.all(lambda: self._announcements.find(newer).sort("_id", 1))
        return [from_document(document) for document in found]

    async def before(self, id: NotificationId | None, now: datetime, limit: int) -> Sequence[Announcement]:
        older = _active(now) if id is None else _active(now) | {"_id": {"$lt": id}}
        return [from_document(document) for document in await self._client.find(self._announcements, older, limit)]

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
        taken, mine = await self._look(user)
        having = _active(now) | wanted.having(taken) | mine
        documents = await self._client.find(self._announcements, having, limit)
        states = {id: _state(steps) or State() for id, steps in taken.items()}
        return [
            to_notification(document, user, states.get(document["_id"], State()), broadcast=True)
            for document in documents
        ]

    async def owned(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> list[NotificationId]:
        """Those of `ids` that the user has."""
        taken, mine = await self._look(user)
        gone = {id for id, steps in taken.items() if DELETED in steps}
        return await self._client.among(self._announcements, set(ids) - gone, _active(now) | mine)

    async def all_for(
        self, user: UserId, change: Change, up_to: NotificationId | None, now: datetime
    ) -> list[NotificationId]:
        """Those to which a change of all is made."""
        wanted = Wanted({} if up_to is None else {"$lte": up_to}, archived=change is Change.UNARCHIVE)
        taken, mine = await self._look(user)
        return await self._client.ids(self._announcements, _active(now) | wanted.having(taken) | mine)

    async def counts(self, users: Collection[UserId], now: datetime) -> Mapping[UserId, Counts]:
        """The counts of each of these users."""
        followed, active = await self._concerning(users, now)
        while active:
            done = await self._done(users, followed, active)
            before, active = active, await self._active(followed, now)
            if active == before:  # else one was removed, and perhaps its steps were not counted
                by_topic = Counter(active.values())
                number = Counter(dict.fromkeys(users, by_topic[None]))
                for topic, user in followed:
                    number[user] += by_topic[topic]
                return {
                    user: Counts(number[user] - done[user].unread, number[user] - done[user].unseen) for user in users
                }
        return dict.fromkeys(users, Counts(0, 0))

    async def _concerning(
        self, users: Collection[UserId], now: datetime
    ) -> tuple[Collection[Subscription], dict[NotificationId, str | None]]:
        """The subscriptions of these users and what is announced to them now; where nothing is announced to any topic,
        nobody's subscriptions are read."""
        some = await self._client.all(
            lambda: self._announcements.find(_active(now), ["topic"]).limit(FEW + 1).batch_size(FEW + 1)
        )
        topics = {document["_id"]: document.get("topic") for document in some}
        if len(some) <= FEW and not any(topics.values()):
            return (), topics
        followed = await self._topics.of_all(users)
        if len(some) > FEW:
            return followed, await self._active(followed, now)
        theirs = {None, *(topic for topic, _ in followed)}
        return followed, {id: topic for id, topic in topics.items() if topic in theirs}

    async def _active(self, followed: Iterable[Subscription], now: datetime) -> dict[NotificationId, str | None]:
        """The announcements for everybody, and those to these topics, with their topics."""
        found = await self._client.all(lambda: self._announcements.find(_active(now) | {"topic": None}, ["topic"]))
        for part in self._client.limits.parts(topic for topic, _ in followed):
            wanted = _active(now) | {"topic": {"$in": part}}
            found += await self._client.all(lambda wanted=wanted: self._announcements.find(wanted, ["topic"]))  # type: ignore[misc]
        return {document["_id"]: document.get("topic") for document in found}

    async def _done(
        self,
        users: Collection[UserId],
        followed: Collection[Subscription],
        active: Mapping[NotificationId, str | None],
    ) -> Mapping[UserId, Counts]:
        """How many of these do not count as unread, or as unseen, for each user."""
        counts: dict[UserId, Counts] = defaultdict(lambda: Counts(0, 0))
        for row in await self._steps_done(users, [id for id, topic in active.items() if topic is None], _IN_ALL):
            _add(counts, row["_id"]["user"], row["_id"]["done"], row["number"])
        topics = set(active.values())
        theirs = {(topic, user) for topic, user in followed if topic in topics}
        followers = {user for _, user in theirs}
        for row in await self._steps_done(followers, [id for id, topic in active.items() if topic is not None], ()):
            user = row["_id"]["user"]
            if (active[row["_id"]["announcement"]], user) in theirs:
                _add(counts, user, row["done"], 1)
        return counts

    async def _steps_done(
        self, users: Collection[UserId], ids: Collection[NotificationId], stages: Sequence[Document]
    ) -> list[Document]:
        if not ids or not users:
            return []
        done = {"status": {"$in": [SEEN, Status.READ, ARCHIVED, DELETED]}, "announcementId": {"$in": sorted(ids)}}
        return await self._client.count(self._steps, done, users, (_EACH_ONCE, *stages), len(ids))

    async def deliver(self, receipts: Collection[Receipt], now: datetime) -> int:
        """`DELIVERED` where there is no step yet; how many there are now."""
        if not receipts:
            return 0
        topics = {
            id: topic for id, (until, topic, _) in (await self._known(r[1] for r in receipts)).items() if until > now
        }
        asked = [(id, user) for user, id, _ in receipts if id in topics]
        subscribed = await self._topics.among((topic, user) for id, user in asked if (topic := topics[id]) is not None)
        proven = {
            step_id(id, kind, user): (id, user)
            for id, user in asked
            if topics[id] is None or (topics[id], user) in subscribed
            for kind in (Status.READ, DELETED)
        }
        further = await self._client.among(self._steps, proven)
        new = set(proven.values()).difference(proven[step] for step in further)
        return len(await self._take(new, Status.DELIVERED, now))

    async def _find(self, keys: Collection[Key]) -> Mapping[Key, Found]:
        taken: dict[Key, dict[str, Document]] = {}
        for step in await self._steps_of(user for user, _ in keys):
            taken.setdefault((step["userId"], step["announcementId"]), {})[step["status"]] = step
        known = await self._known(id for _, id in keys)
        asked = {(topic, user) for user, id in keys if id in known and (topic := known[id][1]) is not None}
        subscribed = await self._topics.among(asked)
        found: dict[Key, Found] = {}
        for user, id in keys:
            steps = taken.get((user, id), {})
            state = _state(steps)
            if id not in known or state is None:
                continue
            until, topic, required = known[id]
            if topic is None or state.status is Status.READ or (topic, user) in subscribed:
                found[user, id] = Found(state, steps, until, required)
        return found

    async def _known(self, ids: Iterable[NotificationId]) -> dict[NotificationId, tuple[datetime, str | None, bool]]:
        """When those of them that there are expire, their topics, and whether they have to be acknowledged."""
        known: dict[NotificationId, tuple[datetime, str | None, bool]] = {}
        for part in self._client.limits.parts(ids):
            there, fields = {"_id": {"$in": part}}, ["expiresAt", "topic", "requireAck"]
            for each in await self._client.find(self._announcements, there, len(part), fields=fields):
                known[each["_id"]] = each["expiresAt"], each.get("topic"), bool(each.get("requireAck"))
        return known

    async def _write(self, decided: Sequence[Decided]) -> Written:
        new: dict[str, Document] = {}
        moved: dict[str, Document] = {}
        gone: set[str] = set()
        keys: dict[str, Key] = {}
        for key, found, state, at in decided:
            before = {step["_id"]: step for step in found.saved.values()}
            then = {step["_id"]: step for step in _steps(key, found.saved, state, at)}
            keys |= dict.fromkeys(then, key)
            new |= {id: step for id, step in then.items() if id not in before}
            if state is not None:
                moved |= {id: step for id, step in then.items() if id in before and step["at"] != before[id]["at"]}
                gone |= before.keys() - then.keys()
        # First what is new: a step that goes must leave those behind that it stood for.
        inserted = {step["_id"] for step in await self._client.insert(self._steps, new.values())}
        await self._client.erase(self._steps, {*gone, *moved})
        await self._client.insert(self._steps, moved.values())
        taken = {keys[id] for id in new.keys() - inserted}  # by somebody else, in the same moment
        lost = {each.key for each in decided if each.state is None and each.key in taken}
        return Written(taken - lost, lost, {})

    async def _look(self, user: UserId) -> tuple[Taken, Document]:
        """The steps that the user took, and which announcements are the user's: for everybody, of the user's topics,
        or read."""
        taken, topics = await asyncio.gather(self._taken(user), self._topics.of(user))
        mine: Document = {"topic": {"$in": [None, *topics]}}
        if read := sorted(id for id, steps in taken.items() if Status.READ in steps):
            mine = {"$and": [{"$or": [mine, {"_id": {"$in": read}}]}]}
        return taken, mine

    async def _taken(self, user: UserId) -> Taken:
        taken: Taken = {}
        for step in await self._steps_of([user]):
            taken.setdefault(step["announcementId"], {})[step["status"]] = step
        return taken

    async def _steps_of(self, users: Iterable[UserId]) -> list[Document]:
        found: list[Document] = []
        for part in self._client.limits.parts(users):
            found += await self._client.all(partial(self._cursor, part))
        return found

    def _cursor(self, users: Sequence[UserId]) -> Any:
        return self._steps.find({"userId": {"$in": users}}).batch_size(BATCH)

    async def _take(
        self, which: Iterable[tuple[NotificationId, UserId]], status: str, now: datetime
    ) -> list[NotificationId]:
        """Take this step with each of them; those where it was not taken before."""
        steps = [_step(id, status, user, now) for id, user in which]
        return [step["announcementId"] for step in await self._client.insert(self._steps, steps)]


_EACH_ONCE: Document = {
    "$group": {
        "_id": {"user": "$userId", "announcement": "$announcementId"},
        "done": {"$sum": {"$sum": [1, "$extra"]}},  # one sum: FerretDB 1.24 takes a second one to be 0
    }
}
"""How much a user did with an announcement; to have seen it is 0 (`1 + extra`)."""
_IN_ALL: Sequence[Document] = ({"$group": {"_id": {"user": "$_id.user", "done": "$done"}, "number": {"$sum": 1}}},)
"""After that: of each user, how many announcements there are with which so much was done."""


def _add(counts: dict[UserId, Counts], user: UserId, done: int, number: int) -> None:
    unread, unseen = counts[user]
    counts[user] = Counts(unread + number if done else unread, unseen + number)


def _steps(key: Key, saved: Steps, state: State | None, now: datetime) -> Iterable[Document]:
    """The steps that say so, where these were taken before."""
    user, id = key
    if state is None:
        return [*saved.values(), _step(id, DELETED, user, now)]
    times = {
        Status.DELIVERED: state.delivered_at,
        Status.READ: state.read_at,
        ARCHIVED: state.archived_at,
        ACKNOWLEDGED: state.acknowledged_at,
    }
    steps = [_step(id, kind, user, at) for kind, at in times.items() if at is not None]
    if state.seen_at is not None and (SEEN in saved or state.seen_at != state.read_at):
        steps.append(_step(id, SEEN, user, state.seen_at) | {"extra": -1})
    if state.pressed is not None:
        steps.append(_step(id, PRESSED, user, state.pressed.at) | {"action": state.pressed.id})
    return steps


def _state(steps: Steps) -> State | None:
    """What these steps come to; `None` if the user has deleted it."""
    if DELETED in steps:
        return None
    at: dict[str, Any] = {kind: step["at"] for kind, step in steps.items()}
    received, read, seen = at.get(Status.DELIVERED), at.get(Status.READ), at.get(SEEN)
    status = Status.READ if read else Status.DELIVERED if received else Status.PENDING
    pressed = steps.get(PRESSED)
    return State(
        status=status,
        delivered_at=received or read,
        read_at=read,
        seen_at=seen or read,
        archived_at=at.get(ARCHIVED),
        pressed=Pressed(pressed["action"], pressed["at"]) if pressed else None,
        acknowledged_at=at.get(ACKNOWLEDGED),
    )


def _step(announcement: NotificationId, status: str, user: UserId, now: datetime) -> Document:
    id = step_id(announcement, status, user)
    return {"_id": id, "userId": user, "announcementId": announcement, "status": status, "at": now}


def step_id(announcement: NotificationId, status: str, user: UserId) -> str:
    return f"{announcement} {status} {user}"


def from_document(document: Document) -> Announcement:
    return Announcement(
        document["_id"],
        unpack_content(document),
        document["createdAt"],
        document["expiresAt"],
        topic=document.get("topic"),
        require_ack=document.get("requireAck") or False,
        remind_after=document.get("remindAfter"),
    )


def _between(after: str, up_to: str) -> Document:
    return {"_id": {"$gt": after, "$lte": up_to}}


def _active(now: datetime) -> Document:
    return {"expiresAt": {"$gt": now}}
