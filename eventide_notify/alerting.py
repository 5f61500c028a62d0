"""Which states people are told of, and how each is seen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable

from .auth import KeySource
from .channel.local import LocalChannel
from .channel.redis import OUTBOX_MAX, RedisChannel
from .errors import EventideError
from .metrics import Metrics
from .service.alerts import Look
from .service.background import Background
from .service.delivery import ReceiptWriter
from .settings import Settings
from .store import Store
from .webhooks import WebhookSender

SHARED = frozenset({"database", "redis", "keys"})
"""What all instances see."""
GAP_SECONDS = 30.0
"""How long something may go on being lacking. An instance that was killed is silent for a minute."""
RECEIPTS_MAX = 10_000
"""Receipts that may wait to be written."""
ERRORS_MAX, ERROR_SECONDS = 10, 60.0
"""Internal errors within so many seconds."""


def looks(
    *,
    store: Store,
    channel: RedisChannel | LocalChannel,
    keys: KeySource,
    background: Background,
    receipts: ReceiptWriter,
    metrics: Metrics,
) -> dict[str, Look]:
    """How each state is seen, by its name."""
    checks: dict[str, Callable[[], str | None]] = {
        "keys": lambda: keys.failure,
        "background": lambda: ", ".join(f"{name}: {why}" for name, why in background.failing.items()) or None,
        "backlog": lambda: _receipts_waiting(receipts) or _outbox(channel),
        "errors": ErrorRate(metrics, clock=time.monotonic),
    }
    if isinstance(channel, RedisChannel):
        redis = channel
        checks["redis"] = lambda: _deaf(redis)
        checks["gap"] = lambda: _gap(redis, time.monotonic())
    return {"database": _failure(store.check_writable), **{name: _at_once(check) for name, check in checks.items()}}


def webhook(settings: Settings) -> WebhookSender | None:
    """The sender to the address in the settings."""
    if settings.alert_webhook is None or settings.alert_webhook_secret is None:
        return None
    return WebhookSender(settings.alert_webhook.get_secret_value(), settings.alert_webhook_secret.get_secret_value())


class ErrorRate:
    """Whether there were too many internal errors lately."""

    def __init__(self, metrics: Metrics, *, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._seen: deque[tuple[float, float]] = deque()

    def __call__(self) -> str | None:
        now, total = self._clock(), self._metrics.internal_errors_total()
        self._seen.append((now, total))
        while len(self._seen) > 1 and self._seen[1][0] <= now - ERROR_SECONDS:
            self._seen.popleft()
        count = total - self._seen[0][1]
        return f"{count:.0f} internal errors within a minute, see the log" if count >= ERRORS_MAX else None


def _failure(check: Callable[[], Awaitable[None]]) -> Look:
    async def look() -> str | None:
        try:
            await check()
        except EventideError as error:
            return error.message
        return None

    return look


def _at_once(check: Callable[[], str | None]) -> Look:
    async def look() -> str | None:
        return check()

    return look


def _deaf(channel: RedisChannel) -> str | None:
    return "; ".join(channel.health.problems) or "deaf" if channel.health.deaf else None


def _gap(channel: RedisChannel, now: float) -> str | None:
    since = channel.health.degraded_since
    if since is None or channel.health.deaf or now - since < GAP_SECONDS:
        return None
    return "; ".join(channel.health.problems)


def _receipts_waiting(receipts: ReceiptWriter) -> str | None:
    return f"{receipts.waiting} receipts wait to be written" if receipts.waiting >= RECEIPTS_MAX else None


def _outbox(channel: RedisChannel | LocalChannel) -> str | None:
    return f"{channel.waiting} messages wait for Redis" if channel.waiting >= OUTBOX_MAX // 2 else None
