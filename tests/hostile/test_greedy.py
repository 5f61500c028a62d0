"""One user who asks for as much as there is: all others are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ..service import Service
from .greedy import DEMANDS, UNKNOWN, Demand, demand, fill
from .innocent import while_asking
from .peer import bearer, connected, request
from .watch import Watch

SECONDS = 2.0
PATIENT = 6.0
"""Seconds for which the service has computed when 95 of 100 answers have come. It was a quarter of a minute without
bounds, and hundreds did not come."""


@pytest.fixture(scope="module")
def full() -> Iterator[Service]:
    """A service that has much for the greedy user."""
    with Service() as service:
        asyncio.run(fill(service, 12_000))
        service.start()
        yield service
        service.kill()  # what the greedy user has still asked for would be answered first


@pytest.mark.parametrize("what", DEMANDS, ids=str)
async def test_others_are_answered(full: Service, what: Demand) -> None:
    watch = Watch(full)
    client = await while_asking(full, demand(full, what, SECONDS))
    assert client.failures == []
    assert client.turns_within(0.95) < PATIENT
    assert watch.peak_growth < 50
    watch.assert_quiet()


@pytest.mark.parametrize("shape", ["object", "query"])
async def test_unknown_fields_are_counted_and_not_described(full: Service, shape: str) -> None:
    token, names = bearer(full.token("guesser")), list(UNKNOWN)[:1_000]
    body = ("{" + ",".join(f'"{name}":1' for name in names) + "}").encode()
    json = ("Content-Type", "application/json")
    asked = {
        "object": request("/v1/notifications/read-all", method="PUT", headers=[token, json], body=body),
        "query": request("/v1/notifications?" + "&".join(f"{name}=1" for name in names), headers=[token]),
    }
    async with connected(full.base_url) as peer:
        answer = await peer.exchange(asked[shape])
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == names[:20]
    assert answer.json["detail"].endswith("; and 995 more")
