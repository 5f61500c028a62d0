"""Marking as read, and deleting."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .answers import NEVER_GIVEN, check_notification, problem
from .conftest import Send

LIST = "/v1/notifications"
ALL = "/v1/notifications/read-all"

ONE = [("GET", LIST + "/{}"), ("PUT", LIST + "/{}/read"), ("DELETE", LIST + "/{}")]


def statuses(reader: httpx.Client) -> list[str]:
    """Oldest first."""
    return [item["status"] for item in reversed(reader.get(LIST).json()["notifications"])]


def unread(reader: httpx.Client) -> int:
    return int(reader.get(f"{LIST}/unread-count").json()["unreadCount"])


def test_reading_twice_gives_the_same_answer(reader: httpx.Client, send: Send) -> None:
    id = send()
    first = reader.put(f"{LIST}/{id}/read")
    assert first.status_code == 200
    check_notification(first.json(), "deliveredAt", "readAt", "seenAt")
    assert first.json()["status"] == "READ"
    again = reader.put(f"{LIST}/{id}/read")
    assert (again.status_code, again.json()) == (200, first.json())
    assert reader.get(f"{LIST}/{id}").json() == first.json()


def test_only_the_one_that_is_named_is_read(reader: httpx.Client, send: Send) -> None:
    ids = [send() for _ in range(3)]
    reader.put(f"{LIST}/{ids[1]}/read")
    assert statuses(reader) == ["PENDING", "READ", "PENDING"]
    assert unread(reader) == 2


def test_deleting(reader: httpx.Client, send: Send) -> None:
    kept, gone = send(), send()
    answer = reader.delete(f"{LIST}/{gone}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(reader.get(f"{LIST}/{gone}"), 404, "not_found")
    problem(reader.delete(f"{LIST}/{gone}"), 404, "not_found")
    problem(reader.put(f"{LIST}/{gone}/read"), 404, "not_found")
    assert [item["id"] for item in reader.get(LIST).json()["notifications"]] == [kept]
    assert unread(reader) == 1


@pytest.mark.parametrize(("method", "path"), ONE)
def test_anothers_is_not_found_and_left_alone(
    reader: httpx.Client, stranger: httpx.Client, send: Send, method: str, path: str
) -> None:
    id = send()
    refused, unknown = (
        problem(stranger.request(method, path.format(id)), 404, "not_found") for id in (id, NEVER_GIVEN)
    )
    assert refused.pop("requestId") != unknown.pop("requestId")
    assert refused == unknown
    assert statuses(reader) == ["PENDING"]


@pytest.mark.parametrize(("method", "path"), ONE)
@pytest.mark.parametrize("id", ["x", "1", "%00", "..", "%2e%2e", "a%2Fb", "'", "x" * 1000, "%ff", NEVER_GIVEN[:-1]])
def test_what_is_no_id_is_not_found(reader: httpx.Client, method: str, path: str, id: str) -> None:
    problem(reader.request(method, path.format(id)), 404, "not_found")


@pytest.mark.parametrize("body", [{}, {"json": {}}, {"json": {"upTo": None}}], ids=["none", "empty", "null"])
def test_all_are_read(reader: httpx.Client, send: Send, body: dict[str, Any]) -> None:
    ids = [send() for _ in range(3)]
    reader.put(f"{LIST}/{ids[0]}/read")
    answer = reader.put(ALL, **body)
    assert (answer.status_code, answer.json()) == (200, {"updated": 2, "unreadCount": 0, "unseenCount": 0})
    assert reader.put(ALL, **body).json() == {"updated": 0, "unreadCount": 0, "unseenCount": 0}
    assert statuses(reader) == ["READ"] * 3


def test_all_up_to_one_are_read(reader: httpx.Client, send: Send) -> None:
    ids = [send() for _ in range(4)]
    assert reader.put(ALL, json={"upTo": ids[1]}).json() == {"updated": 2, "unreadCount": 2, "unseenCount": 2}
    assert statuses(reader) == ["READ", "READ", "PENDING", "PENDING"]
    reader.delete(f"{LIST}/{ids[2]}")
    # The page may not know yet that the newest it shows is deleted elsewhere.
    assert reader.put(ALL, json={"upTo": ids[2]}).json() == {"updated": 0, "unreadCount": 1, "unseenCount": 1}
    assert reader.put(ALL, json={"upTo": NEVER_GIVEN}).json() == {"updated": 0, "unreadCount": 1, "unseenCount": 1}


def test_all_are_ones_own(reader: httpx.Client, stranger: httpx.Client, send: Send) -> None:
    id = send()
    assert stranger.put(ALL).json() == {"updated": 0, "unreadCount": 0, "unseenCount": 0}
    assert stranger.put(ALL, json={"upTo": id}).json() == {"updated": 0, "unreadCount": 0, "unseenCount": 0}
    assert statuses(reader) == ["PENDING"]


@pytest.mark.parametrize("wrong", ["", "x", 1, True, [], {}, "x" * 65, NEVER_GIVEN + "\x00"])
def test_up_to_must_be_an_id(reader: httpx.Client, send: Send, wrong: object) -> None:
    send()
    problem(reader.put(ALL, json={"upTo": wrong}), 422, "invalid_request", "upTo")
    assert statuses(reader) == ["PENDING"]


def test_unknown_fields_are_refused(reader: httpx.Client, send: Send) -> None:
    id = send()
    problem(reader.put(ALL, json={"upto": id, "up_to": id}), 422, "invalid_request", "upto", "up_to")
    assert statuses(reader) == ["PENDING"]
