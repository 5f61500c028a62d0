"""Sending later: nothing is seen before its time, and what was cancelled never is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest

from eventide_notify.models import id_at, utc_now
from eventide_notify.wire import iso

from ..service import Service
from .answers import problem

SEND, ANNOUNCE, SCHEDULED = "/v1/admin/notifications", "/v1/admin/announcements", "/v1/admin/scheduled"
SOON = 8.0
"""Seconds until what is scheduled is due, and not before it was looked at: the machine may stand still for a moment."""
T = TypeVar("T")


def at(seconds: float = 3600.0) -> str:
    return iso(utc_now() + timedelta(seconds=seconds))


def schedule(admin: httpx.Client, path: str = SEND, *, key: str | None = None, **body: Any) -> dict[str, Any]:
    answer = admin.post(path, json={"message": "Hello", **body}, headers={"Idempotency-Key": key} if key else {})
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()["scheduled"]
    return made


def listed(admin: httpx.Client) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = admin.get(SCHEDULED, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        found += page["scheduled"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def until(ask: Callable[[], T], *, within: float = 30.0) -> T:
    """What it answers once that is something."""
    end = time.monotonic() + within
    while not (answer := ask()):
        assert time.monotonic() < end, f"not within {within} s"
        time.sleep(0.05)
    return answer


def inbox(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/notifications").json()["notifications"]
    return found


def test_what_is_scheduled_is_sent_when_it_is_due(admin: httpx.Client, reader: httpx.Client, user: str) -> None:
    send_at = at(SOON)
    made = schedule(admin, userIds=[user, 42], title="Title", sendAt=send_at)
    assert made == {"id": made["id"], "sendAt": send_at, "users": 2}
    assert inbox(reader) == []
    assert [each for each in listed(admin) if each["id"] == made["id"]] == [
        {**made, "kind": "notification", "type": "SYSTEM", "title": "Title", "message": "Hello"}
    ]
    [sent] = until(lambda: inbox(reader))
    assert sent["title"] == "Title"
    assert sent["createdAt"] >= send_at
    assert sent["id"] > id_at(datetime.fromisoformat(send_at))  # in its place among those sent meanwhile
    until(lambda: made["id"] not in [each["id"] for each in listed(admin)])
    problem(admin.delete(f"{SCHEDULED}/{made['id']}"), 404, "not_found")


def test_an_announcement_likewise(admin: httpx.Client, reader: httpx.Client) -> None:
    message = uuid4().hex
    made = schedule(admin, ANNOUNCE, message=message, sendAt=at(SOON), expiresAt=at(600))
    assert (set(made), made["users"]) == ({"id", "sendAt", "users"}, None)
    [sent] = until(lambda: [each for each in inbox(reader) if each["message"] == message])
    admin.delete(f"{ANNOUNCE}/{sent['id']}")


@pytest.mark.parametrize("seconds", [0, -1, -1e9])
def test_a_time_that_is_past_is_now(admin: httpx.Client, reader: httpx.Client, user: str, seconds: float) -> None:
    answer = admin.post(SEND, json={"userId": user, "message": "Now", "sendAt": at(seconds)})
    assert answer.status_code == 201
    assert [item["id"] for item in inbox(reader)] == [answer.json()["notifications"][0]["id"]]


@pytest.mark.parametrize("path", [SEND, ANNOUNCE])
@pytest.mark.parametrize(
    "send_at",
    [lambda: at(366 * 86_400 + 60), lambda: "tomorrow", lambda: 1e9, lambda: "9999-12-31T23:59:59Z"],
    ids=["too far", "a word", "a number", "much too far"],
)
def test_times_that_are_none(admin: httpx.Client, path: str, send_at: Callable[[], Any]) -> None:
    named = {"userId": "42"} if path == SEND else {}
    body = {**named, "message": "Hello", "sendAt": send_at()}
    problem(admin.post(path, json=body), 422, "invalid_request", "sendAt")


def test_what_would_have_expired_is_refused(admin: httpx.Client) -> None:
    body = {"message": "Hello", "sendAt": at(60), "expiresAt": at(30)}
    problem(admin.post(ANNOUNCE, json=body), 422, "invalid_request", "expiresAt")


def test_what_is_cancelled_is_not_sent(admin: httpx.Client, reader: httpx.Client, user: str) -> None:
    made = schedule(admin, userId=user, sendAt=at(SOON))
    kept = schedule(admin, userId=user, message="Kept", sendAt=at(SOON))
    assert admin.delete(f"{SCHEDULED}/{made['id']}").status_code == 204
    problem(admin.delete(f"{SCHEDULED}/{made['id']}"), 404, "not_found")
    assert made["id"] not in [each["id"] for each in listed(admin)]
    until(lambda: kept["id"] not in [each["id"] for each in listed(admin)])
    assert [item["message"] for item in inbox(reader)] == ["Kept"]


@pytest.mark.parametrize("id", ["x", "01a1f82f-1efb-749b-b114-f889549d95a6", "x" * 5_000, "%00"])
def test_there_is_no_such_thing(admin: httpx.Client, id: str) -> None:
    for answer in (
        admin.delete(f"{SCHEDULED}/{id}"),
        admin.delete(f"/v1/admin/dead/{id}"),
        admin.post(f"/v1/admin/dead/{id}/retry"),
    ):
        problem(answer, 404, "not_found")


def test_these_are_an_administrators(reader: httpx.Client) -> None:
    id = "01a1f82f-1efb-749b-b114-f889549d95a6"
    for method, path in (
        ("GET", SCHEDULED), ("DELETE", f"{SCHEDULED}/{id}"), ("GET", "/v1/admin/dead"),
        ("POST", f"/v1/admin/dead/{id}/retry"), ("DELETE", f"/v1/admin/dead/{id}"),
    ):  # fmt: skip
        problem(reader.request(method, path), 403, "forbidden")


@pytest.mark.parametrize("path", [SEND, ANNOUNCE])
def test_a_request_that_is_repeated_schedules_nothing_again(admin: httpx.Client, user: str, path: str) -> None:
    key, send_at = uuid4().hex, at()
    named = {"userIds": [user]} if path == SEND else {}
    made = schedule(admin, path, key=key, sendAt=send_at, **named)
    assert schedule(admin, path, key=key, sendAt=send_at, **named) == made
    assert [each["id"] for each in listed(admin)].count(made["id"]) == 1
    for other in ({"sendAt": at(7200)}, {}, {"sendAt": send_at, "message": "other"}):
        answer = admin.post(path, json={"message": "Hello", **named, **other}, headers={"Idempotency-Key": key})
        problem(answer, 409, "conflict")
    assert admin.delete(f"{SCHEDULED}/{made['id']}").status_code == 204


@pytest.mark.parametrize("path", [SEND, ANNOUNCE])
def test_also_when_it_was_sent_meanwhile(admin: httpx.Client, reader: httpx.Client, user: str, path: str) -> None:
    key, send_at, message = uuid4().hex, at(SOON), uuid4().hex
    named = {"userIds": [user]} if path == SEND else {}
    made = schedule(admin, path, key=key, sendAt=send_at, message=message, **named)
    until(lambda: [each for each in inbox(reader) if each["message"] == message])
    assert schedule(admin, path, key=key, sendAt=send_at, message=message, **named) == made
    [sent] = [each for each in inbox(reader) if each["message"] == message]
    admin.delete(f"{ANNOUNCE}/{sent['id']}")


def test_a_list_in_pages(admin: httpx.Client, user: str) -> None:
    made = [schedule(admin, userId=user, sendAt=at(3600 - number)) for number in range(7)]
    ids = [each["id"] for each in made]
    assert [each["id"] for each in listed(admin) if each["id"] in ids] == ids
    for id in ids:
        assert admin.delete(f"{SCHEDULED}/{id}").status_code == 204
    problem(admin.get(SCHEDULED, params={"cursor": "x"}), 422, "invalid_request", "cursor")
    problem(admin.get(SCHEDULED, params={"limit": "101"}), 422, "invalid_request", "limit")


def test_cancelling_is_in_the_audit_log(service: Service, admin: httpx.Client, user: str) -> None:
    assert service.home is not None
    made = schedule(admin, userId=user, sendAt=at())
    admin.delete(f"{SCHEDULED}/{made['id']}")
    log = service.home.log.read_text()
    assert f'actor="user:admin" action="cancel" subject="scheduled:{made["id"]}"' in log


def test_the_list_says_for_whom_an_announcement_is(admin: httpx.Client) -> None:
    about: dict[str, Any] = {"topic": "tides", "requireAck": True, "expiresAt": at(7_200)}
    made = schedule(admin, ANNOUNCE, message="Later", sendAt=at(3_600), **about)
    [found] = [each for each in listed(admin) if each["id"] == made["id"]]
    assert found == made | about | {
        "kind": "announcement", "audience": "everyone", "type": "SYSTEM", "title": "", "message": "Later",
    }  # fmt: skip
    assert admin.delete(f"{SCHEDULED}/{made['id']}").status_code == 204
