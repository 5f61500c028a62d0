"""The state of notifications (seen, read, unread again, archived, deleted), of some or of all; and their actions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ..waiting import until
from .answers import NEVER_GIVEN, check_announcement, check_notification, problem
from .conftest import Send

LIST = "/v1/notifications"
ACTIONS = "/v1/notifications/actions"
BUTTONS = [
    {"id": "accept", "label": "Accept", "style": "primary", "link": "/invitations/1"},
    {"id": "decline", "label": "Decline", "style": "secondary"},
]


def act(reader: httpx.Client, action: str, *ids: str, **fields: Any) -> dict[str, Any]:
    answer = reader.post(ACTIONS, json={"action": action, **({"ids": list(ids)} if ids else {}), **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"ids", "unreadCount", "unseenCount"}
    return body


def listed(reader: httpx.Client, **query: Any) -> list[str]:
    return [item["id"] for item in reader.get(LIST, params=query).json()["notifications"]]


def get(reader: httpx.Client, id: str) -> dict[str, Any]:
    item: dict[str, Any] = reader.get(f"{LIST}/{id}").json()
    return item


def counts(unread: int, unseen: int, *ids: str) -> dict[str, Any]:
    return {"ids": list(ids), "unreadCount": unread, "unseenCount": unseen}


def test_seen_is_not_read(reader: httpx.Client, send: Send) -> None:
    one, two, three = (send() for _ in range(3))
    assert act(reader, "seen", two, one) == counts(3, 1, two, one)
    item = get(reader, one)
    check_notification(item, "seenAt", *({"deliveredAt"} & set(item)))
    assert (item["seen"], item["read"]) == (True, False)
    assert act(reader, "seen", one, three) == counts(3, 0, three)
    assert act(reader, "seen", one) == counts(3, 0)
    assert get(reader, one)["seenAt"] == item["seenAt"]
    assert reader.get(f"{LIST}/unread-count").json() == {"unreadCount": 3, "unseenCount": 0}


async def test_who_names_a_notification_as_seen_has_received_it(reader: httpx.Client, send: Send) -> None:
    one, two = send(), send()
    act(reader, "seen", one)
    await until_status(reader, one, "DELIVERED")
    assert get(reader, two)["status"] == "PENDING"
    act(reader, "seen", all=True)  # which names none
    act(reader, "archive", two)
    await until_status(reader, two, "DELIVERED")


async def test_seeing_all_proves_no_receipt(reader: httpx.Client, send: Send) -> None:
    one, two = send(), send()
    act(reader, "seen", all=True)
    act(reader, "seen", two)  # changes nothing
    act(reader, "archive", one)
    await until_status(reader, one, "DELIVERED")
    assert get(reader, two)["status"] == "PENDING"


async def until_status(reader: httpx.Client, id: str, status: str) -> None:
    await until(lambda: get(reader, id)["status"] == status)


def test_read_and_unread_again(reader: httpx.Client, send: Send) -> None:
    one, two = send(), send()
    assert act(reader, "read", one, two, one) == counts(0, 0, one, two)
    check_notification(get(reader, one), "deliveredAt", "readAt", "seenAt")
    assert act(reader, "unread", one) == counts(1, 0, one)
    item = get(reader, one)
    check_notification(item, "deliveredAt", "seenAt")
    assert item["status"] == "DELIVERED"
    assert act(reader, "unread", one) == counts(1, 0)
    assert listed(reader, unread="true") == [one]


def test_archived_ones_are_in_a_list_of_their_own_and_in_no_count(reader: httpx.Client, send: Send) -> None:
    one, two, three = (send() for _ in range(3))
    assert act(reader, "archive", one, three) == counts(1, 1, one, three)
    check_notification(get(reader, one), "archivedAt", *({"deliveredAt"} & set(get(reader, one))))
    assert listed(reader) == [two]
    assert listed(reader, archived="true") == [three, one]
    assert listed(reader, archived="true", unread="false") == []
    assert act(reader, "read", one) == counts(1, 1, one)
    assert listed(reader, archived="true", unread="false") == [one]
    assert act(reader, "unarchive", one, two) == counts(1, 1, one)
    assert act(reader, "unarchive", all=True) == counts(2, 2, three)
    assert listed(reader) == [three, two, one]


def test_all_are_those_that_are_not_archived(reader: httpx.Client, send: Send) -> None:
    one, two, three, four = (send() for _ in range(4))
    act(reader, "archive", one)
    assert act(reader, "read", all=True, upTo=three) == counts(1, 1, three, two)
    assert act(reader, "unread", all=True, upTo=two) == counts(2, 1, two)
    assert act(reader, "archive", all=True, upTo=two) == counts(1, 1, two)
    assert act(reader, "delete", all=True) == counts(0, 0, four, three)
    assert act(reader, "delete", all=True) == counts(0, 0)
    assert listed(reader, archived="true") == [two, one]


def test_three_hundred_are_deleted_by_one_request(reader: httpx.Client, admin: httpx.Client, user: str) -> None:
    sent = [admin.post("/v1/admin/notifications", json={"userId": user, "message": "Hello"}) for _ in range(300)]
    ids = [answer.json()["notifications"][0]["id"] for answer in sent]
    assert act(reader, "delete", *ids) == counts(0, 0, *ids)
    assert listed(reader) == []
    problem(reader.post(ACTIONS, json={"action": "delete", "ids": ids}), 404, "not_found")


@pytest.mark.parametrize("action", ["seen", "read", "unread", "archive", "unarchive", "delete"])
def test_anothers_are_passed_over(reader: httpx.Client, stranger: httpx.Client, send: Send, action: str) -> None:
    id = send()
    before = get(reader, id)
    for ids in ([id], [id, NEVER_GIVEN, "x"]):
        problem(stranger.post(ACTIONS, json={"action": action, "ids": ids}), 404, "not_found")
    assert act(stranger, action, all=True) == counts(0, 0)
    assert get(reader, id) == before
    assert set(act(reader, action, NEVER_GIVEN, id)["ids"]) <= {id}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["action", "ids"]),
        ({"action": "read"}, ["ids"]),
        ({"action": "read", "ids": []}, ["ids"]),
        ({"action": "read", "ids": ["x"] * 1001}, ["ids"]),
        ({"action": "read", "ids": "x"}, ["ids"]),
        ({"action": "read", "ids": [NEVER_GIVEN], "all": True}, ["ids"]),
        ({"action": "read", "ids": [NEVER_GIVEN], "upTo": NEVER_GIVEN}, ["ids"]),
        ({"action": "read", "all": False}, ["ids"]),
        ({"action": "read", "all": True, "upTo": "x"}, ["upTo"]),
        ({"action": "READ", "all": True}, ["action"]),
        ({"action": 5, "all": True}, ["action"]),
        ({"action": "read", "all": 1}, ["all"]),
        ({"action": "read", "all": True, "until": NEVER_GIVEN}, ["until"]),
    ],
)
def test_wrong_requests(reader: httpx.Client, send: Send, body: dict[str, Any], fields: list[str]) -> None:
    send()
    problem(reader.post(ACTIONS, json=body), 422, "invalid_request", *fields)
    assert reader.get(f"{LIST}/unread-count").json() == {"unreadCount": 1, "unseenCount": 1}


def test_text_is_found_in_title_and_message(reader: httpx.Client, send: Send) -> None:
    one = send("Your Größe is 100%", title="Order")
    two = send("nothing", title="ORDER_ten \\ (a|b)")
    assert listed(reader, q="order") == [two, one]
    assert listed(reader, q="GRÖSSE") in ([], [one])  # not every database knows that ß is ss
    assert listed(reader, q="GRÖ") == [one]
    assert listed(reader, q="100%") == [one]
    for none in ("10%", "order ten", "o.der", "1000", "%", "(a|c)"):
        assert listed(reader, q=none) == ([one] if none == "%" else [])
    assert listed(reader, q="_") == listed(reader, q="\\") == listed(reader, q="(A|B)") == [two]
    assert listed(reader, q="order", limit=1) == [two]
    act(reader, "archive", two)
    assert listed(reader, q="order") == [one]
    assert listed(reader, q="order", archived="true", type="SYSTEM") == [two]


@pytest.mark.parametrize("query", [{"q": ""}, {"q": "x" * 101}, {"q": "\0"}, {"archived": "yes"}, {"archived": ""}])
def test_wrong_filters(reader: httpx.Client, query: dict[str, str]) -> None:
    problem(reader.get(LIST, params=query), 422, "invalid_request", *query)


def test_announcements_have_the_same_states(
    reader: httpx.Client, stranger: httpx.Client, admin: httpx.Client, send: Send
) -> None:
    own = send()
    made = admin.post("/v1/admin/announcements", json={"message": "Maintenance", "actions": BUTTONS}).json()
    check_announcement(made, "expiresAt", "actions")
    id = made["id"]
    assert get(reader, id)["kind"] == "announcement"
    assert get(reader, own)["kind"] == "notification"
    before = reader.get(f"{LIST}/unread-count").json()
    after = act(reader, "seen", id)
    assert (after["unreadCount"], after["unseenCount"]) == (before["unreadCount"], before["unseenCount"] - 1)
    act(reader, "read", id)
    act(reader, "unread", id)
    item = get(reader, id)
    check_notification(item, "deliveredAt", "seenAt", "actions")
    after = act(reader, "archive", id)
    assert (after["unreadCount"], after["unseenCount"]) == (before["unreadCount"] - 1, before["unseenCount"] - 1)
    assert id not in listed(reader, limit=100)
    assert id in listed(reader, archived="true")
    pressed = reader.put(f"{LIST}/{id}/action", json={"actionId": "decline"}).json()
    assert (pressed["action"]["id"], pressed["status"]) == ("decline", "READ")
    assert not get(stranger, id)["seen"]
    assert admin.delete(f"/v1/admin/announcements/{id}").status_code == 204
    problem(reader.post(ACTIONS, json={"action": "read", "ids": [id]}), 404, "not_found")


def test_an_action_is_chosen_once(reader: httpx.Client, admin: httpx.Client, send: Send) -> None:
    id = send(actions=BUTTONS)
    assert get(reader, id)["actions"] == BUTTONS
    answer = reader.put(f"{LIST}/{id}/action", json={"actionId": "accept"})
    assert answer.status_code == 200, answer.text
    item = answer.json()
    check_notification(item, "actions", "action", "deliveredAt", "readAt", "seenAt")
    assert (item["action"], item["status"]) == ({"id": "accept", "at": item["readAt"]}, "READ")
    again = reader.put(f"{LIST}/{id}/action", json={"actionId": "accept"})
    assert (again.status_code, again.json()) == (200, item)
    problem(reader.put(f"{LIST}/{id}/action", json={"actionId": "decline"}), 409, "conflict")
    assert admin.get(f"/v1/admin/notifications/{id}").json() == item == get(reader, id)
    assert reader.get(f"{LIST}/unread-count").json() == {"unreadCount": 0, "unseenCount": 0}


def test_what_cannot_be_chosen(reader: httpx.Client, stranger: httpx.Client, send: Send) -> None:
    id, plain = send(actions=BUTTONS[:1]), send()
    for wrong in ({"actionId": "decline"}, {"actionId": ""}, {"actionId": 5}, {}):
        problem(reader.put(f"{LIST}/{id}/action", json=wrong), 422, "invalid_request", "actionId")
    problem(reader.put(f"{LIST}/{plain}/action", json={"actionId": "accept"}), 422, "invalid_request", "actionId")
    for nobodys in (NEVER_GIVEN, "x"):
        problem(reader.put(f"{LIST}/{nobodys}/action", json={"actionId": "accept"}), 404, "not_found")
    problem(stranger.put(f"{LIST}/{id}/action", json={"actionId": "accept"}), 404, "not_found")
    assert get(reader, id)["status"] == "PENDING"


@pytest.mark.parametrize(
    ("actions", "field"),
    [
        ([], "actions"),
        (BUTTONS * 2, "actions"),
        ([BUTTONS[0]] * 2, "actions"),
        ([{"id": "a"}], "actions.0.label"),
        ([{"id": "a", "label": ""}], "actions.0.label"),
        ([{"id": "", "label": "A"}], "actions.0.id"),
        ([{"id": "a", "label": "A", "style": "danger"}], "actions.0.style"),
        ([{"id": "a", "label": "A", "link": "javascript:alert(1)"}], "actions.0.link"),
        ([{"id": "a", "label": "A", "url": "/"}], "actions.0.url"),
        ("accept", "actions"),
    ],
)
def test_wrong_actions(admin: httpx.Client, user: str, actions: object, field: str) -> None:
    body = {"userId": user, "message": "Hello", "actions": actions}
    problem(admin.post("/v1/admin/notifications", json=body), 422, "invalid_request", field)


def test_administrators_find_any_notification(admin: httpx.Client, reader: httpx.Client, send: Send) -> None:
    id = send()
    assert admin.get(f"/v1/admin/notifications/{id}").json() == get(reader, id)
    problem(admin.get(f"/v1/admin/notifications/{NEVER_GIVEN}"), 404, "not_found")
    problem(admin.get("/v1/admin/notifications/x"), 404, "not_found")
    problem(reader.get(f"/v1/admin/notifications/{id}"), 403, "forbidden")
