"""Reading, deleting and counting, over the socket and, for front end B, by REST."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ..service import Service
from ..waiting import until
from .helpers import OpenPage, become, client_of, ids, own_transport, statuses, stored
from .page import B, C, Page


async def test_mark_read(page: Page, service: Service, user: int, rest: httpx.AsyncClient) -> None:
    one, two, *more = (service.send(user)[0] for _ in range(4))
    await page.live(nth=4)
    answer = {"success": True, "notificationId": one, "unreadCount": 3, "unseenCount": 3}
    assert await page.call("mark_read", {"notificationId": one}) == answer
    assert await page.event("notification_read") == {"ids": [one], "unreadCount": 3, "unseenCount": 3}
    assert await page.call("mark_read", {"notificationId": one}) == answer
    page.emit("mark_read", {"notificationId": two})  # front end C's bell does not always wait for an answer
    await until(lambda: {"ids": [two], "unreadCount": 2, "unseenCount": 2} in page.events("notification_read"))
    several = {"success": True, "notificationIds": more, "unreadCount": 0, "unseenCount": 0}
    assert await page.call("mark_read", {"notificationIds": more}) == several
    await page.count_is(0)
    assert all(item["status"] == "READ" and item["read"] and "readAt" in item for item in await stored(rest))
    assert page.events("exception") == []


async def test_delete(page: Page, service: Service, user: int, rest: httpx.AsyncClient) -> None:
    one, two = (service.send(user)[0] for _ in range(2))
    await page.live(nth=2)
    answer = await page.call("delete_notification", {"notificationId": one})
    assert answer == {"success": True, "notificationId": one, "unreadCount": 1, "unseenCount": 1}
    assert await page.event("notification_deleted") == {"ids": [one], "unreadCount": 1, "unseenCount": 1}
    await page.count_is(1)
    assert ids(await stored(rest)) == [two]
    again = await page.call("delete_notification", {"notificationId": one})
    assert again["error"]["code"] == "not_found"


@own_transport
async def test_mark_all_read(page: Page, service: Service, user: int, rest: httpx.AsyncClient) -> None:
    _, two, three = (service.send(user)[0] for _ in range(3))
    await page.live(nth=3)
    assert await page.call("mark_all_read", {"upTo": two}) == {
        "success": True,
        "updated": 2,
        "unreadCount": 1,
        "unseenCount": 1,
    }
    assert await page.call("mark_all_read") == {"success": True, "updated": 1, "unreadCount": 0, "unseenCount": 0}
    await page.event("notification_read", nth=2)
    first, second = page.events("notification_read")
    assert first == {"all": True, "upTo": two, "unreadCount": 1, "unseenCount": 1}
    assert second == {"all": True, "upTo": second["upTo"], "unreadCount": 0, "unseenCount": 0}
    [later] = service.send(user)
    assert three <= second["upTo"] < later  # so nobody takes for read what comes in this very moment
    await page.live(nth=4)
    await page.call("mark_read", {"notificationId": later})
    await page.count_is(0)
    assert await statuses(rest) == ["READ"] * 4


async def test_counts_and_lists(page: Page, service: Service, user: int, rest: httpx.AsyncClient) -> None:
    assert await page.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
    sent = [service.send(user, type=type)[0] for type in ("X", "Y", "X")]
    await page.live(nth=3)
    assert await page.call("get_unread_count") == {"unreadCount": 3, "unseenCount": 3}
    await become(rest, *["DELIVERED"] * 3)
    assert ids((await page.call("get_notifications"))["notifications"]) == sent[::-1]
    queries: list[Any] = [{}, {"limit": 2}, {"offset": 1, "type": "X"}, {"unread": "true"}, {"unread": "false"}]
    for query in queries:
        answer = await rest.get("/v1/notifications", params=query)
        assert await page.call("get_notifications", query) == answer.json()
    first = await page.call("get_notifications", {"limit": 2, "unread": True})
    second = await page.call("get_notifications", {"limit": 2, "cursor": first["nextCursor"]})
    assert ids(first["notifications"] + second["notifications"]) == sent[::-1]
    assert second["nextCursor"] is None


@own_transport
async def test_an_acknowledged_notification_is_delivered(
    start: OpenPage, user: int, stranger: int, service: Service, rest: httpx.AsyncClient
) -> None:
    one, two, three = (service.send(user)[0] for _ in range(3))
    [others] = service.send(stranger)
    page = start(auth={"catchUp": "none"})
    await page.ready()
    answer = await page.call("notification_ack", {"ids": [one, three, others]})
    assert answer == {"success": True, "acknowledged": 2}
    assert await statuses(rest) == ["DELIVERED", "PENDING", "DELIVERED"]
    assert await page.call("notification_ack", {"ids": [one, two]}) == {"success": True, "acknowledged": 2}
    async with client_of(service, stranger) as theirs:
        assert await statuses(theirs) == ["PENDING"]


@own_transport
@pytest.mark.parametrize("event", ["mark_read", "delete_notification"])
async def test_anothers_notification_is_not_found(page: Page, stranger: int, service: Service, event: str) -> None:
    [others] = service.send(stranger)
    answer = await page.call(event, {"notificationId": others})
    assert answer["success"] is False
    assert answer["error"]["code"] == "not_found"
    page.emit(event, {"notificationId": others})
    assert await page.event("exception") == {"status": "error", **answer["error"]}
    async with client_of(service, stranger) as theirs:
        assert await statuses(theirs) == ["PENDING"]


async def test_front_end_b_lists_reads_and_deletes_by_rest(
    open_page: OpenPage, transport: str, user: int, service: Service
) -> None:
    page = open_page(B, user, transport)
    await page.ready()
    one, two = (service.send(user)[0] for _ in range(2))
    await page.live(nth=2)
    status, listed = await page.fetch("GET", "/v1/notifications")
    assert (status, ids(listed["notifications"]), listed["unreadCount"]) == (200, [two, one], 2)
    status, read = await page.fetch("PUT", f"/v1/notifications/{one}/read")
    assert (status, read["id"], read["status"], read["read"]) == (200, one, "READ", True)
    assert await page.fetch("PUT", f"/v1/notifications/{one}/read") == (200, read)
    assert await page.event("notification_read") == {"ids": [one], "unreadCount": 1, "unseenCount": 1}
    assert await page.fetch("DELETE", f"/v1/notifications/{two}") == (204, None)
    assert await page.event("notification_deleted") == {"ids": [two], "unreadCount": 0, "unseenCount": 0}
    await page.count_is(0)
    listed = {"notifications": [read], "unreadCount": 0, "unseenCount": 0, "nextCursor": None}
    assert await page.fetch("GET", "/v1/notifications") == (200, listed)
    assert (await page.fetch("DELETE", f"/v1/notifications/{two}"))[0] == 404


async def test_front_end_c_shows_what_it_may_count(open_page: OpenPage, user: int, service: Service) -> None:
    service.send(user)
    page = open_page(C, user)
    assert (await page.line("shown", "connected")).data == {"userId": user, "unreadCount": 1}
