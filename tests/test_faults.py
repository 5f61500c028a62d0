"""What clients do wrong is counted, and told as a sum."""

from __future__ import annotations

import logging

import pytest

from eventide_notify import faults
from eventide_notify.faults import ClientFaults

from .waiting import until

FORGED = "x\n12:00:00 INFO    somebody: forged\x1b[2J\u2028"


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_the_first_is_told_at_once_and_the_next_ones_are_not(caplog: pytest.LogCaptureFixture) -> None:
    counted = ClientFaults()
    for number in range(1_000):
        counted.note("knocked", f"door {number}")
        counted.note("rang")
    assert caplog.messages == ["1 client(s) knocked (the last one: 'door 0')", "1 client(s) rang"]


async def test_later_ones_are_told_together_when_the_time_has_come(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "PAUSE", 0.05)
    counted = ClientFaults()
    for number in range(1_000):
        counted.note("knocked", f"door {number}")
    await until(lambda: "999 client(s) knocked (the last one: 'door 999')" in caplog.messages)
    assert len(caplog.messages) == 2


def test_what_a_client_sent_is_escaped_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    ClientFaults().note("knocked", FORGED + "x" * 100_000)
    [message] = caplog.messages
    assert message.isprintable()
    assert len(message) < 300
