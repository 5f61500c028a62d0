"""An instance that is killed says no goodbye. The others read what it may have sent, and go on as they were."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from ..raw import raw_client
from ..service import Service
from .conftest import Cluster
from .test_fanout import becomes


async def test_a_killed_instance_does_not_slow_the_own_sends_of_the_others(
    cluster: Cluster, settings: dict[str, str], user: str
) -> None:
    here, _ = cluster
    with Service(settings) as third:
        await asyncio.to_thread(third.start)
        for instance in (*cluster, third):
            await becomes(instance, (200, "ready"))
        async with raw_client(here.base_url, {"token": here.token(user)}) as device:
            await device.event("catch_up_complete")
            third.kill()
            await becomes(here, (503, "degraded"))
            ids, took = [], []
            for _ in range(30):
                began = time.monotonic()
                [id] = await asyncio.to_thread(here.send, user)
                await device.frame(lambda frame, id=id: id in frame)  # type: ignore[misc]
                took.append(time.monotonic() - began)
                ids.append(id)
            assert median(took) < 2, took  # a busy machine may stand still during some of them
            assert [item["id"] for item in device.events("notification")] == ids
            assert device.events("reload") == []
