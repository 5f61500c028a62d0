"""What clients may ask for over a socket: a table. Every event's name leads to one row and to nothing else.

Of a row the AsyncAPI document is made too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import answers, payloads, schemas, wire
from ..errors import Forbidden
from ..models import Change, Principal
from ..service import Inbox
from ..service.delivery import ReceiptWriter
from ..service.journal import Journal
from ..service.topics import Topics
from ..shapes import Shape, Text, parse
from .session import Session

Answer = Mapping[str, Any] | str
Handler = Callable[[Session, Any], Awaitable[Answer]]
Verify = Callable[[object], Awaitable[Principal]]


@dataclass(frozen=True, slots=True)
class Event:
    """One row: an event that clients may send."""

    name: str
    summary: str
    handle: Handler
    """Gets what was asked, in the shape of `asks`."""
    answer: Any
    """The shape of what the ack callback gets, or any type of such."""
    asks: type[Shape] | Text
    or_all: type[Shape] | None = None
    """The shape of what says `all`."""
    optional: bool = False
    """Whether the argument may be left out, or null: front end C emits `get_unread_count` without one."""

    async def __call__(self, session: Session, data: Any) -> Answer:
        if data is None and self.optional:
            data = {}
        if isinstance(self.asks, Text):
            return await self.handle(session, self.asks.parse(data))
        shape = self.or_all if self.or_all is not None and isinstance(data, dict) and "all" in data else self.asks
        return await self.handle(session, parse(shape, data))


class ClientEvents:
    """The client events of both namespaces."""

    def __init__(
        self,
        inbox: Inbox,
        receipts: ReceiptWriter,
        journal: Journal,
        topics: Topics,
        *,
        verify: Verify,
        token_changed: Callable[[Session], None],
        broadcast: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        self._inbox = inbox
        self._receipts = receipts
        self._journal = journal
        self._topics = topics
        self._verify = verify
        self._token_changed = token_changed
        self._broadcast = broadcast
        self.rows = self._rows() + ([] if broadcast is None else [self._greeting()])
        self.handlers: dict[str, Handler] = {row.name: row for row in self.rows}

    def _rows(self) -> list[Event]:
        return [
            self._changing(wire.MARK_READ, Change.READ, "Mark some as read."),
            Event(
                wire.MARK_ALL_READ, "Mark all as read.", self._change_all(Change.READ), payloads.AllMarked,
                schemas.ReadAll, optional=True,
            ),
            Event(
                wire.MARK_SEEN, "Mark some as seen, or all.", self.mark_seen,
                payloads.NamedChanged | payloads.AllMarked, schemas.Named, or_all=schemas.All,
            ),
            self._changing(wire.MARK_UNREAD, Change.UNREAD, "Mark some as unread again."),
            self._changing(wire.ARCHIVE, Change.ARCHIVE, "Archive some."),
            self._changing(wire.UNARCHIVE, Change.UNARCHIVE, "Take some out of the archive."),
            Event(
                wire.NOTIFICATION_ACTION, "Choose one of a notification's actions.", self.notification_action,
                payloads.ActionChosen, schemas.ChoiceOf,
            ),
            Event(
                wire.DELETE_NOTIFICATION, "Delete one.", self.delete_notification, payloads.OneDeleted,
                schemas.OneNotification,
            ),
            Event(
                wire.ACKNOWLEDGE, "Acknowledge an announcement that requires it.", self.acknowledge,
                payloads.AnnouncementAcknowledged, schemas.OneNotification,
            ),
            Event(
                wire.GET_UNREAD_COUNT, "How many are unread, and unseen.", self.get_unread_count,
                answers.UnreadCount, schemas.Nothing, optional=True,
            ),
            Event(
                wire.GET_NOTIFICATIONS, "A page of the user's notifications.", self.get_notifications,
                answers.PageShape, schemas.PageQuery, optional=True,
            ),
            Event(
                wire.NOTIFICATION_ACK, "Confirm at once that these have been received.", self.notification_ack,
                payloads.Acknowledged, schemas.Acknowledgement,
            ),
            Event(
                wire.SUBSCRIBE, "Subscribe to a topic: its announcements are the user's too.", self.subscribe,
                payloads.TopicChosen, schemas.TopicOf,
            ),
            Event(
                wire.UNSUBSCRIBE, "End that; what is not read of the topic goes.", self.unsubscribe,
                payloads.TopicChosen, schemas.TopicOf,
            ),
            Event(
                wire.REFRESH_TOKEN, "Go on with a new token of the same user.", self.refresh_token,
                payloads.TokenRefreshed, schemas.NewToken,
            ),
        ]  # fmt: skip

    def _greeting(self) -> Event:
        return Event(wire.MESSAGE_TO_SERVER, "Greet everybody; in demo mode.", self.message_to_server, str, Text(1_000))

    def _changing(self, name: str, change: Change, summary: str) -> Event:
        return Event(name, summary, self._change(change), payloads.NamedChanged, schemas.Named)

    def _change(self, change: Change) -> Handler:
        async def handle(session: Session, asked: schemas.Named) -> Answer:
            done = await self._inbox.change(session.user, change, asked.ids, session=session.sid)
            named: dict[str, Any] = {"notificationId": asked.notification_id}
            if asked.notification_ids:
                named = {"notificationIds": done.owned}
            return {"success": True, **named, **wire.counts(done.counts)}

        return handle

    def _change_all(self, change: Change) -> Handler:
        async def handle(session: Session, asked: schemas.All | schemas.ReadAll) -> Answer:
            done = await self._inbox.change_all(session.user, change, up_to=asked.up_to, session=session.sid)
            return {"success": True, "updated": len(done.changed), **wire.counts(done.counts)}

        return handle

    async def mark_seen(self, session: Session, asked: schemas.Named | schemas.All) -> Answer:
        change = self._change_all if isinstance(asked, schemas.All) else self._change
        return await change(Change.SEEN)(session, asked)

    async def delete_notification(self, session: Session, asked: schemas.OneNotification) -> Answer:
        id = asked.notification_id
        done = await self._inbox.change(session.user, Change.DELETE, [id], session=session.sid)
        return {"success": True, "notificationId": id, **wire.counts(done.counts)}

    async def notification_action(self, session: Session, asked: schemas.ChoiceOf) -> Answer:
        item, counts = await self._inbox.press(
            session.user, asked.notification_id, asked.action_id, session=session.sid
        )
        chosen = wire.notification(item)["action"]
        return {"success": True, "notificationId": item.id, "action": chosen, **wire.counts(counts)}

    async def acknowledge(self, session: Session, asked: schemas.OneNotification) -> Answer:
        item, counts = await self._inbox.acknowledge(session.user, asked.notification_id, session=session.sid)
        done = wire.notification(item)["acknowledgedAt"]
        return {"success": True, "notificationId": item.id, "acknowledgedAt": done, **wire.counts(counts)}

    async def get_unread_count(self, session: Session, asked: schemas.Nothing) -> Answer:
        return wire.counts(await self._inbox.counts(session.user))

    async def get_notifications(self, session: Session, asked: schemas.PageQuery) -> Answer:
        return wire.page(await self._inbox.page(session.user, **asked.model_dump(by_alias=False)))

    async def notification_ack(self, session: Session, asked: schemas.Acknowledgement) -> Answer:
        owned = await self._receipts.acknowledge(session.user, asked.ids)
        self._journal.acknowledged(owned, session.sid)
        return {"success": True, "acknowledged": len(owned)}

    async def subscribe(self, session: Session, asked: schemas.TopicOf) -> Answer:
        await self._topics.follow(session.user, asked.topic)
        return {"success": True, "topic": asked.topic}

    async def unsubscribe(self, session: Session, asked: schemas.TopicOf) -> Answer:
        await self._topics.unsubscribe(asked.topic, [session.user])
        return {"success": True, "topic": asked.topic}

    async def refresh_token(self, session: Session, asked: schemas.NewToken) -> Answer:
        principal = await self._verify(asked.token)
        if principal.user_id != session.user:
            raise Forbidden("The new token is another user's.")
        session.principal = principal
        self._token_changed(session)
        return {"success": True, "expiresAt": wire.iso(principal.expires_at)}

    async def message_to_server(self, session: Session, text: str) -> Answer:
        if self._broadcast is not None:
            await self._broadcast(wire.MESSAGE_TO_CLIENT, f"Hello from server: {text}")
        return "Hello from server"
