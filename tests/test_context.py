"""The log says whose work a line is about: the request's id, which the answer has too, and the session's."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

import httpx
import pytest
from pydantic import SecretStr

from eventide_notify import Application, Settings, create_app
from eventide_notify.context import request_id, sane_request_id, session_id
from eventide_notify.logs import JsonFormatter, TextFormatter, configure_logging, note_whose
from eventide_notify.models import utc_now
from eventide_notify.store.group import Group

from .raw import raw_client
from .service import SECRET, issuer
from .serving import serving

LIST = "/v1/notifications"


@pytest.fixture
def app(caplog: pytest.LogCaptureFixture) -> Application:
    caplog.handler.addFilter(note_whose)
    return create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")))


@pytest.fixture
async def address(app: Application) -> AsyncIterator[str]:
    async with serving(app) as address:
        yield address


@pytest.fixture
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token()}"}) as client:
        yield client


def token() -> str:
    return issuer().issue("42", ttl=60, now=utc_now())


@pytest.mark.parametrize("given", ["4f1c", "a-b.c", "x" * 64, "Root=1-67891233-abcdef012345678912345678"])
async def test_a_callers_own_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    for path, status in ((LIST, 200), (f"{LIST}?nothing=1", 422), ("/v1/nothing", 404), ("/healthz", 200)):
        answer = await client.get(path, headers={"X-Request-ID": given})
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, given)
        assert status < 400 or answer.json()["requestId"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\x85b", "naïve", '"', "{}", None])
async def test_otherwise_one_is_made(client: httpx.AsyncClient, given: str | None) -> None:
    headers = {} if given is None else {b"X-Request-ID": given.encode("latin-1")}
    answers = [await client.get(LIST, headers=headers) for _ in range(2)]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", id) for id in ids)


def test_a_line_end_is_not_sane() -> None:
    assert sane_request_id("a\n") != "a\n"


async def test_an_internal_error_is_logged_with_the_id_of_its_request(
    app: Application, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.inbox, "counts", broken)
    answer = await client.get(f"{LIST}/unread-count", headers={"X-Request-ID": "this-one"})
    assert answer.status_code == 500
    [record] = [record for record in caplog.records if record.exc_info]
    assert vars(record)["request_id"] == "this-one"
    assert json.loads(JsonFormatter().format(record))["request_id"] == "this-one"
    assert TextFormatter().format(record).splitlines()[0].endswith("(request this-one)")


async def test_an_event_that_fails_is_logged_with_its_session(
    app: Application, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.inbox, "counts", broken)
    async with raw_client(address, {"token": token()}) as one, raw_client(address, {"token": token()}) as two:
        for client in (one, two):
            assert (await client.call("get_unread_count", None))["success"] is False
        sids = [
            json.loads(frame.partition(",")[2])["sid"] for c in (one, two) for frame in c.frames if frame[:2] == "40"
        ]
    records = [vars(record) for record in caplog.records if record.exc_info]
    assert [record["session_id"] for record in records] == sids
    assert not any("request_id" in record for record in records)


async def broken(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("broken")


async def test_what_is_done_for_several_is_nobodys_in_particular() -> None:
    seen: list[tuple[str, str]] = []

    async def work(items: Sequence[str]) -> Sequence[str]:
        seen.append((request_id.get(), session_id.get()))
        return items

    request_id.set("first")
    session_id.set("first")
    await Group(work, weigh=len, most=10).do("a")
    assert seen == [("", "")]


@pytest.mark.parametrize("level", ["debug", "info", "error"])
def test_drivers_are_not_asked_for_what_they_carry(level: str) -> None:
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    try:
        configure_logging(level, "json")
        for name in ("pymongo.command", "asyncpg", "sqlalchemy.engine", "redis", "websockets.server"):
            assert not logging.getLogger(name).isEnabledFor(logging.DEBUG)
        assert logging.getLogger("eventide_notify.app").isEnabledFor(logging.DEBUG) == (level == "debug")
        assert logging.getLogger("eventide_notify.app").isEnabledFor(logging.INFO) == (level != "error")
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
        for name in ("eventide_notify", "eventide_notify.socketio", "eventide_notify.engineio", "uvicorn"):
            logging.getLogger(name).setLevel(logging.NOTSET)
