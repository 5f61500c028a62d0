"""What an instance tells of itself to operators: how much it does, how fast, and its last warnings."""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from prometheus_client import Counter

from ..metrics import Metrics
from .journal import Journal

SAMPLE_EVERY = 1.0
"""Seconds between two samples."""
RATE_SAMPLES = 6
"""Rates are those of so many samples: of the last five seconds."""
LATENCY_SECONDS = 60.0
"""Latencies are those of what was received in this time."""
WARNINGS_MAX = 50
MESSAGE_MAX = 500
"""Characters of a message that are kept."""

_SECRET = re.compile(r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|evk_[\w-]+|(?<=://)[^\s/@]+@|(?<=[Bb]earer )\S+")
"""Tokens, API keys, and what stands before the host in an address. None is ever logged; should it be, it ends there."""


class _Sample(NamedTuple):
    at: float
    created: float
    sent: float
    received: float
    lag: float


class Figures:
    """Rates and latencies of this instance. Call `sample` every `SAMPLE_EVERY`, by `Background`."""

    def __init__(self, metrics: Metrics, journal: Journal, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._journal = journal
        self._monotonic = monotonic
        self._samples: deque[_Sample] = deque(maxlen=RATE_SAMPLES)
        self._latest: dict[str, float | None] | None = None

    async def sample(self) -> None:
        """Note how far the counters are, and how late this is."""
        now = self._monotonic()
        lag = now - self._samples[-1].at - SAMPLE_EVERY if self._samples else 0.0
        metrics = self._metrics
        created, sent, received = map(_total, (metrics.created, metrics.sent, metrics.delivered))
        self._samples.append(_Sample(now, created, sent, received, max(0.0, lag)))
        self._latest = None

    def of_now(self) -> dict[str, float | None]:
        """The figures, as JSON. Seconds, and numbers per second. However many ask, they are made once for a sample."""
        if self._latest is None:
            self._latest = self._made()
        return self._latest

    def _made(self) -> dict[str, float | None]:
        latencies = sorted(self._journal.latencies(since=time.time() - LATENCY_SECONDS))
        return {
            "createdPerSecond": self._rate("created"),
            "sentPerSecond": self._rate("sent"),
            "receivedPerSecond": self._rate("received"),
            "latencyP50": _quantile(latencies, 0.5),
            "latencyP99": _quantile(latencies, 0.99),
            "loopLag": round(max((sample.lag for sample in self._samples), default=0.0), 4),
        }

    def _rate(self, name: str) -> float:
        if len(self._samples) < 2:
            return 0.0
        first, last = self._samples[0], self._samples[-1]
        return float(round((getattr(last, name) - getattr(first, name)) / (last.at - first.at), 2))


def _total(counter: Counter) -> float:
    return sum(
        sample.value for metric in counter.collect() for sample in metric.samples if sample.name[-6:] == "_total"
    )


def _quantile(ordered: Sequence[float], quantile: float) -> float | None:
    return round(ordered[int(quantile * (len(ordered) - 1))], 4) if ordered else None


def _sendable(text: str) -> str:
    return text.encode(errors="replace").decode()  # without halves of surrogate pairs, which JSON cannot have


class RecentWarnings(logging.Handler):
    """The last warnings and errors that the service has logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter())
        self._records: deque[dict[str, Any]] = deque(maxlen=WARNINGS_MAX)

    def open(self) -> None:
        """Keep what is logged from now on."""
        logging.getLogger("eventide_notify").addHandler(self)

    def end(self) -> None:
        """Keep nothing more."""
        logging.getLogger("eventide_notify").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = _SECRET.sub("…", record.getMessage()[: 2 * MESSAGE_MAX])[:MESSAGE_MAX]
        except Exception:
            self.handleError(record)
            return
        kind = record.exc_info[0] if record.exc_info else None
        self._records.append(
            {
                "at": record.created,
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": _sendable(f"{message} ({kind.__name__})" if kind else message),
            }
        )

    def kept(self) -> list[dict[str, Any]]:
        """Those that are kept, oldest first; `at` in seconds since 1970."""
        return list(self._records)
