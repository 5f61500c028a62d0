"""Receipts are written in batches. What the store refuses is found by halving; the rest is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from eventide_notify.errors import EventideError, OutcomeUnknown, Refused, Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Receipt
from eventide_notify.service import delivery
from eventide_notify.service.delivery import ReceiptWriter

from ..waiting import until

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ALL = {Receipt("42", f"{number:04}") for number in range(1_000)}
BAD = Receipt("42", "0700")


class PickyStore:
    """Refuses batches that hold one of `bad`, larger than `largest`, or all of them, with the next of `faults`."""

    def __init__(self) -> None:
        self.written: set[Receipt] = set()
        self.calls = 0
        self.bad: set[Receipt] = set()
        self.largest = 10_000
        self.refusal: Exception = Refused()
        self.faults: list[EventideError] = []

    async def mark_delivered(self, receipts: Collection[Receipt], *, now: datetime) -> int:
        self.calls += 1
        if self.faults:
            raise self.faults.pop()
        if len(receipts) > self.largest or self.bad & set(receipts):
            raise self.refusal
        self.written |= set(receipts)
        return len(receipts)


@pytest.fixture
def store() -> PickyStore:
    return PickyStore()


@pytest.fixture
def receipts(store: PickyStore, monkeypatch: pytest.MonkeyPatch) -> ReceiptWriter:
    monkeypatch.setattr(delivery, "RECEIPT_PAUSE", 0)
    monkeypatch.setattr(delivery, "RECEIPT_RETRY", 0)
    return ReceiptWriter(cast(Any, store), clock=lambda: NOW, metrics=Metrics())


def lost(receipts: ReceiptWriter) -> float | None:
    return receipts._metrics.registry.get_sample_value("eventide_receipts_lost_total")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.mark.parametrize("refusal", [Refused(), ValueError("too large"), RuntimeError()], ids=repr)
async def test_the_bad_one_alone_is_dropped(
    store: PickyStore, receipts: ReceiptWriter, caplog: pytest.LogCaptureFixture, refusal: Exception
) -> None:
    store.bad, store.refusal = {BAD}, refusal
    receipts.received(ALL)
    await until(lambda: store.written == ALL - {BAD})
    await receipts.close()
    assert store.calls < 30
    halves, dropped = told(caplog)
    assert halves.startswith("1000 receipts at once are refused")
    assert "'0700'" in dropped
    assert receipts._receipts == set()
    assert lost(receipts) == 1


async def test_a_batch_that_is_too_large_is_written_in_parts(store: PickyStore, receipts: ReceiptWriter) -> None:
    store.largest = 100
    receipts.received(ALL)
    await until(lambda: store.written == ALL)
    assert store.calls < 50


@pytest.mark.parametrize("error", [Unavailable(), OutcomeUnknown()])
async def test_a_store_that_needs_too_long_gets_fewer_at_once(
    store: PickyStore, receipts: ReceiptWriter, error: Exception
) -> None:
    store.largest, store.refusal = 400, error
    receipts.received(ALL)
    await until(lambda: store.written == ALL)
    assert store.calls < 20
    store.largest, store.calls = 10_000, 0
    for _ in range(10):  # and more again, when it is fast
        await receipts._write_or_halve(ALL)
    assert receipts._most == delivery.AT_ONCE_MAX


async def test_a_store_that_refuses_everything_loses_nothing(
    store: PickyStore, receipts: ReceiptWriter, caplog: pytest.LogCaptureFixture
) -> None:
    store.bad = ALL
    receipts.received(ALL)
    await until(lambda: store.calls > 200)
    store.bad = set()
    await until(lambda: store.written == ALL)
    assert not [line for line in told(caplog) if "dropped" in line]


@pytest.mark.parametrize("fault", [Unavailable(), OutcomeUnknown()], ids=repr)
async def test_what_an_outage_held_up_is_written_after_it(
    store: PickyStore, receipts: ReceiptWriter, caplog: pytest.LogCaptureFixture, fault: EventideError
) -> None:
    store.faults = [fault] * 5
    receipts.received(ALL)
    await until(lambda: store.written == ALL)
    assert store.calls == 5 + len(ALL) / delivery.AT_ONCE_MIN  # the last in parts, for it may have been too much
    assert not told(caplog)


async def test_at_the_end_a_bad_one_does_not_lose_the_others(store: PickyStore, receipts: ReceiptWriter) -> None:
    store.bad = {BAD}
    receipts.received(ALL)
    await receipts.close()
    assert store.written == ALL - {BAD}


async def test_at_the_end_what_is_lost_is_said(
    store: PickyStore, receipts: ReceiptWriter, caplog: pytest.LogCaptureFixture
) -> None:
    store.faults = [Unavailable(), OutcomeUnknown()]
    receipts.received(ALL)
    await asyncio.wait_for(receipts.close(), 15)
    assert told(caplog) == ["1000 receipts are lost; these notifications will be sent again"]
