"""What users can do with their notifications: read them, and change their state on all of their devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from .. import wire
from ..errors import Conflict, FieldError, InvalidRequest, NotFound, OutcomeUnknown, Unavailable
from ..models import (
    Change,
    Counts,
    Notification,
    NotificationId,
    Page,
    Receipt,
    UserId,
    id_at,
    is_notification_id,
    is_storable,
)
from ..store.base import Store
from .cursors import Cursor
from .fanout import Fanout
from .journal import Journal
from .users import checked

EVENTS_OF_THEIR_OWN = {Change.READ: wire.NOTIFICATION_READ, Change.DELETE: wire.NOTIFICATION_DELETED}
PAST = {
    Change.SEEN: "seen", Change.READ: "read", Change.UNREAD: "unread",
    Change.ARCHIVE: "archived", Change.UNARCHIVE: "unarchived", Change.DELETE: "deleted",
}  # fmt: skip
"""What is remembered of a change."""
PROVES_RECEIPT = frozenset({Change.SEEN, Change.ARCHIVE})
"""Who names a notification in one of these has it. (Of what is read the store says so.)"""
ACKNOWLEDGE_FIRST = "This has to be acknowledged first."
SEARCHES_AT_ONCE = 2
"""How many look for text at the same moment. Among 100,000 notifications that takes seconds, and SQLite has four
readers for all that users ask."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a change of state did, and the user's counts after it."""

    owned: Sequence[NotificationId]
    """Those of the notifications asked for that the user has, whether or not anything was left to change."""
    changed: Sequence[NotificationId]
    counts: Counts


class Inbox:
    """Each user's notifications. What changes is told to all of the user's sockets.

    Every method raises `Unavailable` while the store is unavailable, with nothing changed; those that change something
    raise `OutcomeUnknown` when the store does not say whether it has done so. Ids that are unknown, malformed or
    another user's are all the same: `NotFound`. User ids that are none are an `InvalidRequest`.
    """

    def __init__(
        self,
        store: Store,
        fanout: Fanout,
        *,
        journal: Journal,
        clock: Callable[[], datetime],
        received: Callable[[Iterable[Receipt]], None],
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._journal = journal
        self._clock = clock
        self._received = received
        self._searches = asyncio.Semaphore(SEARCHES_AT_ONCE)

    async def get(self, user: UserId, id: NotificationId) -> Notification:
        """One notification."""
        found = await self._store.get(checked(user), id, now=self._clock()) if is_notification_id(id) else None
        if found is None:
            raise NotFound
        return found

    async def page(
        self,
        user: UserId,
        *,
        limit: int = 20,
        cursor: str | None = None,
        offset: int = 0,
        unread: bool | None = None,
        archived: bool = False,
        type: str | None = None,
        q: str | None = None,
    ) -> Page:
        """A stretch of the user's notifications, with the counts: first what has to be acknowledged, then all others;
        both newest first. `q`: text in title or message."""
        now = self._clock()
        place = None if cursor is None else Cursor.parse(cursor)
        if cursor is not None and place is None:
            raise InvalidRequest(errors=[FieldError("cursor", "is not a cursor of this service")])
        for name, text in (("type", type), ("q", q)):
            if text is not None and not is_storable(text):
                raise InvalidRequest(errors=[FieldError(name, "must not contain NUL, or half of a surrogate pair")])
        top = (place and place.read_at) or now
        async with nullcontext() if q is None else self._searches:
            found = await self._store.page(
                checked(user),
                now=now,
                limit=limit + 1,
                before=None if place is None else place.before,
                offset=offset,
                unread=unread,
                archived=archived,
                type=type,
                text=q,
                top=None if archived else top,
                from_top=place is not None and place.from_top,
            )
        following = None
        if len(found) > limit:
            plain = archived or (place.read_at is None if place else not offset and not found[0].on_top(top))
            following = str(Cursor.after(found[limit - 1], top, plain=plain))
        return Page(found[:limit], await self.counts(user), following)

    async def counts(self, user: UserId) -> Counts:
        """How many of the user's notifications are not read, and how many not seen, of those not archived."""
        return (await self._store.counts([checked(user)], now=self._clock()))[user]

    async def change(
        self, user: UserId, change: Change, ids: Collection[NotificationId], *, session: str | None = None
    ) -> Changes:
        """Make this change to these. Repeating it changes nothing, and tells the user's sockets once more.

        Of several, those that are not the user's are passed over; `NotFound` when none is. Likewise those that have to
        be acknowledged first; `Conflict` when there are no others.
        """
        now = self._clock()
        found = await self._store.change(checked(user), change, _known(ids), now=now)
        if not found.owned:
            raise Conflict(ACKNOWLEDGE_FIRST) if found.withheld else NotFound
        owned, changed = (_in_order(ids, some) for some in (found.owned, found.changed))
        self._journal.changed(changed, PAST[change], session)
        if change in PROVES_RECEIPT:
            self._received(Receipt(user, id, broadcast) for id in changed for broadcast in (False, True))
        # Of a repetition it is not known when it happened, nor whether the first time was told.
        ids = owned if change in EVENTS_OF_THEIR_OWN else changed or owned
        counts = await self._tell(user, *_event(change, {"ids": ids}, now if changed else None))
        return Changes(owned, changed, counts)

    async def read(self, user: UserId, id: NotificationId) -> Notification:
        """Mark it as read; as it is then."""
        await self.change(user, Change.READ, [id])
        with _done_already():
            return await self.get(user, id)

    async def change_all(
        self, user: UserId, change: Change, *, up_to: NotificationId | None = None, session: str | None = None
    ) -> Changes:
        """Make this change to all that are not archived (`UNARCHIVE`: that are), or those not newer than `up_to`;
        not to those that have to be acknowledged first."""
        if up_to is not None and not is_notification_id(up_to):
            raise InvalidRequest(errors=[FieldError("upTo", "is not the id of a notification")])
        now = self._clock()
        changed = await self._store.change_all(checked(user), change, up_to=up_to, now=now)
        self._journal.changed(changed, PAST[change], session)
        # Clients are not to take for changed what comes in this very moment.
        payload: wire.Payload = {"all": True, "upTo": up_to or max([id_at(now), *changed[:1]])}
        return Changes(changed, changed, await self._tell(user, *_event(change, payload, now)))

    async def press(
        self, user: UserId, id: NotificationId, action: str, *, session: str | None = None
    ) -> tuple[Notification, Counts]:
        """Choose one of the notification's actions, which marks it as read; the notification, and the counts.

        One is chosen, once: of two devices that choose differently the second gets a `Conflict`, and so does who has to
        acknowledge it first. Raises `InvalidRequest` when the notification has no such action.
        """
        found = await self.get(user, id)
        if action not in [each.id for each in found.content.actions or ()]:
            raise InvalidRequest(errors=[FieldError("actionId", "is not an action of this notification")])
        if found.unacknowledged:
            raise Conflict(ACKNOWLEDGE_FIRST)
        chosen = await self._store.press(user, id, action, now=self._clock())
        with _done_already():
            item = await self.get(user, id)
        if not chosen or item.pressed is None:
            raise Conflict("Another action was chosen before.")
        if found.pressed is None:
            self._journal.note(id, "action", session=session, detail=action)
        counts = await self._tell(user, wire.NOTIFICATION_READ, {"ids": [id]})
        payload = wire.changed([id], counts) | {"changes": wire.action_pressed(item, item.pressed)}
        await self._fanout.emit(wire.NOTIFICATION_UPDATED, payload, [user])
        return item, counts

    async def acknowledge(
        self, user: UserId, id: NotificationId, *, session: str | None = None
    ) -> tuple[Notification, Counts]:
        """Acknowledge an announcement, which marks it as read; the announcement, and the counts.

        Repeating it tells the user's sockets once more. `Conflict` where that is not required.
        """
        if not (await self.get(user, id)).require_ack:
            raise Conflict("This does not have to be acknowledged.")
        done = await self._store.acknowledge(user, id, now=self._clock())
        if not done.owned:  # retracted meanwhile, or expired
            raise NotFound
        self._journal.changed(done.changed, "acknowledged", session)
        with _done_already():
            item = await self.get(user, id)
        counts = await self._tell(user, wire.NOTIFICATION_READ, {"ids": [id]})
        payload = wire.changed([id], counts) | {"changes": wire.acknowledged(item)}
        await self._fanout.emit(wire.NOTIFICATION_UPDATED, payload, [user])
        return item, counts

    async def _tell(self, user: UserId, event: str, payload: wire.Payload) -> Counts:
        """Tell the user's sockets what has changed, with the counts after it. Without them, which follow, if they
        cannot be read."""
        with _done_already():
            try:
                counts = await self.counts(user)
            except Unavailable:
                await self._fanout.emit(event, payload, [user])
                raise
        await self._fanout.emit(event, payload | wire.counts(counts), [user])
        return counts


@contextmanager
def _done_already() -> Iterator[None]:
    """Only the answer is lacking here: `OutcomeUnknown`, where `Unavailable` would say that nothing was changed."""
    try:
        yield
    except Unavailable as error:
        raise OutcomeUnknown from error


def _event(change: Change, payload: wire.Payload, at: datetime | None) -> tuple[str, wire.Payload]:
    """The event that tells of this change, and what it carries beside the counts."""
    if change in EVENTS_OF_THEIR_OWN:
        return EVENTS_OF_THEIR_OWN[change], payload
    return wire.NOTIFICATION_UPDATED, payload | {"changes": wire.changes(change, at)}


def _known(ids: Collection[NotificationId]) -> list[NotificationId]:
    return [id for id in dict.fromkeys(ids) if is_notification_id(id)]


def _in_order(asked: Collection[NotificationId], some: Collection[NotificationId]) -> list[NotificationId]:
    wanted = set(some)
    return [id for id in dict.fromkeys(asked) if id in wanted]
