"""How often a user, and an administrator, may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from eventide_notify import Settings, create_app
from eventide_notify.access import entry_of, new_key
from eventide_notify.models import utc_now

from ..service import SECRET, issuer
from ..serving import serving
from .answers import problem

COUNT = "/v1/notifications/unread-count"
ONLINE = "/v1/admin/online-users"


@asynccontextmanager
async def limited(**limits: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        jwt_secret=SECRET, database_url="sqlite://", cors_origins="https://app.example.com", _env_file=None, **limits
    )
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, verify=False) as client:
        yield client


def of(user: str, *, admin: bool = False) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer().issue(user, ttl=60, now=utc_now(), admin=admin)}"}


async def test_a_user_may_ask_so_often() -> None:
    async with limited(limit_rest="3/hour") as client:
        answers = [await client.get(COUNT, headers=of("ann")) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
        assert [answer.headers["RateLimit"].rpartition(";")[0] for answer in answers] == [
            f'"user";r={left}' for left in (2, 1, 0, 0, 0)
        ]
        assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"user";q=3;w=3600'}
        assert "Retry-After" not in answers[0].headers
        last = answers[-1]
        problem(last, 429, "rate_limited")
        assert 3500 < int(last.headers["Retry-After"]) <= 3600
        assert last.headers["RateLimit"] == f'"user";r=0;t={last.headers["Retry-After"]}'
        assert (await client.get(COUNT, headers=of("bob"))).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert 'eventide_limits_hit_total{limit="user"} 2.0' in metrics


async def test_what_goes_wrong_counts_as_well_and_says_so() -> None:
    async with limited(limit_rest="3/hour") as client:
        wrong = [
            await client.get("/v1/notifications?limit=x", headers=of("ann")),
            await client.get(ONLINE, headers=of("ann")),
            await client.put("/v1/notifications/1/read", headers=of("ann")),
        ]
        assert [answer.status_code for answer in wrong] == [422, 403, 404]
        assert [answer.headers["RateLimit"][:10] for answer in wrong] == [f'"user";r={n}' for n in (2, 1, 0)]
        assert (await client.get(COUNT, headers=of("ann"))).status_code == 429
        assert "RateLimit" not in (await client.get(COUNT)).headers  # a stranger has no limit of a user's


async def test_an_administrator_has_a_limit_of_its_own() -> None:
    async with limited(limit_rest="1/hour", limit_admin="2/hour") as client:
        answers = [await client.get(ONLINE, headers=of("root", admin=True)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"admin";q=2;w=3600'
        assert (await client.get(ONLINE, headers=of("other", admin=True))).status_code == 200
        assert (await client.get(COUNT, headers=of("root", admin=True))).status_code == 200


async def test_so_has_an_api_key_whichever_of_its_secrets_is_used() -> None:
    one, other, third = (new_key() for _ in range(3))
    keys = f"{entry_of('shop', one)},{entry_of('shop', other)},{entry_of('crm', third)}"
    async with limited(limit_admin="2/hour", api_keys=keys) as client:
        answers = [await client.get(ONLINE, headers={"Authorization": f"Bearer {key}"}) for key in (one, other, one)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (await client.get(ONLINE, headers={"Authorization": f"Bearer {third}"})).status_code == 200
        assert (await client.get(ONLINE, headers=of("shop", admin=True))).status_code == 200


async def test_there_may_be_no_limit() -> None:
    async with limited(limit_rest="off") as client:
        for url, who in ((COUNT, of("ann")), (ONLINE, of("root", admin=True))):
            answer = await client.get(url, headers=who)
            assert answer.status_code == 200
            assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)


@pytest.mark.parametrize("status", [200, 429])
async def test_pages_of_other_origins_can_read_it(status: int) -> None:
    async with limited(limit_rest="1/hour") as client:
        asked = {**of("ann"), "Origin": "https://app.example.com"}
        if status == 429:
            await client.get(COUNT, headers=asked)
        answer = await client.get(COUNT, headers=asked)
        assert answer.status_code == status
        exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= exposed
