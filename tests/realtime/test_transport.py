"""What one connection is sent, when its client takes it slowly."""

from __future__ import annotations

from typing import cast

import pytest

from eventide_notify.models import Receipt
from eventide_notify.realtime.engine.packets import SEPARATOR, Frame
from eventide_notify.realtime.engine.polling import ANSWER_MAX, PACKETS_FEW, PACKETS_OF_ONE, Polling
from eventide_notify.realtime.engine.server import EngineServer
from eventide_notify.realtime.engine.transport import PING_INTERVAL, PING_SIZE, Transport

from .fakes import FakeCarrier, FakeEngine, carried_by

PING = b"\x81\x012"


async def test_a_ping_goes_before_what_waits() -> None:
    """Who polls slowly is not taken for one who does not poll."""
    transport = Transport(cast(EngineServer, FakeEngine()), "sid", 0.0)
    transport.polling = Polling(transport)
    transport.join()
    for _ in range(3):
        transport.send(Frame("4" + "x" * ANSWER_MAX))
    assert (await transport.polling.ask("1")).startswith("4x")
    transport.tick(PING_INTERVAL)
    answer = await transport.polling.ask("2")
    assert [packet[:2] for packet in answer.split(SEPARATOR)] == ["2", "4x"]


@pytest.mark.parametrize(
    ("t", "most"),
    [("pq0x7k2c", 100), ("QkB3xZ0.1", 100), ("1795356832.1234", 16), ("1795356832", 16), (None, 16)],
    ids=["browser", "older browser", "python", "python, at a full second", "none"],
)
async def test_an_answer_has_no_more_packets_than_the_client_takes(t: str | None, most: int) -> None:
    transport = Transport(cast(EngineServer, FakeEngine()), "sid", 0.0)
    transport.polling = Polling(transport)
    transport.join()
    for _ in range(100):
        transport.send(Frame("4x"))
    assert PACKETS_FEW - PACKETS_OF_ONE < len((await transport.polling.ask(t)).split(SEPARATOR)) <= most
    assert (most == 100) == (transport.next_waiting() is None)


async def test_a_stream_is_confirmed_piece_by_piece_however_fast_it_is_written() -> None:
    carrier = FakeCarrier()
    transport = carried_by(carrier)
    for number in range(8):
        transport.send(Frame("4" + "x" * (PING_SIZE // 2)), [Receipt("alice", str(number))])
    assert [written.endswith(PING) for written in carrier.written] == [True, False] * 4


async def test_so_is_what_has_waited() -> None:
    carrier = FakeCarrier()
    transport = carried_by(carrier)
    carrier.paused = True
    for number in range(8):
        transport.send(Frame("4" + "x" * (PING_SIZE // 2)), [Receipt("alice", str(number))])
    assert carrier.written == []
    carrier.paused = False
    transport.writable()
    assert [written.endswith(PING) for written in carrier.written] == [True, False] * 4


async def test_a_ping_that_could_not_be_written_when_it_was_time_follows_as_soon_as_it_can() -> None:
    carrier, engine = FakeCarrier(), FakeEngine()
    transport = carried_by(carrier, engine)
    for number in range(2):
        transport.send(Frame("4x"), [Receipt("alice", str(number))])
    carrier.paused = True
    assert engine.unpinged == {transport}
    engine.unpinged.clear()
    transport.ping_for_receipts()
    assert [written.endswith(PING) for written in carrier.written] == [True, False]
    carrier.paused = False
    transport.writable()
    assert engine.unpinged == {transport}
    transport.ping_for_receipts()
    assert carrier.written[2:] == [PING]
    engine.unpinged.clear()
    transport.writable()
    assert not engine.unpinged
