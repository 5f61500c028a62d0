"""`Idempotency-Key`: a request that is sent again does nothing again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from .answers import problem
from .conftest import ClientOf

SEND = "/v1/admin/notifications"


def send(admin: httpx.Client, key: str, body: dict[str, Any]) -> httpx.Response:
    return admin.post(SEND, json=body, headers=[(b"Idempotency-Key", key.encode("latin-1"))])


def received(client_of: ClientOf, user: str) -> list[str]:
    return [item["message"] for item in client_of(user).get("/v1/notifications").json()["notifications"]]


@pytest.fixture
def key() -> str:
    return uuid4().hex


def test_the_same_request_has_the_same_answer_and_sends_nothing_again(
    admin: httpx.Client, client_of: ClientOf, user: str, key: str
) -> None:
    users = [user, f"{user}-2"]
    first = send(admin, key, {"userIds": users, "message": "Once", "data": {"a": 1, "b": 2}})
    assert first.status_code == 201
    # Neither white space nor the order of names is part of what a body says.
    again = send(admin, key, {"data": {"b": 2, "a": 1}, "message": "Once", "userIds": [*users, user]})
    assert (again.status_code, again.json()) == (201, first.json())
    assert [received(client_of, name) for name in users] == [["Once"], ["Once"]]


def test_a_key_is_its_callers(client_of: ClientOf, user: str, key: str) -> None:
    one, another = (client_of(name, admin=True) for name in ("one", "another"))
    first = send(one, key, {"userId": user, "message": "One's"})
    assert send(another, key, {"userId": user, "message": "Another's"}).status_code == 201
    assert send(one, key, {"userId": user, "message": "One's"}).json() == first.json()
    assert received(client_of, user) == ["Another's", "One's"]


def test_a_key_that_looks_like_anothers_is_not_theirs(client_of: ClientOf, user: str, key: str) -> None:
    for name, used in (("a", f"b {key}"), ("a\nb", key), ("a b", key)):
        assert send(client_of(name, admin=True), used, {"userId": user, "message": name}).status_code == 201
    assert received(client_of, user) == ["a b", "a\nb", "a"]


@pytest.mark.parametrize("audience", ["everyone", "connected"])
def test_an_announcement_is_made_once(
    admin: httpx.Client, client_of: ClientOf, user: str, key: str, audience: str
) -> None:
    def announce(message: str) -> httpx.Response:
        body = {"message": message, "audience": audience}
        return admin.post("/v1/admin/announcements", json=body, headers={"Idempotency-Key": key})

    first = announce(key)
    assert first.status_code == 201
    assert announce(key).json() == first.json()
    problem(announce("other"), 409, "conflict")
    problem(send(admin, key, {"userId": user, "message": key}), 409, "conflict")
    assert received(client_of, user).count(key) == (1 if audience == "everyone" else 0)
    admin.delete(f"/v1/admin/announcements/{first.json()['id']}")


def test_an_event_takes_no_key(admin: httpx.Client, key: str) -> None:
    body = {"everyone": True, "event": "news"}
    answer = admin.post("/v1/admin/events", json=body, headers={"Idempotency-Key": key})
    problem(answer, 422, "invalid_request", "Idempotency-Key")


@pytest.mark.parametrize(
    "other", [{"message": "Other"}, {"title": "Other"}, {"data": {"a": 1}}, {"userId": "other"}, {"link": "/"}], ids=str
)
def test_another_body_is_a_conflict(
    admin: httpx.Client, client_of: ClientOf, user: str, key: str, other: dict[str, Any]
) -> None:
    body = {"userId": user, "message": "Once"}
    first = send(admin, key, body)
    problem(send(admin, key, body | other), 409, "conflict")
    assert received(client_of, user) == ["Once"]
    assert send(admin, key, body).json() == first.json()


def test_without_a_key_everything_is_sent(admin: httpx.Client, client_of: ClientOf, user: str) -> None:
    for _ in range(2):
        admin.post(SEND, json={"userId": user, "message": "Each"})
    assert received(client_of, user) == ["Each", "Each"]


def test_a_refused_request_does_not_use_the_key(admin: httpx.Client, user: str, key: str) -> None:
    problem(send(admin, key, {"userId": user, "message": ""}), 422, "invalid_request", "message")
    assert send(admin, key, {"userId": user, "message": "Right"}).status_code == 201


def test_at_the_same_time_it_is_sent_once(admin: httpx.Client, client_of: ClientOf, user: str, key: str) -> None:
    users = [f"{user}-{number}" for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(admin, key, {"userIds": users, "message": "Once"}), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    made = answers[0].json()
    assert all(answer.json() == made for answer in answers)
    for item in made["notifications"]:
        found = client_of(item["userId"]).get("/v1/notifications").json()["notifications"]
        assert [notification["id"] for notification in found] == [item["id"]]


@pytest.mark.parametrize("key", ["", "x" * 256, "Ä", "a\tb"])
def test_what_is_no_key_is_refused(admin: httpx.Client, client_of: ClientOf, user: str, key: str) -> None:
    problem(send(admin, key, {"userId": user, "message": "Hello"}), 422, "invalid_request", "Idempotency-Key")
    assert received(client_of, user) == []


@pytest.mark.parametrize("key", ["!", "a b", "~" * 255, '"quoted"'])
def test_any_printable_text_is_a_key(admin: httpx.Client, client_of: ClientOf, user: str, key: str) -> None:
    for _ in range(2):
        assert send(admin, key, {"userId": user, "message": "Once"}).status_code == 201
    assert received(client_of, user) == ["Once"]
