"""With `EVENTIDE_OPS_TOKEN`, figures and reasons are for operators alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pydantic import SecretStr

from eventide_notify import Settings, create_app
from eventide_notify.models import utc_now

from ..service import SECRET, issuer
from ..serving import serving
from .answers import problem

TOKEN = "only for operators \N{LATIN SMALL LETTER E WITH ACUTE}"
WRONG = {
    "none": {},
    "another": {"Authorization": "Bearer another"},
    "an administrator's": {"Authorization": f"Bearer {issuer().issue('42', ttl=60, now=utc_now(), admin=True)}"},
    "another scheme": {"Authorization": f"Basic {TOKEN}".encode()},
    "longer": {"Authorization": f"Bearer {TOKEN}x".encode()},
    "not UTF-8": {"Authorization": b"Bearer \xff"},
}
RIGHT = {b"Authorization": f"Bearer {TOKEN}".encode()}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://"), ops_token=SecretStr(TOKEN))
    async with serving(create_app(settings)) as address, httpx.AsyncClient(base_url=address) as client:
        yield client


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG.keys())
async def test_nobody_else_gets_them(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.get("/metrics", headers=headers)
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    ready = await client.get("/readyz", headers=headers)
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_operators_do(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers=RIGHT)
    assert answer.headers["cache-control"] == "no-store"
    assert "eventide_build_info{" in answer.text
    assert (await client.get("/readyz", headers=RIGHT)).json() == {"status": "ready", "reasons": []}


async def test_openmetrics_is_answered_to_who_asks_for_it(client: httpx.AsyncClient) -> None:
    wanted = {**RIGHT, b"Accept": b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    answer = await client.get("/metrics", headers=wanted)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in text_string_to_metric_families(answer.text)}  # type: ignore[no-untyped-call]
    assert {"eventide_delivery_seconds", "eventide_sockets", "eventide_build"} <= names


async def test_however_many_ask_one_answer_is_written_at_a_time(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, media_type = choose_encoder("")
    writing, alone = threading.Lock(), []

    def encode_alone(registry: Any) -> bytes:
        alone.append(writing.acquire(blocking=False))
        try:
            return encode(registry)
        finally:
            if alone[-1]:
                writing.release()

    monkeypatch.setattr("eventide_notify.rest.ops.choose_encoder", lambda _: (encode_alone, media_type))
    answers = await asyncio.gather(*(client.get("/metrics", headers=RIGHT) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert alone == [True] * 20
