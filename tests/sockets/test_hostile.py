"""Whatever a client sends: it gets a clear error, its connection lives on, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from ..raw import RawClient, raw_client
from ..service import Service

UNKNOWN_ID = "01931c5e-9f2c-7c1e-b0a1-3f0f6a1d2c3b"


@pytest.fixture
async def client(service: Service, user: str) -> AsyncIterator[RawClient]:
    """A connection; after the test it, and that of a bystander, must be as good as before."""
    async with (
        raw_client(service.base_url, {"token": service.token(user)}) as client,
        raw_client(service.base_url, {"token": service.token(f"{user}-bystander")}) as bystander,
    ):
        await client.event("catch_up_complete")
        await bystander.event("catch_up_complete")
        seen = len(bystander.frames)
        yield client
        for each in (client, bystander):
            assert await each.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
        assert [frame for frame in bystander.frames[seen:] if frame.startswith("42")] == []


def failure(answer: Any) -> str:
    assert answer["success"] is False
    assert answer["error"]["message"]
    return str(answer["error"]["code"])


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error", "__proto__", "trigger_event", "", "é"])
async def test_an_event_of_any_name_is_only_an_event(client: RawClient, name: str) -> None:
    assert failure(await client.call(name, {"token": "x"}, {}, None)) == "invalid_request"


async def test_a_forged_connect_does_not_change_who_the_client_is(
    client: RawClient, service: Service, user: str
) -> None:
    victim = service.token("victim")
    await client.call("connect", {"HTTP_AUTHORIZATION": victim}, {"token": victim})
    await asyncio.to_thread(service.send, "victim")
    [own] = await asyncio.to_thread(service.send, user)
    assert (await client.event("notification"))["id"] == own
    assert failure(await client.call("delete_notification", {"notificationId": UNKNOWN_ID})) == "not_found"
    await client.call("delete_notification", {"notificationId": own})


async def test_a_forged_disconnect_does_not_end_anything(client: RawClient, service: Service, user: str) -> None:
    await client.emit("disconnect", "transport close")
    await client.event("exception")
    [id] = await asyncio.to_thread(service.send, user)
    assert (await client.event("notification"))["id"] == id
    await client.call("delete_notification", {"notificationId": id})


@pytest.mark.parametrize("event", ["mark_read", "delete_notification"])
async def test_the_notification_of_another_is_not_found(client: RawClient, service: Service, event: str) -> None:
    [foreign] = await asyncio.to_thread(service.send, "owner-of-something")
    assert failure(await client.call(event, {"notificationId": foreign})) == "not_found"
    with service.client("owner-of-something") as owner:
        found = (await asyncio.to_thread(owner.get, f"/v1/notifications/{foreign}")).json()
    assert found["status"] == "PENDING"


async def test_the_receipt_of_anothers_notification_does_not_count(client: RawClient, service: Service) -> None:
    [foreign] = await asyncio.to_thread(service.send, "owner-of-a-pending-one")
    answer = await client.call("notification_ack", {"ids": [foreign]})
    assert answer == {"success": True, "acknowledged": 0}
    with service.client("owner-of-a-pending-one") as owner:
        found = (await asyncio.to_thread(owner.get, f"/v1/notifications/{foreign}")).json()
    assert found["status"] == "PENDING"


def each(event: str, values: Iterable[Any], field: str | None = None) -> list[tuple[str, Any]]:
    """The event with each of these as its data, or as one field of it."""
    return [(event, value if field is None else {field: value}) for value in values]


WRONG = [
    *each("mark_read", [None, 5, 1.5, True, [], {}, "", "x" * 65], "notificationId"),
    *each("mark_read", [None, "x", [], [None], [5], {"0": "x"}, ["x"] * 1001], "notificationIds"),
    *each("mark_read", [None, [], "x", 5, {}, {"notificationId": "x", "notificationIds": ["y"]}]),
    *each("mark_read", [{"notificationId": "x", "userId": "another"}]),
    *each("mark_all_read", [5, "x", [], {"upTo": 5}, {"upTo": "nonsense"}, {"until": "x"}]),
    *each("delete_notification", [None, 5, [], {"$ne": None}], "notificationId"),
    *each("get_unread_count", [5, "x", {"userId": "another"}]),
    *each("get_notifications", [0, 101, -1, 1.5, "many", None, [], True], "limit"),
    *each("get_notifications", [-1, "x", 10_001, 10**30], "offset"),
    *each("get_notifications", ["maybe", 5, []], "unread"),
    *each("get_notifications", ["", 5, "x" * 51, "a\x00b", {"$gt": ""}], "type"),
    *each("get_notifications", ["nonsense", 5, {}], "cursor"),
    *each("notification_ack", [None, {}, {"ids": "x"}, {"ids": [5]}, {"ids": []}]),
    *each("refresh_token", [None, {}, {"token": 5}]),
    ("messageToServer", "only in the demo"),
]


@pytest.mark.parametrize(("event", "data"), WRONG)
async def test_wrong_arguments_are_refused(client: RawClient, event: str, data: Any) -> None:
    assert failure(await client.call(event, data)) == "invalid_request"


async def test_two_arguments_are_one_too_many(client: RawClient) -> None:
    assert failure(await client.call("mark_read", {"notificationId": UNKNOWN_ID}, {})) == "invalid_request"


async def test_without_an_ack_callback_the_error_is_an_event(client: RawClient) -> None:
    await client.emit("mark_read", {"notificationId": UNKNOWN_ID})
    error = await client.event("exception")
    assert error == {"status": "error", "code": "not_found", "message": "There is no such notification."}


async def test_with_an_ack_callback_it_is_not_an_event_too(client: RawClient) -> None:
    await client.call("mark_read", {"notificationId": UNKNOWN_ID})
    await client.call("get_unread_count")
    assert client.events("exception") == []


@pytest.mark.parametrize(
    "frame",
    [
        "4",
        "42",
        "42/notifications,",
        "42/notifications,{}",
        "42/notifications,[]",
        "42/notifications,[5]",
        "42/notifications,[{}]",
        "42/notifications,[",
        '42/notifications,["mark_read",{"notificationId":"\\ud800"}]',
        '42/notifications,["mark_read",NaN]',
        "42/notifications," + "9" * 200 + '["mark_read"]',
        '451-/notifications,["mark_read",{"_placeholder":true,"num":0}]',
        "452-/notifications,[]",
        "461-/notifications,1[]",
        "44/notifications,{}",
        "49",
        "4hello",
        '4{"a":1}',
        "4" + "[" * 50_000,
        "42/notifications," + "[" * 50_000,
        '42/notifications,["mark_read",' + "[" * 5_000 + "]" * 5_000 + "]",
        b"\x00\x01\x02",
        "bAAEC",
    ],
    ids=lambda frame: str(frame)[:40],
)
async def test_a_malformed_packet_harms_nobody(client: RawClient, frame: str | bytes) -> None:
    await client.write(frame)


async def test_a_malformed_event_with_an_ack_callback_is_answered(client: RawClient) -> None:
    await client.write('42/notifications,77["mark_read",{]')
    answer = await client.frame(lambda frame: frame.startswith("43/notifications,77["))
    assert failure(json.loads(answer[answer.index("[") :])[0]) == "invalid_request"


async def test_an_event_of_a_megabyte_is_answered(client: RawClient) -> None:
    answer = await client.call("mark_read", {"notificationId": "x" * 1_000_000})
    assert failure(answer) == "payload_too_large"


async def test_binary_with_an_ack_callback_is_answered(client: RawClient) -> None:
    await client.write('451-/notifications,78["mark_read",{"_placeholder":true,"num":0}]')
    answer = await client.frame(lambda frame: frame.startswith("43/notifications,78["))
    assert failure(json.loads(answer[answer.index("[") :])[0]) == "invalid_request"


async def test_an_answer_to_nothing_is_passed_over(client: RawClient) -> None:
    await client.write("43/notifications,5[]")
    await client.write("43/notifications,")
    await client.write('43/notifications,1{"a":1}')


async def test_events_before_connect_reach_nothing(service: Service) -> None:
    async with raw_client(service.base_url, namespace=None) as client:
        await client.write('42/notifications,1["get_unread_count"]')
        await client.write('42["get_unread_count"]')
        await client.write('40/notifications,{"token":"nonsense"}')
        refused = await client.frame(lambda frame: frame.startswith("44"))
        assert json.loads(refused[refused.index("{") :])["data"] == {"code": "token_invalid"}
        assert [frame for frame in client.frames if frame.startswith("43")] == []


async def test_a_second_connect_changes_nothing(client: RawClient, service: Service) -> None:
    await client.write("40/notifications," + json.dumps({"token": service.token("another")}))
    await client.frame(lambda frame: frame.startswith("44/notifications"))


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        (None, "token_missing"),
        ({}, "token_missing"),
        ({"token": ""}, "token_missing"),
        ({"token": None}, "token_missing"),
        ({"token": 5}, "token_invalid"),
        ({"token": {"$ne": ""}}, "token_invalid"),
        ({"token": "a.b.c"}, "token_invalid"),
        ({"token": "x" * 50_000}, "token_invalid"),
        ([], "token_missing"),
        (["token"], "token_missing"),
        ("token", "token_missing"),
        (True, "token_missing"),
    ],
)
async def test_credentials_that_are_none_are_refused(service: Service, auth: Any, code: str) -> None:
    async with raw_client(service.base_url, auth) as client:
        refused = await client.frame(lambda frame: frame.startswith("44/notifications,"))
        message = json.loads(refused[refused.index("{") :])
        assert message == {"message": "Authentication failed", "data": {"code": code}}


async def test_credentials_that_are_no_json_are_refused(service: Service) -> None:
    async with raw_client(service.base_url, namespace=None) as client:
        await client.write("40/notifications,{")
        refused = await client.frame(lambda frame: frame.startswith("44/notifications,"))
        assert json.loads(refused[refused.index("{") :])["data"] == {"code": "token_missing"}


async def test_odd_wishes_are_passed_over(service: Service, user: str) -> None:
    wishes = {"token": service.token(user), "catchUp": 5, "since": {"$gt": ""}, "more": 1}
    async with raw_client(service.base_url, wishes) as client:
        assert (await client.event("catch_up_complete"))["complete"] is True


async def test_the_log_has_no_traceback_of_all_this(service: Service) -> None:
    assert service.home is not None
    assert "Traceback" not in service.home.log.read_text()
