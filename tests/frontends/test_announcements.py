"""What is said to everybody, and becomes everybody's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from eventide_notify.models import utc_now

from ..service import Service
from .helpers import CONTENT, OpenPage, announce, become, client_of, ids, own_transport, service_with, stored
from .page import A, B, C

Say = Callable[..., str]
NAMES = ("global_notification", "announcement")


@pytest.fixture(scope="module")
def square() -> Iterator[Service]:
    """A service of its own: elsewhere an announcement would be among every other test's notifications."""
    with service_with() as service:
        yield service


@pytest.fixture
def say(square: Service) -> Iterator[Say]:
    """Announces something for the time of a test."""
    said: list[str] = []

    def say(**fields: Any) -> str:
        said.append(announce(square, **fields))
        return said[-1]

    yield say
    for id in said:
        retract(square, id)


def retract(square: Service, id: str) -> httpx.Response:
    with square.client(admin=True) as admin:
        return admin.delete(f"/v1/admin/announcements/{id}")


async def test_it_arrives_under_every_name(start: OpenPage, square: Service, say: Say) -> None:
    page = start(at=square)
    await page.ready()
    id = say(**CONTENT)
    for name in NAMES:
        announced = await page.event(name)
        assert announced.items() >= {"id": id, "status": "DELIVERED", "read": False, **CONTENT}.items()
        assert announced["timestamp"] == announced["createdAt"]
        assert "userId" not in announced
    await page.count_is(1)


async def test_who_comes_later_gets_it_in_its_place(start: OpenPage, square: Service, say: Say, user: int) -> None:
    [before] = square.send(user)
    id = say(**CONTENT)
    [after] = square.send(user)
    page = start(at=square)
    assert await page.ready() == {"complete": True, "count": 3, "unreadCount": 3, "unseenCount": 3}
    assert ids(page.received()) == [before, id, after]
    replayed = page.received()[1]
    assert replayed.items() >= {"id": id, "replayed": True, **CONTENT}.items()
    if not page.front_end.batch:
        assert [ids(page.events(name)) for name in NAMES] == [[id], [id]]
    async with client_of(square, user) as rest:
        await become(rest, *["DELIVERED"] * 3)
    await page.disconnect()
    page.connect()
    assert await page.ready(nth=2) == {"complete": True, "count": 0, "unreadCount": 3, "unseenCount": 3}


@own_transport
async def test_reading_and_deleting_it_is_each_users_own(
    start: OpenPage, open_page: OpenPage, square: Service, say: Say, stranger: int
) -> None:
    page, others = start(at=square), open_page(C, stranger, at=square)
    for each in (page, others):
        await each.ready()
    one, two = say(message="One"), say(message="Two")
    for each in (page, others):
        await each.count_is(2)
    answer = await page.call("mark_read", {"notificationId": one})
    assert answer == {"success": True, "notificationId": one, "unreadCount": 1, "unseenCount": 1}
    assert await page.event("notification_read") == {"ids": [one], "unreadCount": 1, "unseenCount": 1}
    answer = await page.call("delete_notification", {"notificationId": two})
    assert answer == {"success": True, "notificationId": two, "unreadCount": 0, "unseenCount": 0}
    assert await page.event("notification_deleted") == {"ids": [two], "unreadCount": 0, "unseenCount": 0}
    assert ids((await page.call("get_notifications"))["notifications"]) == [one]
    theirs = await others.call("get_notifications")
    assert ids(theirs["notifications"]) == [two, one]
    assert theirs["unreadCount"] == 2
    assert others.events("notification_read") + others.events("notification_deleted") == []


@own_transport
async def test_when_it_is_retracted_it_leaves_every_screen(
    start: OpenPage, open_page: OpenPage, square: Service, say: Say, user: int
) -> None:
    page, others = start(at=square), open_page(B, f"another than {user}", at=square)
    for each in (page, others):
        await each.ready()
    square.send(user)
    id = say(message="Oops")
    await page.count_is(2)
    assert retract(square, id).status_code == 204
    assert await page.event("notification_deleted") == {"ids": [id], "unreadCount": 1, "unseenCount": 1}
    assert await others.event("notification_deleted") == {"ids": [id], "unreadCount": 0, "unseenCount": 0}
    late = open_page(A, f"later than {user}", at=square)
    assert await late.ready() == {"complete": True, "count": 0, "unreadCount": 0, "unseenCount": 0}
    assert retract(square, id).status_code == 404


@own_transport
async def test_to_those_who_are_connected_it_is_only_said(start: OpenPage, square: Service, user: int) -> None:
    page = start(at=square)
    await page.ready()
    id = announce(square, message="Now", audience="connected")
    for name in NAMES:
        shown = await page.event(name)
        assert (shown["id"], shown["stored"]) == (id, False)
    assert await page.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
    async with client_of(square, user) as rest:
        assert await stored(rest) == []


async def test_it_expires(open_page: OpenPage, square: Service, say: Say, user: int) -> None:
    say(message="Soon over", expiresAt=(utc_now() + timedelta(seconds=10)).isoformat())
    async with client_of(square, user) as rest:
        await become(rest)
    page = open_page(C, user, at=square)
    assert await page.ready() == {"complete": True, "count": 0, "unreadCount": 0, "unseenCount": 0}
