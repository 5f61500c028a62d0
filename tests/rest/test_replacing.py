"""`expiresAt` and `collapseKey` of a send: what is refused, what is answered, and what a user finds."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from eventide_notify.models import COLLAPSE_KEY_MAX, utc_now
from eventide_notify.wire import iso

from ..waiting import asked_until
from .answers import problem
from .conftest import ClientOf, Send

SEND = "/v1/admin/notifications"
LIST = "/v1/notifications"


def later(seconds: float) -> str:
    return iso(utc_now() + timedelta(seconds=seconds))


def found(reader: httpx.Client, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = reader.get(LIST, params=query).json()
    return answer


def test_an_unread_one_is_replaced(send: Send, reader: httpx.Client, admin: httpx.Client) -> None:
    first = send("1 of 2", collapseKey="build 7")
    second = send("2 of 2", collapseKey="build 7")
    other = send("1 of 1", collapseKey="build 8")
    answer = found(reader)
    assert [(item["id"], item.get("collapsed")) for item in answer["notifications"]] == [(other, None), (second, 1)]
    assert (answer["unreadCount"], answer["unseenCount"]) == (2, 2)
    assert "collapseKey" not in answer["notifications"][0], "it is the back end's own"
    assert reader.get(f"{LIST}/{first}").status_code == 404
    assert reader.put(f"{LIST}/{first}/read").status_code == 404
    assert admin.get(f"{SEND}/{first}").status_code == 404
    events = admin.get(f"{SEND}/{first}/timeline").json()["events"]
    assert [event["what"] for event in events] == ["created", "replaced", "gone"]


def test_what_is_read_or_archived_stays(send: Send, reader: httpx.Client) -> None:
    was_read, put_away = send("read", collapseKey="k"), ""
    reader.put(f"{LIST}/{was_read}/read")
    put_away = send("archived", collapseKey="k")
    reader.post(f"{LIST}/actions", json={"action": "archive", "ids": [put_away]})
    third = send("third", collapseKey="k")
    assert [item["id"] for item in found(reader)["notifications"]] == [third, was_read]
    assert [item["id"] for item in found(reader, archived="true")["notifications"]] == [put_away]


def test_keys_are_each_users_own(admin: httpx.Client, client_of: ClientOf, user: str) -> None:
    users = [user, f"{user}-2", f"{user}-3"]
    admin.post(SEND, json={"userIds": users[:2], "message": "1", "collapseKey": "k"})
    admin.post(SEND, json={"userIds": users, "message": "2", "collapseKey": "k"})
    items = [found(client_of(name))["notifications"] for name in users]
    assert [[item["message"] for item in some] for some in items] == [["2"]] * 3
    assert [some[0].get("collapsed") for some in items] == [1, 1, None]


def test_a_repeated_request_is_answered_again(admin: httpx.Client, reader: httpx.Client, user: str) -> None:
    body = {"userId": user, "message": "Once", "collapseKey": "k", "expiresAt": later(60)}
    key = {"Idempotency-Key": uuid4().hex}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: admin.post(SEND, json=body, headers=key), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    [id] = {answer.json()["notifications"][0]["id"] for answer in answers}
    [item] = found(reader)["notifications"]
    assert (item["id"], item.get("collapsed")) == (id, None)
    others = ({**body, "collapseKey": "other"}, {**body, "expiresAt": later(90)}, {"userId": user, "message": "Once"})
    for other in others:
        problem(admin.post(SEND, json=other, headers=key), 409, "conflict")
    send_again = admin.post(SEND, json={**body, "message": "Twice"}).json()["notifications"][0]["id"]
    assert admin.post(SEND, json=body, headers=key).json()["notifications"][0]["id"] == id
    [item] = found(reader)["notifications"]
    assert (item["id"], item["collapsed"]) == (send_again, 1)


def test_what_expires_is_gone(send: Send, reader: httpx.Client, admin: httpx.Client) -> None:
    at = later(8.0)
    id, kept = send("short", expiresAt=at), send("kept")
    assert reader.get(f"{LIST}/{id}").json().get("expiresAt", at) == at

    def left() -> list[str]:
        return [item["id"] for item in found(reader)["notifications"]]

    asyncio.run(asked_until(partial(asyncio.to_thread, left), lambda ids: ids == [kept]))
    assert reader.get(f"{LIST}/unread-count").json() == {"unreadCount": 1, "unseenCount": 1}
    for answer in (reader.get(f"{LIST}/{id}"), reader.put(f"{LIST}/{id}/read"), reader.delete(f"{LIST}/{id}")):
        problem(answer, 404, "not_found")
    assert admin.get(f"{SEND}/{id}").status_code == 404
    assert [event["what"] for event in admin.get(f"{SEND}/{id}/timeline").json()["events"]][-1] == "gone"


@pytest.mark.parametrize("key", ["", "x" * (COLLAPSE_KEY_MAX + 1), "a\x00", 7, True, [], {}, "\ud800"], ids=repr)
def test_what_is_no_key_is_refused(admin: httpx.Client, user: str, key: object) -> None:
    body = {"userId": user, "message": "x", "collapseKey": key}
    answer = admin.post(SEND, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("key", ["x" * COLLAPSE_KEY_MAX, "\N{OWL}" * COLLAPSE_KEY_MAX, " ", "'; --", "$where", "%_\\"])
def test_odd_keys_are_keys(send: Send, reader: httpx.Client, key: str) -> None:
    for number in range(3):
        send(str(number), collapseKey=key)
    [item] = found(reader)["notifications"]
    assert item["collapsed"] == 2


@pytest.mark.parametrize("time", ["2020-01-01T00:00:00Z", "yesterday", 4102444800, "", "2030-01-01", True], ids=repr)
def test_what_is_no_time_in_the_future_is_refused(admin: httpx.Client, user: str, time: object) -> None:
    answer = admin.post(SEND, json={"userId": user, "message": "x", "expiresAt": time})
    problem(answer, 422, "invalid_request", "expiresAt")


def test_an_announcement_takes_no_key(admin: httpx.Client) -> None:
    answer = admin.post("/v1/admin/announcements", json={"message": "x", "collapseKey": "k"})
    problem(answer, 422, "invalid_request", "collapseKey")
