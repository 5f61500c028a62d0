"""Events of the caller's own, and who is connected."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from eventide_notify.wire import RESERVED_EVENTS

from ..raw import raw_client
from ..service import Service
from ..waiting import until
from .answers import problem

EVENTS = "/v1/admin/events"
ONLINE = "/v1/admin/online-users"
JSON = {"Content-Type": "application/json"}


# Events of the caller's own


@pytest.mark.parametrize("payload", [None, True, 1.5, "text", [1, [2]], {"ä\N{OWL}": {"deep": []}}, "\x00"], ids=repr)
async def test_an_event_arrives_as_it_is(service: Service, admin: httpx.Client, user: str, payload: object) -> None:
    async with (
        raw_client(service.base_url, {"token": service.token(user)}) as meant,
        raw_client(service.base_url, {"token": service.token(f"not-{user}")}) as other,
    ):
        for client in (meant, other):
            await client.event("catch_up_complete")
        asked = {"userIds": [user], "event": "order:changed", "payload": payload}
        answer = await asyncio.to_thread(admin.post, EVENTS, json=asked)
        assert (answer.status_code, answer.json()) == (202, {"event": "order:changed"})
        assert await meant.event("order:changed") == payload
        everyone = {"everyone": True, "event": "all", "payload": payload}
        assert (await asyncio.to_thread(admin.post, EVENTS, json=everyone)).status_code == 202
        assert [await client.event("all") for client in (meant, other)] == [payload, payload]
        assert other.events("order:changed") == []


def test_an_event_is_not_stored(service: Service, admin: httpx.Client, user: str) -> None:
    assert admin.post(EVENTS, json={"userIds": [user], "event": "x"}).status_code == 202
    with service.client(user) as reader:
        assert reader.get("/v1/notifications").json()["notifications"] == []


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names_are_refused(admin: httpx.Client, name: str) -> None:
    problem(admin.post(EVENTS, json={"everyone": True, "event": name}), 422, "invalid_request", "event")


def test_the_names_of_the_contract_are_reserved() -> None:
    own = {"connect", "disconnect", "connect_error"}
    to_client = {
        *("connected", "notification", "newNotification", "new_notification", "pending_notifications"),
        *("global_notification", "announcement", "notification_read", "notification_deleted", "unread_count"),
        *("notification_updated", "reload"),
        *("catch_up_complete", "token_expiring", "exception", "messageToClient"),
    }
    to_server = {
        *("mark_read", "mark_all_read", "delete_notification", "get_unread_count", "get_notifications"),
        *("notification_ack", "refresh_token", "messageToServer"),
        *("mark_seen", "mark_unread", "archive", "unarchive", "notification_action"),
    }
    assert own | to_client | to_server <= RESERVED_EVENTS


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"event": "x"}, ["userIds"]),
        ({"event": "x", "everyone": False}, ["userIds"]),
        ({"event": "x", "everyone": True, "userIds": ["1"]}, ["userIds"]),
        ({"event": "x", "userIds": []}, ["userIds"]),
        ({"event": "x", "userIds": ["1", 1.5]}, ["userIds.1"]),
        ({"event": "x", "everyone": 1}, ["everyone"]),
        ({"everyone": True}, ["event"]),
        ({"everyone": True, "event": ""}, ["event"]),
        ({"everyone": True, "event": "x" * 101}, ["event"]),
        ({"everyone": True, "event": 1}, ["event"]),
        ({"everyone": True, "event": "x", "namespace": "/", "message": "x"}, ["namespace", "message"]),
        ({"event": ""}, ["event", "userIds"]),
    ],
    ids=str,
)
def test_wrong_events_are_refused(admin: httpx.Client, body: dict[str, Any], fields: list[str]) -> None:
    problem(admin.post(EVENTS, json=body), 422, "invalid_request", *fields)


@pytest.mark.parametrize("depth", [300, 1_000])
def test_a_payload_too_deep_to_be_written_is_refused(admin: httpx.Client, depth: int) -> None:
    body = '{"everyone": true, "event": "x", "payload": ' + "[" * depth + "]" * depth + "}"
    problem(admin.post(EVENTS, content=body, headers=JSON), 422, "invalid_request", "payload")


def test_a_payload_has_a_limit(admin: httpx.Client) -> None:
    body = {"userIds": ["nobody"], "event": "x", "payload": "x" * (64 * 1024 - 2)}
    assert admin.post(EVENTS, json=body).status_code == 202
    answer = admin.post(EVENTS, json={**body, "payload": f"{body['payload']}x"})
    problem(answer, 422, "invalid_request", "payload")
    assert "at most 65536 bytes" in answer.json()["errors"][0]["message"]


# Connected users


async def test_who_is_connected(service: Service, admin: httpx.Client, user: str) -> None:
    def connections(of: str) -> dict[str, Any]:
        answer = admin.get(f"/v1/admin/users/{quote(of, safe='')}/online")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def online() -> list[str]:
        answer = admin.get(ONLINE).json()
        assert set(answer) == {"userIds", "count"}
        assert answer["count"] == len(answer["userIds"])
        return [name for name in answer["userIds"] if name.startswith(user)]

    name = f"{user}/ä \N{OWL}?"  # any text may be a user's id
    assert connections(name) == {"userId": name, "online": False, "connections": 0}
    auth = {"token": service.token(name)}
    async with raw_client(service.base_url, auth), raw_client(service.base_url, auth, namespace="/"):
        await until(lambda: connections(name) == {"userId": name, "online": True, "connections": 2})
        assert online() == [name]
    await until(lambda: connections(name) == {"userId": name, "online": False, "connections": 0})
    assert online() == []


async def test_who_is_connected_is_read_piece_by_piece(service: Service, admin: httpx.Client, user: str) -> None:
    def page(**query: Any) -> Any:
        return admin.get(ONLINE, params=query).json()

    names = [f"{user}-{letter} ä/&" for letter in "abc"]
    async with AsyncExitStack() as stack:
        for name in reversed(names):
            await stack.enter_async_context(raw_client(service.base_url, {"token": service.token(name)}))
        first = page(limit=2, cursor=user)
        assert (first["userIds"], first["nextCursor"]) == (names[:2], names[1])
        rest = page(limit=2, cursor=first["nextCursor"])
        assert rest["userIds"][0] == names[2]
        assert rest["count"] == first["count"] >= 3


@pytest.mark.parametrize("wrong", [{"limit": "0"}, {"limit": "10001"}, {"limit": "x"}, {"cursor": ""}])
def test_a_piece_that_there_cannot_be(admin: httpx.Client, wrong: dict[str, str]) -> None:
    problem(admin.get(ONLINE, params=wrong), 422, "invalid_request", *wrong)


def test_a_user_id_that_none_can_have_is_not_found(admin: httpx.Client) -> None:
    problem(admin.get(f"/v1/admin/users/{'x' * 129}/online"), 404, "not_found")
