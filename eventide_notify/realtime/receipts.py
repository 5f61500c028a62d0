"""Receipts without the client's help: what has been received over a WebSocket.

Frames of one WebSocket are ordered, and every client answers each Engine.IO ping, so the answer to a ping proves that
the client has taken every frame that was written *before* that ping:

    1. `sent`  a notification was written;
    2. `ping`  a ping follows it, in the same write on a quiet connection and otherwise at most every `PING_SPACING`
               (`engine.transport`); it covers all that was sent since the last ping;
    3. `pong`  the client's answer. The n-th pong answers the n-th ping, and confirms what the pings up to it cover.

A page whose event loop is frozen, or a phone that lost its network, takes the bytes but does not answer: nothing is
confirmed. An answer to an older ping confirms nothing newer. A client that answers pings nobody sent would confirm
what it has not seen, so from then on only its `notification_ack` is believed.

Over polling the next request is the proof (`engine.polling`), and pongs prove nothing; but they are counted, for after
an upgrade the count goes on: pings that were polled and not yet answered are answered first on the WebSocket.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..models import Receipt

PING_SPACING = 0.5
"""Seconds between two pings that ask for receipts: a stream of notifications is confirmed in groups."""


class ReceiptTracker:
    """What one WebSocket was sent and has not confirmed yet. No I/O, no clock."""

    __slots__ = ("_awaiting", "_pings", "_pongs", "_unpinged", "trusted")

    def __init__(self) -> None:
        self._pings = 0
        self._pongs = 0
        self._unpinged: list[Receipt] = []
        self._awaiting: list[tuple[int, list[Receipt]]] = []
        self.trusted = True
        """Whether its pongs are believed."""

    @property
    def needs_ping(self) -> bool:
        """Whether something was sent that no ping covers."""
        return bool(self._unpinged)

    @property
    def unanswered(self) -> bool:
        """Whether a ping is on its way."""
        return self._pongs != self._pings

    def sent(self, receipts: Sequence[Receipt]) -> None:
        """These were written to the connection."""
        if self.trusted:
            self._unpinged.extend(receipts)

    def ping(self) -> None:
        """A ping was written to the connection."""
        self._pings += 1
        if self._unpinged:
            self._awaiting.append((self._pings, self._unpinged))
            self._unpinged = []

    def pong(self) -> Sequence[Receipt]:
        """The client answered; what that proves to be received."""
        if self._pongs == self._pings:
            self.trusted = False
            self._unpinged.clear()
            self._awaiting.clear()
            return ()
        self._pongs += 1
        awaiting = self._awaiting
        if not awaiting or awaiting[0][0] > self._pongs:
            return ()
        confirmed = awaiting.pop(0)[1]
        while awaiting and awaiting[0][0] <= self._pongs:
            confirmed += awaiting.pop(0)[1]
        return confirmed
