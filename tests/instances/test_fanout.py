"""Two instances are one service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any

import httpx
import pytest
import socketio
from redis.asyncio import Redis

from eventide_notify.channel.redis import FRESH

from ..raw import RawClient, raw_client
from ..servers import RedisServer
from ..service import Altered, Service
from ..waiting import until
from .conftest import Cluster
from .devices import device

Pair = tuple[RawClient, RawClient]


@pytest.fixture
async def devices(cluster: Cluster, user: str) -> AsyncIterator[Pair]:
    """Two devices of the user, one on each instance."""
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(raw_client(instance.base_url, {"token": instance.token(user)}))
            for instance in cluster
        ]
        for each in (one, other):
            await each.event("catch_up_complete")
        yield one, other


def rest(instance: Service, method: str, path: str, body: Any = None, *, user: str = "admin") -> Any:
    with instance.client(user, admin=user == "admin") as client:
        answer = client.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else None


async def test_a_notification_reaches_every_device(cluster: Cluster, devices: Pair, user: str) -> None:
    for sender in cluster:
        [id] = await asyncio.to_thread(sender.send, user)
        for each in devices:
            shown = await each.frame(lambda frame, id=id: id in frame)  # type: ignore[misc]
            assert "replayed" not in shown
    for each in devices:
        assert [item["id"] for item in each.events("notification")] == sorted(
            {item["id"] for item in each.events("notification")}
        )


async def test_a_change_of_state_reaches_every_device(cluster: Cluster, devices: Pair, user: str) -> None:
    [id] = await asyncio.to_thread(cluster[0].send, user)
    for each in devices:
        await each.frame(lambda frame: id in frame)
    await devices[0].call("mark_read", {"notificationId": id})
    for each in devices:
        assert await each.event("notification_read") == {"ids": [id], "unreadCount": 0, "unseenCount": 0}
    await asyncio.to_thread(rest, cluster[1], "DELETE", f"/v1/notifications/{id}", user=user)
    for each in devices:
        assert await each.event("notification_deleted") == {"ids": [id], "unreadCount": 0, "unseenCount": 0}
        await until(lambda each=each: each.events("unread_count")[-1:] == [{"unreadCount": 0, "unseenCount": 0}])  # type: ignore[misc]


async def test_events_of_the_callers_own_and_announcements(cluster: Cluster, devices: Pair, user: str) -> None:
    event = {"userIds": [user], "event": "prices", "payload": {"EUR": 1.17}}
    await asyncio.to_thread(rest, cluster[0], "POST", "/v1/admin/events", event)
    for each in devices:
        assert await each.event("prices") == {"EUR": 1.17}
    made = await asyncio.to_thread(rest, cluster[1], "POST", "/v1/admin/announcements", {"message": "Noon"})
    for each in devices:
        assert (await each.event("announcement"))["id"] == made["id"]
        await until(lambda each=each: each.events("unread_count")[-1:] == [{"unreadCount": 1, "unseenCount": 1}])  # type: ignore[misc]
    await asyncio.to_thread(rest, cluster[0], "DELETE", f"/v1/admin/announcements/{made['id']}")
    for each in devices:
        assert await each.event("notification_deleted") == {"ids": [made["id"]], "unreadCount": 0, "unseenCount": 0}


async def test_who_is_online_is_known_on_every_instance(cluster: Cluster, devices: Pair, user: str) -> None:
    for instance in cluster:
        while (await asyncio.to_thread(rest, instance, "GET", f"/v1/admin/users/{user}/online"))["connections"] != 2:
            pass  # the test's own time limit is the bound
        assert user in (await asyncio.to_thread(rest, instance, "GET", "/v1/admin/online-users"))["userIds"]


async def test_other_python_socketio_code_reaches_users_sessions_and_namespaces(
    redis: RedisServer, cluster: Cluster, devices: Pair, user: str
) -> None:
    worker = socketio.AsyncRedisManager(redis.url(), write_only=True)
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token("somebody else")}) as somebody:
        await somebody.event("catch_up_complete")
        await worker.emit("to_a_user", {"n": 1}, namespace="/notifications", room=f"user:{user}")
        for each in devices:
            assert await each.event("to_a_user") == {"n": 1}
        connected = await devices[1].frame(lambda frame: frame.startswith("40"))
        sid = json.loads(connected.partition(",")[2])["sid"]
        await worker.emit("to_a_session", {"n": 2}, namespace="/notifications", room=sid)
        assert await devices[1].event("to_a_session") == {"n": 2}
        await worker.emit("to_all", {"n": 3}, namespace="/notifications")
        for each in (*devices, somebody):
            assert await each.event("to_all") == {"n": 3}
        assert [len(each.events("to_a_session")) for each in (*devices, somebody)] == [0, 1, 0]
        assert [len(each.events("to_a_user")) for each in (*devices, somebody)] == [1, 1, 0]
    await worker.redis.aclose()


async def ready(instance: Service) -> tuple[int, str]:
    async with httpx.AsyncClient(base_url=instance.base_url, timeout=30) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()["status"]


async def becomes(instance: Service, wanted: tuple[int, str]) -> None:
    while await ready(instance) != wanted:  # noqa: ASYNC110 - the test's own time limit is the bound
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
async def test_without_redis_it_is_slower_and_loses_nothing(
    cluster: Cluster, redis: RedisServer, user: str, fault: str
) -> None:
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    async with device(cluster[0], user) as one, device(cluster[1], user) as other, device(cluster[1], "lone") as lone:
        await until(lambda: all(each.connections for each in (one, other, lone)))
        ids, own = [], []
        if fault == "stopped":
            redis.kill()
        else:
            redis.freeze()
        try:
            for number in range(8):
                ids += await asyncio.to_thread(cluster[number % 2].send, user)
                own += await asyncio.to_thread(cluster[number % 2].send, "lone")
                if number == 3:
                    for instance in cluster:
                        await becomes(instance, (503, "degraded"))
            await until(lambda: set(ids) <= one.ids() & other.ids() and set(own) <= lone.ids(), within=30)
        finally:
            if fault == "stopped":
                redis.start()
            else:
                redis.thaw()
        for instance in cluster:
            await becomes(instance, (200, "ready"))
        [last] = await asyncio.to_thread(cluster[0].send, user)
        await until(lambda: last in one.ids() & other.ids(), within=30)
        for connection in lone.connections:
            shown = [item["id"] for item in connection.events("notification")]
            assert shown == sorted(set(shown)), "out of order, or twice"
        for each in (one, other, lone):
            copies = [item for item in each.shown() if item.get("replayed") is not True]
            assert len({item["id"] for item in copies}) == len(copies), "a copy that is not marked"


async def test_a_redis_that_is_away_for_a_moment_disturbs_no_order(
    cluster: Cluster, redis: RedisServer, user: str
) -> None:
    """What one instance publishes late may be older than what another one has published since."""
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    async with device(cluster[1], user) as lone:
        await until(lambda: lone.connections)
        ids: list[str] = []
        for number in range(60):
            if number in (5, 35):
                redis.kill()
            elif number in (10, 40):
                redis.start()
            ids += await asyncio.to_thread(cluster[number % 2].send, user)
        await until(lambda: set(ids) <= lone.ids(), within=30)
        for connection in lone.connections:
            shown = [item["id"] for item in connection.events("notification")]
            assert shown == sorted(set(shown)), "out of order, or twice"
    for instance in cluster:
        await becomes(instance, (200, "ready"))


async def test_changes_of_state_that_were_lost_are_read_again(
    cluster: Cluster, redis: RedisServer, devices: Pair, user: str
) -> None:
    """Redis is away for longer than changes are kept for it."""
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    here, there = cluster
    read, deleted, kept = [(await asyncio.to_thread(here.send, user))[0] for _ in range(3)]
    announced = await asyncio.to_thread(rest, here, "POST", "/v1/admin/announcements", {"message": "Noon"})
    for each in devices:
        await until(lambda each=each: each.events("unread_count")[-1:] == [{"unreadCount": 4, "unseenCount": 4}])  # type: ignore[misc]
        await each.frame(lambda frame: announced["id"] in frame)
    redis.kill()
    try:
        await asyncio.to_thread(rest, here, "PUT", f"/v1/notifications/{read}/read", user=user)
        await asyncio.to_thread(rest, here, "DELETE", f"/v1/notifications/{deleted}", user=user)
        await asyncio.to_thread(rest, here, "DELETE", f"/v1/admin/announcements/{announced['id']}")
        for instance in cluster:
            await becomes(instance, (503, "degraded"))
        await asyncio.sleep(FRESH + 1)  # nothing can be seen from outside of what is given up
    finally:
        redis.start()
    for each in devices:
        assert await each.event("reload", within=30) == {}
        await until(partial(_last_counts_are, each, {"unreadCount": 1, "unseenCount": 1}), within=30)
    assert devices[1].events("notification_read") == [], "lost, as was to be shown"
    for instance in (here, there):
        page = await asyncio.to_thread(rest, instance, "GET", "/v1/notifications", user=user)
        assert [(item["id"], item["read"]) for item in page["notifications"]] == [(kept, False), (read, True)]
        await becomes(instance, (200, "ready"))


async def test_another_instance_that_stands_still_keeps_nothing_from_being_shown(cluster: Cluster, user: str) -> None:
    here, there = cluster
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    async with raw_client(here.base_url, {"token": here.token(user)}) as device:
        await device.event("catch_up_complete")
        there.freeze()
        try:
            await becomes(here, (503, "degraded"))
            ids = [(await asyncio.to_thread(here.send, user))[0] for _ in range(3)]
            noon = await asyncio.to_thread(rest, here, "POST", "/v1/admin/announcements", {"message": "Noon"})
            await device.event("announcement")
        finally:
            there.thaw()
        assert [item["id"] for item in device.events("notification")] == ids
        assert [item["id"] for item in device.events("announcement")] == [noon["id"]]
        assert not any(item.get("replayed") for item in device.events("notification"))
        await asyncio.to_thread(rest, here, "DELETE", f"/v1/admin/announcements/{noon['id']}")
    for instance in cluster:
        await becomes(instance, (200, "ready"))


async def test_a_gap_is_closed_before_the_sweep_would_look(
    redis: RedisServer, settings: dict[str, str], user: str
) -> None:
    """What an instance has saved that is not on the channel has been lost, as far as the others can tell."""
    alone = {name: value for name, value in settings.items() if name != "EVENTIDE_REDIS_URL"}
    forged = {"method": "heartbeat", "host_id": "forged", "left": False}
    with ExitStack() as stack:
        # The sweep looks after a minute: however long a machine stands still, it was not the sweep that found it.
        late = {"service.missed.FIRST_LOOK": "12 * module.FIRST_LOOK"}
        instances = [stack.enter_context(Altered(late, settings)) for _ in range(2)]
        third = stack.enter_context(Service(alone))
        for instance in (*instances, third):
            await asyncio.to_thread(instance.start)
        async with AsyncExitStack() as connections:
            devices = [
                await connections.enter_async_context(raw_client(each.base_url, {"token": each.token(user)}))
                for each in instances
            ]
            for each in devices:
                await each.event("catch_up_complete")
            for instance in instances:
                await becomes(instance, (200, "ready"))
            channel = await connections.enter_async_context(Redis.from_url(redis.url(), socket_timeout=30))
            await channel.publish("socketio", json.dumps({**forged, "age": 0, "last": 0}))
            [id] = await asyncio.to_thread(third.send, user)
            await channel.publish("socketio", json.dumps({**forged, "age": 1, "last": 1, "left": True}))
            for each in devices:
                await each.frame(lambda frame: id in frame, within=30)
                assert await each.event("reload", within=30) == {}


async def test_it_starts_without_redis_and_finds_it_later(cluster: Cluster, redis: RedisServer, user: str) -> None:
    redis.kill()
    try:
        cluster[1].stop()
        cluster[1].start()
        async with raw_client(cluster[1].base_url, {"token": cluster[1].token(user)}) as device:
            await device.event("catch_up_complete")
            [id] = await asyncio.to_thread(cluster[1].send, user)
            assert (await device.event("notification"))["id"] == id
            await becomes(cluster[1], (503, "degraded"))
    finally:
        redis.start()
    await becomes(cluster[1], (200, "ready"))


def _last_counts_are(client: RawClient, counts: dict[str, int]) -> bool:
    return client.events("unread_count")[-1:] == [counts]
