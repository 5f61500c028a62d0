"""What operators look at, of one instance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from eventide_notify.models import USER_ID_MAX, IdGenerator, utc_now

from ..polling import polling_client
from ..raw import raw_client
from ..service import Service
from ..waiting import asked_until
from .answers import problem
from .conftest import ClientOf, Send, clients_of

PATHS = [
    "/v1/admin/notifications/{id}/timeline",
    "/v1/admin/users/{user}/notifications",
    "/v1/admin/users/{user}/sessions",
    "/v1/admin/announcements",
    "/v1/admin/instances",
    "/v1/admin/warnings",
]


@pytest.mark.parametrize("path", PATHS)
def test_only_administrators_may_look(reader: httpx.Client, admin: httpx.Client, send: Send, path: str) -> None:
    path = path.format(id=send(), user="somebody")
    problem(reader.get(path), 403, "forbidden")
    answer = admin.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    problem(admin.get(path, params={"typo": "1"}), 422, "invalid_request", "typo")


# A user's list and sessions


@pytest.mark.parametrize("user", ["a/b", "a b/ä?#%", "x/notifications", "x/sessions/"])
def test_a_users_list_is_the_users_own(admin: httpx.Client, client_of: ClientOf, send: Send, user: str) -> None:
    for message in ("one", "two", "three"):
        send(message)
    path = f"/v1/admin/users/{quote(user)}/notifications"
    for query in ({}, {"limit": "2"}, {"q": "two"}, {"unread": "false"}):
        own = client_of(user).get("/v1/notifications", params=query).json()
        assert admin.get(path, params=query).json() == own
    page = admin.get(path, params={"limit": "2"}).json()
    assert [item["message"] for item in page["notifications"]] == ["three", "two"]
    rest = admin.get(path, params={"cursor": page["nextCursor"]}).json()
    assert [item["message"] for item in rest["notifications"]] == ["one"]
    problem(admin.get(path, params={"limit": "0"}), 422, "invalid_request", "limit")


def test_a_user_whose_id_is_none(admin: httpx.Client) -> None:
    for name in ("notifications", "sessions"):
        problem(admin.get(f"/v1/admin/users/{'x' * (USER_ID_MAX + 1)}/{name}"), 404, "not_found")
        problem(admin.get(f"/v1/admin/users/%00/{name}"), 422, "invalid_request", "userIds")


async def test_sessions_over_both_transports_and_in_both_namespaces(
    service: Service, admin: httpx.Client, user: str
) -> None:
    auth = {"token": service.token(user), "catchUp": "none"}
    async with raw_client(service.base_url, auth, namespace="/"), polling_client(service.base_url, auth) as polling:
        await polling.event("catch_up_complete")

        async def told() -> list[tuple[Any, ...]]:
            found = (await asyncio.to_thread(admin.get, f"/v1/admin/users/{user}/sessions")).json()["sessions"]
            return [(each["namespace"], each["transport"], each["catchUp"], each["replaying"]) for each in found]

        # That all was replayed is told to the client before it is noted here.
        wanted = [("/", "websocket", "none", False), ("/notifications", "polling", "none", False)]
        await asked_until(told, lambda found: found == wanted)
    assert (await sessions_of(admin, user, 0)) == []


async def sessions_of(admin: httpx.Client, user: str, number: int) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        answer = await asyncio.to_thread(admin.get, f"/v1/admin/users/{user}/sessions")
        found: list[dict[str, Any]] = answer.json()["sessions"]
        return found

    return await asked_until(ask, lambda found: len(found) == number)


async def test_addresses_are_those_that_trusted_proxies_tell(service: Service, admin: httpx.Client, user: str) -> None:
    async with polling_client(service.base_url, None, namespace=None) as client:
        client._query.pop("sid")
        headers = {"X-Forwarded-For": "203.0.113.7", "User-Agent": "x" * 1_000}
        handshake = await (await client.request("GET", headers=headers)).answer()
        client._query["sid"] = handshake.packets[0].partition('"sid":"')[2].partition('"')[0]
        await client.post(f'40/notifications,{{"token":"{service.token(user)}"}}')
        [session] = await sessions_of(admin, user, 1)
    assert (session["address"], session["userAgent"]) == ("203.0.113.7", "x" * 200)


# Timelines


def test_what_nobody_knows_has_no_timeline(admin: httpx.Client) -> None:
    for id in ("nonsense", IdGenerator()(utc_now())):
        problem(admin.get(f"/v1/admin/notifications/{id}/timeline"), 404, "not_found")


def test_what_a_user_did(admin: httpx.Client, reader: httpx.Client, send: Send) -> None:
    id = send(actions=[{"id": "yes", "label": "Yes"}])
    for action in ("seen", "read", "unread", "archive", "unarchive"):
        reader.post("/v1/notifications/actions", json={"action": action, "ids": [id]}).raise_for_status()
    reader.post("/v1/notifications/actions", json={"action": "archive", "all": True}).raise_for_status()
    for _ in range(2):  # the second time nothing happens
        reader.put(f"/v1/notifications/{id}/action", json={"actionId": "yes"}).raise_for_status()
    reader.delete(f"/v1/notifications/{id}").raise_for_status()
    events = admin.get(f"/v1/admin/notifications/{id}/timeline").json()["events"]
    assert [event["what"] for event in events] == [
        "created", "seen", "read", "unread", "archived", "unarchived", "archived", "action", "deleted", "gone",
    ]  # fmt: skip
    assert events[0]["detail"] == "by admin"
    assert events[7]["detail"] == "yes"


def test_one_of_many_that_were_sent_together(admin: httpx.Client, user: str) -> None:
    asked = {"userIds": [user, "another", "third"], "message": "Hello"}
    created = admin.post("/v1/admin/notifications", json=asked).json()["notifications"]
    for item in created:
        [event, _] = admin.get(f"/v1/admin/notifications/{item['id']}/timeline").json()["events"]
        assert (event["what"], event["detail"]) == ("created", "by admin, one of 3")


# Announcements


@pytest.fixture(scope="module")
def quiet() -> Iterator[httpx.Client]:
    """The administrator of a service where nothing has been announced yet."""
    with Service() as service:
        service.start()
        with clients_of(service) as client_of:
            yield client_of("admin", admin=True)


def test_current_announcements_newest_first(quiet: httpx.Client) -> None:
    path = "/v1/admin/announcements"
    made = [quiet.post(path, json={"message": str(number)}).json() for number in range(5)]
    quiet.post(path, json={"message": "nobody keeps it", "audience": "connected"}).raise_for_status()
    quiet.delete(f"{path}/{made[1]['id']}").raise_for_status()
    first = quiet.get(path, params={"limit": "3"}).json()
    assert [item["message"] for item in first["announcements"]] == ["4", "3", "2"]
    assert first["announcements"][0] == made[4]
    last = quiet.get(path, params={"limit": "3", "cursor": first["nextCursor"]}).json()
    assert ([item["message"] for item in last["announcements"]], last["nextCursor"]) == (["0"], None)
    problem(quiet.get(path, params={"cursor": "x"}), 422, "invalid_request", "cursor")


# This instance


async def test_the_instance_and_its_figures(service: Service, admin: httpx.Client, user: str) -> None:
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")

        async def ask() -> dict[str, Any]:
            await asyncio.to_thread(service.send, user)
            [instance] = (await asyncio.to_thread(admin.get, "/v1/admin/instances")).json()["instances"]
            found: dict[str, Any] = instance
            return found

        def has_figures(instance: dict[str, Any]) -> bool:
            figures = instance["figures"]
            rates = (figures[f"{name}PerSecond"] for name in ("created", "sent", "received"))
            return figures["latencyP50"] is not None and all(rate > 0 for rate in rates)

        instance = await asked_until(ask, has_figures)
    assert (instance["status"], instance["problems"]) == ("ready", [])
    assert instance["sockets"] >= 1
    assert 0 < instance["figures"]["latencyP50"] <= instance["figures"]["latencyP99"]
