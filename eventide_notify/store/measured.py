"""A store whose calls are timed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from typing import Any, cast

from ..errors import EventideError, Internal
from ..metrics import Metrics
from .base import Store

Call = Callable[..., Awaitable[Any]]

OPERATIONS = [name for name, method in vars(Store).items() if inspect.iscoroutinefunction(method)]
"""What is timed: every call of the protocol."""


def measured(store: Store, metrics: Metrics) -> Store:
    """The same store. How long each of its calls takes, and which fail, is in the metrics."""
    return cast(Store, _Measured(store, metrics))


class _Measured:
    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        for name in OPERATIONS:
            setattr(self, name, _timed(name, getattr(store, name), metrics))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _timed(operation: str, call: Call, metrics: Metrics) -> Call:
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
