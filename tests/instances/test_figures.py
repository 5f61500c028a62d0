"""What the figures say of Redis and of the channel, while Redis is killed and when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from ..raw import raw_client
from ..servers import RedisServer
from ..service import Service
from .conftest import Cluster
from .test_fanout import becomes

Figures = dict[str, float]


async def figures(service: Service) -> Figures:
    """All of them; those that differ in labels are added."""
    async with httpx.AsyncClient(timeout=30, verify=False) as http:
        text = (await http.get(f"{service.base_url}/metrics")).text
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


async def when(service: Service, condition: Callable[[Figures], bool]) -> Figures:
    """The figures, once they are so."""
    async with asyncio.timeout(30):
        while not condition(found := await figures(service)):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)
    return found


async def test_they_say_that_redis_is_gone_and_that_it_is_back(cluster: Cluster, redis: RedisServer, user: str) -> None:
    here, there = cluster
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    before = await when(here, lambda found: found["eventide_channel_instances"] == 2)
    assert before["eventide_channel_lag_seconds_count"] > 0
    assert before["eventide_redis_seconds_count"] > 0
    before = await figures(there)
    async with raw_client(there.base_url, {"token": there.token(user)}) as device:
        await device.event("catch_up_complete")
        redis.kill()
        try:
            await when(here, lambda found: found["eventide_channel_deaf"] == 1)
            # It may have been degraded before, for as long: when it began, or while the other one stood still.
            gone = await when(
                there,
                lambda found: (
                    found["eventide_channel_degraded_seconds_total"]
                    > before["eventide_channel_degraded_seconds_total"] + 1
                    and found["eventide_channel_deaf"] == 1
                ),
            )
            assert gone["eventide_channel_degraded"] == 1
            assert gone["eventide_redis_errors_total"] > 0
            await asyncio.to_thread(here.send, user)
            await device.event("notification", within=30)
        finally:
            await asyncio.to_thread(redis.start)
        await when(there, lambda found: found["eventide_notifications_recovered_total"] >= 1)
        await when(there, lambda found: found["eventide_delivery_seconds_count"] >= 1)
    for instance in cluster:
        await when(
            instance, lambda found: found["eventide_channel_instances"] == 2 and found["eventide_channel_deaf"] == 0
        )
