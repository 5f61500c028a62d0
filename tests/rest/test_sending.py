"""`POST /v1/admin/notifications`: to whom, what, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from .answers import UUID7, problem
from .conftest import ClientOf, Send

SEND = "/v1/admin/notifications"
LIST = "/v1/notifications"
JSON = {"Content-Type": "application/json"}

LINKS = [
    "/", "/posts/1#comment-9", "posts", "?a=b:c", "#x", "./a:b", "a/b:c", "/ä", "/%20", "x" * 2_000,
    "http://localhost:4200/", "https://example.com/a?b=c#d", "HTTPS://EXAMPLE.COM", "https://[::1]/", "https://ä.example",
]  # fmt: skip
"""Relative, or of the web."""

SCRIPTS = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://example.com/%0aalert(1)",
    "java\nscript:alert(1)", "java\tscript:alert(1)", "java\rscript:alert(1)", "\njavascript:alert(1)",
    " javascript:alert(1)", "\x01javascript:alert(1)", "\x1fjavascript:alert(1)", "javascript\x00:alert(1)",
    "\x7fjavascript:alert(1)", "/\njavascript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "blob:https://example.com/1",
    "ftp://example.com/", "mailto:a@example.com", "x:y", "view-source:https://example.com", "intent://x#Intent;end",
]  # fmt: skip
"""What a browser might run or open elsewhere, in the disguises that it sees through."""

BROKEN_LINKS = [
    "", "x" * 2_001, "/a b", "\\\\example.com", "/\\example.com", "https:\\\\example.com", "https://example.com\\@x",
    "//", "//example.com", "//example.com/x", "///example.com", "////",
    "http:", "http:/", "http://", "https:///path", "http:example.com", "https://?x", "https://#x",
    *(f"/a{character}b" for character in "\t\n\x7f\x85\x9f\xa0\u1680\u2003\u200b\u2028\u202e\u205f\u2060\u3000\ufeff"),
]  # fmt: skip


def content_of(reader: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reader.get(LIST).json()["notifications"]
    return found


def test_to_each_user_once_in_the_order_given(admin: httpx.Client, client_of: ClientOf, user: str) -> None:
    users = [f"{user}-b", f"{user}-a", f"{user}-b", user, f"{user}-a"]
    answer = admin.post(SEND, json={"userIds": users, "message": "Hello"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"notifications"}
    made = answer.json()["notifications"]
    assert [item["userId"] for item in made] == [f"{user}-b", f"{user}-a", user]
    assert all(set(item) == {"id", "userId", "status"} and item["status"] == "PENDING" for item in made)
    assert all(UUID7.fullmatch(item["id"]) for item in made)
    for item in made:
        assert [found["id"] for found in content_of(client_of(item["userId"]))] == [item["id"]]


@pytest.mark.parametrize("ids", [[815, "815", 815.0], ["815", 815]], ids=str)
def test_a_number_is_the_user_of_its_decimal_string(admin: httpx.Client, ids: list[Any]) -> None:
    made = admin.post(SEND, json={"userIds": ids, "message": "Hello"}).json()["notifications"]
    assert [item["userId"] for item in made] == ["815"]


@pytest.mark.parametrize("id", [0, -7, 2**53 + 1, 2**63, 2**64 - 1], ids=str)
def test_numbers_keep_every_digit(admin: httpx.Client, id: int) -> None:
    made = admin.post(SEND, json={"userId": id, "message": "Hello"}).json()["notifications"]
    assert [item["userId"] for item in made] == [str(id)]


@pytest.mark.parametrize("name", ["x" * 128, "\N{OWL}" * 128, " ", "a/b", "auth0|5f", "null", "Ä'\"\\%_$"])
def test_odd_users_are_users(admin: httpx.Client, client_of: ClientOf, name: str) -> None:
    made = admin.post(SEND, json={"userId": name, "message": "Hello"}).json()["notifications"]
    assert [item["userId"] for item in made] == [name]
    assert content_of(client_of(name))[0]["userId"] == name


@pytest.mark.parametrize("id", ["", "x" * 129, "a\x00", True, 1.5, 1e30, None, [], {}, ["1"]], ids=repr)
def test_what_is_no_user_is_refused(admin: httpx.Client, id: object) -> None:
    listed = {"userIds": ["1", id], "message": "Hello"}
    problem(admin.post(SEND, json=listed), 422, "invalid_request", "userIds.1")
    if id is not None:
        problem(admin.post(SEND, json={"userId": id, "message": "Hello"}), 422, "invalid_request", "userId")


@pytest.mark.parametrize(
    "whom",
    [
        {},
        {"userIds": []},
        {"userIds": None},
        {"userIds": "1"},
        {"userIds": {"1": "2"}},
        {"userIds": ["1"], "userId": "1"},
        {"userIds": [str(number) for number in range(10_001)]},
        {"userIds": ["1"] * 10_001},
    ],
    ids=lambda whom: str(whom)[:40],
)
def test_somebody_must_be_named(admin: httpx.Client, whom: dict[str, Any]) -> None:
    problem(admin.post(SEND, json={"message": "Hello", **whom}), 422, "invalid_request", "userIds")


def test_nothing_at_all_lacks_everything(admin: httpx.Client) -> None:
    problem(admin.post(SEND, json={}), 422, "invalid_request", "message", "userIds")


def test_ten_thousand_users_in_one_call(admin: httpx.Client, client_of: ClientOf, user: str) -> None:
    users = [f"{user}-{number}" for number in range(10_000)]
    made = admin.post(SEND, json={"userIds": users, "message": "To everybody"}).json()["notifications"]
    assert [item["userId"] for item in made] == users
    ids = [item["id"] for item in made]
    assert ids == sorted(set(ids))
    for number in (0, 4_321, 9_999):
        assert [item["id"] for item in content_of(client_of(users[number]))] == [ids[number]]


@pytest.mark.parametrize(
    ("field", "longest"),
    [("message", "x" * 10_000), ("title", "x" * 255), ("type", "x" * 50), ("data", {"": "x" * (8 * 1024 - 7)})],
)
def test_as_long_as_it_may_be(reader: httpx.Client, send: Send, field: str, longest: Any) -> None:
    send(**{"message": "Hello", field: longest})
    assert content_of(reader)[0][field] == longest


WRONG: dict[str, list[Any]] = {
    "message": ["", "x" * 10_001, "NUL \x00", 1, True, None, [], {}],
    "title": ["x" * 256, "\x00", 1, None, []],
    "type": ["", "x" * 51, "\x00", 1, None, []],
    "link": [*BROKEN_LINKS, *SCRIPTS, 1, [], {}],
    "avatar": [*BROKEN_LINKS, *SCRIPTS, 1, [], {}],
    "data": [
        {"": "x" * (8 * 1024 - 6)},
        {"": "\N{OWL}" * 2_048},  # the limit is in bytes
        {"a": [{"b": "\x00"}]},
        {"a\x00": 1},
        *("{}", [], [1], 1, True),
    ],
}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [(field, value) for field, values in WRONG.items() for value in values],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_field_is_named_and_nothing_is_sent(
    admin: httpx.Client, reader: httpx.Client, user: str, field: str, wrong: object
) -> None:
    answer = admin.post(SEND, json={"userId": user, "message": "Hello", field: wrong})
    problem(answer, 422, "invalid_request", field)
    assert content_of(reader) == []


def test_every_wrong_field_is_named_by_the_clients_own_name(admin: httpx.Client) -> None:
    wrong = {
        "userIds": ["1", "", "2", None],
        "title": 1,
        "type": "",
        "link": "javascript:alert(1)",
        "avatar": "x:y",
        "data": [],
        "user_ids": ["1"],
        "Message": "Hello",
        "status": "READ",
    }
    names = ("title", "type", "link", "avatar", "data", "userIds.1", "userIds.3", "user_ids", "Message", "status")
    problem(admin.post(SEND, json=wrong), 422, "invalid_request", "message", *names)


@pytest.mark.parametrize("name", ["userids", "id", "createdAt", "audience", "", "a.b", "Ä", "__class__", "x" * 200])
def test_an_unknown_field_is_refused(admin: httpx.Client, name: str) -> None:
    body = {"userId": "1", "message": "Hello", name: "x"}
    problem(admin.post(SEND, json=body), 422, "invalid_request", name)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link[:40])
def test_links_may_be_relative_or_of_the_web(reader: httpx.Client, send: Send, link: str) -> None:
    send(link=link, avatar=link)
    [item] = content_of(reader)
    assert (item["link"], item["avatar"]) == (link, link)


def test_null_is_as_good_as_absent(reader: httpx.Client, send: Send) -> None:
    send(link=None, avatar=None, data=None)
    assert not {"link", "avatar", "data"} & set(content_of(reader)[0])


@pytest.mark.parametrize(
    "data", [{}, {"a": None}, {"ä\N{OWL}": [1, 2.5, "x", {"deep": [[[]]]}]}, {"big": 2**63}], ids=str
)
def test_data_comes_back_as_it_was(reader: httpx.Client, send: Send, data: dict[str, Any]) -> None:
    send(data=data)
    assert content_of(reader)[0]["data"] == data


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("depth", [300, 1_000])
def test_deep_data_is_refused(admin: httpx.Client, depth: int) -> None:
    body = '{"userId": "1", "message": "Hello", "data": ' + nested(depth) + "}"
    answer = admin.post(SEND, content=body, headers=JSON)
    problem(answer, 422, "invalid_request", "data")


@pytest.mark.parametrize(
    "body",
    [
        "", " ", "x", "{", '{"message": }', "{'message': 'x'}", '{"message": "x",}', '{"message": "x"} 1', "NaN",
        '{"userId": "1", "message": "\\ud800"}', '{"userId": "\\udc00x", "message": "x"}',
        '{"message": "x", "data": {"a": NaN}}', '{"message": "x", "data": {"a": -Infinity}}',
        '{"userId": "1", "message": "a\nb"}', "[" * 100_000, nested(100_000),
    ],
    ids=lambda body: body[:40],
)  # fmt: skip
def test_what_is_not_json_is_refused(admin: httpx.Client, body: str) -> None:
    problem(admin.post(SEND, content=body, headers=JSON), 400, "invalid_request")


@pytest.mark.parametrize(
    "body", [b'{"message": "\xff"}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\x00", b"\x1f\x8b\x08"]
)
def test_what_is_not_utf_8_is_refused(admin: httpx.Client, body: bytes) -> None:
    problem(admin.post(SEND, content=body, headers=JSON), 400, "invalid_request")


@pytest.mark.parametrize("body", [None, [], [{}], "x", 1, True])
def test_json_that_is_no_object_is_refused(admin: httpx.Client, body: object) -> None:
    problem(admin.post(SEND, content=json.dumps(body), headers=JSON), 422, "invalid_request")
