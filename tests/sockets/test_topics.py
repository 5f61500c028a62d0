"""Topics over sockets: subscribing, and what is announced to those who are subscribed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ..raw import RawClient, raw_client
from ..service import Altered, Service
from ..waiting import until

Devices = dict[str, RawClient]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One that waits for counts and subscribers as long as a slow machine takes: without them they would follow."""
    with Altered({"realtime.leaving.COUNTS_WITHIN": 15, "realtime.hub.SUBSCRIBERS_WITHIN": 15}) as service:
        service.start()
        yield service


@pytest.fixture
async def devices(service: Service, user: str) -> AsyncIterator[Devices]:
    """Two of a user's, and one of another's."""
    async with AsyncExitStack() as stack:
        found: Devices = {}
        for name, whose in (("phone", user), ("desk", user), ("stranger", f"not {user}")):
            client = raw_client(service.base_url, {"token": service.token(whose)})
            found[name] = await stack.enter_async_context(client)
            await found[name].event("catch_up_complete")
        yield found


async def announce(service: Service, topic: str, **fields: Any) -> str:
    def post() -> str:
        with service.client(admin=True) as admin:
            body = {"message": "News", "topic": topic, **fields}
            answer = admin.post("/v1/admin/announcements", json=body).raise_for_status()
            return str(answer.json()["id"])

    return await asyncio.to_thread(post)


async def test_it_reaches_the_subscribers_and_nobody_else(service: Service, devices: Devices, user: str) -> None:
    topic = f"about/{user}"
    answer = await devices["phone"].call("subscribe", {"topic": topic})
    assert answer == {"success": True, "topic": topic}
    id = await announce(service, topic, title="Fresh")
    for name in ("phone", "desk"):
        for event in ("global_notification", "announcement"):
            shown = await devices[name].event(event)
            assert (shown["id"], shown["topic"], shown["title"]) == (id, topic, "Fresh")
        await until(lambda name=name: devices[name].events("unread_count")[-1:] == [counts(1)])  # type: ignore[misc]
    after = await announce(service, topic)
    await devices["phone"].frame(lambda frame: after in frame)
    assert not [frame for frame in devices["stranger"].frames if id in frame or after in frame]
    assert devices["stranger"].events("unread_count") == []


async def test_an_announcement_and_what_is_sent_after_it_come_in_order(
    service: Service, devices: Devices, user: str
) -> None:
    await devices["phone"].call("subscribe", {"topic": user})
    sent = []
    for _ in range(10):
        sent.append(await announce(service, user))
        sent += await asyncio.to_thread(service.send, user)
    phone = devices["phone"]
    await until(lambda: len(phone.events("notification")) == 10)
    came = [frame for frame in phone.frames if '["announcement"' in frame or '["notification"' in frame]
    assert [next(id for id in sent if id in frame) for frame in came] == sent


def counts(number: int) -> dict[str, int]:
    return {"unreadCount": number, "unseenCount": number}


async def test_who_subscribes_reads_again_what_there_is(service: Service, devices: Devices, user: str) -> None:
    id = await announce(service, user)
    for name in ("phone", "desk"):
        assert devices[name].events("reload") == []
    await devices["phone"].call("subscribe", {"topic": user})
    for name in ("phone", "desk"):
        assert await devices[name].event("reload") == {}
        await until(lambda name=name: devices[name].events("unread_count")[-1:] == [counts(1)])  # type: ignore[misc]
    listed = await devices["desk"].call("get_notifications")
    assert [item["id"] for item in listed["notifications"]] == [id]
    assert devices["stranger"].events("reload") == []


async def test_what_is_unread_leaves_the_screens_of_who_unsubscribes(
    service: Service, devices: Devices, user: str
) -> None:
    await devices["phone"].call("subscribe", {"topic": user})
    known, unread = await announce(service, user), await announce(service, user)
    await asyncio.to_thread(service.send, user)
    await devices["phone"].call("mark_read", {"notificationId": known})
    answer = await devices["phone"].call("unsubscribe", {"topic": user})
    assert answer == {"success": True, "topic": user}
    for name in ("phone", "desk"):
        gone = await devices[name].event("notification_deleted")
        assert gone == {"ids": [unread], "reason": "unsubscribed", **counts(1)}
    listed = await devices["desk"].call("get_notifications")
    assert [item["id"] for item in listed["notifications"]][-1:] == [known]
    assert unread not in str(listed)
    assert devices["stranger"].events("notification_deleted") == []
    await devices["phone"].call("unsubscribe", {"topic": user})
    await devices["phone"].call("get_unread_count")
    assert len(devices["phone"].events("notification_deleted")) == 1


async def test_who_was_away_is_replayed_it(service: Service, user: str) -> None:
    with service.client(user) as rest:
        rest.put(f"/v1/topics/{user}").raise_for_status()
    id = await announce(service, user)
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        shown = await client.event("announcement")
        assert (shown["id"], shown["topic"], shown["replayed"]) == (id, user, True)
        assert await client.event("catch_up_complete") == {"complete": True, "count": 1, **counts(1)}

    def status() -> str:
        with service.client(user) as rest:
            return str(rest.get(f"/v1/notifications/{id}").json()["status"])

    await until(lambda: status() == "DELIVERED")
    async with raw_client(service.base_url, {"token": service.token(f"not {user}")}) as client:
        assert (await client.event("catch_up_complete"))["count"] == 0


async def test_to_connected_subscribers_it_is_only_said(service: Service, devices: Devices, user: str) -> None:
    await devices["phone"].call("subscribe", {"topic": user})
    id = await announce(service, user, audience="connected")
    for name in ("phone", "desk"):
        shown = await devices[name].event("announcement")
        assert (shown["id"], shown["stored"]) == (id, False)
    assert (await devices["phone"].call("get_notifications"))["notifications"] == []
    assert devices["stranger"].events("announcement") == []


async def test_many_are_subscribed_and_unsubscribed_by_a_back_end(
    service: Service, devices: Devices, user: str
) -> None:
    def ask(method: str) -> None:
        with service.client(admin=True) as admin:
            body = {"userIds": [user, "nobody here"]}
            admin.request(method, f"/v1/admin/topics/{user}/subscribers", json=body).raise_for_status()

    id = await announce(service, user)
    await asyncio.to_thread(ask, "PUT")
    for name in ("phone", "desk"):
        assert await devices[name].event("reload") == {}
    await asyncio.to_thread(ask, "DELETE")
    for name in ("phone", "desk"):
        gone = await devices[name].event("notification_deleted")
        assert gone == {"ids": [id], "reason": "unsubscribed", **counts(0)}
    assert devices["stranger"].events("reload") == devices["stranger"].events("notification_deleted") == []


WRONG: list[Any] = [None, {}, [], "news", 42, {"topic": None}, {"topic": ""}, {"topic": 42}, {"topic": "x" * 129}]
FORGED: list[Any] = [
    {"topic": "a\x00"},
    {"topic": "\ud800"},
    {"topic": ["a"]},
    {"topic": "a", "user": "1"},
    {"topic": "x" * 50_000},
]


@pytest.mark.parametrize("event", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("data", [*WRONG, *FORGED], ids=lambda data: repr(data)[:30])
async def test_what_is_no_topic_is_refused(service: Service, user: str, event: str, data: Any) -> None:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        answer = await client.call(event, data)
        assert (answer["success"], answer["error"]["code"]) == (False, "invalid_request")
    with service.client(user) as rest:
        assert rest.get("/v1/topics").json() == {"topics": []}
