"""Tokens whose keys are at another address, and cannot be had for a while: no front end stays away for that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import jwt
import pytest

from eventide_notify.models import utc_now

from ..key_server import RSA, KeyServer, key_server
from ..service import Service
from ..waiting import asked_until, until
from .helpers import OpenPage, own_transport, service_with
from .page import FrontEnd


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
def by_set(keys: KeyServer) -> Iterator[Service]:
    """A service that checks tokens with a key set."""
    with service_with(JWT_SECRET="", JWKS_URL=keys.url) as service:
        yield service


def signed(user: str | int) -> str:
    claims = {"sub": user, "exp": utc_now() + timedelta(minutes=5)}
    return jwt.encode(claims, RSA, "RS256", headers={"kid": "a"})


@own_transport
async def test_while_the_keys_cannot_be_had_it_comes_back_by_itself(
    start: OpenPage, front_end: FrontEnd, user: int, keys: KeyServer, by_set: Service
) -> None:
    keys.answer = None
    page = start(at=by_set, token=signed(front_end.user(user)))
    await page.line("disconnect", nth=2)
    keys.has(a=RSA)
    await page.ready()
    # Over polling it may notice by an error of its next request; after a refusal it would not have come back.
    assert "Authentication failed" not in [line.name for line in page.find("connect_error")]


async def test_while_the_keys_cannot_be_had_the_service_says_so(keys: KeyServer, by_set: Service) -> None:
    """Where a load balancer sends nobody any more for that reason, it comes back by itself all the same."""
    keys.answer = None
    async with httpx.AsyncClient(base_url=by_set.base_url, headers={"Authorization": f"Bearer {signed(1)}"}) as client:
        assert (await client.get("/readyz")).status_code == 200  # nobody has needed them
        assert (await client.get("/v1/notifications")).status_code == 503
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
        assert any(reason.startswith("keys: ") for reason in answer.json()["reasons"])
        assert (await client.get("/readyz", params={"accept": "degraded"})).status_code == 200
        keys.has(a=RSA)
        await asked_until(lambda: client.get("/readyz"), lambda answer: answer.status_code == 200)


@own_transport
async def test_while_the_keys_are_slow_it_waits(
    start: OpenPage, front_end: FrontEnd, user: int, keys: KeyServer, by_set: Service
) -> None:
    keys.has(a=RSA)
    keys.answers.clear()
    page = start(at=by_set, token=signed(front_end.user(user)))
    await until(lambda: keys.asked == 1)
    keys.answers.set()
    await page.ready()
    assert page.find("connect_error") + page.find("disconnect") == []
