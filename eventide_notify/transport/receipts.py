"""Receipts without the client's help: which connection has received what.

Frames of one connection are ordered, and every client answers each Engine.IO ping, so the answer to a ping proves that
the client has taken every frame that was written *before* that ping:

    1. `sent`  a notification was written to the connection;
    2. `ping`  a ping follows it, the server's regular one or an extra one (`engine` sends it at once on a quiet
               connection, at most one each `PING_SPACING`); it covers all that was sent since the last ping;
    3. `pong`  the client's answer. The n-th pong answers the n-th ping, and confirms what the pings up to it cover.

A page whose event loop is frozen, or a phone that lost its network, takes the bytes but does not answer: nothing is
confirmed. An answer to an older ping confirms nothing newer. A client that answers pings nobody sent would confirm
what it has not seen, so from then on only its `notification_ack` is believed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from ..models import NotificationId, Receipt

PING_SPACING = 0.2
"""Seconds between two extra pings of one connection: a stream of notifications is confirmed in groups."""


class Ledger:
    """What one connection was sent and has not confirmed yet. No I/O, no clock."""

    __slots__ = ("_awaiting", "_pings", "_pongs", "_trusted", "_unpinged")

    def __init__(self) -> None:
        self._pings = 0
        self._pongs = 0
        self._trusted = True
        self._unpinged: list[Receipt] = []
        self._awaiting: deque[tuple[int, list[Receipt]]] = deque()

    @property
    def needs_ping(self) -> bool:
        """Whether something was sent that no ping covers."""
        return bool(self._unpinged)

    def sent(self, receipts: Iterable[Receipt]) -> None:
        """These were written to the connection."""
        if self._trusted:
            self._unpinged.extend(receipts)

    def ping(self) -> None:
        """A ping was written to the connection."""
        self._pings += 1
        if self._unpinged:
            self._awaiting.append((self._pings, self._unpinged))
            self._unpinged = []

    def pong(self) -> list[Receipt]:
        """The client answered; what that proves to be received."""
        if self._pongs == self._pings:
            self._trusted = False
            self._unpinged.clear()
            self._awaiting.clear()
            return []
        self._pongs += 1
        confirmed: list[Receipt] = []
        while self._awaiting and self._awaiting[0][0] <= self._pongs:
            confirmed += self._awaiting.popleft()[1]
        return confirmed

    def acknowledged(self, ids: Collection[NotificationId]) -> None:
        """The client named these itself; their receipt is known."""
        self._unpinged = [receipt for receipt in self._unpinged if receipt.notification_id not in ids]
