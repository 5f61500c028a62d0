"""Every answer, whatever made it, says what browsers may do with it; and what is somebody's is kept by nobody."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from eventide_notify import Settings, create_app
from eventide_notify.models import utc_now
from eventide_notify.realtime.protocol import HttpProtocol

from .hostile.frames import upgrade
from .hostile.peer import Answer, connected, request
from .service import SECRET, issuer
from .serving import serving

ALLOWED, FOREIGN = "https://app.example.com", "https://evil.example"
SETTINGS = Settings(jwt_secret=SECRET, database_url="sqlite://", cors_origins=ALLOWED, _env_file=None)
APP = create_app(SETTINGS, demo=True)
ROUTES = sorted(
    {(re.sub(r"{[^}]+}", "1", route.path), method) for route in APP._parts.routes if isinstance(route, Route)
     for method in route.methods or ()}
)  # fmt: skip
OPERATIONS = sorted({(row.path, row.method) for row in APP.operations})
POLLING = "/socket.io/?EIO=4&transport=polling"
FILES = ["/client/", "/client/index.html", "/client/inbox.html", "/client/photos.html", "/docs",
         "/client/eventide-bell.js", "/socket.io/socket.io.js"]  # fmt: skip


class Http(HttpProtocol):
    """With limits for connections of its own."""


@pytest.fixture(params=["our protocol", "any ASGI server"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    http: Any = Http if request.param == "our protocol" else "httptools"
    async with serving(create_app(SETTINGS, demo=True), http=http) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, verify=False) as client:
        yield client


def admin() -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer().issue('root', ttl=60, now=utc_now(), admin=True)}"}


def assert_secured(headers: Any) -> None:
    """`headers`: by names in lower case."""
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors" in headers["content-security-policy"]
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert headers["cache-control"]
    is_page = (
        headers.get("content-type", "").startswith("text/html") and "script-src" in headers["content-security-policy"]
    )
    if is_page:
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["permissions-policy"]
    else:
        assert headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")


@pytest.mark.parametrize("who", ["nobody", "administrator"])
async def test_every_route(client: httpx.AsyncClient, who: str) -> None:
    assert len(ROUTES) > 20
    for path, method in ROUTES:
        if path == "/client/demo/stop":
            continue
        answer = await client.request(method, path, headers=admin() if who == "administrator" else {})
        assert answer.status_code < 500, (method, path)
        assert_secured(answer.headers)


OTHERS: list[tuple[str, str, dict[str, str], int]] = [
    ("GET", "/nothing", {}, 404),
    ("PATCH", "/v1/notifications", {}, 405),
    ("GET", "/client/nothing.js", {}, 404),
    ("OPTIONS", "/v1/notifications", {"Origin": ALLOWED, "Access-Control-Request-Method": "PUT"}, 200),
    ("OPTIONS", "/v1/notifications", {"Origin": FOREIGN, "Access-Control-Request-Method": "PUT"}, 400),
    ("GET", POLLING, {}, 200),
    ("GET", POLLING, {"Origin": FOREIGN}, 400),
    ("GET", f"{POLLING}&sid=unknown", {}, 400),
    ("OPTIONS", POLLING, {}, 200),
    ("GET", "/", {}, 307),
]


async def test_every_other_answer(client: httpx.AsyncClient) -> None:
    for method, path, headers, status in OTHERS:
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == status, (method, path)
        assert_secured(answer.headers)


async def test_pages_and_their_files(client: httpx.AsyncClient) -> None:
    for path in FILES:
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert_secured(answer.headers)
        again = await client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304, path
        assert_secured(again.headers)
        if path.endswith(".js"):
            assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"  # for pages of other origins
        else:
            assert "unsafe-inline" not in answer.headers["Content-Security-Policy"].partition("script-src")[2]


async def told(url: str, data: bytes) -> Answer:
    async with connected(url) as peer:
        return await peer.exchange(data)


REFUSED = [
    (b"nonsense\r\n\r\n", 400),
    (request("/", headers=[("X", "x" * 20_000)]), 431),
    (upgrade().replace(b": 13", b": 12"), 400),
    (upgrade(target="/socket.io/?EIO=4&transport=websocket&sid=unknown"), 400),
    (upgrade([("Origin", FOREIGN)]), 400),
]


async def test_what_is_refused_before_the_application_sees_it() -> None:
    async with serving(create_app(SETTINGS), http=Http) as url:
        for data, status in REFUSED:
            answer = await told(url, data)
            assert answer.status == status, data
            assert_secured(answer.headers)


@pytest.mark.parametrize("limits", [{"max_sockets": 1}, {"limit_connects": "1/hour"}])
@pytest.mark.parametrize("data", [request(POLLING), upgrade()], ids=["polling", "websocket"])
async def test_a_handshake_that_is_turned_away(limits: dict[str, Any], data: bytes) -> None:
    app = create_app(SETTINGS.model_copy(update=limits))
    async with serving(app, http=Http) as url, connected(url) as peer:
        if "max_sockets" in limits:
            app._parts.admission._engine.make_room = lambda most: False  # type: ignore[method-assign]
        else:
            await peer.exchange(request(POLLING))
        answer = await told(url, data)
    assert answer.status in (429, 503)
    assert_secured(answer.headers)
    assert int(answer.headers["retry-after"]) > 0


async def test_nobody_keeps_the_answer_of_an_operation(client: httpx.AsyncClient) -> None:
    assert len(OPERATIONS) > 10
    for path, method in OPERATIONS:
        for headers in ({}, admin(), {"Authorization": "Bearer nonsense"}):
            answer = await client.request(method, re.sub(r"{[^}]+}", "1", path), headers=headers, json={})
            assert answer.headers["Cache-Control"] == "no-store", (method, path)
            assert "ETag" not in answer.headers
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/client/demo.json"):
        assert (await client.get(path)).headers["Cache-Control"] == "no-store", path
