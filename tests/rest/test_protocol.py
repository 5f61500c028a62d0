"""What every route has in common: who may call it, how, and what operators see."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ..service import SECRET, Service
from ..waiting import until
from .answers import NEVER_GIVEN, problem
from .conftest import Send

LIST = "/v1/notifications"
SEND = "/v1/admin/notifications"
KIB = 1024

READERS = [
    ("GET", LIST),
    ("GET", f"{LIST}/unread-count"),
    ("PUT", f"{LIST}/read-all"),
    ("GET", f"{LIST}/{NEVER_GIVEN}"),
    ("DELETE", f"{LIST}/{NEVER_GIVEN}"),
    ("PUT", f"{LIST}/{NEVER_GIVEN}/read"),
]
ADMINS = [
    ("POST", SEND),
    ("POST", "/v1/admin/announcements"),
    ("DELETE", f"/v1/admin/announcements/{NEVER_GIVEN}"),
    ("POST", "/v1/admin/events"),
    ("GET", "/v1/admin/online-users"),
    ("GET", "/v1/admin/users/42/online"),
]
WITH_BODY = [row for row in (*READERS, *ADMINS) if row[0] == "POST" or row[1].endswith("read-all")]

Claims = dict[str, Any]


@pytest.fixture
def call(client_of: Any) -> Callable[..., httpx.Response]:
    """A request with these claims in its token."""
    nobody: httpx.Client = client_of("nobody")

    def call(
        claims: Claims, method: str = "GET", path: str = "/v1/admin/online-users", **options: Any
    ) -> httpx.Response:
        token = jwt.encode({"sub": "claims", "exp": time.time() + 60, **claims}, SECRET)
        return nobody.request(method, path, headers={"Authorization": f"Bearer {token}"}, **options)

    return call


# Who may call


@pytest.mark.parametrize(("method", "path"), READERS + ADMINS)
def test_without_a_token_nothing_is_answered(reader: httpx.Client, method: str, path: str) -> None:
    for header in ("", "Bearer", "Basic dTpw", reader.headers["Authorization"].removeprefix("Bearer ")):
        answer = reader.request(method, path, headers={"Authorization": header})
        problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="eventide-notify"'


@pytest.mark.parametrize(("method", "path"), READERS + ADMINS)
def test_an_invalid_token_is_refused(reader: httpx.Client, method: str, path: str) -> None:
    answer = reader.request(method, path, headers={"Authorization": "Bearer x.y.z"})
    problem(answer, 401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_an_expired_token_says_so(call: Callable[..., httpx.Response]) -> None:
    answer = call({"exp": time.time() - 60})
    problem(answer, 401, "token_expired")
    assert 'error_description="The token has expired."' in answer.headers["WWW-Authenticate"]


def test_the_scheme_may_be_written_in_any_case(reader: httpx.Client) -> None:
    token = reader.headers["Authorization"].partition(" ")[2]
    for header in (f"bearer {token}", f"BEARER {token}", f"Bearer  {token}"):
        assert reader.get(LIST, headers={"Authorization": header}).status_code == 200


@pytest.mark.parametrize(("method", "path"), ADMINS)
def test_administration_needs_an_administrator(reader: httpx.Client, method: str, path: str) -> None:
    answer = reader.request(method, path, json={"message": "x"})
    problem(answer, 403, "forbidden")
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    "claims",
    [
        {"role": "admin"}, {"role": "ADMIN"}, {"roles": ["user", "Admin"]}, {"role": "user", "roles": ["admin"]},
        {"scope": "notifications:send"}, {"scope": "openid notifications:send email"},
    ],
    ids=str,
)  # fmt: skip
def test_who_is_an_administrator(call: Callable[..., httpx.Response], claims: Claims) -> None:
    assert call(claims).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {}, {"role": "administrator"}, {"role": "user"}, {"role": ""}, {"role": None}, {"role": True},
        {"role": {"admin": 1}}, {"roles": []}, {"roles": ["user", 1, None]}, {"roles": {"admin": True}},
        {"roles": [["admin"]]},
        {"scope": "notifications:sender"}, {"scope": "notifications"}, {"scope": "NOTIFICATIONS:SEND"}, {"scope": 1},
        {"admin": True}, {"isAdmin": True}, {"sub": "admin"},
    ],
    ids=str,
)  # fmt: skip
def test_who_is_none(call: Callable[..., httpx.Response], claims: Claims) -> None:
    problem(call(claims), 403, "forbidden")


def test_a_number_in_the_token_is_its_decimal_string(call: Callable[..., httpx.Response], admin: httpx.Client) -> None:
    admin.post(SEND, json={"userId": "90210", "message": "Hello"})
    assert call({"sub": 90210}, path=LIST).json()["notifications"][0]["userId"] == "90210"


def test_administrators_have_notifications_of_their_own_only(admin: httpx.Client, send: Send) -> None:
    problem(admin.get(f"{LIST}/{send()}"), 404, "not_found")


# How


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/nope", f"{LIST}/a/b", f"{LIST}/{NEVER_GIVEN}/unread", "/nope", "/V1/notifications"]
)
def test_there_is_nothing_elsewhere(reader: httpx.Client, path: str) -> None:
    problem(reader.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (LIST, "GET, HEAD"),
        (f"{LIST}/{NEVER_GIVEN}", "DELETE, GET, HEAD"),
        (f"{LIST}/{NEVER_GIVEN}/read", "PUT"),
        (SEND, "POST"),
        (f"/v1/admin/announcements/{NEVER_GIVEN}", "DELETE"),
        ("/healthz", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(reader: httpx.Client, method: str, path: str, methods: str) -> None:
    answer = reader.request(method, path)
    problem(answer, 405, "invalid_request")
    assert ", ".join(sorted(answer.headers["Allow"].split(", "))) == methods


def test_head_is_get_without_the_body(reader: httpx.Client) -> None:
    answer = reader.head(LIST)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""])
def test_the_body_must_be_json(admin: httpx.Client, method: str, path: str, media: str) -> None:
    problem(admin.request(method, path, content=b"{}", headers={"Content-Type": media}), 415, "invalid_request")


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/json;x"])
def test_json_may_have_parameters(reader: httpx.Client, media: str) -> None:
    answer = reader.put(f"{LIST}/read-all", content=b"{}", headers={"Content-Type": media})
    assert answer.status_code == 200


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_what_is_not_json_is_refused(admin: httpx.Client, method: str, path: str) -> None:
    answer = admin.request(method, path, content=b"{", headers={"Content-Type": "application/json"})
    problem(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("PUT", f"{LIST}/read-all", 64 * KIB),
        ("POST", "/v1/admin/announcements", 128 * KIB),
        ("POST", SEND, 4 * KIB * KIB),
        ("POST", "/v1/admin/events", 4 * KIB * KIB),
    ],
)
def test_bodies_have_a_limit(admin: httpx.Client, method: str, path: str, limit: int) -> None:
    headers = {"Content-Type": "application/json"}
    fits = b'{"x": 1}'.ljust(limit)
    problem(admin.request(method, path, content=fits, headers=headers), 422, "invalid_request", *_named(path), "x")
    problem(admin.request(method, path, content=fits + b" ", headers=headers), 413, "payload_too_large")
    chunks = (fits[start : start + 100_000] for start in range(0, limit + 100_000, 100_000))
    assert admin.request(method, path, content=chunks, headers=headers).status_code == 422


def _named(path: str) -> list[str]:
    return {"events": ["event", "userIds"], "notifications": ["message", "userIds"], "announcements": ["message"]}.get(
        path.rpartition("/")[2], []
    )


@pytest.mark.parametrize("size", [1_000_000, 3_900_000])
def test_a_message_of_a_megabyte_is_refused_by_name(admin: httpx.Client, size: int) -> None:
    answer = admin.post(SEND, json={"userId": "1", "message": "x" * size})
    problem(answer, 422, "invalid_request", "message")


def test_a_connection_goes_on_after_a_refusal(service: Service, user: str) -> None:
    with service.client(user) as client:
        problem(client.put(f"{LIST}/read-all", content=b"x" * 1_000_000), 413, "payload_too_large")
        problem(client.post(LIST, content=b"x" * 1_000_000), 405, "invalid_request")
        assert client.get(LIST).status_code == 200


async def test_a_client_that_goes_away_in_the_middle_is_no_fault_of_ours(
    service: Service, reader: httpx.Client
) -> None:
    assert service.home is not None
    head = (
        f"PUT {LIST}/read-all HTTP/1.1\r\nHost: x\r\nAuthorization: {reader.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    before = answered(service, f"{LIST}/read-all")
    with socket.create_connection(("127.0.0.1", service.home.port)) as client:
        client.sendall(head.encode())
    await until(lambda: answered(service, f"{LIST}/read-all") != before)
    assert "500" not in answered(service, f"{LIST}/read-all")
    assert "Traceback" not in service.home.log.read_text()


# For operators


def test_health_and_readiness(service: Service) -> None:
    with httpx.Client(base_url=service.base_url) as nobody:
        assert nobody.get("/healthz").json() == {"status": "ok"}
        assert nobody.get("/readyz").json() == {"status": "ready", "reasons": []}
        for path in ("/healthz", "/readyz"):
            assert nobody.get(path).headers["Cache-Control"] == "no-store"


def figures(service: Service) -> list[Sample]:
    answer = httpx.get(f"{service.base_url}/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]


def answered(service: Service, route: str) -> Counter[str]:
    """How many requests were answered with which status."""
    name = "eventide_http_request_seconds_count"
    found = [sample for sample in figures(service) if sample.name == name and sample.labels["route"] == route]
    return Counter({sample.labels["status"]: int(sample.value) for sample in found})


def test_metrics(service: Service, reader: httpx.Client, send: Send) -> None:
    def created() -> float:
        return next(s.value for s in figures(service) if s.name == "eventide_notifications_created_total")

    route = f"{LIST}/{{id}}/read"
    made, before = created(), answered(service, route)
    reader.put(f"{LIST}/{send()}/read")
    reader.put(f"{LIST}/{NEVER_GIVEN}/read")
    assert created() == made + 1
    assert answered(service, route) - before == Counter({"200": 1, "404": 1})


def test_the_root_leads_to_the_pages(service: Service) -> None:
    answer = httpx.get(f"{service.base_url}/")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/client/")


@pytest.mark.parametrize(("method", "path"), [*READERS, *ADMINS, ("GET", "/v1/nothing"), ("POST", LIST)])
def test_nobody_keeps_an_answer_or_takes_it_for_something_else(
    admin: httpx.Client, client_of: Any, method: str, path: str
) -> None:
    without_token = {"Authorization": ""}
    for client, headers in ((admin, {}), (client_of("nobody"), {}), (admin, without_token)):
        answer = client.request(method, path, headers=headers)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_nor_what_is_deleted_or_made(admin: httpx.Client, reader: httpx.Client, send: Send) -> None:
    made = admin.post(SEND, json={"userId": "x", "message": "Hello"})
    deleted = reader.delete(f"{LIST}/{send()}")
    assert (made.status_code, deleted.status_code) == (201, 204)
    for answer in (made, deleted):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
