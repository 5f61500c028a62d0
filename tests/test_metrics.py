"""What there is to see of the service: `docs/metrics.md` and the registry name the same."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, cast

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Counts, Draft, IdGenerator, Notification, utc_now
from eventide_notify.service.background import SAMPLE_EVERY, Background
from eventide_notify.store import create_store
from eventide_notify.store.measured import measured

from .waiting import until

DOCUMENT = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \| ", re.MULTILINE)
SUFFIX = {"counter": "_total", "info": "_info"}


def figures() -> dict[str, str]:
    """The names and types of all there is."""
    kinds = {"info": "gauge"}
    return {
        f"{family.name}{SUFFIX.get(family.type, '')}": kinds.get(family.type, family.type)
        for family in Metrics().registry.collect()
    }


def test_every_figure_is_explained_and_no_other() -> None:
    assert {name: kind for name, _, kind in ROW.findall(DOCUMENT)} == figures()


# What each counts


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_delay_is_counted_in_each_bucket_from_its_own_on() -> None:
    metrics = Metrics()
    for seconds in (0.005, 0.02, 7, 1e9):
        metrics.delivery.observer("notification")(seconds)

    def up_to(bound: str) -> float | None:
        return value(metrics, "eventide_delivery_seconds_bucket", kind="notification", le=bound)

    assert [up_to(bound) for bound in ("0.005", "0.01", "0.025", "10.0", "86400.0", "+Inf")] == [1, 1, 2, 3, 3, 4]
    assert value(metrics, "eventide_delivery_seconds_count", kind="notification") == 4
    assert value(metrics, "eventide_delivery_seconds_sum", kind="notification") == pytest.approx(1e9 + 7.025)
    assert value(metrics, "eventide_delivery_seconds_count", kind="announcement") == 0


async def test_every_call_of_the_store_is_timed_and_its_failures_are_counted() -> None:
    metrics = Metrics()
    store = measured(create_store("sqlite://", sizes=metrics.together.observe), metrics)
    await store.open()
    now = utc_now()
    item = Notification(IdGenerator()(now), "42", Draft(message="Hello"), now)
    try:
        await store.add([item])
        assert await store.counts(["42"], now=now) == {"42": Counts(1, 1)}
        with pytest.raises(AttributeError):
            await store.add([cast(Any, None)])
    finally:
        await store.close()
    assert value(metrics, "eventide_store_seconds_count", operation="add") == 2
    assert value(metrics, "eventide_store_seconds_count", operation="counts") == 1
    assert value(metrics, "eventide_store_errors_total", operation="add", code="internal") == 1
    assert value(metrics, "eventide_store_errors_total", operation="counts", code="internal") is None
    assert (value(metrics, "eventide_store_group_size_count") or 0) >= 1


async def test_a_database_that_is_unavailable_is_counted_under_that_code(tmp_path: Path) -> None:
    metrics = Metrics()
    store = measured(create_store(f"sqlite:///{tmp_path}/missing/eventide.db"), metrics)
    with pytest.raises(Unavailable):
        await store.open()
    await store.close()
    assert value(metrics, "eventide_store_errors_total", operation="open", code="unavailable") == 1


async def test_a_loop_that_is_blocked_is_late() -> None:
    metrics = Metrics()
    background = Background(metrics)
    background.watch_loop()
    try:
        await until(lambda: (value(metrics, "eventide_event_loop_lag_seconds_count") or 0) >= 2)
        quick = value(metrics, "eventide_event_loop_lag_seconds_bucket", le="+Inf")
        time.sleep(2 * SAMPLE_EVERY + 0.3)  # noqa: ASYNC251 - this is what blocks it
        await until(lambda: value(metrics, "eventide_event_loop_lag_seconds_bucket", le="+Inf") != quick)
    finally:
        await background.stop()
    assert (value(metrics, "eventide_event_loop_lag_seconds_sum") or 0) >= 0.3


async def test_rounds_of_background_work_are_timed() -> None:
    metrics = Metrics()
    background = Background(metrics)

    async def work() -> None: ...

    background.every(0, "work", work)
    try:
        await until(lambda: (value(metrics, "eventide_background_seconds_count", task="work") or 0) >= 2)
    finally:
        await background.stop()
