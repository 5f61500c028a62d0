"""Announcements that have to be acknowledged, on two instances: told to all devices, and reminded of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ..raw import RawClient, raw_client
from ..service import Service
from ..waiting import asked_until, until
from .conftest import Cluster
from .test_fanout import rest

ANNOUNCE = "/v1/admin/announcements"
NAMESPACES = ("/notifications", "/")


async def announce(instance: Service, **fields: Any) -> str:
    body = {"message": "Read this", "requireAck": True, **fields}
    made = await asyncio.to_thread(rest, instance, "POST", ANNOUNCE, body)
    return str(made["id"])


async def retract(instance: Service, id: str) -> None:
    with instance.client(admin=True) as admin:
        await asyncio.to_thread(admin.delete, f"{ANNOUNCE}/{id}")


@pytest.fixture
async def devices(cluster: Cluster, user: str) -> AsyncIterator[list[RawClient]]:
    """Two devices of the user, at different instances and in different namespaces."""
    async with (
        raw_client(cluster[0].base_url, {"token": cluster[0].token(user)}) as one,
        raw_client(cluster[1].base_url, {"token": cluster[1].token(user)}, namespace="/") as two,
    ):
        for client, namespace in zip((one, two), NAMESPACES, strict=True):
            await client.event("catch_up_complete", namespace=namespace)
        yield [one, two]


async def test_an_acknowledgement_is_told_to_all_devices(cluster: Cluster, devices: list[RawClient]) -> None:
    id = await announce(cluster[0])
    for client, namespace in zip(devices, NAMESPACES, strict=True):
        assert (await client.event("announcement", namespace=namespace))["requireAck"] is True
    refused = {"code": "conflict", "message": "This has to be acknowledged first."}
    for event in ("mark_read", "archive", "delete_notification"):
        assert await devices[0].call(event, {"notificationId": id}) == {"success": False, "error": refused}
    assert (await devices[0].call("mark_all_read"))["updated"] == 0
    answer = await devices[1].call("acknowledge", {"notificationId": id}, namespace="/")
    at = answer["acknowledgedAt"]
    counts = {"unreadCount": 0, "unseenCount": 0}
    assert answer == {"success": True, "notificationId": id, "acknowledgedAt": at, **counts}
    changes = {"acknowledgedAt": at, "readAt": at, "seenAt": at, "status": "READ", "read": True, "seen": True}
    for client, namespace in zip(devices, NAMESPACES, strict=True):
        updated = await client.event("notification_updated", namespace=namespace)
        assert updated == {"ids": [id], "changes": changes, **counts}
        assert client.events("notification_read", namespace=namespace)[-1] == {"ids": [id], **counts}
    # The other instance remembers it, and may need a moment to say so.
    await asked_until(
        lambda: asyncio.to_thread(rest, cluster[0], "GET", f"/v1/admin/notifications/{id}/timeline"),
        lambda timeline: "acknowledged" in [event["what"] for event in timeline["events"]],
    )
    await retract(cluster[0], id)


async def test_of_two_devices_that_acknowledge_at_once_one_is_first(cluster: Cluster, devices: list[RawClient]) -> None:
    for _ in range(5):
        id = await announce(cluster[1])
        answers = await asyncio.gather(
            *(
                client.call("acknowledge", {"notificationId": id}, namespace=namespace)
                for client, namespace in zip(devices, NAMESPACES, strict=True)
            )
        )
        assert answers[0] == answers[1]
        assert answers[0]["success"] is True
        page = await devices[0].call("get_notifications", {"unread": False, "limit": 1})
        assert page["notifications"][0]["acknowledgedAt"] == answers[0]["acknowledgedAt"]
        await retract(cluster[0], id)


async def test_acknowledging_while_it_is_retracted(cluster: Cluster, devices: list[RawClient]) -> None:
    for _ in range(5):
        id = await announce(cluster[0])
        await devices[0].event("announcement")
        answer, _ = await asyncio.gather(
            devices[0].call("acknowledge", {"notificationId": id}), retract(cluster[1], id)
        )
        assert answer["success"] or answer["error"]["code"] in ("not_found", "outcome_unknown")
        again = await devices[0].call("acknowledge", {"notificationId": id})
        assert again["error"]["code"] == "not_found"
        assert (await devices[0].call("get_unread_count"))["unreadCount"] == 0


@pytest.mark.parametrize(
    "wrong", [None, "x", 1, [], {}, {"notificationId": None}, {"notificationId": 1}, {"notificationId": "x" * 65},
              {"notificationIds": ["x"]}, {"notificationId": "x", "userId": "1"}], ids=repr
)  # fmt: skip
async def test_what_is_no_acknowledgement_is_refused(devices: list[RawClient], wrong: Any) -> None:
    answer = await devices[0].call("acknowledge", wrong)
    assert (answer["success"], answer["error"]["code"]) == (False, "invalid_request")
    await devices[0].emit("acknowledge", wrong)
    assert (await devices[0].event("exception"))["code"] == "invalid_request"


async def test_what_another_user_has_cannot_be_acknowledged(cluster: Cluster, devices: list[RawClient]) -> None:
    [id] = await asyncio.to_thread(cluster[0].send, "somebody else")
    answer = await devices[0].call("acknowledge", {"notificationId": id})
    assert answer["error"]["code"] == "not_found"


# Reminders


def reminders(client: RawClient, id: str, namespace: str = "/notifications") -> list[dict[str, Any]]:
    shown = client.events("announcement", namespace=namespace)
    return [item for item in shown if item["id"] == id and item.get("reminder")]


async def reminded(
    client: RawClient, id: str, namespace: str = "/notifications", *, times: int = 2
) -> list[dict[str, Any]]:
    """The reminders, once there are so many."""
    await until(lambda: len(reminders(client, id, namespace)) >= times, within=45)
    return reminders(client, id, namespace)


async def test_who_has_not_acknowledged_is_reminded_wherever_they_are(
    cluster: Cluster, devices: list[RawClient], user: str
) -> None:
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token(f"not-{user}")}) as other:
        await other.event("catch_up_complete")
        id = await announce(cluster[0], remindAfter=1)
        first = await other.event("announcement")
        await other.call("acknowledge", {"notificationId": id})
        # On a machine that stood still there may be reminders before that, and one that was under way.
        there = len(reminders(devices[1], id, "/"))
        await reminded(devices[1], id, "/", times=there + 2)
        await other.call("get_unread_count")  # what the instance sent before has come, too
        before = other.events("announcement")
        for client, namespace in zip(devices, NAMESPACES, strict=True):
            found = await reminded(client, id, namespace)
            assert all(item == first | {"reminder": True} for item in found)
            assert client.events("global_notification", namespace=namespace)[1] == first | {"reminder": True}
        await reminded(devices[1], id, "/", times=there + 4)
        await other.call("get_unread_count")
        assert other.events("announcement") == before
    await devices[0].call("acknowledge", {"notificationId": id})
    another = await announce(cluster[0], remindAfter=1)
    await reminded(devices[0], another)
    number = len(reminders(devices[0], id))  # with one that was under way
    await reminded(devices[0], another, times=4)
    assert len(reminders(devices[0], id)) == number
    for each in (id, another):
        await retract(cluster[0], each)


async def test_what_is_retracted_is_not_reminded_of(cluster: Cluster, devices: list[RawClient]) -> None:
    id = await announce(cluster[0], remindAfter=1)
    await reminded(devices[0], id)
    await retract(cluster[1], id)
    await devices[0].event("notification_deleted")
    another = await announce(cluster[0], remindAfter=1)
    await reminded(devices[0], another)
    number = len(reminders(devices[0], id))  # with one that was under way
    await reminded(devices[0], another, times=4)
    assert len(reminders(devices[0], id)) == number
    await retract(cluster[0], another)


async def test_of_a_topic_its_subscribers_are_reminded(cluster: Cluster, devices: list[RawClient], user: str) -> None:
    topic = f"topic of {user}"
    assert (await devices[0].call("subscribe", {"topic": topic}))["success"]
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token(f"not-{user}")}) as other:
        await other.event("catch_up_complete")
        id = await announce(cluster[1], topic=topic, remindAfter=1)
        await reminded(devices[1], id, "/")
        assert (await devices[0].call("acknowledge", {"notificationId": id}))["success"]
        assert (await other.call("acknowledge", {"notificationId": id}))["error"]["code"] == "not_found"
        assert other.events("announcement") == []
    reach = await asyncio.to_thread(rest, cluster[0], "GET", f"{ANNOUNCE}/{id}/reach")
    assert reach == {"users": 1, "received": 1, "read": 1, "acknowledged": 1}
    missing = await asyncio.to_thread(rest, cluster[0], "GET", f"{ANNOUNCE}/{id}/reach/missing")
    assert missing == {"userIds": []}
    await retract(cluster[0], id)


async def test_reminders_outlive_the_instance_that_announced(settings: dict[str, str], cluster: Cluster) -> None:
    with Service(settings) as brief:
        brief.start()
        id = await announce(brief, remindAfter=1)
        await asyncio.to_thread(brief.kill)
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token("who stays")}) as client:
        await reminded(client, id)
    await retract(cluster[0], id)
