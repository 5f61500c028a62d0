"""A store with something around each of its calls: here, a clock."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from time import perf_counter
from typing import Any, cast

from ..errors import EventideError, Internal
from ..metrics import Metrics
from .base import Store

Call = Callable[..., Awaitable[Any]]

OPERATIONS = [name for name, method in vars(Store).items() if inspect.iscoroutinefunction(method)]
"""Every call of the protocol."""


def measured(store: Store, metrics: Metrics) -> Store:
    """The same store. How long each of its calls takes, and which fail, is in the metrics."""
    return wrapped(store, partial(_timed, metrics))


def wrapped(store: Store, wrap: Callable[[str, Call], Call]) -> Store:
    """The same store, whose calls are what `wrap` makes of each, given its name."""
    return cast(Store, _Wrapped(store, wrap))


class _Wrapped:
    def __init__(self, store: Store, wrap: Callable[[str, Call], Call]) -> None:
        self._store = store
        for name in OPERATIONS:
            setattr(self, name, wrap(name, getattr(store, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _timed(metrics: Metrics, operation: str, call: Call) -> Call:
    observe = metrics.store.labels(operation).observe

    @wraps(call)
    async def timed(*args: Any, **named: Any) -> Any:
        started = perf_counter()
        try:
            return await call(*args, **named)
        except Exception as error:
            code = error.code if isinstance(error, EventideError) else Internal.code
            metrics.store_errors.labels(operation, code).inc()
            raise
        finally:
            observe(perf_counter() - started)

    return timed
