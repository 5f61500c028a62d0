"""What carries a transport over a WebSocket, and what it tells.

Two classes are carriers: `AsgiWebSocket` on any ASGI server, and `realtime.protocol.WebSocketProtocol`, which writes
ready frames to its socket, on uvicorn. An ASGI server offers the second one in the scope, under `EXTENSION`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from .packets import Frame

EXTENSION = "eventide.connection"
"""The key, in `scope["extensions"]`, of the `Connection` that serves this request."""

FRAME_MAX = 2_000_000
"""Most bytes of one message from a client. A longer one ends the connection, as on Node; up to here it is answered."""


STRANGER_MAX = 100_000
"""Likewise while the client has not authenticated: a token is all that it has to say."""


class Receiver(Protocol):
    """What is told of a WebSocket."""

    def received(self, message: str | bytes) -> None:
        """A message came."""

    def ponged(self) -> None:
        """The message `3` came: by far the most frequent one, so it has a method of its own."""

    def writable(self) -> None:
        """What was written has left, mostly; `Carrier.paused` is False again."""

    def lost(self) -> None:
        """It has ended. Told once, and last."""


class Carrier(Protocol):
    """An open WebSocket."""

    receiver: Receiver
    paused: bool
    """Whether its client takes less than is written: wait for `Receiver.writable`."""

    def write(self, frame: Frame) -> None:
        """Write these packets."""

    def write_asking(self, frame: Frame) -> None:
        """Write these packets and a ping, at once."""

    def pause_reading(self) -> None:
        """Take no more messages for now."""

    def resume_reading(self) -> None:
        """Take messages again."""

    def admit(self) -> None:
        """Its client has authenticated; it is not closed to make room for others any more."""

    def close(self, code: int = 1000) -> None:
        """End it in order, after what was written."""

    def abort(self) -> None:
        """End it at once."""


class Connection(Protocol):
    """A connection of uvicorn's that serves a request, with more than ASGI has. See `realtime.protocol`."""

    def accept(self, receiver: Receiver) -> Carrier:
        """Answer an upgrade request with 101. What comes from now on goes to the receiver."""

    def reject(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer an upgrade request with this instead."""

    def stranger(self) -> None:
        """Who waits for the answer to this request has not authenticated, and may have to make room for others."""
