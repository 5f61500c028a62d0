"""While Redis takes connections and does not answer, nobody who sends waits for it."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import pytest

from ..raw import raw_client
from .backends import Backend, DatabaseServers, Deployment, deploy
from .conftest import full_only

pytestmark = [pytest.mark.chaos, full_only]

SENDS = 60
PACE = 0.1
"""Seconds from one to the next: together longer than all time limits that have to do with Redis."""
FACTOR = 3.0
SHOWN_WITHIN = 10.0


async def test_a_frozen_redis_slows_no_send_and_stops_no_delivery(servers: DatabaseServers, notes: list[str]) -> None:
    with deploy(Backend("PostgreSQL", 2), servers) as deployment:
        await deployment.all_ready()
        other = deployment.urls[1]
        async with raw_client(other, {"token": deployment.token("reader")}) as reader:
            await reader.event("catch_up_complete")
            healthy, ids = await sends(deployment)
            assert deployment.redis is not None
            deployment.redis.freeze()
            try:
                frozen, later_ids = await sends(deployment)
                for id in ids + later_ids:
                    await reader.frame(lambda frame, id=id: id in frame, within=SHOWN_WITHIN)  # type: ignore[misc]
            finally:
                deployment.redis.thaw()
    notes.append(
        f"POST /v1/admin/notifications, median of {SENDS}: {healthy * 1000:.1f} ms with Redis healthy, "
        f"{frozen * 1000:.1f} ms with Redis frozen; all shown on the other instance"
    )
    assert frozen <= FACTOR * healthy


async def sends(deployment: Deployment) -> tuple[float, list[str]]:
    """The median time of sends to one instance, at an even pace, and the ids."""
    token, [url, *_] = deployment.token("sender", admin=True), deployment.urls
    took, ids = [], []
    for number in range(SENDS):
        body = {"userId": "reader", "message": f"number {number}"}
        began = time.monotonic()
        answer = await deployment.journal.ask("POST", url, "/v1/admin/notifications", token, body=body)
        took.append(time.monotonic() - began)
        assert answer is not None
        ids.append(answer.json()["notifications"][0]["id"])
        await asyncio.sleep(PACE)
    return median(took), ids
