"""What brings things from one instance to all."""

from __future__ import annotations

from typing import Protocol

from ..models import UserId
from .envelopes import Envelope


class Channel(Protocol):
    """The channel between the instances of the service.

    What is published reaches each instance at most once, in the order in which this instance has published it, or not
    at all: the store has the truth, and `ChannelHealth` knows what an instance lacks.
    """

    async def publish(self, envelope: Envelope) -> None:
        """Open it here, and pass it on. Returns once it is with this instance's sessions, and with the broker, so that
        what the caller publishes next through another instance comes after it; but never waits for a slow broker."""

    def may_reach(self, user: UserId) -> bool:
        """Whether what is published for the user can reach anybody."""
