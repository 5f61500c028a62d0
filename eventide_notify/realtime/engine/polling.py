"""Long polling: which answer a request gets, and what it proves.

A stock client asks again only after it has processed the last answer. So a request with a *new* `t` proves that the
client has received all of the last answer, better than any pong could. A request that repeats the `t` of the last one
is the browser's, which lost the answer and asks again by itself: it gets the same answer again. A client that sends no
`t` could be either, so its requests prove nothing; an upgrade does, for a stock client upgrades only when its last poll
is complete. (Of an HTTP library that repeats a lost request without a `t` nobody can know; OkHttp does, which Java's
client uses. There an upgrade may confirm an answer that was lost. With `timestampRequests` it does not.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...models import Receipt
from . import packets

if TYPE_CHECKING:
    from .transport import Transport

ANSWER_MAX = 100_000
"""Characters after which nothing more is put into an answer. A slow network has to carry one within a ping time-out."""
PACKETS_FEW = 16
"""Most packets in an answer to a client that may be python-socketio's, which takes no more."""
PACKETS_OF_ONE = 4
"""As many as one notification may be: the names that it has in a namespace, usually two."""
UNPROVEN_MAX = 2_000
"""Most receipts that wait for an upgrade, of a client that sends no `t`."""
REMEMBERED = 16
"""How many of the last requests are known again when the network brings them twice."""
UPGRADE_PAUSE = 0.1
"""Seconds for which a poll waits for packets while the client upgrades; then its answer is a noop, to let it go on."""


class Overlap(Exception):
    """A client asked for two things at once, which a stock client never does."""


class Polling:
    """The polls of one transport."""

    __slots__ = ("_answer", "_asked", "_asked_before", "_posted", "_receipts", "_t", "_transport", "posting")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._t: str | None = None
        self._answer = ""
        self._receipts: list[Receipt] = []
        self._asked: tuple[str | None, asyncio.Future[str]] | None = None
        self._asked_before: deque[str] = deque(maxlen=REMEMBERED)
        self._posted: deque[str] = deque(maxlen=REMEMBERED)
        self.posting: str | bool | None = False
        """The `t` of such a request that is being read; False: none is."""

    @property
    def pending(self) -> bool:
        """Whether a poll waits for something to come."""
        return self._asked is not None

    async def ask(self, t: str | None) -> str:
        """The payload that answers a poll, once there is one. Raises `Overlap` beside a poll that is pending."""
        if self._asked is not None:
            if t is None or t != self._asked[0]:
                raise Overlap
            self._give(packets.NOOP)  # nobody reads it any more
        elif t is None:
            del self._receipts[:-UNPROVEN_MAX]
        elif t == self._t:
            return self._answer
        elif t in self._asked_before:
            return packets.NOOP  # the network brings it late, or twice: it says nothing about the answers since
        else:
            self._transport.proven(self.proven(), "poll")
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked = t, future
        self.fill()
        if self._transport.upgrading is not None and self._transport.upgrading.probed:
            self.let_go()
        return await future

    def fill(self) -> None:
        """Answer the pending poll with what waits, if anything does."""
        if self._asked is None or (first := self._transport.next_waiting()) is None:
            return
        texts: list[str] = []
        size = 0
        takes_all = _takes_all(self._asked[0])
        waiting: tuple[packets.Frame, Sequence[Receipt]] | None = first
        while waiting is not None:
            frame, receipts = waiting
            texts += frame.packets
            size += frame.size
            self._receipts += receipts
            self._transport.polled(frame)
            room = size < ANSWER_MAX and (takes_all or len(texts) + PACKETS_OF_ONE <= PACKETS_FEW)
            waiting = self._transport.next_waiting() if room else None
        self._answered(packets.SEPARATOR.join(texts))

    def let_go(self) -> None:
        """The client upgrades: it waits until its poll is answered, so that is soon."""
        if self._asked is not None:
            asyncio.get_running_loop().call_later(UPGRADE_PAUSE, self._let_go, self._asked)

    def _let_go(self, asked: tuple[str | None, asyncio.Future[str]]) -> None:
        if self._asked is asked:
            self._answered(packets.NOOP)

    def proven(self) -> Sequence[Receipt]:
        """Take what the answers held of which it was not known whether they arrived: it is now."""
        receipts, self._receipts = self._receipts, []
        return receipts

    def end(self, packet: str) -> None:
        """Answer the pending poll with this packet."""
        self._give(packet)

    def post(self, t: str | None) -> bool:
        """A request has brought packets; False if it is one that the browser repeats: they have been taken."""
        if t is not None:
            if t in self._posted:
                return False
            self._posted.append(t)
        return True

    def has_posted(self, t: str | None) -> bool:
        """Whether this request has brought its packets already."""
        return t is not None and t in self._posted

    def _answered(self, payload: str) -> None:
        assert self._asked is not None  # noqa: S101 - the callers have looked
        if self._t is not None:
            self._asked_before.append(self._t)
        self._t, self._answer = self._asked[0], payload
        self._give(payload)

    def _give(self, payload: str) -> None:
        if self._asked is not None:
            _, future = self._asked
            self._asked = None
            if not future.done():
                future.set_result(payload)


def _takes_all(t: str | None) -> bool:
    """Whether a client that sends this `t` takes any number of packets at once.

    All do but python-socketio's, whose `t` is the time in seconds; and whoever sends none may be that one.
    """
    return t is not None and not t.replace(".", "", 1).isdigit()
