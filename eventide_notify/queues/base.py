"""What a broker has to do for the rest of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BATCH = 100
"""Most messages that are in hand at the same time, of one queue."""

HOLD_EVERY = 3.0
"""Seconds between two times that a broker is told that its messages are still in hand."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. Nothing about it has been checked."""

    headers: Mapping[str, object]
    """Whatever the broker has beside the body: names as they are, values of any type."""
    body: bytes
    handle: Any = None
    """What the broker knows it by."""


class Broker(Protocol):
    """One connection to a broker, for one queue. It is used once: after an error it is closed, and another is made.

    Every method but `close` raises, with whatever error, when the broker is away, does not answer in some seconds, or
    refuses. No method takes up again by itself what has broken.
    """

    largest: int
    """Bytes of the largest message that may be published."""

    async def connect(self) -> None:
        """Connect, and change nothing at the broker."""
        ...

    async def subscribe(self) -> None:
        """Make the queue, and that for dead messages, if they are not there; from now on messages may come."""
        ...

    async def receive(self) -> Sequence[Message]:
        """The next messages, up to `BATCH`, in the broker's order, as soon as there is one; an empty list now and then
        if there is none. Also those that an instance had in hand which was killed.

        Raises when no message would come any more, as when the connection is lost or the queue was deleted.
        """
        ...

    async def hold(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these are still in hand, lest another instance gets them. Called every few seconds."""
        ...

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """All of what `receive` returned last has been dealt with: the broker may forget it."""
        ...

    async def publish(self, body: bytes, headers: Mapping[str, str], *, dead: bool = False) -> None:
        """Put a message into the queue, or into that for dead messages; return when the broker has it safe.

        `headers`: names in lower case with the prefix `ce-`, which the broker writes as its binding has them, and
        `content-type`.
        """
        ...

    async def close(self) -> None:
        """Leave, whatever state it is in. What was not acknowledged is another's from now on."""
        ...
