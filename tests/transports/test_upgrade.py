"""From polling to a WebSocket, step by step: what the step proves, and that a failed one changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ..polling import PollingClient, Request, polling_client
from ..raw import RawClient, raw_client
from .inbox import Inbox

HELD = 1.5
"""Seconds that a poll is watched for being held."""


@pytest.fixture
async def client(inbox: Inbox) -> AsyncIterator[PollingClient]:
    """The user's client, which has got what it missed, and has no request pending."""
    async with polling_client(inbox.service.base_url, inbox.auth) as client:
        await client.event("catch_up_complete")
        client.answers_pings = False
        yield client


async def probe(websocket: RawClient) -> None:
    """Have it answered that messages pass this WebSocket."""
    await websocket.write("2probe")
    await websocket.frame(lambda frame: frame == "3probe")


async def upgrade(websocket: RawClient) -> None:
    """Carry the upgrade out; no GET may be pending."""
    await probe(websocket)
    await websocket.write("5")


async def is_held(client: PollingClient) -> bool:
    """Whether a GET waits when there is nothing (more) to say, and is answered with the next thing that is."""
    for _ in range(10):
        request = await client.ask()
        await client.was_heard()  # before that it waits anyway
        if await waits(request):
            assert (await client.post('42/notifications,70["get_unread_count"]')).status == 200
            return any(packet.startswith("43/notifications,70[") for packet in (await client.read(request)).packets)
        await client.read(request)
    return False


async def waits(request: Request) -> bool:
    """Whether it is not answered for `HELD` seconds."""
    until = time.monotonic() + HELD
    while request.pending and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.01)
    return request.pending


# The upgrade


async def test_the_pending_get_ends_with_a_noop_and_messages_go_on_over_the_websocket(
    client: PollingClient, inbox: Inbox
) -> None:
    pending = await client.ask()
    async with client.websocket() as websocket:
        await probe(websocket)
        answer = await client.read(pending)
        assert (answer.status, answer.text) == (200, "6")
        await websocket.write("5")
        ids = await inbox.send_many(3)
        await websocket.frame(lambda frame: ids[-1] in frame)
        assert [item["id"] for item in websocket.events("notification")] == ids
        assert await websocket.call("get_unread_count") == {"unreadCount": 3, "unseenCount": 3}
        assert "notification" not in str(websocket.frames[: websocket.frames.index("3probe")])


async def test_the_upgrade_proves_every_answer_before_it(client: PollingClient, inbox: Inbox) -> None:
    id = await inbox.send()
    await client.event("notification")
    async with client.websocket() as websocket:
        await probe(websocket)
        await inbox.stays_pending(id)
        await websocket.write("5")
        await inbox.becomes("DELIVERED", id)
        assert websocket.events("notification") == []


async def test_it_does_so_for_a_client_whose_requests_carry_no_t(inbox: Inbox) -> None:
    async with polling_client(inbox.service.base_url, inbox.auth, timestamps=False) as client:
        await client.event("catch_up_complete")
        first = await inbox.send()
        await client.frame(lambda frame: first in frame)
        second = await inbox.send()
        await client.frame(lambda frame: second in frame)
        await inbox.stays_pending(first, second)
        async with client.websocket() as websocket:
            await upgrade(websocket)
            await inbox.becomes("DELIVERED", first, second)


async def test_it_proves_nothing_of_what_follows_on_the_websocket(client: PollingClient, inbox: Inbox) -> None:
    async with client.websocket() as websocket:
        await probe(websocket)
        id = await inbox.send()  # no poll is pending, so it waits for what comes next
        await websocket.write("5")
        await websocket.event("notification")
        await inbox.stays_pending(id)
        await websocket.frame(lambda frame: frame == "2")
        await websocket.write("3")
        await inbox.becomes("DELIVERED", id)
        assert [item["id"] for item in websocket.events("notification")] == [id]


async def test_what_comes_during_the_upgrade_comes_once_and_in_order(client: PollingClient, inbox: Inbox) -> None:
    sending = asyncio.create_task(inbox.send_many(20))
    await client.event("notification")
    pending = await client.ask()
    async with client.websocket() as websocket:
        await probe(websocket)
        await client.read(pending)
        await websocket.write("5")
        ids = await sending
        await websocket.frame(lambda frame: ids[-1] in frame)
        websocket.answers_pings = True
        received = [item["id"] for item in client.events("notification") + websocket.events("notification")]
    assert received == ids


async def test_an_answer_that_is_lost_during_the_upgrade_comes_again(client: PollingClient, inbox: Inbox) -> None:
    lost = await client.ask()
    async with client.websocket() as websocket:
        id = await inbox.send()
        await lost.arrived()
        lost.reset()
        await probe(websocket)
        assert id in (await client.get(client.t)).text
        await inbox.stays_pending(id)
        await websocket.write("5")
        await inbox.becomes("DELIVERED", id)
        assert await websocket.call("get_unread_count") == {"unreadCount": 1, "unseenCount": 1}
        assert websocket.events("notification") == []


async def test_what_is_sent_from_then_on_is_confirmed_by_pongs_alone(client: PollingClient, inbox: Inbox) -> None:
    async with client.websocket() as websocket:
        await upgrade(websocket)
        id = await inbox.send()
        await websocket.event("notification")
        await websocket.frame(lambda frame: frame == "2")
        await inbox.stays_pending(id)
        await websocket.write("3")
        await inbox.becomes("DELIVERED", id)


async def test_what_is_lost_with_the_websocket_is_replayed(client: PollingClient, inbox: Inbox) -> None:
    async with client.websocket() as websocket:
        await upgrade(websocket)
        id = await inbox.send()
        await websocket.event("notification")
        websocket.break_off()
    async with raw_client(inbox.service.base_url, inbox.auth) as again:
        await again.event("catch_up_complete")
        assert [(item["id"], item["replayed"]) for item in again.events("notification")] == [(id, True)]
        await inbox.becomes("DELIVERED", id)


# Afterwards


async def test_after_it_polling_is_refused_and_the_session_goes_on(client: PollingClient) -> None:
    async with client.websocket() as websocket:
        await upgrade(websocket)
        assert await websocket.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
        assert (await client.get()).status == 400
        assert (await client.post("3")).status == 400
        assert await websocket.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}


async def test_a_second_websocket_changes_nothing(client: PollingClient, inbox: Inbox) -> None:
    async with client.websocket() as websocket:
        await upgrade(websocket)
        assert await websocket.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
        await is_refused(client)
        id = await inbox.send()
        assert (await websocket.event("notification"))["id"] == id


async def test_nor_does_one_beside_an_upgrade_that_goes_on(client: PollingClient, inbox: Inbox) -> None:
    async with client.websocket() as websocket:
        await probe(websocket)
        await is_refused(client)
        await websocket.write("5")
        id = await inbox.send()
        assert (await websocket.event("notification"))["id"] == id


async def is_refused(client: PollingClient) -> None:
    """A further WebSocket of the session is: at once, or closed without a word."""
    try:
        async with client.websocket() as refused:
            await refused.write("2probe")
            await refused.until_closed()
            assert refused.frames == []
    except (InvalidStatus, ConnectionClosed):
        pass


async def test_a_websocket_of_an_unknown_session_is_refused(inbox: Inbox) -> None:
    stranger = PollingClient(inbox.service.base_url)
    await stranger.open()
    assert (await stranger.post("1")).status == 200
    await is_refused(stranger)


# Upgrades that fail


@pytest.mark.parametrize("said", [(), ("2probe",)], ids=["at once", "after the probe"])
@pytest.mark.parametrize("how", ["close", "break off"])
async def test_after_a_websocket_that_ended_polling_goes_on(
    client: PollingClient, inbox: Inbox, said: tuple[str, ...], how: str
) -> None:
    pending = await client.ask()
    async with client.websocket() as websocket:
        for frame in said:
            await websocket.write(frame)
            await websocket.frame(lambda frame: frame == "3probe")
            assert (await client.read(pending)).text == "6"
            pending = await client.ask()
        if how == "break off":
            websocket.break_off()
            await websocket.until_closed()
    id = await inbox.send()
    await client.read(pending)
    assert (await client.event("notification"))["id"] == id
    await inbox.stays_pending(id)
    assert await is_held(client)
    await inbox.becomes("DELIVERED", id)


async def test_after_a_failed_upgrade_another_one_succeeds(client: PollingClient, inbox: Inbox) -> None:
    async with client.websocket() as websocket:
        await probe(websocket)
        websocket.break_off()
    async with client.websocket() as websocket:
        await upgrade(websocket)
        id = await inbox.send()
        assert (await websocket.event("notification"))["id"] == id


@pytest.mark.parametrize("said", ["40/notifications,", "9", "2", "6", "nonsense", b"\x00\x01"])
async def test_a_websocket_that_says_something_else_is_closed(client: PollingClient, said: str | bytes) -> None:
    async with client.websocket() as websocket:
        await websocket.write(said)
        await websocket.until_closed()
    assert await is_held(client)


async def test_polls_during_a_silent_upgrade_are_no_storm(client: PollingClient) -> None:
    """The stock server answers each with a noop, at most every 100 ms, so that a client may pause its polling."""
    async with client.websocket() as websocket:
        await probe(websocket)
        until, answers = time.monotonic() + 2, 0
        while time.monotonic() < until or answers < 2:  # of a slow server one may take all the time
            assert (await client.get()).text == "6"
            answers += 1
    assert 2 <= answers <= 40
    assert await is_held(client)
