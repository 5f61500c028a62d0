"""Pages of another origin: which may connect and call, and what their browsers ask first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx
import pytest

from ..service import Service
from .helpers import OpenPage, service_with
from .page import B, C, Page

ALLOWED = "http://localhost:4200"
ALSO_ALLOWED = "https://app.example.com"
OTHER = "http://localhost:4300"
POLLING = "/socket.io/?EIO=4&transport=polling"
ALLOW_ORIGIN = "access-control-allow-origin"
ALLOW_CREDENTIALS = "access-control-allow-credentials"


@pytest.fixture(scope="module")
def choosy() -> Iterator[Service]:
    with service_with(CORS_ORIGINS=f"{ALLOWED}, {ALSO_ALLOWED}/") as service:
        yield service


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[Service]:
    with service_with(CORS_ORIGINS="*") as service:
        yield service


# Sockets


@pytest.fixture(params=[(B, "polling"), (C, "websocket")], ids=["B-polling", "C-websocket"])
def visit(request: pytest.FixtureRequest, open_page: OpenPage, user: int) -> OpenPage:
    """Runs a front end whose page has a certain origin."""

    def visit(service: Service, origin: str) -> Page:
        front_end, transport = request.param
        headers = {"Origin": origin}
        return open_page(front_end, user, transport, at=service, extraHeaders=headers, reconnection=False)

    return visit


async def assert_refused(page: Page) -> None:
    assert (await page.line("connect_error")).name in ("xhr poll error", "websocket error")
    assert page.find("connect") == []


@pytest.mark.parametrize("origin", [ALLOWED, ALSO_ALLOWED])
async def test_a_page_of_an_allowed_origin_connects(visit: OpenPage, choosy: Service, user: int, origin: str) -> None:
    page = visit(choosy, origin)
    await page.ready()
    choosy.send(user)
    await page.live()


@pytest.mark.parametrize("origin", [OTHER, "http://localhost", "https://localhost:4200", "null"])
async def test_a_page_of_another_origin_does_not(visit: OpenPage, choosy: Service, origin: str) -> None:
    await assert_refused(visit(choosy, origin))


async def test_by_default_only_the_same_origin_connects(visit: OpenPage, service: Service) -> None:
    await visit(service, service.base_url).ready()
    await assert_refused(visit(service, ALLOWED))


async def test_the_same_origin_connects_beside_those_that_are_allowed(visit: OpenPage, choosy: Service) -> None:
    await visit(choosy, choosy.base_url).ready()


async def test_all_origins_may_be_allowed(visit: OpenPage, open_to_all: Service) -> None:
    await visit(open_to_all, OTHER).ready()


# What browsers ask


def ask(service: Service, method: str, path: str, origin: str, headers: Mapping[str, str]) -> httpx.Response:
    asked = {"Origin": origin, **headers}
    return httpx.request(method, service.base_url + path, headers=asked, timeout=30, verify=False)


def preflight(service: Service, path: str, origin: str, method: str = "GET") -> httpx.Response:
    """What a browser asks before it sends a request of this method with a token."""
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type"}
    return ask(service, "OPTIONS", path, origin, asked)


def words(response: httpx.Response, header: str) -> set[str]:
    return {word.strip().lower() for word in response.headers.get(header, "").split(",")}


@pytest.mark.parametrize(
    ("path", "methods"), [(POLLING, ["GET", "POST"]), ("/v1/notifications", ["GET", "PUT", "DELETE", "POST"])]
)
def test_a_browser_may_ask_with_a_token(choosy: Service, path: str, methods: list[str]) -> None:
    for method in methods:
        asked = preflight(choosy, path, ALLOWED, method)
        assert asked.is_success
        assert asked.headers[ALLOW_ORIGIN] == ALLOWED
        assert method.lower() in words(asked, "access-control-allow-methods")
        assert words(asked, "access-control-allow-headers") >= {"authorization", "content-type"}


@pytest.mark.parametrize(
    ("path", "status"),
    [(POLLING, 200), ("/v1/notifications", 200), ("/v1/notifications/x", 404), ("/v1/admin/online-users", 403)],
)
def test_its_page_may_read_the_answers_and_the_errors(choosy: Service, path: str, status: int) -> None:
    answer = ask(choosy, "GET", path, ALLOWED, choosy.bearer("somebody"))
    assert answer.status_code == status
    assert answer.headers[ALLOW_ORIGIN] == ALLOWED


@pytest.mark.parametrize("path", [POLLING, "/v1/notifications"])
@pytest.mark.parametrize("which", ["choosy", "service"])
def test_a_browser_of_another_origin_may_not(request: pytest.FixtureRequest, which: str, path: str) -> None:
    service: Service = request.getfixturevalue(which)
    assert ALLOW_ORIGIN not in preflight(service, path, OTHER).headers
    assert ALLOW_ORIGIN not in ask(service, "GET", path, OTHER, service.bearer("somebody")).headers


@pytest.mark.parametrize("path", [POLLING, "/v1/notifications"])
def test_where_all_are_allowed_none_may_send_credentials(open_to_all: Service, choosy: Service, path: str) -> None:
    answer = ask(open_to_all, "GET", path, OTHER, open_to_all.bearer("somebody"))
    for response in (preflight(open_to_all, path, OTHER), answer):
        assert response.is_success
        assert response.headers[ALLOW_ORIGIN] in ("*", OTHER)
        assert ALLOW_CREDENTIALS not in response.headers
    assert preflight(choosy, path, ALLOWED).headers[ALLOW_CREDENTIALS] == "true"


def test_caches_keep_the_origins_apart(choosy: Service) -> None:
    answer = ask(choosy, "GET", "/v1/notifications", ALLOWED, choosy.bearer("somebody"))
    assert "origin" in words(answer, "vary")
