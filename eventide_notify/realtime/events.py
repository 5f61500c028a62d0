"""What clients may ask for over a socket. Every event's name leads to one method here and to nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .. import schemas, wire
from ..errors import Forbidden, InvalidRequest
from ..models import Change, NotificationId, Principal
from ..service import Inbox
from ..service.delivery import ReceiptWriter
from ..service.journal import Journal
from ..service.topics import Topics
from .session import Session

Answer = Mapping[str, Any] | str
Handler = Callable[[Session, Any], Awaitable[Answer]]
Verify = Callable[[object], Awaitable[Principal]]

GREETING_MAX = 1_000
"""Most characters of the text in `messageToServer`."""


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
        self.handlers: dict[str, Handler] = {
            wire.MARK_READ: self._changing(Change.READ),
            wire.MARK_ALL_READ: self.mark_all_read,
            wire.MARK_SEEN: self.mark_seen,
            wire.MARK_UNREAD: self._changing(Change.UNREAD),
            wire.ARCHIVE: self._changing(Change.ARCHIVE),
            wire.UNARCHIVE: self._changing(Change.UNARCHIVE),
            wire.NOTIFICATION_ACTION: self.notification_action,
            wire.DELETE_NOTIFICATION: self.delete_notification,
            wire.ACKNOWLEDGE: self.acknowledge,
            wire.GET_UNREAD_COUNT: self.get_unread_count,
            wire.GET_NOTIFICATIONS: self.get_notifications,
            wire.NOTIFICATION_ACK: self.notification_ack,
            wire.SUBSCRIBE: self.subscribe,
            wire.UNSUBSCRIBE: self.unsubscribe,
            wire.REFRESH_TOKEN: self.refresh_token,
        }
        if broadcast is not None:
            self.handlers[wire.MESSAGE_TO_SERVER] = self.message_to_server

    def _changing(self, change: Change) -> Handler:
        async def handler(session: Session, data: Any) -> Answer:
            asked = schemas.parse(schemas.Named, data)
            done = await self._inbox.change(session.user, change, asked.ids, session=session.sid)
            named: dict[str, Any] = {"notificationId": asked.notification_id}
            if asked.notification_ids:
                named = {"notificationIds": done.owned}
            return {"success": True, **named, **wire.counts(done.counts)}

        return handler

    async def mark_seen(self, session: Session, data: Any) -> Answer:
        if isinstance(data, dict) and "all" in data:
            return await self._change_all(session, Change.SEEN, schemas.parse(schemas.All, data).up_to)
        return await self._changing(Change.SEEN)(session, data)

    async def mark_all_read(self, session: Session, data: Any) -> Answer:
        return await self._change_all(session, Change.READ, schemas.parse(schemas.ReadAll, _or_empty(data)).up_to)

    async def _change_all(self, session: Session, change: Change, up_to: NotificationId | None) -> Answer:
        done = await self._inbox.change_all(session.user, change, up_to=up_to, session=session.sid)
        return {"success": True, "updated": len(done.changed), **wire.counts(done.counts)}

    async def delete_notification(self, session: Session, data: Any) -> Answer:
        id = schemas.parse(schemas.OneNotification, data).notification_id
        done = await self._inbox.change(session.user, Change.DELETE, [id], session=session.sid)
        return {"success": True, "notificationId": id, **wire.counts(done.counts)}

    async def notification_action(self, session: Session, data: Any) -> Answer:
        asked = schemas.parse(schemas.ChoiceOf, data)
        item, counts = await self._inbox.press(
            session.user, asked.notification_id, asked.action_id, session=session.sid
        )
        chosen = wire.notification(item)["action"]
        return {"success": True, "notificationId": item.id, "action": chosen, **wire.counts(counts)}

    async def acknowledge(self, session: Session, data: Any) -> Answer:
        id = schemas.parse(schemas.OneNotification, data).notification_id
        item, counts = await self._inbox.acknowledge(session.user, id, session=session.sid)
        done = wire.notification(item)["acknowledgedAt"]
        return {"success": True, "notificationId": id, "acknowledgedAt": done, **wire.counts(counts)}

    async def get_unread_count(self, session: Session, data: Any) -> Answer:
        schemas.parse(schemas.Nothing, _or_empty(data))
        return wire.counts(await self._inbox.counts(session.user))

    async def get_notifications(self, session: Session, data: Any) -> Answer:
        query = schemas.parse(schemas.PageQuery, _or_empty(data))
        return wire.page(await self._inbox.page(session.user, **query.model_dump(by_alias=False)))

    async def notification_ack(self, session: Session, data: Any) -> Answer:
        ids = schemas.parse(schemas.Acknowledgement, data).ids
        owned = await self._receipts.acknowledge(session.user, ids)
        self._journal.acknowledged(owned, session.sid)
        return {"success": True, "acknowledged": len(owned)}

    async def subscribe(self, session: Session, data: Any) -> Answer:
        topic = schemas.parse(schemas.TopicOf, data).topic
        await self._topics.follow(session.user, topic)
        return {"success": True, "topic": topic}

    async def unsubscribe(self, session: Session, data: Any) -> Answer:
        topic = schemas.parse(schemas.TopicOf, data).topic
        await self._topics.unsubscribe(topic, [session.user])
        return {"success": True, "topic": topic}

    async def refresh_token(self, session: Session, data: Any) -> Answer:
        principal = await self._verify(schemas.parse(schemas.NewToken, data).token)
        if principal.user_id != session.user:
            raise Forbidden("The new token is another user's.")
        session.principal = principal
        self._token_changed(session)
        return {"success": True, "expiresAt": wire.iso(principal.expires_at)}

    async def message_to_server(self, session: Session, data: Any) -> Answer:
        if not isinstance(data, str) or len(data) > GREETING_MAX:
            raise InvalidRequest(f"messageToServer takes a text of at most {GREETING_MAX} characters")
        if self._broadcast is not None:
            await self._broadcast(wire.MESSAGE_TO_CLIENT, f"Hello from server: {data}")
        return "Hello from server"


def _or_empty(data: Any) -> Any:
    # Front end C emits `get_unread_count` without an argument; others send null.
    return {} if data is None else data
