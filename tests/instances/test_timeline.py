"""What became of a notification, told by two instances together."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ..polling import polling_client
from ..raw import RawClient, raw_client
from ..servers import RedisServer
from ..service import Service
from ..waiting import asked_until
from .conftest import Cluster
from .test_fanout import becomes, rest

Event = dict[str, Any]


async def events(instance: Service, id: str) -> list[Event]:
    told = await asyncio.to_thread(rest, instance, "GET", f"/v1/admin/notifications/{id}/timeline")
    found: list[Event] = told["events"]
    return found


async def until_told(instance: Service, id: str, *what: str) -> list[Event]:
    """The timeline once these have happened, in this order."""
    return await asked_until(lambda: events(instance, id), lambda found: [each["what"] for each in found] == [*what])


def shorter(events: list[Event], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(event.get(name) for name in names) for event in events]


async def instance_ids(cluster: Cluster) -> list[str]:
    """The ids of the instances, in the order of the cluster: found by the sessions of a user at each."""
    found = []
    for number, instance in enumerate(cluster):
        user = f"who is {number}"
        async with raw_client(instance.base_url, {"token": instance.token(user)}):
            [session] = (await asyncio.to_thread(rest, instance, "GET", f"/v1/admin/users/{user}/sessions"))["sessions"]
            found.append(session["instance"])
    return found


def sid(client: RawClient) -> str:
    connected = next(frame for frame in client.frames if frame.startswith("40"))
    return str(json.loads(connected.partition(",")[2])["sid"])


async def test_sent_on_one_instance_and_shown_received_and_read_on_another(cluster: Cluster, user: str) -> None:
    one, two = await instance_ids(cluster)
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token(user)}) as client:
        await client.event("catch_up_complete")
        [id] = await asyncio.to_thread(cluster[0].send, user)
        await client.event("notification")
        await until_told(cluster[0], id, "created", "sent", "received")
        await client.call("mark_read", {"notificationId": id})
        for instance in cluster:
            found = await until_told(instance, id, "created", "sent", "received", "read")
            assert shorter(found, "what", "instance", "session", "detail") == [
                ("created", one, None, "by admin"),
                ("sent", two, sid(client), "live"),
                ("received", two, sid(client), "pong"),
                ("read", two, sid(client), None),
            ]
            assert [event["at"] for event in found] == sorted(event["at"] for event in found)


async def test_of_a_user_who_was_offline_and_came_back(cluster: Cluster, user: str) -> None:
    one, two = await instance_ids(cluster)
    [id] = await asyncio.to_thread(cluster[0].send, user)
    found = await until_told(cluster[1], id, "created", "waiting")
    assert shorter(found, "instance", "detail") == [(one, "by admin"), (None, "the user has no open session")]
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token(user)}) as client:
        await client.event("catch_up_complete")
        found = await until_told(cluster[0], id, "created", "sent", "received")
        assert shorter(found[1:], "instance", "session", "detail") == [
            (two, sid(client), "replay"),
            (two, sid(client), "pong"),
        ]


async def test_of_a_client_that_wants_nothing_of_what_it_missed(cluster: Cluster, user: str) -> None:
    [id] = await asyncio.to_thread(cluster[0].send, user)
    auth = {"token": cluster[1].token(user), "catchUp": "none"}
    async with raw_client(cluster[1].base_url, auth) as client:
        await client.event("catch_up_complete")
        found = await until_told(cluster[0], id, "created", "waiting")
        assert (found[1]["session"], found[1]["detail"]) == (
            sid(client),
            "the client asked for nothing that it missed (catchUp: none)",
        )


async def test_of_a_client_that_does_not_answer_and_of_what_was_acknowledged(cluster: Cluster, user: str) -> None:
    address = cluster[1].base_url, {"token": cluster[1].token(user)}
    async with raw_client(*address, answers_pings=False) as client:
        await client.event("catch_up_complete")
        [id] = await asyncio.to_thread(cluster[0].send, user)
        await client.event("notification")
        found = await until_told(cluster[0], id, "created", "sent", "waiting")
        assert found[2]["detail"] == "sent, and the client has not confirmed it yet"
        await client.call("notification_ack", {"ids": [id]})
        found = await until_told(cluster[0], id, "created", "sent", "received")
        assert (found[2]["session"], found[2]["detail"]) == (sid(client), "ack")


async def test_after_a_lost_poll(cluster: Cluster, user: str) -> None:
    auth = {"token": cluster[1].token(user)}
    async with polling_client(cluster[1].base_url, auth) as client:
        await client.event("catch_up_complete")
        poll = await client.ask()
        await client.was_heard()
        [id] = await asyncio.to_thread(cluster[0].send, user)
        await poll.arrived()
        poll.reset()
        await until_told(cluster[0], id, "created", "sent", "waiting")
        await client.post("1")  # it closes its transport
        found = await until_told(cluster[0], id, "created", "sent", "lost", "waiting")
        assert found[2]["session"] == found[1]["session"]
        assert found[2]["detail"] == "client disconnect"
    async with polling_client(cluster[0].base_url, auth) as client:
        await client.event("catch_up_complete")
        await client.ask()
        found = await until_told(cluster[1], id, "created", "sent", "lost", "sent", "received")
        assert shorter(found[3:], "detail") == [("replay",), ("poll",)]
        assert found[3]["session"] == found[4]["session"] != found[1]["session"]


async def test_of_an_announcement_sessions_are_counted(cluster: Cluster, user: str) -> None:
    one, two = await instance_ids(cluster)
    async with (
        raw_client(cluster[0].base_url, {"token": cluster[0].token(user)}) as here,
        raw_client(cluster[1].base_url, {"token": cluster[1].token(user)}) as there,
        raw_client(cluster[1].base_url, {"token": cluster[1].token(f"not-{user}")}) as other,
    ):
        for client in (here, there, other):
            await client.event("catch_up_complete")
        made = await asyncio.to_thread(rest, cluster[0], "POST", "/v1/admin/announcements", {"message": "Noon"})
        sent = [(one, "sent", "live", 1), (two, "sent", "live", 2)]
        received = [(one, "received", "pong", 1), (two, "received", "pong", 2)]
        await until_counted(cluster[0], made["id"], *sent, *received)
        await asyncio.to_thread(rest, cluster[1], "DELETE", f"/v1/admin/announcements/{made['id']}")
        # The other instance remembers it, and may need a moment to say so.
        found = await asked_until(
            lambda: events(cluster[0], made["id"]),
            lambda found: [event["what"] for event in found][-2:] == ["retracted", "gone"],
        )
        assert found[-2]["detail"] == "by admin"


async def until_counted(instance: Service, id: str, *wanted: tuple[Any, ...]) -> None:
    def is_counted(found: list[Event]) -> bool:
        return set(wanted) <= set(shorter(found, "instance", "what", "detail", "count"))

    await asked_until(lambda: events(instance, id), is_counted)


async def test_what_redis_lost_is_sent_by_what_finds_it(cluster: Cluster, redis: RedisServer, user: str) -> None:
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    _, two = await instance_ids(cluster)
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token(user)}) as client:
        await client.event("catch_up_complete")
        redis.kill()
        try:
            [id] = await asyncio.to_thread(cluster[0].send, user)
            await client.frame(lambda frame: id in frame, within=30)
            found = await asked_until(
                lambda: events(cluster[1], id), lambda found: "sent" in [event["what"] for event in found]
            )
            assert [(event["instance"], event["detail"]) for event in found if event["what"] == "sent"] in (
                [(two, "gap")], [(two, "sweep")],
            )  # fmt: skip
        finally:
            redis.start()
    for instance in cluster:
        await becomes(instance, (200, "ready"))


@pytest.mark.parametrize("how", ["REST", "a session"])
async def test_what_was_deleted_is_told_all_the_same(cluster: Cluster, user: str, how: str) -> None:
    async with raw_client(cluster[1].base_url, {"token": cluster[1].token(user)}) as client:
        await client.event("catch_up_complete")
        [id] = await asyncio.to_thread(cluster[0].send, user)
        await until_told(cluster[0], id, "created", "sent", "received")
        if how == "REST":
            await asyncio.to_thread(rest, cluster[1], "DELETE", f"/v1/notifications/{id}", user=user)
        else:
            await client.call("delete_notification", {"notificationId": id})
        found = await until_told(cluster[0], id, "created", "sent", "received", "deleted", "gone")
        assert found[3].get("session") == (None if how == "REST" else sid(client))


async def test_who_was_evicted_did_not_get_it(cluster: Cluster, settings: dict[str, str], user: str) -> None:
    with Service({**settings, "EVENTIDE_MAX_SOCKETS_PER_USER": "1"}) as third:
        await asyncio.to_thread(third.start)
        address = third.base_url, {"token": third.token(user)}
        async with raw_client(*address, answers_pings=False) as silent:
            await silent.event("catch_up_complete")
            [id] = await asyncio.to_thread(cluster[0].send, user)
            await silent.event("notification")
            async with raw_client(*address):
                found = await until_told(cluster[0], id, "created", "sent", "lost", "sent", "received")
                assert found[2]["detail"].startswith("evicted")
                assert found[2]["session"] == sid(silent)
