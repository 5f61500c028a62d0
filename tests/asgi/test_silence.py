"""Clients that vanish, on servers in this process: they are noticed, and nothing of them is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import hypercorn.asyncio
import pytest
from pydantic import SecretStr

from eventide_notify import Application, Settings, create_app
from eventide_notify.models import utc_now
from eventide_notify.realtime.engine import transport

from ..raw import raw_client
from ..servers.process import HOST
from ..service import SECRET, issuer
from ..serving import serving
from ..waiting import until


@asynccontextmanager
async def hypercorn_serving(app: Any) -> AsyncIterator[str]:
    config = hypercorn.Config()
    config.bind = [f"{HOST}:0"]
    config.accesslog = config.errorlog = None
    [socket] = (sockets := config.create_sockets()).insecure_sockets
    socket.listen()  # so that nobody is refused before it is ready
    stop = asyncio.Event()
    config.create_sockets = lambda: sockets  # type: ignore[method-assign]
    task = asyncio.create_task(hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait))
    try:
        yield f"http://{HOST}:{socket.getsockname()[1]}"
    finally:
        stop.set()
        await task


Serving = Callable[[Any], AbstractAsyncContextManager[str]]


@pytest.fixture(params=[serving, hypercorn_serving])
async def served(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Application, str]]:
    monkeypatch.setattr(transport, "PING_INTERVAL", 0.3)
    monkeypatch.setattr(transport, "PING_TIMEOUT", 6.0)
    serve: Serving = request.param
    app = create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")))
    async with serve(app) as url:
        yield app, url


@pytest.fixture
def auth() -> dict[str, str]:
    return {"token": issuer().issue("42", ttl=60, now=utc_now())}


@pytest.fixture
def lose_patience(served: tuple[Application, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on a ping has to be answered soon; not before, for this machine may be slow to connect, too."""

    def lose_patience() -> None:
        monkeypatch.setattr(transport, "PING_TIMEOUT", 0.3)
        engine = served[0]._parts.sockets.eio
        for each in list(engine._transports.values()):
            engine.look_again(each)

    return lose_patience


def nothing_is_left(app: Application) -> bool:
    tasks = [repr(task.get_coro()) for task in asyncio.all_tasks()]
    return (
        not app._parts.hub.sessions
        and not app._parts.sockets.eio._transports
        and not any("AsgiWebSocket" in t for t in tasks)
    )


async def test_who_answers_stays(served: tuple[Application, str], auth: dict[str, str]) -> None:
    app, url = served
    async with raw_client(url, auth) as client:
        await until(lambda: client.frames.count("2") >= 2)  # it is looked at again when an answer would be late
        assert await client.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
    await until(lambda: nothing_is_left(app))


async def test_who_does_not_answer_is_closed(
    served: tuple[Application, str], auth: dict[str, str], lose_patience: Callable[[], None]
) -> None:
    app, url = served
    async with raw_client(url, auth, answers_pings=False) as client:
        lose_patience()
        await client.until_closed()
        await until(lambda: nothing_is_left(app))


async def test_who_neither_answers_nor_reads_is_given_up(
    served: tuple[Application, str], auth: dict[str, str], lose_patience: Callable[[], None]
) -> None:
    app, url = served
    async with raw_client(url, auth) as client:
        await client.event("catch_up_complete")
        client.stop_reading()
        for _ in range(20):
            await app._parts.hub.emit("large", "x" * 500_000, ["42"])
        lose_patience()
        await until(lambda: nothing_is_left(app))


async def test_who_breaks_off_is_noticed_at_once(served: tuple[Application, str], auth: dict[str, str]) -> None:
    app, url = served
    async with raw_client(url, auth) as client:
        client.break_off()
        await until(lambda: nothing_is_left(app))
