"""What an instance tells of itself: rates, how late its event loop is, and its last warnings."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import orjson
import pytest

from eventide_notify.metrics import Metrics
from eventide_notify.service import figures
from eventide_notify.service.figures import Figures, RecentWarnings
from eventide_notify.service.journal import Journal

logger = logging.getLogger("eventide_notify.somewhere")


@pytest.fixture
def warnings() -> Iterator[RecentWarnings]:
    warnings = RecentWarnings()
    warnings.open()
    yield warnings
    warnings.end()


def messages(warnings: RecentWarnings) -> list[str]:
    return [record["message"] for record in warnings.kept()]


async def test_rates_are_those_of_the_last_seconds() -> None:
    metrics = Metrics()
    now = 100.0
    rates = Figures(metrics, Journal(), monotonic=lambda: now)
    assert rates.of_now()["createdPerSecond"] == 0
    for number in range(10):
        metrics.created.inc(1 if number < 4 else 3)
        metrics.sent.labels("live").inc(4)
        metrics.sent.labels("replay").inc(2)
        await rates.sample()
        now += 1.25 if number == 8 else 1
    told = rates.of_now()
    assert told is rates.of_now()  # made once, however many ask
    assert (told["createdPerSecond"], told["sentPerSecond"], told["receivedPerSecond"]) == (2.86, 5.71, 0)
    assert (told["loopLag"], told["latencyP50"]) == (0.25, None)


def test_warnings_are_kept_up_to_a_number(warnings: RecentWarnings) -> None:
    logging.getLogger("another library").warning("its own affair")
    logger.info("nothing to worry about")
    for number in range(figures.WARNINGS_MAX + 10):
        logger.warning("number %d", number)
    assert messages(warnings) == [f"number {number}" for number in range(10, figures.WARNINGS_MAX + 10)]
    assert {record["logger"] for record in warnings.kept()} == {logger.name}
    warnings.end()
    logger.warning("afterwards")
    assert "afterwards" not in messages(warnings)


def test_no_secret_is_kept_even_if_one_is_logged(warnings: RecentWarnings) -> None:
    secrets = ["eyJhbGciOi.eyJzdWIi.c2lnbmVk", "evk_0123456789", "user:password@"]
    logger.error("a %s b %s c redis://%shost/0", *secrets)
    logger.error("Bearer opaque-token")
    assert messages(warnings) == ["a … b … c redis://…host/0", "Bearer …"]


def test_a_message_is_bounded_and_can_be_sent_whatever_it_holds(warnings: RecentWarnings) -> None:
    try:
        raise ValueError("of which the message may hold anything")
    except ValueError:
        logger.exception("x" * 10_000)
    # Not logged, for a report that has half a pair in it cannot be sent between test processes.
    warnings.handle(logger.makeRecord(logger.name, logging.WARNING, "", 0, "half a pair: \ud800, and \x00", (), None))
    first, second = messages(warnings)
    assert first == "x" * figures.MESSAGE_MAX + " (ValueError)"
    assert second == "half a pair: ?, and \x00"
    assert orjson.dumps(warnings.kept())
