"""The channel of a single instance: there is nobody to pass anything on to."""

from __future__ import annotations

from ..models import UserId
from ..realtime.hub import Hub
from .envelopes import Envelope, open_envelope
from .rooms import HubManager


class LocalChannel(HubManager):
    """See `Channel`. python-socketio's manager for one instance."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.hub = hub

    async def publish(self, envelope: Envelope) -> None:
        """See `Channel`."""
        await open_envelope(envelope, self.hub)

    def may_reach(self, user: UserId) -> bool:
        """See `Channel`."""
        return bool(self.hub.of_user(user))
