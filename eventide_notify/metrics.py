"""Every figure the service keeps of itself, named once. One registry per application, so that tests share nothing."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The Prometheus metrics of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.created = Counter("eventide_notifications_created", "Notifications saved", registry=self.registry)
        self.sent = Counter(
            "eventide_notifications_sent", "Notifications written to a socket", ["kind"], registry=self.registry
        )
        self.delivered = Counter(
            "eventide_notifications_delivered", "Notifications confirmed as received", registry=self.registry
        )
        self.refused = Counter(
            "eventide_sockets_refused", "Socket connections refused", ["code"], registry=self.registry
        )
        self.sockets = Gauge("eventide_sockets", "Authenticated sockets of this instance", registry=self.registry)
        self.events = Counter(
            "eventide_client_events", "Events from clients", ["event", "result"], registry=self.registry
        )
        self.requests = Histogram(
            "eventide_http_request_seconds", "HTTP requests", ["route", "method", "status"], registry=self.registry
        )
        self.limits_hit = Counter("eventide_limits_hit", "What went beyond a limit", ["limit"], registry=self.registry)
        self.failures = Counter(
            "eventide_background_failures", "Failed rounds of background work", ["task"], registry=self.registry
        )
        self.internal_errors = Counter(
            "eventide_internal_errors", "Internal errors, each of which is in the log", registry=self.registry
        )

    def internal_errors_total(self) -> float:
        """How many internal errors there were."""
        return next(iter(self.internal_errors.collect())).samples[0].value
