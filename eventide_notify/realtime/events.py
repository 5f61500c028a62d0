"""What clients may ask for over a socket. Every event's name leads to one method here and to nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .. import schemas, wire
from ..errors import Forbidden, InvalidRequest
from ..models import Principal
from ..service import NotificationService
from ..service.delivery import ReceiptWriter
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
        service: NotificationService,
        receipts: ReceiptWriter,
        *,
        verify: Verify,
        token_changed: Callable[[Session], None],
        broadcast: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        self._service = service
        self._receipts = receipts
        self._verify = verify
        self._token_changed = token_changed
        self._broadcast = broadcast
        self.handlers: dict[str, Handler] = {
            wire.MARK_READ: self.mark_read,
            wire.MARK_ALL_READ: self.mark_all_read,
            wire.DELETE_NOTIFICATION: self.delete_notification,
            wire.GET_UNREAD_COUNT: self.get_unread_count,
            wire.GET_NOTIFICATIONS: self.get_notifications,
            wire.NOTIFICATION_ACK: self.notification_ack,
            wire.REFRESH_TOKEN: self.refresh_token,
        }
        if broadcast is not None:
            self.handlers[wire.MESSAGE_TO_SERVER] = self.message_to_server

    async def mark_read(self, session: Session, data: Any) -> Answer:
        asked = schemas.parse(schemas.MarkRead, data)
        ids = asked.notification_ids or [asked.notification_id or ""]
        change = await self._service.mark_read(session.user, ids)
        named = {"notificationIds": change.ids} if asked.notification_ids else {"notificationId": asked.notification_id}
        return {"success": True, **named, "unreadCount": change.unread_count}

    async def mark_all_read(self, session: Session, data: Any) -> Answer:
        asked = schemas.parse(schemas.ReadAll, _or_empty(data))
        updated, count = await self._service.mark_all_read(session.user, up_to=asked.up_to)
        return {"success": True, "updated": updated, "unreadCount": count}

    async def delete_notification(self, session: Session, data: Any) -> Answer:
        asked = schemas.parse(schemas.OneNotification, data)
        change = await self._service.delete(session.user, [asked.notification_id])
        return {"success": True, "notificationId": asked.notification_id, "unreadCount": change.unread_count}

    async def get_unread_count(self, session: Session, data: Any) -> Answer:
        schemas.parse(schemas.Nothing, _or_empty(data))
        return wire.unread_count(await self._service.unread_count(session.user))

    async def get_notifications(self, session: Session, data: Any) -> Answer:
        query = schemas.parse(schemas.PageQuery, _or_empty(data))
        return wire.page(await self._service.page(session.user, **query.model_dump(by_alias=False)))

    async def notification_ack(self, session: Session, data: Any) -> Answer:
        ids = schemas.parse(schemas.Acknowledgement, data).ids
        return {"success": True, "acknowledged": await self._receipts.acknowledge(session.user, ids)}

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
