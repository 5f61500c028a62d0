"""A trace from the request to the receipt, over two instances, sent by OTLP to a receiver here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..raw import raw_client
from ..servers.collector import Collector, Span, collecting
from ..service import Service
from ..waiting import until
from .conftest import Cluster

SECRET_TEXT = "nobody's business but the user's"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(settings: dict[str, str], collector: Collector) -> Iterator[Cluster]:
    """Two instances that are told where traces go."""
    with ExitStack() as stack:
        instances = []
        for name in ("one", "two"):
            told = {
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url,
                "OTEL_SERVICE_NAME": name,
                "OTEL_BSP_SCHEDULE_DELAY": "100",
            }
            instances.append(stack.enter_context(Service({**settings, **told})))
            instances[-1].start()
        yield instances


def send(service: Service, user: str, trace: str | None = None, message: str = SECRET_TEXT) -> None:
    headers = {} if trace is None else {"traceparent": f"00-{trace}-{'1' * 16}-01"}
    with service.client(admin=True) as client:
        body = {"userId": user, "message": message}
        assert client.post("/v1/admin/notifications", json=body, headers=headers).status_code == 201


async def test_a_trace_goes_from_the_request_to_the_receipts_on_both_instances(
    traced: Cluster, collector: Collector, user: str
) -> None:
    here, there = traced
    trace = secrets.token_hex(16)
    async with (
        raw_client(here.base_url, {"token": here.token(user)}, answers_pings=True) as one,
        raw_client(there.base_url, {"token": there.token(user)}, answers_pings=True) as two,
    ):
        for client in (one, two):  # or it would be sent what it has missed, which is nobody's trace
            await client.event("catch_up_complete")
        send(here, user, trace)
        await until(lambda: len(collector.of(trace).get("receipt", ())) == 2)
    await until(lambda: "POST /v1/admin/notifications" in collector.of(trace))
    found = collector.of(trace)
    [request], [save], [publish] = found["POST /v1/admin/notifications"], found["store.add"], found["publish"]
    assert request.parent == "1" * 16
    assert request.attributes["http.response.status_code"] == "201"
    assert (save.parent, publish.parent) == (request.id, request.id)
    assert {each.service for each in (request, save, publish)} == {"one"}
    assert [(each.service, each.parent) for each in by_service(found["show"])] == [
        ("one", publish.id), ("two", publish.id),
    ]  # fmt: skip
    shown = {each.service: each.id for each in found["show"]}
    assert {each.service: each.parent for each in found["receipt"]} == shown
    assert all(each.seconds > 0 for each in found["receipt"])


def by_service(spans: list[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: span.service)


async def test_a_user_does_not_decide_what_is_recorded(traced: Cluster, collector: Collector, user: str) -> None:
    trace = secrets.token_hex(16)
    with traced[0].client(user) as client:
        client.get("/v1/notifications", headers={"traceparent": f"00-{trace}-{'1' * 16}-01"}).raise_for_status()
    await until(lambda: any(span.name == "GET /v1/notifications" for span in collector.spans))
    assert collector.of(trace) == {}


async def test_no_message_and_no_token_is_in_a_trace(traced: Cluster, collector: Collector, user: str) -> None:
    trace = secrets.token_hex(16)
    send(traced[0], user, trace)
    await until(lambda: "publish" in collector.of(trace))
    everything = b"".join(collector.bodies)
    assert SECRET_TEXT.encode() not in everything
    assert b"eyJ" not in everything
