"""The service's `Fanout`, over a channel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from ..models import Announcement, Notification, NotificationId, UserId
from ..service.fanout import Gone
from ..wire import Reason
from . import envelopes
from .base import Channel
from .envelopes import Envelope

logger = logging.getLogger(__name__)

ENVELOPE_SIZE = 500
"""Most users in one envelope."""


class ChannelFanout:
    """Puts what the service has for its users into envelopes."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def deliver(self, notifications: Sequence[Notification], *, late: bool = False) -> None:
        """See `Fanout`."""
        reachable = [item for item in notifications if self._channel.may_reach(item.user_id)]
        for start in range(0, len(reachable), ENVELOPE_SIZE):
            await self._publish(envelopes.notification(reachable[start : start + ENVELOPE_SIZE], late=late))
            if len(reachable) > ENVELOPE_SIZE:
                await asyncio.sleep(0)  # others have something to say too

    async def announce(self, announcement: Announcement) -> None:
        """See `Fanout`."""
        await self._publish(envelopes.announcement(announcement))

    async def retract(self, id: NotificationId) -> None:
        """See `Fanout`."""
        await self._publish(envelopes.retraction(id))

    async def take_away(self, reason: Reason, gone: Sequence[Gone]) -> None:
        """See `Fanout`."""
        reachable = [each for each in gone if each.user is None or self._channel.may_reach(each.user)]
        for start in range(0, len(reachable), ENVELOPE_SIZE):
            await self._publish(envelopes.gone(reason, reachable[start : start + ENVELOPE_SIZE]))

    async def emit(self, event: str, payload: Any, users: Sequence[UserId] | None) -> None:
        """See `Fanout`."""
        await self._publish(envelopes.event(event, payload, users))

    async def _publish(self, envelope: Envelope) -> None:
        try:
            await self._channel.publish(envelope)
        except Exception:
            logger.exception("a fan-out failed; what is stored of it comes by the next replay")
