"""What happens on the screens of those who are connected."""

from __future__ import annotations

import time

import httpx
import pytest

from ..service import Service
from ..waiting import until
from .helpers import CONTENT, OpenPage, announce, become, client_of, each_dialect, ids, own_transport, statuses, stored
from .page import A, B, Browser, C, FrontEnd, Page

ALWAYS = {
    "id",
    "kind",
    "seen",
    "archived",
    "userId",
    "type",
    "title",
    "message",
    "status",
    "read",
    "createdAt",
    "timestamp",
}
BURST = 20


async def test_a_notification_arrives_as_it_is_stored(
    page: Page, service: Service, user: int, rest: httpx.AsyncClient
) -> None:
    [id] = service.send(user, **CONTENT)
    live = await page.live()
    assert live.items() >= {"id": id, "userId": str(user), "status": "DELIVERED", "read": False, **CONTENT}.items()
    assert live["timestamp"] == live["createdAt"]
    assert live.keys() == ALWAYS | CONTENT.keys()
    await become(rest, "DELIVERED")
    [saved] = await stored(rest)
    assert saved.pop("deliveredAt") >= saved["createdAt"]
    assert saved == live


@own_transport
async def test_what_was_not_given_is_absent(page: Page, service: Service, user: int) -> None:
    service.send(user, message="Hello")
    live = await page.live()
    assert live.items() >= {"type": "SYSTEM", "title": "", "message": "Hello"}.items()
    assert live.keys() == ALWAYS


@pytest.mark.parametrize(
    ("front_end", "fields"),
    [
        (A, {"message", "timestamp"}),
        (B, {"id", "message", "status"}),
        (C, {"id", "type", "title", "message", "link", "read", "createdAt"}),
    ],
    ids=["A", "B", "C"],
)
async def test_each_front_end_finds_what_it_shows(
    open_page: OpenPage, front_end: FrontEnd, fields: set[str], user: int, service: Service
) -> None:
    page = open_page(front_end, user)
    await page.ready()
    service.send(user, message="Hello", link="/here")
    announce(service, message="To all", link="/here", audience="connected")
    for name, message in ((front_end.live, "Hello"), (front_end.announcement, "To all")):
        shown = (await page.line("shown", name)).data
        assert shown.keys() == fields
        assert shown["message"] == message
        assert shown.get("status", "DELIVERED") == "DELIVERED"


@each_dialect
async def test_a_stream_comes_in_order_once_and_with_exact_counts(page: Page, service: Service, user: int) -> None:
    began = time.monotonic()
    sent = [service.send(user)[0] for _ in range(BURST)]
    await until(lambda: page.events("unread_count")[-1:] == [{"unreadCount": BURST, "unseenCount": BURST}])
    assert ids(page.received()) == sent
    counts = [told["unreadCount"] for told in page.events("unread_count")]
    assert counts == sorted(counts)  # one that was counted during the next save may be told for that once more
    assert len(counts) <= (time.monotonic() - began) / 0.1 + 1  # at most one every 100 ms


@pytest.mark.parametrize("everyone", [False, True])
async def test_an_event_of_the_callers_own_arrives(
    open_page: OpenPage, user: int, stranger: int, service: Service, everyone: bool
) -> None:
    pages = [open_page(A, user), open_page(B, user), open_page(C, stranger)]
    for page in pages:
        await page.ready()
    event = {"event": "orderShipped", "payload": ["any", {"json": user}]}
    async with client_of(service, "admin", admin=True) as admin:
        to = {"everyone": True} if everyone else {"userIds": [user]}
        accepted = await admin.post("/v1/admin/events", json={**event, **to})
    assert (accepted.status_code, accepted.json()) == (202, {"event": "orderShipped"})
    service.send(user, stranger)
    for page in pages:
        await page.live()
    for page in pages if everyone else pages[:2]:
        await page.event("orderShipped")
    expected = [event["payload"]]
    assert [page.events("orderShipped") for page in pages] == [expected, expected, expected if everyone else []]


@own_transport
async def test_nobody_sees_what_is_anothers(page: Page, service: Service, user: int) -> None:
    service.send(f"{user}0", str(user)[:-1], f"user:{user}", f"{user} ")
    [own] = service.send(user)
    await page.live()
    assert ids(page.received()) == [own]


@each_dialect
async def test_delivered_means_that_the_client_has_it(
    start: OpenPage, open_page: OpenPage, other_browser: Browser, user: int, service: Service
) -> None:
    observer = f"observer of {user}"
    page = start(among=other_browser)
    await page.ready()
    await open_page(C, observer).ready()
    async with client_of(service, user) as rest, client_of(service, observer) as observers_rest:
        other_browser.freeze()
        service.send(user, observer)
        await become(observers_rest, "DELIVERED")
        service.send(observer)  # once more: more than a round trip after the first was written to both
        await become(observers_rest, "DELIVERED", "DELIVERED")
        assert await statuses(rest) == ["PENDING"]
        other_browser.thaw()
        await page.live()
        await become(rest, "DELIVERED")


@pytest.mark.parametrize(
    "devices",
    [
        pytest.param([(A, "websocket"), (C, "polling")], id="A-websocket_and_C-polling"),
        pytest.param([(B, "upgrade"), (C, "websocket")], id="B-upgrade_and_C-websocket"),
        pytest.param([(B, "polling"), (A, "upgrade")], id="B-polling_and_A-upgrade"),
        pytest.param([(C, "websocket"), (C, "websocket")], id="C-websocket_twice"),
    ],
)
async def test_all_devices_of_a_user_see_everything(
    open_page: OpenPage, devices: list[tuple[FrontEnd, str]], user: int, service: Service, rest: httpx.AsyncClient
) -> None:
    pages = [open_page(front_end, user, transport) for front_end, transport in devices]
    for page in pages:
        await page.ready()
    first, second, third = (service.send(user)[0] for _ in range(3))
    for page in pages:
        await page.live(nth=3)
        assert ids(page.received()) == [first, second, third]
    await pages[0].call("mark_read", {"notificationId": first})
    await pages[1].call("delete_notification", {"notificationId": second})
    (await rest.put("/v1/notifications/read-all", json={"upTo": third})).raise_for_status()
    for page in pages:
        await page.event("notification_read", nth=2)
        assert page.events("notification_read") == [
            {"ids": [first], "unreadCount": 2, "unseenCount": 2},
            {"all": True, "upTo": third, "unreadCount": 0, "unseenCount": 0},
        ]
        assert await page.event("notification_deleted") == {"ids": [second], "unreadCount": 1, "unseenCount": 1}
        await page.count_is(0)
