"""Topics over several instances: live, and when Redis has lost what was announced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ..raw import RawClient, raw_client
from ..servers import RedisServer
from ..service import Service
from ..waiting import until
from .conftest import Cluster
from .test_fanout import becomes, rest

Devices = dict[str, list[RawClient]]


@pytest.fixture
async def devices(cluster: Cluster, user: str) -> AsyncIterator[Devices]:
    """Two users' devices, one of each on each instance. The first of them is subscribed."""
    await asyncio.to_thread(rest, cluster[0], "PUT", f"/v1/topics/{user}", user=user)
    async with AsyncExitStack() as stack:
        found: Devices = {"mine": [], "strangers": []}
        for name, whose in (("mine", user), ("strangers", f"not {user}")):
            for instance in cluster:
                client = raw_client(instance.base_url, {"token": instance.token(whose)})
                found[name].append(await stack.enter_async_context(client))
                await found[name][-1].event("catch_up_complete")
        yield found


async def announce(instance: Service, topic: str, **fields: Any) -> str:
    body = {"message": "News", "topic": topic, **fields}
    return str((await asyncio.to_thread(rest, instance, "POST", "/v1/admin/announcements", body))["id"])


async def test_it_reaches_the_subscribers_on_every_instance(cluster: Cluster, devices: Devices, user: str) -> None:
    for instance in cluster:
        for audience in ("everyone", "connected"):
            id = await announce(instance, user, audience=audience)
            for each in devices["mine"]:
                await each.frame(lambda frame, id=id: id in frame)  # type: ignore[misc]
    for each in devices["mine"]:
        await until(lambda each=each: each.events("unread_count")[-1:] == [{"unreadCount": 2, "unseenCount": 2}])  # type: ignore[misc]
        assert len(each.events("announcement")) == 4
    for each in devices["strangers"]:
        assert each.events("announcement") == each.events("unread_count") == []


async def test_a_subscription_is_told_on_every_instance(cluster: Cluster, devices: Devices, user: str) -> None:
    id = await announce(cluster[0], user)
    body = {"userIds": [user, f"not {user}"]}
    await asyncio.to_thread(rest, cluster[1], "PUT", f"/v1/admin/topics/{user}/subscribers", body)
    for each in devices["strangers"]:
        assert await each.event("reload") == {}
        await until(lambda each=each: each.events("unread_count")[-1:] == [{"unreadCount": 1, "unseenCount": 1}])  # type: ignore[misc]
    await asyncio.to_thread(rest, cluster[1], "DELETE", f"/v1/admin/topics/{user}/subscribers", body)
    for each in (*devices["mine"], *devices["strangers"]):
        gone = await each.event("notification_deleted")
        assert gone == {"ids": [id], "reason": "unsubscribed", "unreadCount": 0, "unseenCount": 0}
    assert all(each.events("reload") == [] for each in devices["mine"])


async def test_what_redis_has_lost_is_read_from_the_store(
    cluster: Cluster, redis: RedisServer, devices: Devices, user: str
) -> None:
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    redis.kill()
    try:
        ids = [await announce(instance, user) for instance in cluster for _ in range(2)]
        for each in devices["mine"]:
            for id in ids:
                await each.frame(lambda frame, id=id: id in frame, within=30)  # type: ignore[misc]
    finally:
        redis.start()
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    ids.append(await announce(cluster[0], user))
    for each in devices["mine"]:
        await each.frame(lambda frame: ids[-1] in frame)
        assert sorted(item["id"] for item in each.events("announcement")) == ids
    for each in devices["strangers"]:
        assert each.events("announcement") == []
