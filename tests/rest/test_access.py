"""Revoking tokens, disconnecting users, and API keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import jwt
import pytest
from pydantic import SecretStr

from eventide_notify import Settings, create_app
from eventide_notify.access import entry_of, new_key
from eventide_notify.models import utc_now
from eventide_notify.service.background import Background
from eventide_notify.wire import iso

from ..raw import raw_client
from ..service import SECRET, Service
from ..waiting import asked_until
from .answers import NEVER_GIVEN, TIME, UUID7, problem
from .conftest import ClientOf, clients_of

REVOCATIONS = "/v1/admin/revocations"
OLD, NEW, OTHER = (new_key() for _ in range(3))
KEYS = [entry_of("shop", OLD), entry_of("shop", NEW), entry_of("billing", OTHER)]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service({"EVENTIDE_API_KEYS": ",".join(KEYS), "EVENTIDE_LOG_FORMAT": "json"}) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def client_of(service: Service) -> Iterator[ClientOf]:
    with clients_of(service) as client:
        yield client


@pytest.fixture(scope="module")
def admin(client_of: ClientOf) -> httpx.Client:
    return client_of("admin", admin=True)


def token(user: str, **claims: Any) -> str:
    made = {"sub": user, "exp": utc_now() + timedelta(hours=1), **claims}
    return jwt.encode(made, SECRET, "HS256")


def get(service: Service, token: str, path: str = "/v1/notifications/unread-count") -> httpx.Response:
    return httpx.get(service.base_url + path, headers={"Authorization": f"Bearer {token}"}, verify=False)


def revoke(admin: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = admin.post(REVOCATIONS, json=fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def log_of(service: Service) -> str:
    assert service.home is not None
    return service.home.log.read_text()


def entries(service: Service, action: str, subject: str) -> list[dict[str, Any]]:
    """The audit log's entries on this."""
    lines = [json.loads(line) for line in log_of(service).splitlines() if line.startswith("{")]
    return [line for line in lines if (line.get("action"), line.get("subject")) == (action, subject)]


# Revoking


def test_a_revoked_token_is_refused_and_a_new_one_is_not(service: Service, admin: httpx.Client, user: str) -> None:
    before = service.token(user)
    assert get(service, before).status_code == 200
    made = revoke(admin, userId=user)
    assert set(made) == {"id", "userId", "issuedBefore", "createdAt", "expiresAt"}
    assert UUID7.fullmatch(made["id"])
    assert all(TIME.fullmatch(made[name]) for name in ("issuedBefore", "createdAt", "expiresAt"))
    refused = get(service, before)
    problem(refused, 401, "token_revoked")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    # Who signs in again right after the answer has a token of the same user that works.
    assert get(service, service.token(user)).status_code == 200
    problem(get(service, token(user)), 401, "token_revoked")  # has no iat
    assert get(service, token(f"not-{user}")).status_code == 200
    problem(get(service, f"{before}x"), 401, "unauthorized")
    expired = token(user, exp=utc_now() - timedelta(minutes=1))
    problem(get(service, expired), 401, "token_expired")


def test_a_token_is_revoked_by_its_id(service: Service, admin: httpx.Client, user: str) -> None:
    one, other = token(user, jti=f"{user} one"), token(user, jti=f"{user} other")
    end = iso(utc_now() + timedelta(hours=1))
    made = revoke(admin, jti=f"{user} one", expiresAt=end)
    assert (made["jti"], made["expiresAt"]) == (f"{user} one", end)
    problem(get(service, one), 401, "token_revoked")
    assert get(service, other).status_code == 200


def test_of_a_user_what_was_issued_before_a_time(service: Service, admin: httpx.Client, user: str) -> None:
    now = utc_now().replace(microsecond=0)
    made = revoke(admin, userId=user, issuedBefore=iso(now - timedelta(seconds=60)))
    assert made["issuedBefore"] == iso(now - timedelta(seconds=60))
    problem(get(service, token(user, iat=now - timedelta(seconds=61))), 401, "token_revoked")
    assert get(service, token(user, iat=now - timedelta(seconds=60))).status_code == 200


def test_an_integer_is_the_same_user(service: Service, admin: httpx.Client) -> None:
    assert revoke(admin, userId=4_711, issuedBefore=iso(utc_now()))["userId"] == "4711"
    problem(get(service, token("4711")), 401, "token_revoked")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["jti"]),
        ({"userId": None, "jti": None}, ["jti"]),
        ({"userId": "1", "jti": "a"}, ["jti"]),
        ({"jti": ""}, ["jti"]),
        ({"jti": 1}, ["jti"]),
        ({"jti": "x" * 256}, ["jti"]),
        ({"jti": "\x00"}, ["jti"]),
        ({"jti": "a", "issuedBefore": "2026-01-01T00:00:00Z"}, ["jti"]),
        ({"userId": ""}, ["userId"]),
        ({"userId": "1", "issuedBefore": 5}, ["issuedBefore"]),
        ({"userId": "1", "issuedBefore": "2026-01-01T00:00:00"}, ["issuedBefore"]),
        ({"userId": "1", "expiresAt": "2026-01-01T00:00:00Z"}, ["expiresAt"]),
        ({"userId": "1", "token": "a"}, ["token"]),
    ],
    ids=str,
)
def test_wrong_revocations_are_refused(admin: httpx.Client, body: dict[str, Any], fields: list[str]) -> None:
    problem(admin.post(REVOCATIONS, json=body), 422, "invalid_request", *fields)


def test_unrevoking(service: Service, admin: httpx.Client, user: str) -> None:
    made = revoke(admin, jti=user)
    problem(get(service, token(user, jti=user)), 401, "token_revoked")
    path = f"{REVOCATIONS}/{made['id']}"
    assert admin.delete(path).status_code == 204
    assert get(service, token(user, jti=user)).status_code == 200
    for gone in (path, f"{REVOCATIONS}/{NEVER_GIVEN}", f"{REVOCATIONS}/nonsense"):
        problem(admin.delete(gone), 404, "not_found")


def test_the_list_is_newest_first_and_read_page_by_page(admin: httpx.Client, user: str) -> None:
    made = [revoke(admin, jti=f"{user} {number}") for number in range(3)][::-1]
    first = admin.get(REVOCATIONS, params={"limit": 2}).json()
    assert first == {"revocations": made[:2], "nextCursor": made[1]["id"]}
    rest = admin.get(REVOCATIONS, params={"cursor": first["nextCursor"], "limit": 1_000}).json()
    assert rest["revocations"][0] == made[2]
    assert rest["nextCursor"] is None
    for wrong in ({"limit": "0"}, {"limit": "1001"}, {"cursor": "x"}):
        problem(admin.get(REVOCATIONS, params=wrong), 422, "invalid_request", *wrong)


def test_it_is_noted_who_did_so(service: Service, admin: httpx.Client, user: str) -> None:
    made = revoke(admin, userId=user, issuedBefore=iso(utc_now()))
    admin.delete(f"{REVOCATIONS}/{made['id']}")
    admin.post(f"/v1/admin/users/{user}/disconnect")
    [revoked], [unrevoked], [disconnected] = (
        entries(service, action, f"user:{user}") for action in ("revoke", "unrevoke", "disconnect")
    )
    for entry in (revoked, unrevoked, disconnected):
        assert (entry["logger"], entry["actor"]) == ("eventide_notify.audit", "user:admin")
    assert revoked["details"] == {"revocation": made["id"], "issuedBefore": made["issuedBefore"]}
    assert unrevoked["details"]["revocation"] == made["id"]
    assert disconnected["details"] == {"connections": 0}


async def test_nobody_is_let_in_before_revocations_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    settings = Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr(f"sqlite:///{tmp_path / 'test.db'}"))
    given = {"Authorization": f"Bearer {token(user, jti=user)}"}
    monkeypatch.setattr(Background, "every", lambda *_: None)  # which would read them a moment later
    for code in (200, 401):
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/v1/notifications/unread-count", headers=given)).status_code == code
            await app._parts.revocations.revoke_token(user)


# Sockets


async def test_sockets_of_revoked_tokens_are_closed_and_their_clients_refused(
    service: Service, admin: httpx.Client, user: str
) -> None:
    revoked, other = token(user, jti=f"{user} a"), token(user, jti=f"{user} b")
    async with (
        raw_client(service.base_url, {"token": revoked}) as client,
        raw_client(service.base_url, {"token": revoked}, namespace="/") as root,
        raw_client(service.base_url, {"token": other}) as witness,
    ):
        await asyncio.to_thread(revoke, admin, jti=f"{user} a")
        for each in (client, root):
            await each.until_closed()
            assert not any(frame.startswith("41") for frame in each.frames), "after a DISCONNECT nobody comes back"
        answer = await witness.call("refresh_token", {"token": revoked})
        assert answer["error"]["code"] == "token_revoked"
        assert (await witness.call("get_unread_count"))["unreadCount"] == 0
    async with raw_client(service.base_url, {"token": revoked}) as again:
        refused = await again.frame(lambda frame: frame.startswith("44"))
        assert json.loads(refused[refused.index("{") :]) == {
            "message": "Authentication failed", "data": {"code": "token_revoked"},
        }  # fmt: skip


async def test_who_has_refreshed_the_token_stays_connected(service: Service, admin: httpx.Client, user: str) -> None:
    first, second = token(user, jti=f"{user} a"), token(user, jti=f"{user} b")
    async with raw_client(service.base_url, {"token": first}) as client:
        assert (await client.call("refresh_token", {"token": second}))["success"] is True
        await asyncio.to_thread(revoke, admin, jti=f"{user} a")
        assert (await client.call("get_unread_count"))["unreadCount"] == 0
        await asyncio.to_thread(revoke, admin, jti=f"{user} b")
        await client.until_closed()


async def test_a_disconnected_client_may_come_back(service: Service, admin: httpx.Client, user: str) -> None:
    name = f"{user}/\N{OWL}?"
    auth = {"token": service.token(name)}
    path = f"/v1/admin/users/{quote(name, safe='')}/disconnect"
    async with (
        raw_client(service.base_url, auth) as one,
        raw_client(service.base_url, auth, namespace="/") as other,
        raw_client(service.base_url, {"token": service.token(user)}) as witness,
    ):
        answer = await asyncio.to_thread(admin.post, path)
        assert (answer.status_code, answer.json()) == (202, {"userId": name, "connections": 2})
        for each in (one, other):
            await each.until_closed()
        async with raw_client(service.base_url, auth) as again:
            await again.event("catch_up_complete")
            assert (await witness.call("get_unread_count"))["unreadCount"] == 0

    async def still_there() -> int:
        online = await asyncio.to_thread(admin.get, path.replace("disconnect", "online"))
        return int(online.json()["connections"])

    await asked_until(still_there, lambda connections: connections == 0)
    answer = await asyncio.to_thread(admin.post, path)
    assert answer.json()["connections"] == 0


def test_a_user_that_there_cannot_be_is_not_found(admin: httpx.Client) -> None:
    problem(admin.post(f"/v1/admin/users/{'x' * 129}/disconnect"), 404, "not_found")


# API keys


@pytest.mark.parametrize("key", [OLD, NEW, OTHER], ids=["old", "new", "other"])
def test_a_key_may_do_what_an_administrator_may(service: Service, user: str, key: str) -> None:
    with service.client() as back_end:
        back_end.headers["Authorization"] = f"Bearer {key}"
        sent = back_end.post("/v1/admin/notifications", json={"userId": user, "message": "Hello"})
        assert sent.status_code == 201
        id = sent.json()["notifications"][0]["id"]
        assert back_end.get(f"/v1/admin/notifications/{id}").json()["userId"] == user
        assert back_end.get(REVOCATIONS).status_code == 200


def test_a_key_is_no_user(service: Service) -> None:
    for path in ("/v1/notifications", "/v1/notifications/unread-count"):
        said = problem(get(service, OLD, path), 403, "forbidden")
        assert "API key" in said["detail"]


@pytest.mark.parametrize(
    "wrong", [new_key(), OLD[:-1], OLD.upper(), "evk_"], ids=["other", "short", "capitals", "none"]
)
def test_a_key_that_is_not_known_is_refused(service: Service, wrong: str) -> None:
    problem(get(service, wrong, REVOCATIONS), 401, "unauthorized")


@pytest.mark.parametrize("namespace", ["/notifications", "/"])
async def test_a_key_opens_no_socket(service: Service, namespace: str) -> None:
    async with raw_client(service.base_url, {"token": OLD}, namespace=namespace) as client:
        assert "token_invalid" in await client.frame(lambda frame: frame.startswith("44"))


def test_the_keys_of_one_name_are_one_caller(service: Service, user: str) -> None:
    once = {"Idempotency-Key": uuid4().hex}

    def send(credential: str, message: str = "Hello") -> httpx.Response:
        return httpx.post(
            f"{service.base_url}/v1/admin/notifications",
            json={"userId": user, "message": message},
            headers={**once, "Authorization": f"Bearer {credential}"},
            verify=False,
        )

    first = send(OLD)
    assert send(NEW).json() == first.json()
    problem(send(NEW, "Another"), 409, "conflict")
    for other in (OTHER, service.token("admin", admin=True), service.token("shop", admin=True)):
        assert send(other).json() != first.json()
    with service.client(user) as reader:
        assert reader.get("/v1/notifications").json()["unreadCount"] == 4


def test_what_is_announced_and_retracted_is_in_the_audit_log(service: Service, user: str) -> None:
    with service.client("root", admin=True) as admin:
        asked = {"message": "a secret", "topic": user}
        id = admin.post("/v1/admin/announcements", json=asked).json()["id"]
        admin.delete(f"/v1/admin/announcements/{id}").raise_for_status()
    [announced], [retracted] = (entries(service, action, f"announcement:{id}") for action in ("announce", "retract"))
    assert announced["details"] == {"audience": "everyone", "topic": user}
    assert (announced["actor"], retracted["actor"], retracted["details"]) == ("user:root", "user:root", {})


def test_a_key_is_named_in_the_audit_log_and_never_told(service: Service, user: str) -> None:
    with service.client() as back_end:
        back_end.headers["Authorization"] = f"Bearer {OLD}"
        revoke(back_end, jti=user)
    [entry] = entries(service, "revoke", f"token:{user}")
    assert entry["actor"] == "key:shop"
    log = log_of(service)
    assert not any(secret in log for secret in (OLD, NEW, OTHER, *(entry.split(":")[1] for entry in KEYS)))
