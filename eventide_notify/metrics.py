"""Every figure the service keeps of itself, named once. One registry per application, so that tests share nothing.

`docs/metrics.md` says what each tells. Labels have few values, none of which a client can make up.
"""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from time import perf_counter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds that a dependency takes."""
DELIVERY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600, 86_400)
"""Seconds from creation to receipt: of connected users some milliseconds, of others as long as they stay away."""
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000)


class Metrics:
    """The Prometheus metrics of one application."""

    def __init__(self, version: str = "") -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        build = Info("eventide_build", "This version of the service", registry=registry)
        build.info({"version": version, "python": platform.python_version()})
        self._traffic(registry)
        self._delivery(registry)
        self._dependencies(registry)
        self._instance(registry)

    def _traffic(self, registry: CollectorRegistry) -> None:
        self.created = Counter("eventide_notifications_created", "Notifications saved", registry=registry)
        self.announced = Counter(
            "eventide_announcements_created", "Announcements made", ["audience"], registry=registry
        )
        self.requests = Histogram(
            "eventide_http_request_seconds", "HTTP requests", ["route", "method", "status"], registry=registry
        )
        self.refusals = Counter("eventide_http_refusals", "HTTP requests refused", ["code"], registry=registry)
        self.events = Counter("eventide_client_events", "Events from clients", ["event", "result"], registry=registry)
        self.sockets = Gauge("eventide_sockets", "Authenticated sockets of this instance", registry=registry)
        self.transports = Gauge("eventide_transports", "Open Engine.IO transports", ["kind"], registry=registry)
        self.refused = Counter("eventide_sockets_refused", "Socket connections refused", ["code"], registry=registry)
        self.limits_hit = Counter("eventide_limits_hit", "What went beyond a limit", ["limit"], registry=registry)

    def _delivery(self, registry: CollectorRegistry) -> None:
        self.sent = Counter(
            "eventide_notifications_sent", "Notifications written to a socket", ["kind"], registry=registry
        )
        self.delivered = Counter(
            "eventide_notifications_delivered", "Notifications confirmed as received", registry=registry
        )
        self.delivery = Delays("eventide_delivery_seconds", "From creation to a receipt", registry)
        self.receipts_waiting = Gauge("eventide_receipts_waiting", "Receipts not written yet", registry=registry)
        self.receipts_lost = Counter("eventide_receipts_lost", "Receipts that were not written", registry=registry)
        self.pending = Gauge(
            "eventide_notifications_pending", "PENDING at their last look by the sweep", ["age"], registry=registry
        )
        self.overdue = Gauge(
            "eventide_notifications_overdue", "Likewise, of users connected to this instance", registry=registry
        )
        self.recovered = Counter(
            "eventide_notifications_recovered", "Shown after the channel had lost them", registry=registry
        )
        self.replays = Histogram(
            "eventide_replay_notifications", "Notifications in a replay", buckets=(0, *SIZES), registry=registry
        )
        self.replay_seconds = Histogram(
            "eventide_replay_seconds", "From CONNECT to the end of the replay", buckets=QUICK, registry=registry
        )
        self.cut_off = Counter(
            "eventide_backlog_cutoffs", "Transports closed because too much waited for them", registry=registry
        )

    def _dependencies(self, registry: CollectorRegistry) -> None:
        self.store = Histogram(
            "eventide_store_seconds", "Calls of the store", ["operation"], buckets=QUICK, registry=registry
        )
        self.store_errors = Counter(
            "eventide_store_errors", "Calls of the store that failed", ["operation", "code"], registry=registry
        )
        self.together = Histogram(
            "eventide_store_group_size", "Writes that share a transaction", buckets=SIZES, registry=registry
        )
        self.redis = Histogram("eventide_redis_seconds", "Calls of Redis", ["use"], buckets=QUICK, registry=registry)
        self.redis_errors = Counter("eventide_redis_errors", "Calls of Redis that failed", ["use"], registry=registry)
        self.keys_unavailable = Gauge(
            "eventide_key_set_unavailable", "1 while the keys for tokens cannot be fetched", registry=registry
        )
        self.channel_lag = Histogram(
            "eventide_channel_lag_seconds", "From publishing to receiving", buckets=QUICK, registry=registry
        )
        self.channel_gaps = Counter("eventide_channel_gaps", "Times that envelopes did not come", registry=registry)
        self.channel_degraded = Gauge("eventide_channel_degraded", "1 while something is lacking", registry=registry)
        self.channel_degraded_seconds = Counter(
            "eventide_channel_degraded_seconds", "Time for which something was lacking", registry=registry
        )
        self.channel_deaf = Gauge("eventide_channel_deaf", "1 while it does not hear itself", registry=registry)
        self.channel_outbox = Gauge("eventide_channel_outbox", "Envelopes that wait for Redis", registry=registry)
        self.channel_instances = Gauge("eventide_channel_instances", "Instances heard of lately", registry=registry)
        self.queue_connected = Gauge(
            "eventide_queue_connected", "1 while messages of the queue can come", ["queue"], registry=registry
        )
        self.queue_messages = Counter(
            "eventide_queue_messages", "Messages dealt with", ["queue", "outcome"], registry=registry
        )
        self.queue_waiting = Gauge(
            "eventide_queue_waiting_seconds", "How long the oldest message in hand waits", ["queue"], registry=registry
        )

    def _instance(self, registry: CollectorRegistry) -> None:
        self.loop_lag = Histogram(
            "eventide_event_loop_lag_seconds", "How late a timer is", buckets=QUICK, registry=registry
        )
        self.background = Histogram(
            "eventide_background_seconds", "Rounds of background work", ["task"], buckets=QUICK, registry=registry
        )
        self.replaced = Counter(
            "eventide_notifications_replaced", "Notifications replaced by others with their key", registry=self.registry
        )
        self.expired = Counter(
            "eventide_notifications_expired",
            "Notifications removed by retention, or because they had expired",
            registry=self.registry,
        )
        self.due = Counter(
            "eventide_due_works", "Due work, by what became of it", ["kind", "result"], registry=registry
        )
        self.due_waiting = Gauge("eventide_due_waiting", "Work that waits for its time", registry=registry)
        self.due_late = Gauge("eventide_due_late", "Work that should have been done seconds ago", registry=registry)
        self.due_dead = Gauge("eventide_due_dead", "Work that has failed for good", registry=registry)
        self.failures = Counter(
            "eventide_background_failures", "Failed rounds of background work", ["task"], registry=registry
        )
        self.internal_errors = Counter(
            "eventide_internal_errors", "Internal errors, each of which is in the log", registry=registry
        )

    def internal_errors_total(self) -> float:
        """How many internal errors there were."""
        return next(iter(self.internal_errors.collect())).samples[0].value


class Delays(Collector):
    """A histogram of `DELIVERY`, by kind. It is told of every receipt, so it takes a sixth of the library's time; and
    may be told in one thread only."""

    def __init__(self, name: str, documentation: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._counts = {kind: [0] * (len(DELIVERY) + 1) for kind in ("notification", "announcement")}
        self._sums = {kind: [0.0] for kind in self._counts}
        registry.register(self)

    def observer(self, kind: str) -> Callable[[float], None]:
        """What is called when a receipt came so many seconds after creation; fewer than none, if clocks differ."""
        counts, total = self._counts[kind], self._sums[kind]

        def observe(seconds: float) -> None:
            if seconds < 0:
                seconds = 0.0
            counts[bisect_left(DELIVERY, seconds)] += 1
            total[0] += seconds

        return observe

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=["kind"])
        bounds = [*map(floatToGoString, DELIVERY), "+Inf"]
        for kind, counts in self._counts.items():
            family.add_metric([kind], list(zip(bounds, accumulate(counts), strict=True)), self._sums[kind][0])
        return [family]


@contextmanager
def timed(observe: Callable[[float], None], failed: Callable[[], None]) -> Iterator[None]:
    """Around a call whose time is observed, and which may fail."""
    started = perf_counter()
    try:
        yield
    except Exception:
        failed()
        raise
    finally:
        observe(perf_counter() - started)
