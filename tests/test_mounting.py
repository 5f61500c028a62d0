"""The service beside another ASGI application in one process, and called by it directly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from eventide_notify import Application, ConfigurationError, Draft, Settings, Status, create_app
from eventide_notify.errors import InvalidRequest
from eventide_notify.models import utc_now

from .raw import raw_client
from .service import SECRET, issuer
from .serving import serving

Mount = Callable[[Any], Application]


@pytest.fixture
def mount() -> Mount:
    """The service, in memory, beside this application."""
    settings = Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://"))
    return lambda inner: create_app(settings, inner_app=inner)


def token(user: str) -> str:
    return issuer().issue(user, ttl=60, now=utc_now())


@asynccontextmanager
async def client(app: Application, user: str = "42") -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(app) as address,
        httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token(user)}"}) as client,
    ):
        yield client


def fastapi(**options: Any) -> FastAPI:
    api = FastAPI(title="Inner", **options)

    @api.get("/state")
    async def state(request: Request) -> dict[str, Any]:
        return {"opened": getattr(request.state, "opened", None)}

    @api.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    return api


async def test_each_has_its_own_addresses(mount: Mount) -> None:
    async with client(mount(fastapi())) as both:
        assert (await both.get("/openapi.json")).json()["info"]["title"] == "Inner"
        assert (await both.get("/v1/openapi.json")).json()["info"]["title"] == "Eventide Notify"
        assert "Inner" in (await both.get("/docs")).text
        assert "Inner" not in (await both.get("/v1/docs")).text
        assert (await both.get("/v1/notifications")).json()["notifications"] == []
        for path in ("/healthz", "/readyz", "/metrics", "/client/"):
            assert (await both.get(path)).status_code == 200
        for path in ("/", "/v1", "/v1/nothing", "/nothing"):
            answer = await both.get(path)
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})  # FastAPI's


async def test_other_methods_on_our_addresses_are_ours_to_refuse(mount: Mount) -> None:
    async with client(mount(fastapi())) as both:
        answer = await both.post("/v1/notifications")
        assert (answer.status_code, answer.json()["code"]) == (405, "invalid_request")


async def test_its_websockets_are_its_own(mount: Mount) -> None:
    async with serving(mount(fastapi())) as address, connect(address.replace("http", "ws") + "/echo") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_a_notification_sent_in_process_reaches_its_user(mount: Mount) -> None:
    app = mount(fastapi())
    async with serving(app) as address, raw_client(address, {"token": token("42")}) as socket:
        await socket.event("catch_up_complete")
        [sent, other] = await app.notifications.send([42, "43", "42"], Draft(message="Hello"))
        assert (sent.user_id, other.user_id, sent.status) == ("42", "43", Status.PENDING)
        shown = await socket.event("notification")
        assert (shown["id"], shown["message"], shown["userId"]) == (sent.id, "Hello", "42")


async def test_python_callers_are_told_what_is_wrong(mount: Mount) -> None:
    app = mount(fastapi())
    async with serving(app):
        for nobody in ([], [""], ["x" * 129], map(str, range(10_001))):
            with pytest.raises(InvalidRequest):
                await app.notifications.send(nobody, Draft(message="Hello"))


# Lifespans


async def test_its_lifespan_runs_within_ours_with_its_state(mount: Mount) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[dict[str, Any]]:
        [sent] = await app.notifications.send(["42"], Draft(message="At the start"))
        events.append("started")
        yield {"opened": sent.content.message}
        await app.inbox.counts("42")
        events.append("stopped")

    app = mount(fastapi(lifespan=lifespan))
    async with client(app) as both:
        assert events == ["started"]
        assert (await both.get("/state")).json() == {"opened": "At the start"}
    assert events == ["started", "stopped"]


async def test_an_application_without_a_lifespan_is_left_alone(mount: Mount) -> None:
    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"bare"})

    async with client(mount(bare)) as both:
        assert (await both.get("/")).text == "bare"
        assert (await both.get("/readyz")).status_code == 200


async def lifespan_messages(app: Application) -> list[str]:
    """What the application answers to a start, and to the stop if it started."""
    asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    answers: list[str] = []

    async def receive() -> Any:
        return asked.pop(0)

    async def send(message: Any) -> None:
        answers.append(" ".join(filter(None, [message["type"], message.get("message", "")])))

    async with asyncio.timeout(30):
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return answers


async def test_what_keeps_it_from_starting_keeps_us_from_starting(mount: Mount) -> None:
    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        if api.title:
            raise RuntimeError("no database for the inner one")
        yield

    [answer] = await lifespan_messages(mount(fastapi(lifespan=lifespan)))
    assert answer.startswith("lifespan.startup.failed the inner application did not start")
    assert "no database for the inner one" in answer


async def test_a_failure_at_its_stop_is_logged(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        yield
        raise RuntimeError("the inner one is stuck")

    with caplog.at_level(logging.ERROR):
        answers = await lifespan_messages(mount(fastapi(lifespan=lifespan)))
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert "the inner one is stuck" in caplog.text


async def test_a_start_that_fails_is_told_in_one_line() -> None:
    settings = Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite:////nowhere/at/all/eventide.db"))
    [answer] = await lifespan_messages(create_app(settings))
    assert answer.startswith("lifespan.startup.failed cannot open")
    assert "\n" not in answer


def test_without_a_key_there_is_no_application() -> None:
    with pytest.raises(ConfigurationError, match="EVENTIDE_JWT_SECRET"):
        create_app(Settings(jwt_secret=None, jwt_public_key=None, jwks_url=None, _env_file=None))


async def test_without_another_application_there_is_nothing_else() -> None:
    app = create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")))
    async with client(app) as alone:
        assert (await alone.get("/nothing")).json()["code"] == "not_found"
        assert (await alone.get("/docs")).status_code == 200
        with pytest.raises(InvalidStatus):
            async with connect(str(alone.base_url).replace("http", "ws") + "/echo"):
                pass
