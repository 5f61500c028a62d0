"""The channel of a single instance: there is nobody to pass anything on to."""

from __future__ import annotations

import uuid

from ..models import UserId
from ..realtime.hub import Hub
from .calls import Calls
from .envelopes import Envelope, open_envelope
from .rooms import HubManager


class LocalChannel(HubManager):
    """See `Channel`. python-socketio's manager for one instance."""

    waiting = 0
    """How much is to be published."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.hub = hub
        self.calls = Calls(uuid.uuid4().hex, self.publish, others=tuple)

    async def publish(self, envelope: Envelope) -> None:
        """See `Channel`."""
        await open_envelope(envelope, self.hub, self.calls, own=True)

    def may_reach(self, user: UserId) -> bool:
        """See `Channel`."""
        return bool(self.hub.of_user(user))
