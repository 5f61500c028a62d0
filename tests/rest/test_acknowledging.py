"""Announcements that have to be acknowledged, and whom announcements have reached."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from eventide_notify.models import utc_now
from eventide_notify.wire import iso

from ..service import Service
from ..waiting import until
from .answers import NEVER_GIVEN, check_announcement, check_notification, problem
from .conftest import ClientOf, clients_of

ANNOUNCE = "/v1/admin/announcements"
LIST = "/v1/notifications"
ACTIONS = "/v1/notifications/actions"


@pytest.fixture(scope="module")
def client_of() -> Iterator[ClientOf]:
    """Of a service of its own: what is announced is everybody's."""
    with Service() as service:
        service.start()
        with clients_of(service) as client:
            yield client


@pytest.fixture
def admin(client_of: ClientOf) -> Iterator[httpx.Client]:
    admin = client_of("admin", admin=True)
    yield admin
    for item in admin.get(ANNOUNCE).json()["announcements"]:
        admin.delete(f"{ANNOUNCE}/{item['id']}")


def announce(admin: httpx.Client, **fields: Any) -> str:
    answer = admin.post(ANNOUNCE, json={"message": "Read this", "requireAck": True, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def send(admin: httpx.Client, user: str) -> str:
    answer = admin.post("/v1/admin/notifications", json={"userId": user, "message": "To one"})
    return str(answer.json()["notifications"][0]["id"])


def acknowledge(reader: httpx.Client, id: str) -> httpx.Response:
    return reader.post(f"{LIST}/{id}/acknowledge")


def get(reader: httpx.Client, id: str) -> dict[str, Any]:
    item: dict[str, Any] = reader.get(f"{LIST}/{id}").json()
    return item


def listed(reader: httpx.Client, **query: Any) -> list[str]:
    return [item["id"] for item in reader.get(LIST, params=query).json()["notifications"]]


def reach(admin: httpx.Client, id: str) -> dict[str, Any]:
    answer = admin.get(f"{ANNOUNCE}/{id}/reach")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


# Making them


def test_announcing_what_must_be_acknowledged(admin: httpx.Client, reader: httpx.Client) -> None:
    answer = admin.post(ANNOUNCE, json={"message": "Read this", "requireAck": True, "remindAfter": 60})
    assert answer.status_code == 201, answer.text
    check_announcement(answer.json(), "expiresAt", "requireAck")
    assert answer.json()["requireAck"] is True
    item = get(reader, answer.json()["id"])
    check_notification(item, "expiresAt", "requireAck")
    others = admin.post(ANNOUNCE, json={"message": "Hello", "requireAck": False}).json()
    check_announcement(others, "expiresAt")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"requireAck": "yes"}, "requireAck"),
        ({"requireAck": 1}, "requireAck"),
        ({"requireAck": None}, "requireAck"),
        ({"audience": "connected"}, "requireAck"),
        ({"requireAck": False, "remindAfter": 60}, "remindAfter"),
        ({"remindAfter": 0}, "remindAfter"),
        ({"remindAfter": 30 * 24 * 3600 + 1}, "remindAfter"),
        ({"remindAfter": 10**30}, "remindAfter"),
        ({"remindAfter": 1.5}, "remindAfter"),
        ({"remindAfter": "60"}, "remindAfter"),
        ({"remindAfter": True}, "remindAfter"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_named(admin: httpx.Client, wrong: dict[str, Any], field: str) -> None:
    answer = admin.post(ANNOUNCE, json={"message": "x", "requireAck": True, **wrong})
    problem(answer, 422, "invalid_request", field)


def test_a_key_stands_for_what_it_came_with(admin: httpx.Client) -> None:
    headers = {"Idempotency-Key": "acknowledge"}
    body = {"message": "x", "requireAck": True}
    first = admin.post(ANNOUNCE, json=body, headers=headers)
    assert admin.post(ANNOUNCE, json=body, headers=headers).json() == first.json()
    problem(admin.post(ANNOUNCE, json={"message": "x"}, headers=headers), 409, "conflict")
    problem(admin.post(ANNOUNCE, json=body | {"remindAfter": 9}, headers=headers), 409, "conflict")


def announced(admin: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    return admin.post(ANNOUNCE, json=body)


async def test_one_that_is_announced_later(admin: httpx.Client, reader: httpx.Client) -> None:
    soon = iso(utc_now() + timedelta(seconds=8))
    later = {"message": "Later", "requireAck": True, "remindAfter": 60, "sendAt": soon}
    assert announced(admin, later).status_code == 202
    [id] = await until(lambda: listed(reader), within=30)
    assert get(reader, id)["requireAck"] is True
    problem(announced(admin, later | {"audience": "connected"}), 422, "invalid_request", "requireAck")


# Until it is acknowledged


def test_it_stays_until_it_is_acknowledged(admin: httpx.Client, reader: httpx.Client) -> None:
    id = announce(admin, actions=[{"id": "ok", "label": "OK"}])
    problem(reader.put(f"{LIST}/{id}/read"), 409, "conflict")
    problem(reader.delete(f"{LIST}/{id}"), 409, "conflict")
    problem(reader.put(f"{LIST}/{id}/action", json={"actionId": "ok"}), 409, "conflict")
    for action in ("read", "archive", "delete"):
        problem(reader.post(ACTIONS, json={"action": action, "ids": [id]}), 409, "conflict")
    assert reader.put(f"{LIST}/read-all").json() == {"updated": 0, "unreadCount": 1, "unseenCount": 1}
    for action in ("read", "archive", "delete", "unread", "unarchive"):
        assert reader.post(ACTIONS, json={"action": action, "all": True}).json()["ids"] == []
    assert reader.post(ACTIONS, json={"action": "seen", "ids": [id]}).json()["ids"] == [id]
    assert get(reader, id)["read"] is False


def test_of_several_the_others_are_changed(admin: httpx.Client, reader: httpx.Client, user: str) -> None:
    must, own = announce(admin), send(admin, user)
    answer = reader.post(ACTIONS, json={"action": "read", "ids": [must, own]})
    assert answer.json() == {"ids": [own], "unreadCount": 1, "unseenCount": 1}
    assert reader.put(f"{LIST}/read-all").json()["updated"] == 0


def test_acknowledging(admin: httpx.Client, reader: httpx.Client, stranger: httpx.Client) -> None:
    id = announce(admin)
    answer = acknowledge(reader, id)
    assert answer.status_code == 200
    times = {"acknowledgedAt", "readAt", "seenAt", "deliveredAt"}
    check_notification(answer.json(), "expiresAt", "requireAck", *times)
    assert (answer.json()["status"], answer.json()["requireAck"]) == ("READ", True)
    assert acknowledge(reader, id).json() == answer.json()
    assert reader.get(f"{LIST}/unread-count").json()["unreadCount"] == 0
    assert stranger.get(f"{LIST}/unread-count").json()["unreadCount"] == 1
    assert "acknowledgedAt" not in get(stranger, id)
    # From then on it is like any other.
    assert reader.post(ACTIONS, json={"action": "unread", "ids": [id]}).json()["ids"] == [id]
    assert get(reader, id)["acknowledgedAt"] == answer.json()["acknowledgedAt"]
    assert reader.put(f"{LIST}/{id}/read").status_code == 200
    assert reader.delete(f"{LIST}/{id}").status_code == 204
    problem(acknowledge(reader, id), 404, "not_found")
    assert get(stranger, id)["read"] is False


def test_what_cannot_be_acknowledged(
    admin: httpx.Client, reader: httpx.Client, stranger: httpx.Client, user: str
) -> None:
    for id in (send(admin, user), announce(admin, requireAck=False)):
        problem(acknowledge(reader, id), 409, "conflict")
        assert get(reader, id)["read"] is False
    problem(acknowledge(stranger, send(admin, user)), 404, "not_found")
    for id in (NEVER_GIVEN, "x", "x" * 1_000, "%00", "..%2Fx"):
        problem(acknowledge(reader, id), 404, "not_found")
    problem(reader.post(f"{LIST}/{NEVER_GIVEN}/acknowledge?force=true"), 422, "invalid_request", "force")
    retracted = announce(admin)
    admin.delete(f"{ANNOUNCE}/{retracted}")
    problem(acknowledge(reader, retracted), 404, "not_found")


# First in lists


def test_it_comes_first(admin: httpx.Client, reader: httpx.Client, user: str) -> None:
    first, must, other = send(admin, user), announce(admin), announce(admin, requireAck=False)
    second, also = announce(admin), send(admin, user)
    assert listed(reader) == [second, must, also, other, first]
    assert listed(reader, unread="true", limit=3) == [second, must, also]
    assert listed(reader, offset=1, limit=2) == [must, also]
    assert listed(reader, unread="false") == listed(reader, archived="true") == []
    acknowledge(reader, second)
    assert listed(reader) == [must, also, second, other, first]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
def test_paging_doubles_and_loses_nothing(admin: httpx.Client, reader: httpx.Client, user: str, limit: int) -> None:
    made = [announce(admin) if number % 3 == 0 else send(admin, user) for number in range(10)]
    top = made[::3]
    acknowledge(reader, top[1])
    expected = [top[3], top[2], top[0], *(id for id in made[::-1] if id not in (top[3], top[2], top[0]))]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = reader.get(LIST, params={"limit": limit, **cursor}).json()
        assert len(page["notifications"]) <= limit
        found += [item["id"] for item in page["notifications"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
        for id in (found[0], found[-1]):  # whatever is acknowledged meanwhile
            acknowledge(reader, id)
    assert found == expected


def test_without_them_a_cursor_is_an_id_as_before(admin: httpx.Client, reader: httpx.Client, user: str) -> None:
    ids = [send(admin, user) for _ in range(3)]
    assert reader.get(LIST, params={"limit": 2}).json()["nextCursor"] == ids[1]
    announce(admin)
    assert listed(reader, cursor=ids[1]) == [ids[0]]


@pytest.mark.parametrize(
    "wrong", ["x", "top-", f"top-{NEVER_GIVEN}", f"{NEVER_GIVEN}-", f"{NEVER_GIVEN}-ffffffff-ffff", f"{NEVER_GIVEN}-x"]
)
def test_what_is_no_cursor_is_refused(reader: httpx.Client, wrong: str) -> None:
    problem(reader.get(LIST, params={"cursor": wrong}), 422, "invalid_request", "cursor")


# Whom it has reached


def all_missing(admin: httpx.Client, id: str) -> list[str]:
    """Page by page."""
    missing: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = admin.get(f"{ANNOUNCE}/{id}/reach/missing", params={"limit": 2, **cursor}).json()
        missing += page["userIds"]
        if "nextCursor" not in page:
            return missing
        cursor = {"cursor": page["nextCursor"]}


def erase(admin: httpx.Client, user: str) -> None:
    assert admin.delete(f"/v1/admin/users/{user}").status_code == 200


async def test_reach(admin: httpx.Client, client_of: ClientOf, user: str) -> None:
    id = announce(admin)
    readers = {f"{user}-{number}": client_of(f"{user}-{number}") for number in range(5)}
    for reader in readers.values():
        listed(reader)
    await until(lambda: set(readers) <= set(all_missing(admin, id)))
    some = list(readers)
    acknowledge(readers[some[1]], id)
    readers[some[2]].post(ACTIONS, json={"action": "seen", "ids": [id]})  # which names it
    await until(lambda: reach(admin, id)["received"] == 2)
    assert reach(admin, id) | {"users": 0} == {"users": 0, "received": 2, "read": 1, "acknowledged": 1}
    await until(lambda: reach(admin, id)["users"] == len(all_missing(admin, id)) + 1)  # users of other tests may come
    missing = all_missing(admin, id)
    assert missing == sorted(missing)
    assert set(readers) - set(missing) == {some[1]}
    erase(admin, some[0])
    assert some[0] not in all_missing(admin, id)
    listed(readers[some[0]])  # who comes back is known again
    await until(lambda: some[0] in all_missing(admin, id))


def test_reach_is_for_administrators(admin: httpx.Client, reader: httpx.Client) -> None:
    id = announce(admin)
    for path in (f"{ANNOUNCE}/{id}/reach", f"{ANNOUNCE}/{id}/reach/missing"):
        problem(reader.get(path), 403, "forbidden")
    for wrong in (NEVER_GIVEN, "x"):
        problem(admin.get(f"{ANNOUNCE}/{wrong}/reach"), 404, "not_found")
        problem(admin.get(f"{ANNOUNCE}/{wrong}/reach/missing"), 404, "not_found")
    for name, value in (("limit", "0"), ("limit", "1001"), ("limit", "x"), ("cursor", ""), ("cursor", "x" * 129)):
        problem(admin.get(f"{ANNOUNCE}/{id}/reach/missing", params={name: value}), 422, "invalid_request", name)
    problem(admin.get(f"{ANNOUNCE}/{id}/reach?x=1"), 422, "invalid_request", "x")
