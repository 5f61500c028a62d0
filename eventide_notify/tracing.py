"""One trace from a request to the receipts of what it sent, by OpenTelemetry.

Imported only when traces are wanted, see `build.tracing`; otherwise nothing of this is in the way of anything.

    POST /v1/admin/notifications     with the caller's trace as its parent, if the caller names one
    ├── store.add
    └── publish                      until the envelope, which has this trace in it, is with Redis
        └── show                     on each instance that has sessions of the users
            └── receipt              from showing it until the client has proven to have it
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.requests import Request
from starlette.responses import Response

from . import __version__
from .channel.base import Channel
from .channel.envelopes import Envelope
from .errors import EventideError
from .models import NotificationId, Principal, Receipt, UserId
from .rest.operations import Operation
from .store.base import Store
from .store.measured import Call, wrapped

REMEMBERED = 10_000
"""Notifications whose receipts are awaited, at most."""
RECEIPTS_MAX = 100
"""Receipts in one trace, of each instance, at most."""
_PROPAGATOR = TraceContextTextMapPropagator()


@dataclass(slots=True)
class _Shown:
    """What was shown in one `show`, and is to be received."""

    context: Context
    at: int
    left: int = RECEIPTS_MAX


class Tracing:
    """Makes the spans of one application."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("eventide_notify", __version__)
        self._shown: OrderedDict[NotificationId, _Shown] = OrderedDict()

    @classmethod
    def from_environment(cls) -> Tracing:
        """As the variables `OTEL_…` say."""
        ours = Resource.create({SERVICE_NAME: "eventide-notify", SERVICE_VERSION: __version__})
        provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    async def close(self) -> None:
        """Export what is left."""
        await asyncio.to_thread(self._provider.shutdown)

    def operation(self, row: Operation) -> Operation:
        """The same operation, in a span."""
        name, attributes = f"{row.method} {row.path}", {"http.request.method": row.method, "http.route": row.path}

        async def endpoint(request: Request, principal: Principal) -> Response:
            # Only a back end says which trace it belongs to: it decides whether the trace is recorded.
            parent = _PROPAGATOR.extract(dict(request.headers)) if row.admin else Context()
            with self._tracer.start_as_current_span(
                name, parent, SpanKind.SERVER, attributes, record_exception=False, set_status_on_exception=False
            ) as span:
                try:
                    response = await row.endpoint(request, principal)
                except Exception as error:
                    status = error.status if isinstance(error, EventideError) else 500
                    span.set_attribute("http.response.status_code", status)
                    span.set_attribute("error.type", getattr(error, "code", type(error).__name__))
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                    raise
                span.set_attribute("http.response.status_code", response.status_code)
                return response

        return replace(row, endpoint=endpoint)

    def store(self, store: Store) -> Store:
        """The same store; its calls are spans of the request that makes them."""
        return wrapped(store, self._span_of_store)

    def _span_of_store(self, operation: str, call: Call) -> Call:
        name = f"store.{operation}"

        @wraps(call)
        async def traced(*args: Any, **named: Any) -> Any:
            if not trace.get_current_span().is_recording():
                return await call(*args, **named)
            # The message of a driver's error may have in it what was to be saved.
            with self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, record_exception=False):
                return await call(*args, **named)

        return traced

    def channel(self, channel: Channel) -> Channel:
        """The same channel; its envelopes say which trace they belong to."""
        return _TracedChannel(channel, self._publishing)

    @contextmanager
    def _publishing(self, envelope: Envelope) -> Iterator[None]:
        if not trace.get_current_span().is_recording():
            yield
            return
        with self._tracer.start_as_current_span("publish", kind=SpanKind.PRODUCER):
            carrier: dict[str, str] = {}
            _PROPAGATOR.inject(carrier)
            envelope["trace"] = carrier["traceparent"]
            yield

    @contextmanager
    def showing(self, envelope: Envelope, connected: Callable[[UserId], bool]) -> Iterator[None]:
        """See `hub.Tracing`."""
        ids = _ids(envelope, connected)
        if not ids:
            yield
            return
        parent = _PROPAGATOR.extract({"traceparent": str(envelope["trace"])})
        with self._tracer.start_as_current_span("show", parent, SpanKind.CONSUMER) as span:
            span.set_attribute("eventide.notifications", len(ids))
            if span.is_recording():
                self._remember(ids[:RECEIPTS_MAX], _Shown(trace.set_span_in_context(span, Context()), time.time_ns()))
            yield

    def _remember(self, ids: Sequence[NotificationId], shown: _Shown) -> None:
        self._shown.update(dict.fromkeys(ids, shown))
        while len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)

    def received(self, receipts: Sequence[Receipt]) -> None:
        """These have come."""
        for _, id, _ in receipts:
            shown = self._shown.get(id)
            if shown is None or not shown.left:
                continue
            shown.left -= 1
            attributes = {"eventide.notification.id": id}
            self._tracer.start_span("receipt", shown.context, start_time=shown.at, attributes=attributes).end()


class _TracedChannel:
    def __init__(self, channel: Channel, around: Callable[[Envelope], Any]) -> None:
        self._channel = channel
        self._around = around

    async def publish(self, envelope: Envelope) -> None:
        with self._around(envelope):
            await self._channel.publish(envelope)

    def may_reach(self, user: UserId) -> bool:
        return self._channel.may_reach(user)


def _ids(envelope: Envelope, connected: Callable[[UserId], bool]) -> list[NotificationId]:
    """What somebody here is shown."""
    if envelope["kind"] == "notification":
        return [id for id, user in envelope["to"] if connected(user)]
    return [envelope["payload"]["id"]] if envelope["kind"] == "announcement" else []
