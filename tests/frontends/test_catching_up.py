"""What a front end gets that was away, and how."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest

from eventide_notify.models import Draft

from ..missed import LARGEST, SMALL, save_missed
from ..service import Service
from ..waiting import until
from .helpers import OpenPage, become, client_of, each_dialect, ids, own_transport, service_with, statuses
from .page import B, C, Page


async def test_what_was_sent_meanwhile_comes_oldest_first_and_before_what_is_live(
    page: Page, service: Service, user: int, rest: httpx.AsyncClient
) -> None:
    batch = page.front_end.batch
    await page.disconnect()
    missed = [service.send(user, message=text)[0] for text in ("one", "two", "three")]
    assert await statuses(rest) == ["PENDING"] * 3
    before = len(page.find("event"))
    page.connect()
    assert await page.ready(nth=2) == {"complete": True, "count": 3, "unreadCount": 3, "unseenCount": 3}
    replay = ["pending_notifications"] if batch else ["notification", "newNotification"] * 3
    names = [line.name for line in page.find("event")[before:]]
    assert names[: len(replay) + 2] == ["connected", *replay, "catch_up_complete"]
    [live] = service.send(user)
    await page.live(nth=1 if batch else 4)
    assert ids(page.received()) == [*missed, live]
    assert [item.get("replayed", False) for item in page.received()] == [True, True, True, False]
    assert {item["status"] for item in page.received()} == {"DELIVERED"}
    await become(rest, *["DELIVERED"] * 4)


@own_transport
async def test_what_was_delivered_does_not_come_again(
    page: Page, service: Service, user: int, rest: httpx.AsyncClient
) -> None:
    service.send(user)
    await page.live()
    await become(rest, "DELIVERED")
    await page.disconnect()
    page.connect()
    assert await page.ready(nth=2) == {"complete": True, "count": 0, "unreadCount": 1, "unseenCount": 1}
    assert len(page.received()) == 1
    assert page.events("pending_notifications") == []


@each_dialect
async def test_what_is_sent_while_it_connects_comes_once_and_in_order(page: Page, service: Service, user: int) -> None:
    await page.disconnect()
    sent: list[str] = []
    enough = threading.Event()

    def keep_sending() -> None:
        while not enough.is_set():
            sent.extend(service.send(user))

    sending = asyncio.create_task(asyncio.to_thread(keep_sending))
    try:
        await until(lambda: len(sent) >= 5)
        page.connect()
        await page.ready(nth=2)
        replayed = len(page.received())
        await until(lambda: len(page.received()) >= replayed + 5)
    finally:
        enough.set()
        await sending
    await until(lambda: len(page.received()) >= len(sent))
    assert ids(page.received()) == sent


@own_transport
@pytest.mark.parametrize("way", ["each", "batch"])
async def test_it_may_choose_how_it_catches_up(start: OpenPage, user: int, service: Service, way: str) -> None:
    missed = [service.send(user)[0] for _ in range(2)]
    page = start(auth={"catchUp": way})
    await page.ready()
    batches = [ids(batch) for batch in page.events("pending_notifications")]
    singles = ids(page.events(page.front_end.live))
    assert (batches, singles) == (([missed], []) if way == "batch" else ([], missed))


@own_transport
async def test_it_may_choose_not_to_catch_up(start: OpenPage, user: int, service: Service) -> None:
    service.send(user)
    page = start(auth={"catchUp": "none"})
    assert (await page.ready())["count"] == 0
    [live] = service.send(user)
    await page.live()
    assert ids(page.received()) == [live]
    async with client_of(service, user) as rest:
        await become(rest, "PENDING", "DELIVERED")


@own_transport
async def test_since_brings_all_that_is_newer_whatever_its_status(
    page: Page, open_page: OpenPage, service: Service, user: int, rest: httpx.AsyncClient
) -> None:
    other = open_page(C, user)
    await other.ready()
    seen, *newer = (service.send(user)[0] for _ in range(4))
    await page.live(nth=4)
    await become(rest, *["DELIVERED"] * 4)
    await other.call("mark_read", {"notificationId": newer[0]})
    await page.disconnect()
    page.connect(since=seen)
    assert await page.ready(nth=2) == {"complete": True, "count": 3, "unreadCount": 3, "unseenCount": 3}
    replayed = page.received()[4:]
    assert ids(replayed) == newer
    assert [item["status"] for item in replayed] == ["READ", "DELIVERED", "DELIVERED"]
    assert all(item["replayed"] for item in replayed)
    assert await statuses(rest) == ["DELIVERED", "READ", "DELIVERED", "DELIVERED"]


@own_transport
async def test_since_brings_what_is_older_and_still_pending_too(start: OpenPage, service: Service, user: int) -> None:
    sent = [service.send(user)[0] for _ in range(3)]
    page = start(auth={"since": sent[1]})
    await page.ready()
    assert ids(page.received()) == sent


@own_transport
async def test_what_was_read_meanwhile_is_not_replayed(
    start: OpenPage, user: int, service: Service, rest: httpx.AsyncClient
) -> None:
    read, unread = (service.send(user)[0] for _ in range(2))
    (await rest.put(f"/v1/notifications/{read}/read")).raise_for_status()
    page = start()
    assert await page.ready() == {"complete": True, "count": 1, "unreadCount": 1, "unseenCount": 1}
    assert ids(page.received()) == [unread]
    await become(rest, "READ", "DELIVERED")


@pytest.fixture(scope="module")
def generous() -> Iterator[Service]:
    """A service that replays much."""
    with service_with(CATCH_UP_LIMIT="2000") as service:
        yield service


@pytest.mark.parametrize(("count", "content"), [(100, LARGEST), (1_500, SMALL)], ids=["largest", "many"])
async def test_a_large_replay_comes_as_a_whole(
    start: OpenPage, user: int, generous: Service, count: int, content: Draft
) -> None:
    missed = await save_missed(generous, user, count, content)
    page = start(at=generous)
    assert await page.ready() == {"complete": True, "count": count, "unreadCount": count, "unseenCount": count}
    assert ids(page.received()) == missed
    assert page.find("disconnect") == []
    async with client_of(generous, user) as rest:
        await become(rest, *["DELIVERED"] * 100)


@pytest.fixture(scope="module")
def brief() -> Iterator[Service]:
    """A service that replays little."""
    with service_with(CATCH_UP_LIMIT="3") as service:
        yield service


@each_dialect
@own_transport
@pytest.mark.parametrize("since", [False, True])
async def test_beyond_the_limit_the_newest_come_and_the_rest_is_said_to_wait(
    start: OpenPage, user: int, brief: Service, since: bool
) -> None:
    sent = [brief.send(user)[0] for _ in range(5)]
    page = start(at=brief, auth={"since": sent[0]} if since else {})
    assert await page.ready() == {"complete": False, "count": 3, "unreadCount": 5, "unseenCount": 5}
    assert ids(page.received()) == sent[2:]
    async with client_of(brief, user) as rest:
        await become(rest, "PENDING", "PENDING", "DELIVERED", "DELIVERED", "DELIVERED")
    await page.disconnect()
    page.connect()
    assert await page.ready(nth=2) == {"complete": True, "count": 2, "unreadCount": 5, "unseenCount": 5}
    assert ids(page.received()[3:]) == sent[:2]


async def test_at_the_limit_nothing_waits(open_page: OpenPage, user: int, brief: Service) -> None:
    sent = [brief.send(user)[0] for _ in range(3)]
    page = open_page(B, user, at=brief)
    assert await page.ready() == {"complete": True, "count": 3, "unreadCount": 3, "unseenCount": 3}
    assert ids(page.received()) == sent
