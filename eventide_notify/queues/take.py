"""What a message asks for: the same requests as by REST, checked by the same shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

import orjson

from .. import audit, schemas
from ..errors import FieldError, InvalidRequest
from ..models import UserId
from ..service import NotificationService
from ..service.scheduling import Scheduled
from ..shapes import Shape, parse
from .cloudevents import CloudEvent, read

SEND = "eventide.notification.send"
ANNOUNCE = "eventide.announcement.create"
PUBLISH = "eventide.event.publish"
SHAPES: Mapping[str, type[Shape]] = {
    SEND: schemas.NewNotification,
    ANNOUNCE: schemas.NewAnnouncement,
    PUBLISH: schemas.NewEvent,
}
"""What `data` is, by the event's type."""
CLAIMED_FOR = timedelta(days=8)
"""How long it is known what was taken: longer than brokers keep messages."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a message asks for; nothing has been done yet."""

    users: Collection[UserId] | None
    """Who gets it; None: everybody may."""
    carry_out: Callable[[], Awaitable[object]]
    """Does it; done again it changes nothing, except for events, which are not saved. Raises as
    `NotificationService` does."""


def take(headers: Mapping[str, object], body: bytes, *, service: NotificationService, caller: str) -> Order:
    """What this message asks for. Raises an `EventideError` if it cannot be used, whatever is in it."""
    event = read(headers, body)
    if event.type == SEND:
        return _send(parse(schemas.NewNotification, event.data), service, key_of(event), caller)
    if event.type == ANNOUNCE:
        return _announce(parse(schemas.NewAnnouncement, event.data), service, key_of(event), caller)
    if event.type == PUBLISH:
        return _publish(parse(schemas.NewEvent, event.data), service)
    raise InvalidRequest(errors=[FieldError("type", f"must be one of {', '.join(SHAPES)}")])


def _send(asked: schemas.NewNotification, service: NotificationService, key: str, caller: str) -> Order:
    async def carry_out() -> object:
        return await service.send(
            asked.recipients,
            asked.draft,
            expires_at=asked.expires_at,
            collapse_key=asked.collapse_key,
            send_at=asked.send_at,
            idempotency_key=key,
            caller=caller,
            claim_lifetime=CLAIMED_FOR,
        )

    return Order(asked.recipients, carry_out)


def _announce(asked: schemas.NewAnnouncement, service: NotificationService, key: str, caller: str) -> Order:
    async def carry_out() -> object:
        made = await service.announce(
            asked.draft,
            audience=asked.audience,
            topic=asked.topic,
            expires_at=asked.expires_at,
            require_ack=asked.require_ack,
            remind_after=asked.remind_after,
            send_at=asked.send_at,
            idempotency_key=key,
            caller=caller,
            claim_lifetime=CLAIMED_FOR,
        )
        later = isinstance(made, Scheduled)
        audit.announced(caller.rstrip(), made.id, scheduled=later, audience=asked.audience, topic=asked.topic)
        return made

    return Order(None, carry_out)


def _publish(asked: schemas.NewEvent, service: NotificationService) -> Order:
    async def carry_out() -> object:
        await service.publish(asked.event, asked.payload, asked.user_ids)
        return None

    return Order(asked.user_ids, carry_out)


def key_of(event: CloudEvent) -> str:
    """The idempotency key: what two events have in common if they are the same one, by CloudEvents' rules. Either part
    may be longer than a key, and not ASCII."""
    return hashlib.sha256(orjson.dumps([event.source, event.id])).hexdigest()
