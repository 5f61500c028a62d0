"""Delivered means received: what confirms a notification, and what does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from eventide_notify.models import Receipt
from eventide_notify.realtime.receipts import ReceiptTracker

from ..raw import RawClient, raw_client
from ..service import Service

A, B, C = (Receipt("user", f"id-{letter}") for letter in "abc")


class TestReceiptTracker:
    def test_the_answer_to_a_ping_confirms_what_was_sent_before_it(self) -> None:
        tracker = ReceiptTracker()
        tracker.sent([A, B])
        tracker.ping()
        tracker.sent([C])
        assert tracker.pong() == [A, B]
        assert tracker.needs_ping

    def test_the_answer_to_an_older_ping_confirms_nothing_new(self) -> None:
        tracker = ReceiptTracker()
        tracker.ping()
        tracker.sent([A])
        tracker.ping()
        assert not tracker.pong()
        assert tracker.pong() == [A]

    def test_an_answer_confirms_all_pings_up_to_its_own(self) -> None:
        tracker = ReceiptTracker()
        tracker.sent([A])
        tracker.ping()
        tracker.sent([B])
        tracker.ping()
        assert tracker.pong() == [A]
        assert tracker.pong() == [B]

    def test_a_client_that_answers_what_nobody_asked_is_not_believed_any_more(self) -> None:
        tracker = ReceiptTracker()
        assert not tracker.pong()
        tracker.sent([A])
        assert not tracker.needs_ping
        tracker.ping()
        assert not tracker.pong()

    def test_it_loses_what_was_waiting_too(self) -> None:
        tracker = ReceiptTracker()
        tracker.ping()
        tracker.sent([A])
        assert not tracker.pong()
        assert not tracker.pong()
        tracker.ping()
        assert not tracker.pong()


async def status(service: Service, user: str, id: str) -> Any:
    def ask() -> Any:
        with service.client(user) as client:
            return client.get(f"/v1/notifications/{id}").json()["status"]

    return await asyncio.to_thread(ask)


async def becomes(service: Service, user: str, id: str, wanted: str) -> None:
    while await status(service, user, id) != wanted:  # noqa: ASYNC110 - bounded by the test's own time limit
        await asyncio.sleep(0.01)


async def test_a_client_that_answers_pings_confirms_by_itself(service: Service, user: str) -> None:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
        [id] = await asyncio.to_thread(service.send, user)
        await becomes(service, user, id, "DELIVERED")


async def test_a_frozen_client_confirms_once_it_thaws(service: Service, user: str) -> None:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
        client.answers_pings = False
        [id] = await asyncio.to_thread(service.send, user)
        await client.event("notification")
        await client.frame(lambda frame: frame == "2")  # it was asked, and says nothing
        [later] = await asyncio.to_thread(service.send, user)
        await client.frame(lambda frame: later in frame)
        assert await status(service, user, id) == "PENDING"
        await client.write("3")  # the answer to the first ping, sent before the second notification
        await becomes(service, user, id, "DELIVERED")
        assert await status(service, user, later) == "PENDING"


async def test_a_client_that_pongs_unasked_confirms_nothing(service: Service, user: str) -> None:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
        client.answers_pings = False
        await client.write("3")
        [id] = await asyncio.to_thread(service.send, user)
        await client.event("notification")
        await client.write("3")
        assert await client.call("get_unread_count") == {
            "unreadCount": 1,
            "unseenCount": 1,
        }  # the pong before it has been read
        assert await status(service, user, id) == "PENDING"
        assert await client.call("notification_ack", {"ids": [id]}) == {"success": True, "acknowledged": 1}
        assert await status(service, user, id) == "DELIVERED"


async def test_a_notification_written_to_a_dead_connection_stays_pending_and_comes_again(
    service: Service, user: str
) -> None:
    auth = {"token": service.token(user)}
    async with raw_client(service.base_url, auth) as client:
        await client.event("catch_up_complete")
        client.answers_pings = False
        [id] = await asyncio.to_thread(service.send, user)
        await client.event("notification")
        client.break_off()
        async with raw_client(service.base_url, auth) as again:
            assert (await again.event("notification"))["id"] == id
            assert [(item["id"], item["replayed"]) for item in again.events("notification")] == [(id, True)]
            await becomes(service, user, id, "DELIVERED")


async def test_what_was_confirmed_does_not_come_again(service: Service, user: str) -> None:
    auth = {"token": service.token(user)}
    async with raw_client(service.base_url, auth) as client:
        await client.event("catch_up_complete")
        [id] = await asyncio.to_thread(service.send, user)
        await becomes(service, user, id, "DELIVERED")
    async with raw_client(service.base_url, auth) as again:
        assert (await again.event("catch_up_complete"))["count"] == 0
        assert again.events("notification") == []


async def test_reading_is_final(service: Service, user: str) -> None:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
        client.answers_pings = False
        [id] = await asyncio.to_thread(service.send, user)
        await client.event("notification")
        await client.call("mark_read", {"notificationId": id})
        await client.write("3")
        assert await client.call("notification_ack", {"ids": [id]}) == {"success": True, "acknowledged": 1}
        assert await status(service, user, id) == "READ"


async def test_a_stream_is_confirmed_in_groups(service: Service, user: str) -> None:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
        ids = [(await asyncio.to_thread(service.send, user))[0] for _ in range(20)]
        for id in ids:
            await becomes(service, user, id, "DELIVERED")
        assert client.frames.count("2") < len(ids)
        assert [item["id"] for item in client.events("notification")] == ids


async def test_the_first_frame_is_the_answer_to_connect(service: Service, user: str) -> None:
    await asyncio.to_thread(service.send, user)
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
    names = [_name(frame) for frame in client.frames if frame.startswith("4")]
    assert names == ["CONNECT", "connected", "notification", "newNotification", "catch_up_complete"]


def _name(frame: str) -> str:
    return "CONNECT" if frame.startswith("40") else frame.split('"')[1]


@pytest.mark.parametrize("mode", ["each", "batch"])
async def test_what_comes_during_the_replay_comes_after_it_and_once(service: Service, user: str, mode: str) -> None:
    missed = [(await asyncio.to_thread(service.send, user))[0] for _ in range(3)]
    auth = {"token": service.token(user), "catchUp": mode}
    for _ in range(5):
        async with raw_client(service.base_url, auth, answers_pings=False) as client:
            sending = asyncio.create_task(asyncio.to_thread(service.send, user))
            await client.event("catch_up_complete")
            [live] = await sending
            await client.frame(lambda frame, live=live: live in frame)  # type: ignore[misc]
            missed.append(live)
            assert _shown(client) == missed


@pytest.mark.parametrize(
    ("names", "heard"),
    [
        (["newNotification", "announcement", "unknown"], ["newNotification"]),
        (["notification", "newNotification", "global_notification"], ["notification"]),
        (["unknown"], ["notification", "newNotification"]),
        ({"notification": 1}, ["notification", "newNotification"]),
        (None, ["notification", "newNotification"]),
    ],
)
async def test_a_client_that_says_which_names_it_knows_gets_each_notification_once(
    service: Service, user: str, names: Any, heard: list[str]
) -> None:
    await asyncio.to_thread(service.send, user)  # to be replayed
    async with raw_client(service.base_url, {"token": service.token(user), "names": names}) as client:
        await client.event("catch_up_complete")
        [live] = await asyncio.to_thread(service.send, user)
        await client.frame(lambda frame: live in frame and f'"{heard[-1]}"' in frame)
        events = [name for name in ("notification", "newNotification") for _ in client.events(name)]
        assert events == [name for name in heard for _ in range(2)]


def _shown(client: RawClient) -> list[str]:
    batch = [item["id"] for items in client.events("pending_notifications") for item in items]
    return batch + [item["id"] for item in client.events("notification")]
