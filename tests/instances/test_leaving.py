"""What has expired, or was replaced, leaves the screens on all instances, and never comes back."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest

from eventide_notify.models import utc_now
from eventide_notify.wire import iso

from ..raw import RawClient, raw_client
from ..servers import RedisServer
from ..service import Service
from ..waiting import until
from .conftest import Cluster

DELETED = "notification_deleted"


@pytest.fixture
def user() -> str:
    return uuid4().hex


def connected(instance: Service, user: str, **auth: Any) -> Any:
    return raw_client(instance.base_url, {"token": instance.token(user), **auth})


def soon(seconds: float = 1.0) -> str:
    return iso(utc_now() + timedelta(seconds=seconds))


def made_to_expire(instance: Service, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What is made by this request, and expires in a second.

    One that comes when its time is over, from a machine that stood still, is refused: then there is another one.
    """
    with instance.client(admin=True) as client:
        while (answer := client.post(path, json=body | {"expiresAt": soon()})).status_code == 422:
            assert [error["field"] for error in answer.json()["errors"]] == ["expiresAt"]
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return made


def listed(instance: Service, user: str) -> dict[str, Any]:
    with instance.client(user) as client:
        found: dict[str, Any] = client.get("/v1/notifications").json()
        return found


async def deleted(client: RawClient, id: str) -> dict[str, Any]:
    def told() -> list[Any]:
        return [each for each in client.events(DELETED) if id in each["ids"]]

    await until(told, within=30)
    return dict(told()[0])


async def test_what_is_replaced_leaves_every_screen(cluster: Cluster, user: str) -> None:
    async with connected(cluster[0], user) as here, connected(cluster[1], user) as there:
        ids = [
            (await asyncio.to_thread(cluster[number % 2].send, user, message=str(number), collapseKey="build"))[0]
            for number in range(3)
        ]
        for client in (here, there):
            for old, new in pairwise(ids):
                told = await deleted(client, old)
                counts = {"unreadCount": 1, "unseenCount": 1}
                assert told == {"ids": [old], "reason": "collapsed", "replacedBy": new, **counts}
            shown = client.events("notification")
            assert [each["id"] for each in shown] == ids
            assert [each.get("collapsed") for each in shown] == [None, 1, 2]
    [left] = (await asyncio.to_thread(listed, cluster[0], user))["notifications"]
    assert (left["id"], left["collapsed"], left["message"]) == (ids[-1], 2, "2")


async def test_a_flood_through_both_instances_leaves_one(cluster: Cluster, user: str) -> None:
    """And no screen shows one again after it was told that it is gone: also who connects meanwhile."""
    sends = 60
    clients: list[RawClient] = []
    async with (
        connected(cluster[0], user) as one,
        connected(cluster[1], user) as other,
        httpx.AsyncClient(headers=cluster[0].bearer(admin=True), timeout=30, verify=False) as http,
    ):
        clients += [one, other]

        async def send(number: int) -> str:
            body = {"userId": user, "message": str(number), "collapseKey": "flood"}
            answer = await http.post(f"{cluster[number % 2].base_url}/v1/admin/notifications", json=body)
            assert answer.status_code == 201
            return str(answer.json()["notifications"][0]["id"])

        sending = asyncio.gather(*map(send, range(sends)))
        async with connected(cluster[0], user) as third, connected(cluster[1], user, catchUp="batch") as fourth:
            clients += [third, fourth]
            ids = await sending
            [left] = (await asyncio.to_thread(listed, cluster[0], user))["notifications"]
            assert left["id"] in ids
            assert left["collapsed"] == sends - 1
            for client in clients:
                await until(lambda client=client: on_screen(client) == {left["id"]}, within=30)  # type: ignore[misc]
            for client in clients:
                assert_nothing_comes_back(client)
            assert [client.events(DELETED)[-1]["unreadCount"] for client in (one, other)] == [1, 1]


def steps(client: RawClient) -> list[tuple[str, str]]:
    """What was shown, and what was taken away, in order."""
    found: list[tuple[str, str]] = []
    start = "42/notifications,"
    for frame in [each for each in client.frames if each.startswith(start)]:
        name, payload = json.loads(frame.removeprefix(start))
        if name == "notification":
            found.append(("shown", payload["id"]))
        elif name == "pending_notifications":
            found += [("shown", each["id"]) for each in payload]
        elif name == DELETED:
            found += [("gone", id) for id in payload["ids"]]
    return found


def on_screen(client: RawClient) -> set[str]:
    there: set[str] = set()
    for what, id in steps(client):
        if what == "shown":
            there.add(id)
        else:
            there.discard(id)
    return there


def assert_nothing_comes_back(client: RawClient) -> None:
    gone: set[str] = set()
    for what, id in steps(client):
        if what == "gone":
            gone.add(id)
        assert what == "gone" or id not in gone


async def test_what_expires_leaves_every_screen(cluster: Cluster, user: str) -> None:
    async with connected(cluster[0], user) as here, connected(cluster[1], user) as there:
        [kept] = await asyncio.to_thread(cluster[1].send, user)
        until_then = soon(8)  # all are to have it before, on a machine that stands still for some seconds too
        [id] = await asyncio.to_thread(cluster[0].send, user, expiresAt=until_then)
        for client in (here, there):
            await until(lambda client=client: id in on_screen(client))  # type: ignore[misc]
        for client in (here, there):
            told = await deleted(client, id)
            assert told == {"ids": [id], "reason": "expired", "unreadCount": 1, "unseenCount": 1}
    for instance in cluster:
        found = await asyncio.to_thread(listed, instance, user)
        assert [item["id"] for item in found["notifications"]] == [kept]
        assert found["unreadCount"] == 1
        with instance.client(admin=True) as client:
            assert client.get(f"/v1/admin/notifications/{id}").status_code == 404
    async with connected(cluster[0], user, since=kept) as later:
        complete = await later.event("catch_up_complete")
        assert complete["unreadCount"] == 1
        assert id not in {item["id"] for item in later.events("notification")}


async def test_an_announcement_that_expires_leaves_every_screen(cluster: Cluster, user: str) -> None:
    async with connected(cluster[0], user) as here, connected(cluster[1], user) as there:
        body = {"message": "Soon over"}
        id = (await asyncio.to_thread(made_to_expire, cluster[0], "/v1/admin/announcements", body))["id"]
        for client in (here, there):
            told = await deleted(client, id)
            assert told == {"ids": [id], "reason": "expired", "unreadCount": 0, "unseenCount": 0}


async def test_while_redis_hangs_each_instance_tells_its_own(cluster: Cluster, redis: RedisServer, user: str) -> None:
    """And what comes late then, through Redis or from the store, is not shown."""
    async with connected(cluster[0], user) as here, connected(cluster[1], user) as there:
        redis.freeze()
        try:
            body = {"userId": user, "message": "Soon over"}
            made = await asyncio.to_thread(made_to_expire, cluster[0], "/v1/admin/notifications", body)
            id = made["notifications"][0]["id"]
            for client in (here, there):
                assert (await deleted(client, id))["reason"] == "expired"
        finally:
            redis.thaw()
        [last] = await asyncio.to_thread(cluster[0].send, user, message="last")
        for client in (here, there):
            await until(lambda client=client: last in on_screen(client), within=30)  # type: ignore[misc]
            assert_nothing_comes_back(client)
            assert on_screen(client) == {last}
