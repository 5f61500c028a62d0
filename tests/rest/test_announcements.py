"""Announcements: kept once, and part of what every user has, until they expire or are retracted.

They are everybody's, so these tests have a service of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
import pytest

from ..service import Service
from ..waiting import until
from .answers import NEVER_GIVEN, check_announcement, check_notification, problem
from .conftest import ClientOf, clients_of

ANNOUNCE = "/v1/admin/announcements"
LIST = "/v1/notifications"


class Announce(Protocol):
    """Announces something; the answer. What is left of it is retracted after the test."""

    def __call__(self, message: str = "To all", **fields: Any) -> dict[str, Any]: ...


@pytest.fixture(scope="module")
def client_of() -> Iterator[ClientOf]:
    with Service() as service:
        service.start()
        with clients_of(service) as client:
            yield client


@pytest.fixture
def admin(client_of: ClientOf) -> httpx.Client:
    return client_of("admin", admin=True)


@pytest.fixture
def announce(admin: httpx.Client) -> Iterator[Announce]:
    made: list[str] = []

    def announce(message: str = "To all", **fields: Any) -> dict[str, Any]:
        answer = admin.post(ANNOUNCE, json={"message": message, **fields})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        body: dict[str, Any] = answer.json()
        return body

    yield announce
    for id in made:
        admin.delete(f"{ANNOUNCE}/{id}")


@pytest.fixture
def stranger(client_of: ClientOf, user: str) -> httpx.Client:
    return client_of(f"not-{user}")


def send(admin: httpx.Client, user: str, message: str = "To one") -> str:
    answer = admin.post("/v1/admin/notifications", json={"userId": user, "message": message})
    return str(answer.json()["notifications"][0]["id"])


def messages(reader: httpx.Client, **query: Any) -> list[str]:
    return [item["message"] for item in reader.get(LIST, params=query).json()["notifications"]]


def unread(reader: httpx.Client) -> int:
    return int(reader.get(f"{LIST}/unread-count").json()["unreadCount"])


# Making them


@pytest.mark.parametrize("audience", ["everyone", "connected"])
def test_announcing(announce: Announce, audience: str) -> None:
    content = {"title": "At six", "type": "OPS", "link": "/status", "avatar": "/ops.png", "data": {"a": 1}}
    answer = announce("Maintenance", **content, audience=audience, expiresAt="2999-01-01T00:00:00Z")
    unstored = ["stored"] if audience == "connected" else []
    check_announcement(answer, "link", "avatar", "data", "expiresAt", *unstored)
    assert answer.get("stored", True) == (audience == "everyone")
    assert answer | content | {"message": "Maintenance", "expiresAt": "2999-01-01T00:00:00.000Z"} == answer


def test_by_default_it_lasts_thirty_days(announce: Announce) -> None:
    answer = announce()
    check_announcement(answer, "expiresAt")
    lasts = datetime.fromisoformat(answer["expiresAt"]) - datetime.fromisoformat(answer["createdAt"])
    assert lasts == timedelta(days=30)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2999-01-01T00:00:00Z", "2999-01-01T00:00:00.000Z"),
        ("2999-01-01T02:30:00.123456+02:30", "2999-01-01T00:00:00.123Z"),
        ("2998-12-31t16:00:00-08:00", "2999-01-01T00:00:00.000Z"),
    ],
)
def test_its_end_is_told_in_utc(announce: Announce, given: str, told: str) -> None:
    assert announce(expiresAt=given)["expiresAt"] == told


@pytest.mark.parametrize(
    "wrong",
    [
        "2020-01-01T00:00:00Z", "2999-01-01", "2999-01-01T00:00:00", "2999-13-01T00:00:00Z", "2999-01-01T25:00:00Z",
        "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "tomorrow", "", "19000000000", 19_000_000_000, True,
    ],
    ids=repr,
)  # fmt: skip
def test_its_end_must_be_a_time_to_come(admin: httpx.Client, wrong: object) -> None:
    answer = admin.post(ANNOUNCE, json={"message": "x", "expiresAt": wrong})
    problem(answer, 422, "invalid_request", "expiresAt")


def test_wrong_fields_are_named(admin: httpx.Client) -> None:
    wrong = {"title": 1, "audience": "all", "link": "javascript:x", "expiresAt": "x", "userIds": ["1"], "event": "x"}
    problem(admin.post(ANNOUNCE, json=wrong), 422, "invalid_request", "message", *wrong)


# Having them


def test_everybody_has_it_among_ones_own(
    admin: httpx.Client, client_of: ClientOf, announce: Announce, user: str
) -> None:
    send(admin, user, "Before")
    made = announce("To all", data={"a": 1})
    send(admin, user, "After")
    reader = client_of(user)
    assert messages(reader) == ["After", "To all", "Before"]
    assert unread(reader) == 3
    item = reader.get(f"{LIST}/{made['id']}").json()
    check_notification(item, "data")
    assert (item["userId"], item["status"], item["createdAt"]) == (user, "PENDING", made["createdAt"])
    assert item == reader.get(LIST).json()["notifications"][1]
    # who first appears later has it too
    assert messages(client_of(f"new-{user}")) == ["To all"]


def test_those_who_are_connected_are_not_everybody(announce: Announce, client_of: ClientOf, user: str) -> None:
    announce(audience="connected")
    assert messages(client_of(user)) == []
    assert unread(client_of(user)) == 0


def test_pages_and_filters_know_it(admin: httpx.Client, client_of: ClientOf, announce: Announce, user: str) -> None:
    reader = client_of(user)
    for number in range(3):
        announce(f"To all {number}", type="OPS")
        send(admin, user, f"To one {number}")
    everything = [f"To {whom} {number}" for number in (2, 1, 0) for whom in ("one", "all")]
    assert messages(reader) == everything
    found, cursor = [], None
    for _ in range(3):
        page = reader.get(LIST, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [item["message"] for item in page["notifications"]]
        cursor = page["nextCursor"]
    assert (found, cursor) == (everything, None)
    assert messages(reader, type="OPS") == everything[1::2]
    assert messages(reader, offset=4) == everything[4:]
    assert messages(reader, unread="false") == []


def test_reading_it_is_ones_own(announce: Announce, client_of: ClientOf, stranger: httpx.Client, user: str) -> None:
    reader, id = client_of(user), announce()["id"]
    first = reader.put(f"{LIST}/{id}/read")
    check_notification(first.json(), "deliveredAt", "readAt", "seenAt")
    assert reader.put(f"{LIST}/{id}/read").json() == first.json()
    assert (unread(reader), messages(reader, unread="true")) == (0, [])
    assert (unread(stranger), stranger.get(f"{LIST}/{id}").json()["status"]) == (1, "PENDING")


def test_deleting_it_is_ones_own(announce: Announce, client_of: ClientOf, stranger: httpx.Client, user: str) -> None:
    reader, id = client_of(user), announce()["id"]
    assert reader.delete(f"{LIST}/{id}").status_code == 204
    for gone in (reader.get(f"{LIST}/{id}"), reader.delete(f"{LIST}/{id}"), reader.put(f"{LIST}/{id}/read")):
        problem(gone, 404, "not_found")
    assert (unread(reader), messages(reader)) == (0, [])
    assert (unread(stranger), messages(stranger)) == (1, ["To all"])


def test_reading_all_includes_it(
    admin: httpx.Client, client_of: ClientOf, announce: Announce, stranger: httpx.Client, user: str
) -> None:
    reader = client_of(user)
    send(admin, user)
    middle = announce("Middle")["id"]
    announce("Last")
    assert reader.put(f"{LIST}/read-all", json={"upTo": middle}).json() == {
        "updated": 2,
        "unreadCount": 1,
        "unseenCount": 1,
    }
    assert messages(reader, unread="true") == ["Last"]
    assert reader.put(f"{LIST}/read-all").json() == {"updated": 1, "unreadCount": 0, "unseenCount": 0}
    assert unread(stranger) == 2


async def test_it_goes_when_it_expires(announce: Announce, client_of: ClientOf, user: str) -> None:
    reader = client_of(user)
    id = announce(expiresAt=(datetime.now(UTC) + timedelta(seconds=8)).isoformat())["id"]
    assert (messages(reader), unread(reader)) == (["To all"], 1)
    await until(lambda: messages(reader) == [], within=30)
    assert unread(reader) == 0
    problem(reader.get(f"{LIST}/{id}"), 404, "not_found")
    problem(reader.put(f"{LIST}/{id}/read"), 404, "not_found")


# Taking them back


def test_retracted_it_is_gone_for_everybody(
    admin: httpx.Client, announce: Announce, client_of: ClientOf, stranger: httpx.Client, user: str
) -> None:
    reader, id = client_of(user), announce()["id"]
    reader.put(f"{LIST}/{id}/read")
    answer = admin.delete(f"{ANNOUNCE}/{id}")
    assert (answer.status_code, answer.content) == (204, b"")
    for whose in (reader, stranger):
        assert (messages(whose), unread(whose)) == ([], 0)
        problem(whose.get(f"{LIST}/{id}"), 404, "not_found")
    problem(admin.delete(f"{ANNOUNCE}/{id}"), 404, "not_found")


@pytest.mark.parametrize("id", ["x", "%00", NEVER_GIVEN, NEVER_GIVEN[:-1]])
def test_what_is_no_announcement_is_not_found(admin: httpx.Client, id: str) -> None:
    problem(admin.delete(f"{ANNOUNCE}/{id}"), 404, "not_found")


def test_a_users_notification_is_no_announcement(admin: httpx.Client, client_of: ClientOf, user: str) -> None:
    id = send(admin, user)
    problem(admin.delete(f"{ANNOUNCE}/{id}"), 404, "not_found")
    assert messages(client_of(user)) == ["To one"]
