"""The service under a prefix, within another application, on every ASGI server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from ..raw import raw_client
from .hosted import COMMANDS, HostedService
from .polls import polling_client


@pytest.fixture(scope="module", params=COMMANDS)
def within(request: pytest.FixtureRequest) -> Iterator[HostedService]:
    with HostedService(request.param, "within", prefix="/notify") as service:
        service.start()
        yield service


async def test_both_are_served(within: HostedService, user: str) -> None:
    async with httpx.AsyncClient(headers=within.bearer(user), verify=False, timeout=30) as http:
        assert (await http.get(f"{within.base_url}/v1/notifications")).json()["notifications"] == []
        assert (await http.get(f"{within.base_url}/readyz")).status_code == 200
        assert (await http.get(f"{within.base_url.removesuffix('/notify')}/hello")).json() == "hello"


async def test_notifications_come_over_websockets(within: HostedService, user: str) -> None:
    [missed] = await asyncio.to_thread(within.send, user)
    async with raw_client(within.base_url, {"token": within.token(user)}) as client:
        assert (await client.event("notification"))["id"] == missed
        await client.event("catch_up_complete")
        [live] = await asyncio.to_thread(within.send, user)
        await client.frame(lambda frame: live in frame)


async def test_notifications_come_over_polling(within: HostedService, user: str) -> None:
    [missed] = await asyncio.to_thread(within.send, user)
    async with polling_client(within.base_url, {"token": within.token(user)}) as client:
        await client.ask_until(missed)
        [live] = await asyncio.to_thread(within.send, user)
        await client.ask_until(live)
        assert (await client.post("1")).status_code == 200


async def test_it_stops_with_the_other(within: HostedService) -> None:
    await asyncio.to_thread(within.stop)
    assert "Traceback" not in within.log
