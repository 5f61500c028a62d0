"""All that is kept of a user: exported, and erased."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from eventide_notify.models import utc_now
from eventide_notify.wire import iso

from ..raw import raw_client
from ..service import Service
from ..waiting import until
from .answers import problem
from .conftest import ClientOf, Send, clients_of

USERS = "/v1/admin/users/"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One of its own, for its log, and for what is announced to everybody."""
    with Service({"EVENTIDE_LOG_FORMAT": "json"}) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def client_of(service: Service) -> Iterator[ClientOf]:
    with clients_of(service) as client:
        yield client


@pytest.fixture(scope="module")
def admin(client_of: ClientOf) -> httpx.Client:
    return client_of("admin", admin=True)


def entries(service: Service, action: str, subject: str) -> list[dict[str, Any]]:
    """The audit log's entries on this."""
    assert service.home is not None
    lines = [json.loads(line) for line in service.home.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if (line.get("action"), line.get("subject")) == (action, subject)]


def export(admin: httpx.Client, user: str) -> list[dict[str, Any]]:
    answer = admin.get(f"{USERS}{quote(user, safe='')}/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    assert not answer.content or answer.content.endswith(b"\n")
    return [json.loads(line) for line in answer.content.splitlines()]


def erase(admin: httpx.Client, user: str) -> Any:
    answer = admin.delete(f"{USERS}{quote(user, safe='')}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def announce(admin: httpx.Client, message: str) -> str:
    answer = admin.post("/v1/admin/announcements", json={"message": message})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def act(reader: httpx.Client, action: str, *ids: str) -> None:
    assert reader.post("/v1/notifications/actions", json={"action": action, "ids": ids}).status_code == 200


def test_an_export_has_all_that_the_user_has(
    service: Service, admin: httpx.Client, reader: httpx.Client, user: str, send: Send
) -> None:
    old, archived, gone, new = (send(name, data={"n": [1]}) for name in ("old", "archived", "gone", "new"))
    everyones = announce(admin, f"for {user}")
    act(reader, "archive", archived)
    act(reader, "delete", gone)
    act(reader, "read", old, everyones)
    found = export(admin, user)
    assert [each["id"] for each in found if each["id"] > old] == [everyones, new, archived]
    assert (found[0]["kind"], found[0]["status"]) == ("announcement", "READ")
    receipt = {"status", "deliveredAt"}  # which may be written after the change
    for each in found:
        now = reader.get(f"/v1/notifications/{each['id']}").json()
        assert {name: each[name] for name in each.keys() - receipt} == {
            name: now[name] for name in now.keys() - receipt
        }
    admin.delete(f"/v1/admin/announcements/{everyones}")


def test_an_export_in_many_portions(service: Service, admin: httpx.Client, user: str) -> None:
    sent = [service.send(user, message=str(number))[0] for number in range(3)]
    with service.client(admin=True) as sender:
        for _ in range(50):
            body = {"userIds": [f"{user} {number}" for number in range(200)] + [user], "message": "x"}
            sent.append(sender.post("/v1/admin/notifications", json=body).json()["notifications"][-1]["id"])
    found = [each["id"] for each in export(admin, user) if each["kind"] == "notification"]
    assert found == sorted(sent, reverse=True)


def test_users_of_any_name(admin: httpx.Client, user: str) -> None:
    name = f"{user}/ä \N{OWL}?/export"
    body = {"userId": name, "message": "x"}
    made = admin.post("/v1/admin/notifications", json=body).json()["notifications"][0]["id"]
    assert made in [each["id"] for each in export(admin, name)]
    assert erase(admin, name) == {"notifications": 1, "receipts": 0, "claims": 0}
    assert made not in [each["id"] for each in export(admin, name)]


def test_nobody_is_exported_and_erased(admin: httpx.Client, user: str) -> None:
    assert [each for each in export(admin, user) if each["kind"] == "notification"] == []
    assert erase(admin, user) == {"notifications": 0, "receipts": 0, "claims": 0}


def test_only_administrators_may(reader: httpx.Client, user: str) -> None:
    problem(reader.get(f"{USERS}{user}/export"), 403, "forbidden")
    problem(reader.delete(f"{USERS}{user}"), 403, "forbidden")


@pytest.mark.parametrize("path", ["online", "export", "x/y"])
def test_who_mistypes_an_address_erases_nobody(admin: httpx.Client, user: str, send: Send, path: str) -> None:
    id = send()
    problem(admin.delete(f"{USERS}{user}/{path}"), 404, "not_found")
    assert id in [each["id"] for each in export(admin, user)]


def test_user_ids_that_none_can_have_are_not_found(admin: httpx.Client) -> None:
    problem(admin.get(f"{USERS}{'x' * 129}/export"), 404, "not_found")
    problem(admin.delete(f"{USERS}{'x' * 129}"), 404, "not_found")


async def test_erasing_clears_screens_and_closes_transports(service: Service, admin: httpx.Client, user: str) -> None:
    auth = {"token": service.token(user)}
    everyones = await asyncio.to_thread(announce, admin, f"for {user}")
    mine = service.send(user)[0]
    async with (
        raw_client(service.base_url, auth) as one,
        raw_client(service.base_url, auth, namespace="/") as other,
        raw_client(service.base_url, {"token": service.token(f"not-{user}")}) as witness,
    ):
        for client, namespace in ((one, "/notifications"), (other, "/"), (witness, "/notifications")):
            await client.event("catch_up_complete", namespace=namespace)
        await one.call("mark_read", {"notificationId": everyones})
        erased = await asyncio.to_thread(erase, admin, user)
        assert erased["notifications"] == 1
        assert erased["receipts"] >= 1
        for client, namespace in ((one, "/notifications"), (other, "/")):
            told = await client.event("notification_deleted", namespace=namespace)
            assert told["all"] is True
            assert told["upTo"] > max(mine, everyones)
            assert told["unreadCount"] == told["unseenCount"] >= 1  # the announcements that there are
            await client.until_closed()
        assert (await witness.call("get_unread_count"))["unreadCount"] >= 1
        assert witness.events("notification_deleted") == []
    await until(lambda: admin.get(f"{USERS}{user}/online").json()["online"] is False)
    async with raw_client(service.base_url, auth) as again:
        await again.event("catch_up_complete")
        assert mine not in [each["id"] for each in again.events("notification")]
        listed = (await again.call("get_notifications", {}))["notifications"]
        assert [each["read"] for each in listed if each["id"] == everyones] == [False]
    await asyncio.to_thread(admin.delete, f"/v1/admin/announcements/{everyones}")


def test_what_is_scheduled_is_not_sent_to_who_was_erased(admin: httpx.Client, user: str) -> None:
    send_at, other = iso(utc_now() + timedelta(hours=1)), f"not-{user}"

    def schedule(*users: str) -> str:
        body = {"userIds": users, "message": "later", "sendAt": send_at}
        return str(admin.post("/v1/admin/notifications", json=body).json()["scheduled"]["id"])

    both, alone = schedule(user, other), schedule(user)
    assert erase(admin, user) == {"notifications": 0, "receipts": 0, "claims": 0}
    problem(admin.delete(f"/v1/admin/scheduled/{alone}"), 404, "not_found")
    found = admin.get("/v1/admin/scheduled", params={"limit": 100}).json()["scheduled"]
    assert [each["users"] for each in found if each["id"] == both] == [1]
    admin.delete(f"/v1/admin/scheduled/{both}")


def test_a_repeated_request_sends_nothing_to_who_was_erased(admin: httpx.Client, user: str) -> None:
    body = {"userIds": [user, f"not-{user}"], "message": "x"}
    key = {"Idempotency-Key": f"key of {user}"}
    first = admin.post("/v1/admin/notifications", json=body, headers=key).json()["notifications"]
    assert erase(admin, user) == {"notifications": 1, "receipts": 0, "claims": 1}
    again = admin.post("/v1/admin/notifications", json=body, headers=key)
    assert (again.status_code, again.json()["notifications"]) == (201, first[1:])
    assert [each for each in export(admin, user) if each["kind"] == "notification"] == []


def test_both_are_audited(service: Service, admin: httpx.Client, user: str, send: Send) -> None:
    send("a secret")
    export(admin, user)
    erase(admin, user)
    [exported], [erased] = (entries(service, action, f"user:{user}") for action in ("export", "erase"))
    for entry in (exported, erased):
        assert (entry["logger"], entry["actor"]) == ("eventide_notify.audit", "user:admin")
    assert exported["details"] == {"notifications": 1, "complete": True}
    assert erased["details"] == {"notifications": 1, "receipts": 0, "claims": 0, "scheduled": 0}
