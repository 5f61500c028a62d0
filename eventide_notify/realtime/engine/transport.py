"""An Engine.IO transport: what its client is sent, what the client has received, and what it says.

It begins on polling or on a WebSocket, and may go from the first to the second (`engine.upgrade`). What is written goes
to the WebSocket at once while that takes it, and otherwise waits here, in order, for the WebSocket or for the next
poll. What waits is bounded: a client that does not read is cut off, and catches up when it comes back.

Messages from the client go into its inbox, and its end too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...models import Receipt
from ...rates import Allowance
from ..receipts import PING_SPACING, ReceiptTracker
from . import packets
from .carrier import Carrier
from .inbox import Inbox
from .packets import PING_PACKET, Frame, Malformed
from .polling import Polling

if TYPE_CHECKING:
    from .server import EngineServer
    from .upgrade import Upgrade

PING_INTERVAL = 25.0
"""Seconds between two pings of a quiet transport."""
PING_TIMEOUT = 20.0
"""Seconds in which a ping must be answered."""
CONNECT_TIMEOUT = 20.0
"""Seconds that a transport may last without being in any namespace."""
BACKLOG_PACKETS = 2_000
BACKLOG_BYTES = 4 * 1024 * 1024
"""Most that may wait for one transport; beyond that it is closed, and its client gets what it missed on reconnect."""
READY_PACKETS = BACKLOG_PACKETS // 4
READY_BYTES = BACKLOG_BYTES // 4
"""What may wait before a replay waits too."""
PING_SIZE = 65_536
"""Characters that are written without a ping, at most, if they need a receipt. So a client that reads slowly goes on
answering, and what it has taken is confirmed although it has not taken everything."""
USELESS_MAX = 200
"""Packets in a second that ask for nothing (pongs that answer no ping, noops); more close the transport."""


BACKLOG_FULL = "too much waited for it: it did not read"
"""Why such a transport ended."""


class Transport:
    """One client's Engine.IO connection, from its handshake to its end."""

    __slots__ = (
        "_alone_since", "_backlog", "_backlog_bytes", "_carrier", "_emptied", "_engine", "_ping_at", "_ping_due_at",
        "_receipts", "_sessions", "_unanswered_since", "_unpinged", "_useless", "_useless_since", "address",
        "allowance", "closed", "ended", "heard_at", "inbox", "opened_at", "polling", "sid", "upgrading", "user_agent",
    )  # fmt: skip

    def __init__(self, engine: EngineServer, sid: str, now: float) -> None:
        self._engine = engine
        self.sid = sid
        self.opened_at = self.heard_at = now
        """When it began, and when the client last sent anything, on the event loop's clock."""
        self.closed = False
        self.allowance: Allowance | None = None
        """What its client may still ask for; made with the first time that it asks."""
        self.address = self.user_agent = ""
        """Where its client is, and what it says it is."""
        self.ended = ""
        """Why it ended."""
        self._alone_since = now
        self._sessions = 0
        self.polling: Polling | None = None
        self.upgrading: Upgrade | None = None
        self._carrier: Carrier | None = None
        self._receipts = ReceiptTracker()
        self._backlog: deque[tuple[Frame, Sequence[Receipt]]] | None = None
        self._backlog_bytes = 0
        self._emptied: asyncio.Future[None] | None = None
        self._ping_at = now
        self._ping_due_at = 0.0
        self._unpinged = 0
        self._unanswered_since: float | None = None
        self.inbox = Inbox(engine, sid, self._go_on_reading)
        self._useless = 0
        self._useless_since = now

    @property
    def name(self) -> str:
        """`polling` or `websocket`."""
        return "polling" if self._carrier is None else "websocket"

    # Writing

    def send(self, frame: Frame, receipts: Sequence[Receipt] = ()) -> None:
        """Write these packets, now or as soon as the client takes them. `receipts`: what is received with them.

        A client for which too much waits is cut off. Nothing happens when the transport has ended.
        """
        carrier = self._carrier
        if carrier is None or carrier.paused or self._backlog:
            self._wait(frame, receipts)
        else:
            self._write(carrier, frame, receipts)

    def _write(self, carrier: Carrier, frame: Frame, receipts: Sequence[Receipt]) -> None:
        if frame is PING_PACKET:
            self._pinged(self._engine.loop.time())
            carrier.write(frame)
        elif receipts and self._receipts.trusted:
            self._receipts.sent(receipts)
            self._write_asking(carrier, frame)
        else:
            carrier.write(frame)

    def _write_asking(self, carrier: Carrier, frame: Frame) -> None:
        now = self._engine.loop.time()
        self._unpinged += frame.size
        if now < self._ping_due_at and self._unpinged < PING_SIZE:
            self._engine.ping_later(self)
            carrier.write(frame)
        else:
            self._pinged(now)
            carrier.write_asking(frame)

    def _pinged(self, now: float) -> None:
        if not self._receipts.unanswered:
            self._unanswered_since = now
        self._receipts.ping()
        self._ping_at = now
        self._ping_due_at = now + PING_SPACING
        self._unpinged = 0

    def ping_for_receipts(self) -> None:
        """Ask for the receipts of what was written since the last ping, if anything was."""
        carrier = self._carrier
        if carrier is not None and not carrier.paused and self._receipts.needs_ping and not self.closed:
            self._pinged(self._engine.loop.time())
            carrier.write(PING_PACKET)

    async def ready(self) -> None:
        """Return when there is room for more: at once, unless much waits for the client; also when it has ended."""
        while self._backlog and self._is_full(READY_PACKETS, READY_BYTES):
            if self._emptied is None:
                self._emptied = self._engine.loop.create_future()
            await asyncio.shield(self._emptied)

    def _is_full(self, most_packets: int, most_bytes: int) -> bool:
        return self._backlog is not None and (len(self._backlog) >= most_packets or self._backlog_bytes >= most_bytes)

    def _wait(self, frame: Frame, receipts: Sequence[Receipt]) -> None:
        if self.closed:
            return
        if self._backlog is None:
            self._backlog = deque()
        if self._is_full(BACKLOG_PACKETS, BACKLOG_BYTES):
            self.cut_off()
            return
        self._backlog.append((frame, receipts))
        self._backlog_bytes += frame.size
        if self.polling is not None:
            self.polling.fill()

    def cut_off(self) -> None:
        """Too much waits for the client: end it at once. What is stored comes when it is back."""
        self._engine.faults.note("did not read what they were sent, and were cut off", self.sid)
        self._engine.metrics.cut_off.inc()
        self.abort(BACKLOG_FULL)

    def next_waiting(self) -> tuple[Frame, Sequence[Receipt]] | None:
        """Take the next packets that wait, with what is received with them."""
        if not self._backlog:
            return None
        frame, receipts = self._backlog.popleft()
        self._backlog_bytes -= frame.size
        if not self._backlog:
            self._backlog = None
        if self._emptied is not None and not self._is_full(READY_PACKETS, READY_BYTES):
            self._emptied.set_result(None)
            self._emptied = None
        return frame, receipts

    def polled(self, frame: Frame) -> None:
        """These packets have left in the answer to a poll."""
        if frame is PING_PACKET:
            self._pinged(self._engine.loop.time())

    def writable(self) -> None:
        carrier = self._carrier
        while carrier is not None and not carrier.paused and (waiting := self.next_waiting()) is not None:
            self._write(carrier, *waiting)
        if self._receipts.needs_ping:
            self._engine.ping_later(self)  # it was time for that while nothing could be written

    # Time

    def tick(self, now: float) -> float | None:
        if self.closed:
            return None
        due = [self._ping_at + PING_INTERVAL]
        if not self.joined:
            if now >= self._alone_since + CONNECT_TIMEOUT:
                self.close(self._engine.reason.TRANSPORT_ERROR)
                return None
            due.append(self._alone_since + CONNECT_TIMEOUT)
        if self._unanswered_since is not None:
            if now >= self._unanswered_since + PING_TIMEOUT:
                self.close(self._engine.reason.PING_TIMEOUT)
                return None
            due[0] = self._unanswered_since + PING_TIMEOUT
        elif now >= due[0]:
            self._unanswered_since = self._ping_at = now
            due[0] = now + PING_TIMEOUT
            self._send_ping(now)
        return max(min(due) - now, 0.0)

    def _send_ping(self, now: float) -> None:
        carrier = self._carrier
        if carrier is None or carrier.paused or self._backlog:
            # Before all that waits: who reads slowly answers it, and is not taken for one who does not read.
            self._backlog = self._backlog or deque()
            self._backlog.appendleft((PING_PACKET, ()))
            self._backlog_bytes += PING_PACKET.size
            if self.polling is not None:
                self.polling.fill()
        else:
            self._pinged(now)
            carrier.write(PING_PACKET)

    # Reading

    def ponged(self) -> None:
        receipts = self._receipts
        if not receipts.unanswered:
            self._count_useless()
        confirmed = receipts.pong()
        now = self.heard_at = self._engine.loop.time()
        self._unanswered_since = now if receipts.unanswered else None
        self.proven(confirmed, "pong")

    def proven(self, receipts: Sequence[Receipt], proof: str) -> None:
        """The client has proven to have received these."""
        if receipts:
            self._engine.confirm(receipts, self.sid, proof)

    def received(self, message: str | bytes) -> None:
        """A packet came, over whichever carrier."""
        if self.closed:
            return
        self.heard_at = self._engine.loop.time()
        if isinstance(message, bytes):
            self._take(message)
            return
        kind = message[:1]
        if kind == packets.MESSAGE:
            self._take(message[1:])
        elif kind == packets.PONG:
            self.ponged()
        elif kind == packets.CLOSE:
            self.close(self._engine.reason.CLIENT_DISCONNECT)
        elif kind == "b":
            self._take(b"")  # binary data is not understood, whatever it is
        elif kind == packets.PING or kind not in ("0", packets.UPGRADE, packets.NOOP):
            self.malformed(Malformed(f"a client sends no packet of the type {kind!r}"))
        else:
            self._count_useless()

    def malformed(self, error: Malformed) -> None:
        """What the client sent is not Engine.IO: as on Node, that is the end."""
        self._engine.faults.note("sent what is not Engine.IO", str(error))
        self.close(self._engine.reason.TRANSPORT_ERROR)

    def _count_useless(self) -> None:
        self._useless += 1
        if self._useless > USELESS_MAX:
            now = self._engine.loop.time()
            if now - self._useless_since < 1:
                self._engine.faults.note("sent too many packets that ask for nothing")
                self.abort()
            self._useless, self._useless_since = 0, now

    def _take(self, message: str | bytes) -> None:
        self.inbox.put(message)
        if self.inbox.full and self._carrier is not None:
            self._carrier.pause_reading()

    def _go_on_reading(self) -> None:
        if self._carrier is not None:
            self._carrier.resume_reading()

    # Beginning and end

    def carried_by(self, carrier: Carrier) -> None:
        """From now on this WebSocket carries it."""
        self._carrier = carrier
        if self.joined:
            carrier.admit()
        if self.polling is not None:
            self.polling.end(packets.NOOP)
            self.proven(self.polling.proven(), "upgrade")
            self.polling = None
        self.writable()

    def join(self) -> None:
        """The client has authenticated, and joined a namespace."""
        self._sessions += 1
        self._engine.met(self, known=True)
        if self._carrier is not None:
            self._carrier.admit()

    def leave(self) -> None:
        """The client has left a namespace. If it was the last one, it has some time to join another."""
        self._sessions -= 1
        if not self.joined and not self.closed:
            self._alone_since = self._engine.loop.time()
            self._engine.met(self, known=False)
            self._engine.look_again(self)

    @property
    def joined(self) -> bool:
        """Whether it has a session in any namespace."""
        return self._sessions > 0

    def lost(self) -> None:
        self._end(self._engine.reason.TRANSPORT_CLOSE)

    def close(self, reason: str | None = None, why: str = "") -> None:
        """End it, after what was written; to a stock client that is a lost network, and it comes back."""
        if self._end(reason or self._engine.reason.TRANSPORT_CLOSE, why) and self._carrier is not None:
            self._carrier.close()

    def abort(self, why: str = "") -> None:
        """End it at once."""
        if self._end(self._engine.reason.TRANSPORT_ERROR, why) and self._carrier is not None:
            self._carrier.abort()

    def _end(self, reason: str, why: str = "") -> bool:
        if self.closed:
            return False
        self.closed = True
        self.ended = why or reason
        self._engine.forget(self)
        self._backlog, self._backlog_bytes = None, 0
        self._receipts = ReceiptTracker()
        if self.polling is not None:
            # A client that has closed its transport itself gets something that it need not understand.
            said = reason == self._engine.reason.CLIENT_DISCONNECT
            self.polling.end(packets.NOOP if said else packets.CLOSE)
        if self.upgrading is not None:
            self.upgrading.fail()
        if self._emptied is not None:
            self._emptied.set_result(None)
            self._emptied = None
        self.inbox.end(reason)
        return True
