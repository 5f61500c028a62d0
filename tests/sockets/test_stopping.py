"""Who asks for something in the moment in which connections are closed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from eventide_notify import Settings, create_app
from eventide_notify.app import Application
from eventide_notify.models import utc_now

from ..raw import raw_client
from ..service import SECRET, issuer
from ..serving import serving

POLLING = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture
async def stopping() -> AsyncIterator[tuple[Application, str]]:
    """An application that a test may drain, and its address."""
    app = create_app(Settings(jwt_secret=SECRET, database_url="sqlite://", _env_file=None))
    async with serving(app) as url:
        yield app, url


@pytest.fixture
def connect() -> str:
    """The packet that asks for a connection."""
    token = issuer().issue("42", ttl=60, now=utc_now())
    return f'40/notifications,{{"token":"{token}"}}'


async def test_a_websocket_that_was_just_open_loses_its_transport_and_is_not_refused(
    stopping: tuple[Application, str], connect: str
) -> None:
    app, url = stopping
    async with raw_client(url, namespace=None) as client:
        await app.drain(0)
        await client.write(connect)
        await client.until_closed()
        assert [frame[:1] for frame in client.frames] == [
            "0"
        ]  # by a CONNECT_ERROR a stock client is sent away for good


async def test_a_client_that_polls_is_not_refused_either(stopping: tuple[Application, str], connect: str) -> None:
    app, url = stopping
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client:
        opened = await client.get(POLLING)
        session = f"{POLLING}&sid={json.loads(opened.text[1:])['sid']}"
        await app.drain(0)
        await client.post(session, content=connect)
        ended = await client.get(session)
        assert ended.status_code == 503 or "44" not in ended.text


async def test_requests_of_a_session_that_was_just_closed_are_refused(
    stopping: tuple[Application, str], caplog: pytest.LogCaptureFixture
) -> None:
    app, url = stopping
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client:
        for method in ("POST", "GET"):
            sid = json.loads((await client.get(POLLING)).text[1:])["sid"]
            transport = app._parts.sockets.eio.transport_of(sid)
            assert transport is not None
            transport.close()
            answer = await client.request(method, f"{POLLING}&sid={sid}", content="3" if method == "POST" else None)
            assert answer.status_code == 400
    assert caplog.records == []


async def test_sessions_that_it_does_not_know_are_for_another_instance(stopping: tuple[Application, str]) -> None:
    app, url = stopping
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client:
        unknown = f"{POLLING}&sid=another-instances"
        assert (await client.post(unknown, content="3")).status_code == 400
        await app.drain(0)
        for answer in (await client.post(unknown, content="3"), await client.get(unknown), await client.get(POLLING)):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
