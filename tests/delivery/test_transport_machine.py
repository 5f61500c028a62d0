"""One transport and its client, over a network that loses answers, in any order of events.

The transport, its polls, its upgrade and its receipts are real; the client does what a stock client and its browser do:
it asks again with a new `t` when it has processed an answer, repeats a request whose answer was lost, answers pings,
and upgrades when its last poll is complete. Whatever happens: nothing is confirmed that the client has not processed,
nothing reaches it twice, and everything in order. At the end, when nothing is lost any more, all is received and
confirmed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventide_notify.faults import ClientFaults
from eventide_notify.metrics import Metrics
from eventide_notify.models import Receipt
from eventide_notify.realtime.engine.packets import MESSAGE, PING, PING_PACKET, PONG, PROBE, SEPARATOR, UPGRADE, Frame
from eventide_notify.realtime.engine.polling import Polling
from eventide_notify.realtime.engine.transport import Transport
from eventide_notify.realtime.engine.upgrade import Upgrade


class Engine:
    """What a transport needs of its server."""

    class reason:
        TRANSPORT_CLOSE = TRANSPORT_ERROR = CLIENT_DISCONNECT = PING_TIMEOUT = "closed"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.faults = ClientFaults()
        self.metrics = Metrics()
        self.confirmed: list[str] = []

    def confirm(self, receipts: Sequence[Receipt], transport: str, proof: str) -> None:
        self.confirmed += [receipt.notification_id for receipt in receipts]

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        work.close()

    def forget(self, transport: Transport) -> None: ...
    def ping_later(self, transport: Transport) -> None: ...


class Wire:
    """The WebSocket: what was written to it and has not arrived."""

    def __init__(self) -> None:
        self.paused = False
        self.down: deque[str] = deque()
        self.closed = False
        self.receiver: Any = None

    def write(self, frame: Frame) -> None:
        self.down.extend(frame.packets)

    def write_asking(self, frame: Frame) -> None:
        self.down.extend([*frame.packets, PING])

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def admit(self) -> None: ...

    def close(self, code: int = 1000) -> None:
        self.closed = True

    abort = close


class TransportMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.engine = Engine(self.loop)
        self.transport = Transport(self.engine, "sid", self.loop.time())  # type: ignore[arg-type]  # see above
        self.transport.polling = Polling(self.transport)
        self.wire: Wire | None = None
        self.upgraded = False
        self.number = 0
        self.sent: list[str] = []
        self.has: list[str] = []
        self.owed = 0
        """Pings that the client has taken and not answered."""
        self.t = 0
        self.asked: asyncio.Task[str] | None = None

    def turn(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0))

    def do(self, action: Any, *arguments: Any) -> None:
        self.loop.call_soon(action, *arguments)
        self.turn()
        self.turn()

    def process(self, packets: Sequence[str]) -> None:
        for packet in packets:
            if packet == PING:
                self.owed += 1
            elif packet[:1] == MESSAGE:
                self.has.append(packet[1:])

    # The server

    @rule(count=st.integers(1, 3))
    def notifications_are_sent(self, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.sent.append(str(self.number))
            receipts = (Receipt("user", str(self.number)),)
            self.do(self.transport.send, Frame(f"{MESSAGE}{self.number}"), receipts)

    @rule()
    def a_ping_is_due(self) -> None:
        self.do(self.transport.ping_for_receipts)
        if not self.upgraded:
            self.do(self.transport.send, PING_PACKET)

    # The client that polls

    def poll(self) -> None:
        if self.asked is None and not self.upgraded:
            self.t += 1
            self.ask()

    def ask(self) -> None:
        polling = self.transport.polling
        assert polling is not None
        self.asked = self.loop.create_task(polling.ask(str(self.t)))
        self.turn()

    @rule()
    def it_polls(self) -> None:
        self.poll()

    @rule()
    def its_answer_is_lost_and_the_browser_asks_again(self) -> None:
        self.poll()
        if self.asked is not None:
            self.ask()

    @rule()
    def its_answer_arrives(self) -> None:
        self.poll()
        self.turn()
        if self.asked is not None and self.asked.done():
            self.process(self.asked.result().split(SEPARATOR))
            self.asked = None

    @rule()
    def it_answers_a_ping(self) -> None:
        if self.owed and (self.wire is None or self.upgraded):
            self.owed -= 1
            self.do(self.transport.received, PONG)

    # The client that upgrades

    @precondition(lambda self: self.wire is None)
    @rule()
    def it_opens_a_websocket(self) -> None:
        self.wire = Wire()

        def open_it() -> None:
            assert self.wire is not None
            upgrade = Upgrade(self.transport)
            upgrade.carrier = self.wire
            self.wire.receiver = upgrade
            upgrade.received(PING + PROBE)

        self.do(open_it)
        assert self.wire.down.popleft() == PONG + PROBE

    @precondition(lambda self: self.wire is not None and not self.upgraded)
    @rule(works=st.booleans())
    def its_websocket_dies_or_takes_over(self, works: bool) -> None:
        assert self.wire is not None
        if not works:
            self.do(self.wire.receiver.lost)
            self.wire = None
            return
        self.its_answer_arrives()
        if self.asked is None:  # its last poll is complete
            self.upgraded = True
            self.do(self.wire.receiver.received, UPGRADE)

    @precondition(lambda self: self.upgraded)
    @rule(count=st.integers(1, 4))
    def frames_arrive(self, count: int) -> None:
        assert self.wire is not None
        for _ in range(min(count, len(self.wire.down))):
            self.process([self.wire.down.popleft()])

    # What always holds

    @invariant()
    def what_is_confirmed_was_processed(self) -> None:
        assert set(self.engine.confirmed) <= set(self.has)
        assert len(set(self.engine.confirmed)) == len(self.engine.confirmed)

    @invariant()
    def it_has_them_once_and_in_order(self) -> None:
        assert self.has == self.sent[: len(self.has)]
        assert not self.transport.closed

    def teardown(self) -> None:
        for _ in range(len(self.sent) + 3):
            self.its_answer_arrives()
        if self.upgraded:
            self.do(self.transport.ping_for_receipts)
            self.frames_arrive(1_000)
        while self.owed and (self.wire is None or self.upgraded):
            self.it_answers_a_ping()
        assert self.has == self.sent, "connected, and it lacks something"
        self.what_is_confirmed_was_processed()
        if self.upgraded or self.wire is None:
            self.poll()
            assert set(self.engine.confirmed) == set(self.sent), "received, and not confirmed"
        if self.asked is not None:
            self.asked.cancel()
        self.turn()
        self.transport.closed = True
        self.loop.close()


TestTransport = TransportMachine.TestCase
TestTransport.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # it is this machine that may be
)
