"""The database away: 503 for who needs it, and everything again once it is back. A fault of ours: 500, and no trace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import eventide_notify.build
import eventide_notify.service.readiness
from eventide_notify import Application, Draft, Settings, create_app
from eventide_notify.channel.fanout import ChannelFanout
from eventide_notify.errors import Unavailable
from eventide_notify.models import Action, utc_now
from eventide_notify.store import create_store

from ..service import SECRET, issuer
from ..serving import serving
from .answers import NEVER_GIVEN, problem

LIST = "/v1/notifications"
SEND = "/v1/admin/notifications"
HELLO = {"userId": "42", "message": "Hello"}

NEED_THE_DATABASE: list[tuple[str, str, Any]] = [
    ("GET", LIST, None),
    ("GET", f"{LIST}/unread-count", None),
    ("GET", f"{LIST}/{NEVER_GIVEN}", None),
    ("PUT", f"{LIST}/{NEVER_GIVEN}/read", None),
    ("PUT", f"{LIST}/read-all", None),
    ("DELETE", f"{LIST}/{NEVER_GIVEN}", None),
    ("POST", SEND, HELLO),
]


class BrokenStore:
    """A store in memory that raises `fault` from every call while there is one (or from those in `only`), and answers
    when it `may_answer`."""

    def __init__(self) -> None:
        self._store = create_store("sqlite://")
        self.fault: Exception | None = None
        self.only: set[str] = set()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **options: Any) -> Any:
            if name not in ("open", "close"):
                await self.may_answer.wait()
                if self.fault is not None and (not self.only or name in self.only):
                    raise self.fault
            return await getattr(self._store, name)(*args, **options)

        return call


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> BrokenStore:
    store = BrokenStore()
    monkeypatch.setattr(eventide_notify.build, "create_store", lambda url, **options: store)
    return store


@pytest.fixture
def app(store: BrokenStore) -> Application:
    return create_app(Settings(jwt_secret=SecretStr(SECRET)))


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    token = issuer().issue("42", ttl=60, now=utc_now(), admin=True)
    async with (
        serving(app) as address,
        httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("lost", "method", "path", "body"),
    [
        ("counts", "POST", "/actions", {"action": "archive", "ids": []}),
        ("counts", "POST", "/actions", {"action": "delete", "all": True}),
        ("counts", "PUT", "/{id}/action", {"actionId": "yes"}),
        ("get", "PUT", "/{id}/read", None),
    ],
)
async def test_what_was_changed_is_not_said_to_be_unchanged(
    app: Application,
    store: BrokenStore,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    *,
    lost: str,
    method: str,
    path: str,
    body: Any,
) -> None:
    told: list[str] = []

    async def emit(_fanout: ChannelFanout, event: str, payload: Any, users: object) -> None:
        told.append(event)

    monkeypatch.setattr(ChannelFanout, "emit", emit)
    [item] = await app.notifications.send(["42"], Draft(message="Hello", actions=[Action(id="yes", label="Yes")]))
    if body and "ids" in body:
        body = {**body, "ids": [item.id]}
    before = await store.get("42", item.id, now=utc_now())
    store.fault, store.only = Unavailable(), {lost}
    answer = await client.request(method, LIST + path.format(id=item.id), json=body)
    store.fault = None
    assert await store.get("42", item.id, now=utc_now()) != before
    problem(answer, 503, "outcome_unknown")
    assert told  # and the counts follow


@pytest.mark.parametrize(("method", "path", "body"), NEED_THE_DATABASE)
async def test_what_needs_the_database_says_when_to_come_back(
    client: httpx.AsyncClient, store: BrokenStore, method: str, path: str, body: Any
) -> None:
    store.fault = Unavailable("the cable is out")
    answer = await client.request(method, path, json=body)
    problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_nothing_was_saved_and_it_recovers_by_itself(client: httpx.AsyncClient, store: BrokenStore) -> None:
    key = {"Idempotency-Key": "the same"}
    store.fault = Unavailable()
    for headers in ({}, key):
        problem(await client.post(SEND, json=HELLO, headers=headers), 503, "unavailable")
    store.fault = None
    assert (await client.get(LIST)).json()["notifications"] == []
    assert (await client.post(SEND, json=HELLO, headers=key)).status_code == 201
    assert len((await client.get(LIST)).json()["notifications"]) == 1


async def test_who_does_not_need_it_is_answered(client: httpx.AsyncClient, store: BrokenStore) -> None:
    store.fault = Unavailable()
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/v1/admin/online-users")).status_code == 200
    event = {"everyone": True, "event": "x"}
    assert (await client.post("/v1/admin/events", json=event)).status_code == 202
    problem(await client.post(SEND, json={}), 422, "invalid_request", "message", "userIds")


async def test_readiness_says_what_is_down(client: httpx.AsyncClient, store: BrokenStore) -> None:
    store.fault = Unavailable("the cable is out")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reasons": ["database: the cable is out"]}
    store.fault = None
    assert (await client.get("/readyz")).json() == {"status": "ready", "reasons": []}


async def test_readiness_does_not_wait_for_ever(
    client: httpx.AsyncClient, store: BrokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventide_notify.service.readiness, "CHECK_TIMEOUT", 0.1)
    store.may_answer.clear()
    answer = await client.get("/readyz")
    store.may_answer.set()
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reasons": ["database: no answer within 0.1 s"]}


async def test_readiness_never_fails_itself(
    client: httpx.AsyncClient, store: BrokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.fault = RuntimeError("the secret ingredient")
    for _ in range(3):
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert "database: RuntimeError, see the log" in answer.json()["reasons"]
    [record] = [record for record in caplog.records if record.name == eventide_notify.service.readiness.__name__]
    assert record.exc_info is not None
    assert record.exc_info[1] is store.fault


async def test_python_callers_are_told_the_same(
    app: Application, client: httpx.AsyncClient, store: BrokenStore
) -> None:
    store.fault = Unavailable()
    with pytest.raises(Unavailable):
        await app.notifications.send(["42"], Draft(message="Hello"))


async def test_a_fault_of_ours_shows_an_id_and_never_a_trace(
    client: httpx.AsyncClient, store: BrokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.fault = RuntimeError("the secret ingredient")
    with caplog.at_level(logging.ERROR):
        answer = await client.get(LIST)
    detail = problem(answer, 500, "internal")["detail"]
    assert "ingredient" not in answer.text
    [record] = [record for record in caplog.records if detail in record.getMessage()]
    assert record.exc_info is not None
    assert record.exc_info[1] is store.fault
    store.fault = None
    assert (await client.get(LIST)).status_code == 200
