"""`GET /v1/notifications`, one of them, and their count."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .answers import NEVER_GIVEN, OPTIONAL, check_notification, problem
from .conftest import Send

LIST = "/v1/notifications"
COUNT = "/v1/notifications/unread-count"


def page(reader: httpx.Client, **query: Any) -> dict[str, Any]:
    answer = reader.get(LIST, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"notifications", "unreadCount", "unseenCount", "nextCursor"}
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [item["id"] for item in body["notifications"]]


def test_a_user_without_notifications_has_an_empty_list(reader: httpx.Client) -> None:
    assert page(reader) == {"notifications": [], "unreadCount": 0, "unseenCount": 0, "nextCursor": None}
    assert reader.get(COUNT).json() == {"unreadCount": 0, "unseenCount": 0}


def test_what_was_sent_is_what_is_read(reader: httpx.Client, send: Send, user: str) -> None:
    content: dict[str, Any] = {
        "type": "NEW_COMMENT",
        "title": "New Comment",
        "message": 'Alice commented on "Post" \N{OWL}\n',
        "link": "/posts/1#comment-9",
        "avatar": "https://example.com/a.png",
        "data": {"postId": 1, "deep": [{"x": None}, 1.5, True]},
        "actions": [{"id": "reply", "label": "Reply", "style": "primary", "link": "/posts/1#reply"}],
    }
    id = send(**content)
    [item] = page(reader)["notifications"]
    check_notification(item, *OPTIONAL)
    assert item | content | {"id": id, "userId": user, "status": "PENDING"} == item


def test_what_was_not_given_is_absent(reader: httpx.Client, send: Send) -> None:
    send("Only this")
    [item] = page(reader)["notifications"]
    check_notification(item)
    assert (item["type"], item["title"], item["message"]) == ("SYSTEM", "", "Only this")


def test_newest_first_and_twenty_unless_asked_otherwise(reader: httpx.Client, send: Send) -> None:
    sent = [send() for _ in range(21)]
    first = page(reader)
    assert ids(first) == sent[:0:-1]
    assert first["unreadCount"] == 21
    assert ids(page(reader, cursor=first["nextCursor"])) == sent[:1]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_a_full_last_page_has_no_cursor(reader: httpx.Client, send: Send, limit: int) -> None:
    sent = [send() for _ in range(3)]
    body = page(reader, limit=limit)
    assert ids(body) == sent[::-1][:limit]
    assert (body["nextCursor"] is None) == (limit >= 3)


def test_a_cursor_stays_stable_under_inserts_and_deletes(reader: httpx.Client, send: Send) -> None:
    sent = [send() for _ in range(9)]
    shown = page(reader, limit=3)
    pages = [ids(shown)]
    for gone in (sent[6], sent[0]):  # the very one that the cursor stands for, and one that is still to come
        send("meanwhile")
        reader.delete(f"{LIST}/{gone}")
        shown = page(reader, limit=3, cursor=shown["nextCursor"])
        pages.append(ids(shown))
    assert pages == [sent[:5:-1], sent[5:2:-1], sent[2:0:-1]]
    assert shown["nextCursor"] is None


def test_an_offset_skips(reader: httpx.Client, send: Send) -> None:
    sent = [send() for _ in range(5)][::-1]
    assert ids(page(reader, offset=3)) == sent[3:]
    assert ids(page(reader, offset=5)) == []
    assert ids(page(reader, offset=10_000)) == []
    cursor = page(reader, limit=1)["nextCursor"]
    assert ids(page(reader, cursor=cursor, offset=1, limit=2)) == sent[2:4]


def test_filters(reader: httpx.Client, send: Send) -> None:
    sent = [send(type=type) for type in ("A", "B", "a", "A")]
    for read in sent[2:]:
        reader.put(f"{LIST}/{read}/read")
    assert ids(page(reader, unread="true")) == [sent[1], sent[0]]
    assert ids(page(reader, unread="false")) == [sent[3], sent[2]]
    assert ids(page(reader, unread="True")) == [sent[1], sent[0]]  # as Python's clients write it
    assert ids(page(reader, type="A")) == [sent[3], sent[0]]
    assert ids(page(reader, type="A", unread="true")) == [sent[0]]
    assert ids(page(reader, type="%")) == []
    assert page(reader, type="B", unread="false") == {
        "notifications": [],
        "unreadCount": 2,
        "unseenCount": 2,
        "nextCursor": None,
    }


def test_a_cursor_keeps_to_the_filters(reader: httpx.Client, send: Send) -> None:
    sent = [send(type=type) for type in "ABABA"]
    first = page(reader, type="A", limit=2)
    assert ids(first) == [sent[4], sent[2]]
    assert ids(page(reader, type="A", limit=2, cursor=first["nextCursor"])) == [sent[0]]


def test_nobody_lists_or_counts_what_is_anothers(stranger: httpx.Client, send: Send) -> None:
    id = send()
    assert page(stranger) == {"notifications": [], "unreadCount": 0, "unseenCount": 0, "nextCursor": None}
    assert stranger.get(COUNT).json() == {"unreadCount": 0, "unseenCount": 0}
    assert ids(page(stranger, cursor=id)) == []


def test_a_cursor_of_anothers_is_no_way_to_it(stranger: httpx.Client, send: Send) -> None:
    send()
    assert ids(page(stranger, cursor=send())) == []


@pytest.mark.parametrize(
    "query",
    [
        *(
            f"limit={wrong}"
            for wrong in (
                "0",
                "101",
                "-1",
                "",
                "x",
                "1.5",
                "1e1",
                "+1",
                "1_0",
                " 1",
                "9" * 30,
                "\N{ARABIC-INDIC DIGIT ONE}",
            )
        ),
        *(f"offset={wrong}" for wrong in ("-1", "10001", "", "x", "1.0")),
        *(f"unread={wrong}" for wrong in ("", "1", "0", "yes", "null")),
        *(f"type={wrong}" for wrong in ("", "x" * 51, "a%00b")),
        *(f"cursor={wrong}" for wrong in ("", "x", "x" * 65, "1", NEVER_GIVEN.upper() + "x", NEVER_GIVEN + "%00")),
        "user=1",
        "userId=1",
        "Limit=1",
    ],
)
def test_a_wrong_parameter_is_named(reader: httpx.Client, query: str) -> None:
    problem(reader.get(f"{LIST}?{query}"), 422, "invalid_request", query.partition("=")[0])


def test_all_wrong_parameters_are_named(reader: httpx.Client) -> None:
    wrong = {"limit": "0", "offset": "-1", "unread": "perhaps", "type": "", "page": "2"}
    problem(reader.get(LIST, params=wrong), 422, "invalid_request", *wrong)


@pytest.mark.parametrize("query", ["limit=1&limit=1", "unread=true&type=A&unread=false"])
def test_a_parameter_may_be_given_once(reader: httpx.Client, query: str) -> None:
    problem(reader.get(f"{LIST}?{query}"), 422, "invalid_request")


@pytest.mark.parametrize("query", ["limit=1", "limit=100", "offset=0", "type=" + "x" * 50, "type=Ä%20%0A"])
def test_limits_themselves_are_allowed(reader: httpx.Client, query: str) -> None:
    assert reader.get(f"{LIST}?{query}").status_code == 200


def test_one(reader: httpx.Client, send: Send) -> None:
    id = send("This one")
    send("Not this one")
    answer = reader.get(f"{LIST}/{id}")
    assert answer.status_code == 200
    check_notification(answer.json())
    assert answer.json() == page(reader)["notifications"][1]


def test_counting(reader: httpx.Client, send: Send) -> None:
    first, _ = send(), send()
    assert reader.get(COUNT).json() == {"unreadCount": 2, "unseenCount": 2}
    reader.put(f"{LIST}/{first}/read")
    assert reader.get(COUNT).json() == {"unreadCount": 1, "unseenCount": 1}


@pytest.mark.parametrize("path", [COUNT, f"{LIST}/{NEVER_GIVEN}"])
def test_parameters_that_there_are_none_of_are_named(reader: httpx.Client, path: str) -> None:
    problem(reader.get(f"{path}?a=1&b=2"), 422, "invalid_request", "a", "b")
