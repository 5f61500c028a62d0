"""Seen, unread again, archived, and actions, over the socket; every device of the user is told."""

from __future__ import annotations

import httpx
import pytest

from ..service import Service
from .helpers import OpenPage, become, client_of, ids, own_transport, stored
from .page import Page

BUTTONS = [{"id": "yes", "label": "Yes", "style": "primary"}, {"id": "no", "label": "No", "style": "secondary"}]


def counts(unread: int, unseen: int) -> dict[str, int]:
    return {"unreadCount": unread, "unseenCount": unseen}


async def test_seen_and_archived(
    page: Page, start: OpenPage, service: Service, user: int, rest: httpx.AsyncClient
) -> None:
    other = start()
    await other.ready()
    one, two, three = (service.send(user)[0] for _ in range(3))
    await page.live(nth=3)
    answer = await page.call("mark_seen", {"notificationIds": [one, two]})
    assert answer == {"success": True, "notificationIds": [one, two], **counts(3, 1)}
    told = await other.event("notification_updated")
    assert told == await page.event("notification_updated")
    assert told == {"ids": [one, two], "changes": {"seen": True, "seenAt": told["changes"]["seenAt"]}, **counts(3, 1)}
    seen = {item["id"]: item.get("seenAt") for item in await stored(rest)}
    assert seen == {one: told["changes"]["seenAt"], two: told["changes"]["seenAt"], three: None}
    again = await page.call("mark_seen", {"notificationId": one})  # the first time might not have been told
    assert again == {"success": True, "notificationId": one, **counts(3, 1)}
    told = await other.event("notification_updated", nth=2)
    assert told == {"ids": [one], "changes": {"seen": True}, **counts(3, 1)}
    assert await page.call("mark_seen", {"all": True, "upTo": three}) == {"success": True, "updated": 1, **counts(3, 0)}
    told = await other.event("notification_updated", nth=3)
    assert (told["all"], told["upTo"], told["changes"]["seen"]) == (True, three, True)
    assert await page.call("archive", {"notificationId": one}) == {
        "success": True,
        "notificationId": one,
        **counts(2, 0),
    }
    told = await other.event("notification_updated", nth=4)
    assert (told["ids"], told["changes"]["archived"], told["unreadCount"]) == ([one], True, 2)
    assert ids(await stored(rest)) == [two, three]
    assert ids((await page.call("get_notifications", {"archived": True}))["notifications"]) == [one]
    await page.call("unarchive", {"notificationIds": [one]})
    told = await other.event("notification_updated", nth=5)
    assert told == {"ids": [one], "changes": {"archived": False, "archivedAt": None}, **counts(3, 0)}
    for device in (page, other):
        assert device.events("exception") == []


@own_transport
async def test_unread_again(page: Page, service: Service, user: int, rest: httpx.AsyncClient) -> None:
    one, two = (service.send(user)[0] for _ in range(2))
    await page.live(nth=2)
    await page.call("mark_read", {"notificationIds": [one, two]})
    answer = await page.call("mark_unread", {"notificationId": one})
    assert answer == {"success": True, "notificationId": one, **counts(1, 0)}
    changes = {"status": "DELIVERED", "read": False, "readAt": None}
    assert await page.event("notification_updated") == {"ids": [one], "changes": changes, **counts(1, 0)}
    await become(rest, "DELIVERED", "READ")
    await page.count_is(1, unseen=0)


@own_transport
async def test_all_are_deleted(
    page: Page, start: OpenPage, service: Service, user: int, rest: httpx.AsyncClient
) -> None:
    other = start()
    await other.ready()
    one, two = (service.send(user)[0] for _ in range(2))
    await page.live(nth=2)
    for nth, body in enumerate(({"upTo": one}, {}), 1):
        answer = await rest.post("/v1/notifications/actions", json={"action": "delete", "all": True, **body})
        assert answer.json()["ids"] == [one if body else two]
        told = await other.event("notification_deleted", nth=nth)
        assert told == {"all": True, "upTo": told["upTo"], **counts(2 - nth, 2 - nth)}
        assert told["upTo"] == one if body else told["upTo"] >= two
    assert await stored(rest) == []


@own_transport
async def test_an_action(page: Page, start: OpenPage, service: Service, user: int, rest: httpx.AsyncClient) -> None:
    other = start()
    await other.ready()
    [id] = service.send(user, actions=BUTTONS)
    shown = await page.live()
    assert shown["actions"] == BUTTONS
    assert (shown["kind"], shown["seen"], shown["archived"]) == ("notification", False, False)
    answer = await page.call("notification_action", {"notificationId": id, "actionId": "yes"})
    assert answer == {"success": True, "notificationId": id, "action": answer["action"], **counts(0, 0)}
    assert answer["action"]["id"] == "yes"
    assert await other.event("notification_read") == {"ids": [id], **counts(0, 0)}
    told = await other.event("notification_updated")
    at = answer["action"]["at"]
    read = {"status": "READ", "read": True, "readAt": at, "seen": True, "seenAt": at}
    assert told["changes"] == {"action": answer["action"], **read}
    second = await other.call("notification_action", {"notificationId": id, "actionId": "no"})
    assert second["error"]["code"] == "conflict"
    [item] = await stored(rest)
    assert item["action"] == answer["action"]
    [others] = service.send(f"not-{user}", actions=BUTTONS)
    refused = await page.call("notification_action", {"notificationId": others, "actionId": "yes"})
    assert refused["error"]["code"] == "not_found"


@own_transport
@pytest.mark.parametrize("event", ["mark_seen", "mark_unread", "archive", "unarchive"])
async def test_anothers_is_not_found(page: Page, stranger: int, service: Service, event: str) -> None:
    [others] = service.send(stranger)
    answer = await page.call(event, {"notificationIds": [others, "x"]})
    assert answer["error"]["code"] == "not_found"
    wrong = await page.call(event, {"notificationId": others, "notificationIds": [others]})
    assert wrong["error"]["code"] == "invalid_request"
    async with client_of(service, stranger) as theirs:
        [item] = await stored(theirs)
        assert not item["seen"]
        assert not item["archived"]


@own_transport
async def test_archived_ones_are_not_replayed(
    start: OpenPage, service: Service, user: int, rest: httpx.AsyncClient
) -> None:
    one, two = (service.send(user)[0] for _ in range(2))
    await rest.post("/v1/notifications/actions", json={"action": "archive", "ids": [two]})
    page = start()
    assert await page.ready() == {"complete": True, "count": 1, **counts(1, 1)}
    assert ids(page.received()) == [one]
