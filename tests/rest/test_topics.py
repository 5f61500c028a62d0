"""Topics: users subscribe themselves, or are subscribed; who is has what is announced to the topic."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from .answers import NEVER_GIVEN, check_announcement, problem
from .conftest import ClientOf

OWN, ADMIN = "/v1/topics", "/v1/admin/topics"
ODD = ["a/b", "a/b/subscribers", "subscribers", "ä \N{OWL}", "a?b#c", "%2F", "100%", "..", "//x", "\\", "x" * 128]


def path(topic: str) -> str:
    return quote(topic, safe="").replace(".", "%2E")


def topics(reader: httpx.Client) -> list[str]:
    answer = reader.get(OWN)
    assert answer.status_code == 200
    assert list(answer.json()) == ["topics"]
    return list(answer.json()["topics"])


def subscribers(admin: httpx.Client, topic: str) -> int:
    answer = admin.get(f"{ADMIN}/{path(topic)}")
    assert answer.json() == {"topic": topic, "subscribers": answer.json()["subscribers"]}
    return int(answer.json()["subscribers"])


def announce(admin: httpx.Client, topic: str, **fields: Any) -> dict[str, Any]:
    answer = admin.post("/v1/admin/announcements", json={"message": "News", "topic": topic, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bulk(admin: httpx.Client, method: str, topic: str, users: list[Any]) -> int:
    answer = admin.request(method, f"{ADMIN}/{path(topic)}/subscribers", json={"userIds": users})
    assert answer.status_code == 200, answer.text
    assert answer.json()["topic"] == topic
    return int(answer.json()["changed"])


def found(reader: httpx.Client) -> list[str]:
    return [item["id"] for item in reader.get("/v1/notifications").json()["notifications"]]


def test_a_users_own(reader: httpx.Client, stranger: httpx.Client, admin: httpx.Client, user: str) -> None:
    assert topics(reader) == []
    for _ in range(2):  # nothing happens the second time
        assert reader.put(f"{OWN}/{user}").status_code == 204
        assert topics(reader) == [user]
    assert topics(stranger) == []
    assert subscribers(admin, user) == 1
    for _ in range(2):
        assert reader.delete(f"{OWN}/{user}").status_code == 204
        assert topics(reader) == []
    assert subscribers(admin, user) == 0


def test_topics_of_any_name(reader: httpx.Client, admin: httpx.Client, user: str) -> None:
    for topic in ODD:
        assert reader.put(f"{OWN}/{path(topic)}").status_code == 204
    assert topics(reader) == sorted(ODD)
    for topic in ODD:
        assert bulk(admin, "PUT", topic, [f"another than {user}"]) == 1
        assert subscribers(admin, topic) == 2
        assert bulk(admin, "DELETE", topic, [user, f"another than {user}"]) == 2
        assert subscribers(admin, topic) == 0
    assert topics(reader) == []
    assert reader.put(f"{OWN}/as/it/is").status_code == 204
    assert topics(reader) == ["as/it/is"]


@pytest.mark.parametrize("topic", ["", "x" * 129, "a\x00b"], ids=["empty", "too long", "NUL"])
def test_names_that_are_none(reader: httpx.Client, admin: httpx.Client, topic: str) -> None:
    for answer in (
        reader.put(f"{OWN}/{path(topic)}"),
        reader.delete(f"{OWN}/{path(topic)}"),
        admin.get(f"{ADMIN}/{path(topic)}"),
        admin.put(f"{ADMIN}/{path(topic)}/subscribers", json={"userIds": ["1"]}),
        admin.post("/v1/admin/announcements", json={"message": "x", "topic": topic}),
    ):
        problem(answer, 422, "invalid_request", "topic")


@pytest.mark.parametrize("topic", [42, True, ["a"], {"a": 1}], ids=repr)
def test_a_topic_is_a_text(admin: httpx.Client, topic: object) -> None:
    problem(
        admin.post("/v1/admin/announcements", json={"message": "x", "topic": topic}), 422, "invalid_request", "topic"
    )


@pytest.mark.parametrize("users", [[], ["x" * 129], [""], ["a\x00"], [None], "42", None, [["1"]]], ids=repr)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_users_that_are_none(admin: httpx.Client, user: str, method: str, users: object) -> None:
    answer = admin.request(method, f"{ADMIN}/{user}/subscribers", json={"userIds": users})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert subscribers(admin, user) == 0


def test_ten_thousand_at_once_and_no_more(admin: httpx.Client, user: str) -> None:
    users = [f"{user} {number}" for number in range(10_000)]
    assert bulk(admin, "PUT", user, users) == 10_000
    assert bulk(admin, "PUT", user, [*users[1:], 42]) == 1
    assert subscribers(admin, user) == 10_001
    assert bulk(admin, "DELETE", user, users) == 10_000
    answer = admin.put(f"{ADMIN}/{user}/subscribers", json={"userIds": [*users, "one more"]})
    problem(answer, 422, "invalid_request", "userIds")
    assert subscribers(admin, user) == 1


def test_only_administrators_subscribe_others(reader: httpx.Client, user: str) -> None:
    for answer in (
        reader.get(f"{ADMIN}/{user}"),
        reader.put(f"{ADMIN}/{user}/subscribers", json={"userIds": ["1"]}),
        reader.request("DELETE", f"{ADMIN}/{user}/subscribers", json={"userIds": ["1"]}),
    ):
        problem(answer, 403, "forbidden")


def test_who_mistypes_an_address_counts_nothing(admin: httpx.Client, user: str) -> None:
    problem(admin.get(f"{ADMIN}/{user}/subscribers"), 404, "not_found")


def test_its_subscribers_have_it(
    reader: httpx.Client, stranger: httpx.Client, admin: httpx.Client, client_of: ClientOf, user: str
) -> None:
    bulk(admin, "PUT", user, [user])
    made = announce(admin, user)
    check_announcement(made, "expiresAt", "topic")
    assert made["topic"] == user
    [mine] = [item for item in reader.get("/v1/notifications").json()["notifications"] if item["id"] == made["id"]]
    assert (mine["kind"], mine["topic"], mine["status"]) == ("announcement", user, "PENDING")
    assert made["id"] not in found(stranger)
    one = f"/v1/notifications/{made['id']}"
    for answer in (stranger.get(one), stranger.put(f"{one}/read"), stranger.delete(one)):
        problem(answer, 404, "not_found")
    problem(reader.get(f"/v1/notifications/{NEVER_GIVEN}"), 404, "not_found")
    # Who subscribes later has it too; and who leaves keeps what is read.
    assert stranger.put(f"{OWN}/{user}").status_code == 204
    assert made["id"] in found(stranger)
    assert stranger.put(f"{one}/read").status_code == 200
    for each in (reader, stranger):
        assert each.delete(f"{OWN}/{user}").status_code == 204
    assert made["id"] not in found(reader)
    assert made["id"] in found(stranger)


def test_with_an_idempotency_key_the_topic_counts(admin: httpx.Client, user: str) -> None:
    key = {"Idempotency-Key": f"news for {user}"}
    body = {"message": "x", "topic": user}
    made, again = (admin.post("/v1/admin/announcements", json=body, headers=key).json() for _ in range(2))
    assert made == again
    for other in ({"message": "x"}, body | {"topic": "another"}):
        problem(admin.post("/v1/admin/announcements", json=other, headers=key), 409, "conflict")


def test_subscriptions_are_exported_and_erased(
    reader: httpx.Client, admin: httpx.Client, user: str, client_of: ClientOf
) -> None:
    for topic in ("news", "a/b"):
        reader.put(f"{OWN}/{path(topic)}")
    announce(admin, f"only {user}")
    lines = [json.loads(line) for line in admin.get(f"/v1/admin/users/{user}/export").text.splitlines()]
    followed = [line for line in lines if line["kind"] == "subscription"]
    assert followed == lines[-2:] == [{"kind": "subscription", "topic": topic} for topic in ("a/b", "news")]
    assert admin.delete(f"/v1/admin/users/{user}").status_code == 200
    assert topics(reader) == []
