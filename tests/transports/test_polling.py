"""Polling, request by request: what proves receipt, what a repeated request does, and what ends a session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from ..http1 import Message
from ..polling import PollingClient, Request, events, polling_client
from ..raw import DEADLINE, raw_client
from ..service import Service
from .inbox import Inbox

QUESTION = '42/notifications,70["get_unread_count"]'
ANSWER = "43/notifications,70["


@pytest.fixture
async def client(inbox: Inbox) -> AsyncIterator[PollingClient]:
    """The user's client, which has got what it missed, and has no request pending."""
    async with polling_client(inbox.service.base_url, inbox.auth) as client:
        await client.event("catch_up_complete")
        yield client


async def answer_with(client: PollingClient, id: str) -> Message:
    """Ask, each time with a new `t`, until an answer names this notification; that answer."""
    async with asyncio.timeout(DEADLINE):
        while id not in shown(answer := await client.get()):
            assert answer.status == 200
        return answer


def shown(answer: Message) -> list[str]:
    """The ids of the notifications in this answer."""
    return [item["id"] for item in events(answer.packets, "notification")]


async def has_ended(client: PollingClient, *pending: Request) -> bool:
    """Whether the session has: its pending requests end, and a later one is refused."""
    for request in pending:
        await request.end()
    return (await client.get()).status == 400


def answers(client: PollingClient) -> int:
    """How often `QUESTION` was answered."""
    return sum(frame.startswith(ANSWER) for frame in client.frames)


# What proves receipt


async def test_the_next_get_proves_what_the_answer_alone_does_not(client: PollingClient, inbox: Inbox) -> None:
    id = await inbox.send()
    await answer_with(client, id)
    await inbox.stays_pending(id)
    await client.ask()
    await inbox.becomes("DELIVERED", id)


async def test_a_get_proves_nothing_of_its_own_answer(client: PollingClient, inbox: Inbox) -> None:
    first = await inbox.send()
    await answer_with(client, first)
    pending = await client.ask()
    await inbox.becomes("DELIVERED", first)
    later = await inbox.send()
    answer = await client.read(pending)
    while later not in shown(answer):
        answer = await client.get()
    await inbox.stays_pending(later)


async def test_pongs_prove_nothing(client: PollingClient, inbox: Inbox) -> None:
    id = await inbox.send()
    await answer_with(client, id)
    for t in ("p1", "p1", "p2"):
        assert (await client.post("3", t=t)).status == 200
    await inbox.stays_pending(id)


async def test_other_posts_prove_nothing(client: PollingClient, inbox: Inbox) -> None:
    id = await inbox.send()
    await answer_with(client, id)
    assert (await client.post(QUESTION)).status == 200
    await inbox.stays_pending(id)
    await client.frame(lambda frame: frame.startswith(ANSWER))
    await inbox.becomes("DELIVERED", id)


async def test_what_no_get_followed_comes_again_on_the_next_connect(inbox: Inbox) -> None:
    id = await inbox.send()
    async with polling_client(inbox.service.base_url, inbox.auth) as client:
        assert (await client.event("notification"))["id"] == id
        await inbox.stays_pending(id)
    async with polling_client(inbox.service.base_url, inbox.auth) as again:
        await again.event("catch_up_complete")
        assert [(item["id"], item["replayed"]) for item in again.events("notification")] == [(id, True)]
        await again.ask()
        await inbox.becomes("DELIVERED", id)


# Repeated requests


async def test_a_repeated_get_is_answered_alike_and_proves_nothing(client: PollingClient, inbox: Inbox) -> None:
    id = await inbox.send()
    first = await answer_with(client, id)
    later = await inbox.send()
    for _ in range(3):
        again = await client.get(client.t)
        assert (again.status, again.headers["content-type"]) == (200, first.headers["content-type"])
        assert again.body == first.body
    await inbox.stays_pending(id, later)
    await answer_with(client, later)
    await inbox.becomes("DELIVERED", id)
    await inbox.stays_pending(later)


async def test_an_answer_that_was_lost_comes_again_with_the_repeated_get(client: PollingClient, inbox: Inbox) -> None:
    lost = await client.ask()
    id = await inbox.send()
    await lost.arrived()
    lost.reset()
    await inbox.stays_pending(id)
    assert shown(await client.get(client.t)) == [id]
    await inbox.stays_pending(id)
    await client.ask()
    await inbox.becomes("DELIVERED", id)


@pytest.mark.parametrize("asks_again", ["before", "after"])
async def test_a_get_that_broke_while_it_waited_may_be_repeated(
    client: PollingClient, inbox: Inbox, asks_again: str
) -> None:
    broken = await client.ask()
    await client.was_heard()
    broken.reset()
    if asks_again == "before":
        repeated = await client.ask(client.t)
        await client.was_heard()
        id = await inbox.send()
    else:
        id = await inbox.send()
        repeated = await client.ask(client.t)
    assert shown(await client.read(repeated)) == [id]
    await inbox.stays_pending(id)
    await client.ask()
    await inbox.becomes("DELIVERED", id)


async def test_a_repeated_get_takes_the_place_of_the_one_that_waits(client: PollingClient, inbox: Inbox) -> None:
    older = await client.ask()
    await client.was_heard()
    newer = await client.ask(client.t)
    await client.was_heard()
    id = await inbox.send()
    assert shown(await client.read(newer)) == [id]
    end = await older.end()
    assert end is None or id not in end.text
    await inbox.stays_pending(id)
    await client.ask()
    await inbox.becomes("DELIVERED", id)


async def test_a_get_that_repeats_an_older_t_proves_nothing(client: PollingClient, inbox: Inbox) -> None:
    """A copy of a request may come late: something on the way had it, and the browser has repeated it long since."""
    before = await inbox.send()
    await answer_with(client, before)
    older = client.t
    id = await inbox.send()
    await answer_with(client, id)
    late = await client.request("GET", t=older)
    await client.was_heard()
    await inbox.stays_pending(id)
    late.reset()


async def test_a_stream_of_which_every_answer_is_lost_once_comes_once_and_in_order(
    client: PollingClient, inbox: Inbox
) -> None:
    sending = asyncio.create_task(inbox.send_many(20))
    received: list[str] = []
    async with asyncio.timeout(30):
        while len(received) < 20:
            lost = await client.ask()
            await lost.arrived()
            lost.reset()
            received += shown(await client.get(client.t))
    assert received == await sending
    await client.ask()
    await inbox.becomes("DELIVERED", *received)


async def test_a_repeated_post_is_answered_and_carried_out_once(client: PollingClient) -> None:
    for _ in range(3):
        posted = await client.post(QUESTION, t="p1")
        assert (posted.status, posted.text) == (200, "ok")
    await client.call("get_unread_count")  # answered after all of them
    assert answers(client) == 1
    await client.post(QUESTION, t="p2")
    await client.call("get_unread_count")
    assert answers(client) == 2


async def test_a_post_whose_answer_was_lost_is_carried_out_once(client: PollingClient) -> None:
    lost = await client.request("POST", t="p1", body=QUESTION.encode())
    await lost.arrived()
    lost.reset()
    assert (await client.post(QUESTION, t="p1")).status == 200
    await client.call("get_unread_count")
    assert answers(client) == 1


async def test_a_post_that_broke_before_it_had_come_is_carried_out_when_it_is_repeated(client: PollingClient) -> None:
    data = QUESTION.encode()
    broken = await client.request("POST", t="p1", headers={"Content-Length": str(len(data))}, body=data[:-5])
    await client.was_heard()
    broken.reset()
    assert (await client.post(QUESTION, t="p1")).status == 200
    await client.call("get_unread_count")
    assert answers(client) == 1


# Clients whose requests carry no `t`


async def test_without_t_nothing_is_proven_but_by_an_acknowledgement(inbox: Inbox) -> None:
    async with polling_client(inbox.service.base_url, inbox.auth, timestamps=False) as client:
        await client.event("catch_up_complete")
        first, second = await inbox.send_many(2)
        await answer_with(client, second)
        assert await client.call("get_unread_count") == {"unreadCount": 2, "unseenCount": 2}
        await inbox.stays_pending(first, second)
        assert await client.call("notification_ack", {"ids": [first]}) == {"success": True, "acknowledged": 1}
        assert await inbox.status(first) == "DELIVERED"
        await inbox.stays_pending(second)
        assert [item["id"] for item in client.events("notification")] == [first, second]
    async with polling_client(inbox.service.base_url, inbox.auth, timestamps=False) as again:
        await again.event("catch_up_complete")
        assert [(item["id"], item["replayed"]) for item in again.events("notification")] == [(second, True)]


async def test_without_t_an_answer_that_was_lost_comes_again_on_the_next_connect(inbox: Inbox) -> None:
    async with polling_client(inbox.service.base_url, inbox.auth, timestamps=False) as client:
        await client.event("catch_up_complete")
        lost = await client.ask()
        id = await inbox.send()
        await lost.arrived()
        lost.reset()
        await client.call("get_unread_count")
        await inbox.stays_pending(id)
    async with polling_client(inbox.service.base_url, inbox.auth, timestamps=False) as again:
        assert (await again.event("notification"))["id"] == id


# What ends a session


async def test_a_new_get_beside_one_that_waits_ends_the_session(client: PollingClient) -> None:
    pending = await client.ask()
    await client.was_heard()
    assert (await client.get()).status == 400
    assert await has_ended(client, pending)


async def test_a_close_packet_ends_the_pending_get_with_a_noop(client: PollingClient) -> None:
    pending = await client.ask()
    await client.was_heard()
    closed = await client.post("1")
    assert (closed.status, closed.text) == (200, "ok")
    last = await client.read(pending)
    assert (last.status, last.text) == (200, "6")
    assert await has_ended(client)


MALFORMED = {
    "no such packet": b"9",
    "no such packet after one": f"{QUESTION}\x1e9".encode(),
    "invalid UTF-8": b'42/notifications,70["\xff\xfe"]',
    "over 2 MB": b"4" * 2_200_000,
    "empty": b"",
    "JSONP": b"d=",
}


@pytest.mark.parametrize("waits", [True, False], ids=["a GET waits", "no GET waits"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_post_is_refused_and_ends_the_session(
    client: PollingClient, inbox: Inbox, body: bytes, waits: bool
) -> None:
    pending = [await client.ask()] if waits else []
    await client.was_heard()
    assert (await client.post(body=body)).status == 400
    assert await has_ended(client, *pending)
    await offline(inbox)


async def test_a_post_that_grows_over_2_mb_is_refused_too(client: PollingClient, inbox: Inbox) -> None:
    chunk = b"10000\r\n" + b"4" * 0x10000 + b"\r\n"
    request = await client.request(
        "POST", t="p1", headers={"Transfer-Encoding": "chunked"}, body=chunk * 34 + b"0\r\n\r\n"
    )
    assert (await request.answer()).status == 400
    assert await has_ended(client)
    await offline(inbox)


async def offline(inbox: Inbox) -> None:
    """Wait until the user has no session."""

    def connections() -> int:
        with inbox.service.client(admin=True) as admin:
            return int(admin.get(f"/v1/admin/users/{inbox.user}/online").json()["connections"])

    async with asyncio.timeout(DEADLINE):
        while await asyncio.to_thread(connections):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


# The rest of the protocol


async def test_forty_packets_in_one_post_get_forty_answers(client: PollingClient) -> None:
    packets = [f'42/notifications,{number}["get_unread_count"]' for number in range(100, 140)]
    posted = await client.post(*packets)
    assert (posted.status, posted.text) == (200, "ok")
    await client.frame(lambda frame: frame.startswith("43/notifications,139["))
    expected = [f'43/notifications,{number}[{{"unreadCount":0,"unseenCount":0}}]' for number in range(100, 140)]
    assert [frame for frame in client.frames if frame.startswith("43/notifications,1")] == expected


@pytest.mark.parametrize(
    "query",
    [
        "EIO=4",
        "EIO=4&transport=",
        "EIO=4&transport=telepathy",
        "EIO=4&transport=websocket",
        "EIO=4&transport=polling&sid=unknown",
        "EIO=3&transport=polling",
        "transport=polling",
    ],
)
async def test_what_is_no_request_of_the_protocol_is_refused(service: Service, query: str) -> None:
    async with httpx.AsyncClient(base_url=service.base_url, verify=False, timeout=30) as http:
        assert (await http.get(f"/socket.io/?{query}")).status_code == 400


async def test_a_session_does_not_begin_with_a_post(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.base_url, verify=False, timeout=30) as http:
        assert (await http.post("/socket.io/?EIO=4&transport=polling", content="40")).status_code == 400


async def test_an_unknown_namespace_is_named_as_what_it_is(inbox: Inbox) -> None:
    url = inbox.service.base_url
    async with (
        polling_client(url, inbox.auth, namespace="/elsewhere") as polling,
        raw_client(url, inbox.auth, namespace="/elsewhere") as websocket,
    ):
        for frames in (polling.frames, websocket.frames):
            head, _, data = frames[-1].partition(",")
            assert (head, json.loads(data)) == ("44/elsewhere", {"message": "Invalid namespace"})
