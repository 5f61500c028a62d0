"""The pages, Socket.IO's browser client, and what else a browser asks for."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import shutil
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx
import jwt
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from eventide_notify import Settings, create_app
from eventide_notify.rest.pages import LOADED, SCRIPTS, PageRoutes, static_directory
from eventide_notify.rest.problems import HANDLERS

from .require import missing
from .service import SECRET, Altered, Service
from .serving import serving
from .waiting import until

VENDOR = static_directory() / "vendor"
CDN = "https://cdn.jsdelivr.net"
PAGES = ("/client/", "/client/photos.html", "/client/inbox.html", "/client/docs.html", "/docs", "/admin/")
IMPORT = re.compile(r"""^(?:import|export) .*?from "(.+?)";""", re.MULTILINE)


AWAY = {"demo.STOP_FOR": 12}
"""Longer than usual: whoever looks now and then must not miss that it is away."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Service]:
    with Altered(AWAY, command=("demo",)) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def browser(demo: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.base_url) as client:
        yield client


class Markup(HTMLParser):
    """What a page loads and leads to, and what the policy would keep from running."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.inline: list[str] = []
        self.import_map = ""
        self._in_map = False
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.import_map += data if self._in_map else ""

    def handle_endtag(self, tag: str) -> None:
        self._in_map = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.inline += [f"{tag} {name}" for name in attributes if name.startswith("on")]
        self._in_map = tag == "script" and attributes.get("type") == "importmap"
        if tag == "script" and "src" not in attributes and not self._in_map:
            self.inline.append("script")
        links = (attributes.get("src"), attributes.get("href"))
        self.references += [link for link in links if link and not link.startswith("data:")]


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """The Content-Security-Policy, by directive."""
    directives = (part.split() for part in answer.headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in directives}


def test_the_root_leads_to_the_demo_page(browser: httpx.Client) -> None:
    answer = browser.get("/")
    assert answer.status_code == 307
    assert answer.headers["location"] == "/client/"
    assert urlsplit(browser.get("/client").headers["location"]).path == "/client/"


@pytest.mark.parametrize("address", PAGES)
def test_a_page_runs_only_scripts_that_are_files(browser: httpx.Client, address: str) -> None:
    answer = browser.get(address)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    sources = policy(answer)
    assert sources["script-src"][0] == "'self'"
    version = json.loads((VENDOR / "integrity.json").read_text())["version"]
    lacking = [name for name in LOADED if not (VENDOR / name).is_file()]
    from_cdn = [f"{CDN}/npm/socket.io-client@{version}/dist/{name}" for name in lacking]
    markup = Markup(answer.text)
    its_hash = base64.b64encode(hashlib.sha256(markup.import_map.encode()).digest()).decode()
    assert sources["script-src"][1:] == [*from_cdn, f"'sha256-{its_hash}'"]
    assert sources["object-src"] == sources["base-uri"] == ["'none'"]
    assert markup.inline == []


@pytest.mark.parametrize("address", PAGES)
def test_all_that_a_page_refers_to_exists(browser: httpx.Client, address: str) -> None:
    seen: set[str] = set()
    waiting = [address]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        answer = browser.get(current)
        assert answer.status_code == 200, current
        kind = answer.headers["content-type"].partition(";")[0]
        found: list[str] = []
        if kind == "text/html":
            found = Markup(answer.text).references
        elif current.endswith(".js"):
            assert kind == "text/javascript"
            found = IMPORT.findall(answer.text)
        waiting += [urlsplit(urljoin(current, reference)).path for reference in found]
    assert "/client/rest.js" in seen
    assert any(path.endswith(".css") for path in seen)


@pytest.mark.parametrize("address", PAGES)
def test_only_the_demo_page_has_frames_and_only_its_screens_are_in_one(browser: httpx.Client, address: str) -> None:
    sources = policy(browser.get(address))
    assert sources["frame-src"] == ["'self'" if address == "/client/" else "'none'"]
    assert sources["frame-ancestors"] == ["'self'" if address == "/client/photos.html" else "'none'"]
    assert policy(browser.get("/client/index.html"))["frame-src"] == ["'self'"]


def test_the_operators_page_takes_nothing_from_anywhere_else(browser: httpx.Client) -> None:
    answer = browser.get("/admin/")
    sources = policy(answer)
    assert sources["default-src"] == sources["form-action"] == sources["frame-ancestors"] == ["'none'"]
    assert sources["connect-src"] == sources["style-src"] == ["'self'"]
    assert sources["img-src"] == ["data:"]
    assert (
        browser.get("/client/admin/index.html").headers["content-security-policy"]
        == answer.headers["content-security-policy"]
    )
    assert urlsplit(browser.get("/admin").headers["location"]).path == "/admin/"


def test_the_description_of_the_api_is_beside_its_page(browser: httpx.Client) -> None:
    assert '"./openapi.json"' in browser.get("/client/docs.js").text
    assert browser.get("/openapi.json").json()["openapi"].startswith("3.1")


async def test_it_is_beside_another_application_too() -> None:
    settings = Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://"))
    app = create_app(settings, inner_app=Starlette())
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/v1/docs")).text == (await client.get("/client/docs.html")).text
        assert (await client.get("/v1/openapi.json")).json()["openapi"].startswith("3.1")
        assert (await client.get("/v1/admin/")).text == (await client.get("/client/admin/index.html")).text
        for path in ("/", "/docs", "/openapi.json", "/admin/"):
            assert (await client.get(path)).status_code == 404


def test_files_are_asked_for_again_and_are_what_they_say(browser: httpx.Client) -> None:
    for name, kind in {"client.js": "text/javascript", "client.css": "text/css", "docs.js": "text/javascript"}.items():
        answer = browser.get(f"/client/{name}")
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_demo_gives_tokens_away(browser: httpx.Client) -> None:
    answer = browser.get("/client/demo.json")
    assert answer.headers["cache-control"] == "no-store"
    session = answer.json()
    assert [user["id"] for user in session["users"]] == ["alice", "bob", "carol"]
    for user in session["users"]:
        bearer = {"Authorization": f"Bearer {user['token']}"}
        assert browser.get("/v1/notifications", headers=bearer).status_code == 200
        assert browser.get("/v1/admin/online-users", headers=bearer).status_code == 403
    admin = {"Authorization": f"Bearer {session['adminToken']}"}
    assert browser.get("/v1/admin/online-users", headers=admin).status_code == 200


def test_its_tokens_expire_as_soon_as_the_page_wants(browser: httpx.Client) -> None:
    for ttl in (1, 5, 3600):
        session = browser.get("/client/demo.json", params={"ttl": ttl}).json()
        for token in (session["adminToken"], *(user["token"] for user in session["users"])):
            claims = jwt.decode(token, options={"verify_signature": False})
            assert claims["exp"] - claims["iat"] == ttl


@pytest.mark.parametrize("ttl", ["", "0", "-1", "3601", "1.5", "+5", "1_0", "٥", "9" * 5000])  # noqa: RUF001
def test_but_never_later(browser: httpx.Client, ttl: str) -> None:
    answer = browser.get("/client/demo.json", params={"ttl": ttl})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "ttl", "message": "must be a whole number of seconds from 1 to 3600"},
    ]


def test_only_the_demo_does(service: Service) -> None:
    answer = httpx.get(f"{service.base_url}/client/demo.json")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def admin_token(client: httpx.Client) -> str:
    return str(client.get("/client/demo.json").json()["adminToken"])


def bound(listener: socket.socket, address: SplitResult) -> bool:
    """Whether this socket listens there now; until the other one there is closed, it cannot."""
    try:
        listener.bind((address.hostname, address.port))
    except OSError:
        return False
    listener.listen()
    return True


def stop(client: httpx.Client, *, token: str | None, origin: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post("/client/demo/stop", headers=headers | ({"Origin": origin} if origin else {})).status_code


def test_only_its_own_page_can_stop_it(browser: httpx.Client, demo: Service, service: Service) -> None:
    session = browser.get("/client/demo.json").json()
    assert session["canStop"] is True
    admin, user, own = session["adminToken"], session["users"][0]["token"], demo.base_url
    assert stop(browser, token=None, origin=own) == 401
    assert stop(browser, token=user, origin=own) == 403
    assert stop(browser, token=admin, origin=None) == 403
    assert stop(browser, token=admin, origin="http://localhost:5173") == 403, "though it may use the API"
    assert browser.get("/readyz").status_code == 200
    with httpx.Client(base_url=service.base_url) as other:
        assert stop(other, token=service.token("admin", admin=True), origin=service.base_url) == 405


async def test_it_stops_for_a_while_and_is_back_with_everything(demo: Service, browser: httpx.Client) -> None:
    def is_ready() -> bool:
        try:
            return bool(browser.get("/readyz").json()["status"] == "ready")
        except httpx.TransportError:
            return False

    token = admin_token(browser)
    assert stop(browser, token=token, origin=demo.base_url) == 202
    await until(lambda: not is_ready())
    await until(is_ready, within=40)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=demo.base_url, headers=headers) as client:
        answer = await client.get("/v1/admin/online-users")
    assert answer.status_code == 200, "the tokens are as good as before"


async def test_it_ends_when_another_server_has_taken_its_place() -> None:
    with Altered(AWAY, command=("demo",)) as service:
        service.start()
        with httpx.Client(base_url=service.base_url) as client:
            assert stop(client, token=admin_token(client), origin=service.base_url) == 202
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            await until(lambda: bound(other, urlsplit(service.base_url)))
            await until(lambda: not service.running, within=40)
        assert service.home is not None
        assert "cannot listen on port" in service.home.log.read_text()


async def test_it_can_be_ended_while_it_is_stopped() -> None:
    with Service(command=("demo",)) as service:
        service.start()
        with httpx.Client(base_url=service.base_url) as client:
            assert stop(client, token=admin_token(client), origin=service.base_url) == 202
        service.stop()
        assert service.home is not None
        assert "Traceback" not in service.home.log.read_text()


async def test_a_demo_on_another_server_says_that_it_cannot_be_stopped() -> None:
    app = create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")), demo=True)
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
        session = (await client.get("/client/demo.json")).json()
        assert session["canStop"] is False
        headers = {"Authorization": f"Bearer {session['adminToken']}", "Origin": url}
        assert (await client.post("/client/demo/stop", headers=headers)).status_code == 404


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_browser_client_is_where_node_has_it(browser: httpx.Client, name: str) -> None:
    if not (VENDOR / name).is_file():
        missing(f"static/vendor/{name} was not fetched")
    answer = browser.get(f"/socket.io/{name}")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.content == (VENDOR / name).read_bytes()
    known = browser.get("/client/vendor/integrity.json").json()["files"][name]["integrity"]
    assert known == "sha384-" + base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
    assert browser.head(f"/socket.io/{name}").status_code == 200, "the page asks this first"


async def test_a_browser_client_that_was_not_fetched_comes_from_the_cdn(tmp_path: Path) -> None:
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    pages = Starlette(routes=PageRoutes(tmp_path).routes(), exception_handlers=HANDLERS)
    async with serving(pages, lifespan="off") as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.get("/socket.io/socket.io.js")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), "nor is it known which one"
        shutil.copy(VENDOR / "integrity.json", vendor)
        version = json.loads((vendor / "integrity.json").read_text())["version"]
        for name in SCRIPTS:
            answer = await client.get(f"/socket.io/{name}")
            assert answer.status_code == 302
            assert answer.headers["location"] == f"{CDN}/npm/socket.io-client@{version}/dist/{name}"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        (tmp_path / "index.html").write_text("<!doctype html>")
        allowed = [f"{CDN}/npm/socket.io-client@{version}/dist/{name}" for name in LOADED]
        pages.routes[:] = PageRoutes(tmp_path).routes()
        assert policy(await client.get("/client/"))["script-src"] == ["'self'", *allowed]
        (vendor / "socket.io.js").write_text("// fetched since")
        pages.routes[:] = PageRoutes(tmp_path).routes()
        assert policy(await client.get("/client/"))["script-src"] == ["'self'", *allowed[1:]]
        assert (await client.get("/socket.io/socket.io.js")).text == "// fetched since"


@pytest.mark.parametrize(
    "path",
    [
        "/client/../pyproject.toml",
        "/client/%2e%2e/pyproject.toml",
        "/client/..%2fpyproject.toml",
        "/client/..%5cpyproject.toml",
        "/client/vendor/../../pyproject.toml",
        f"/client/{VENDOR.parents[1]}/pyproject.toml",
        "/client//etc/passwd",
        "/client/%00",
        "/socket.io/../pyproject.toml",
        "/socket.io/..%2fsocket.io.js",
    ],
)
def test_nothing_else_can_be_read(demo: Service, path: str) -> None:
    # http.client sends the path as it is; httpx and browsers would tidy it up first.
    connection = http.client.HTTPConnection(urlsplit(demo.base_url).netloc, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (400, 404), body[:200]
    assert b"[project]" not in body
    assert b"root:" not in body
