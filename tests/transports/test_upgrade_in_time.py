"""What takes many seconds by default, at services whose clocks run faster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from eventide_notify.realtime.engine.transport import PING_INTERVAL
from eventide_notify.realtime.engine.upgrade import UPGRADE_TIMEOUT

from ..polling import PollingClient, polling_client
from ..proxy import After101, Proxy
from ..service import Altered, Service
from .conftest import OpenPage
from .inbox import Inbox
from .test_proxies import DEFAULT, until_shown
from .test_upgrade import client, is_held, upgrade

__all__ = ["client"]

SILENCE = 6.0
"""Seconds that an upgrade may take here."""
IDLE = 6.0
"""Seconds for which an idle client's requests are counted."""
FIRST_PING = 10.0
"""Seconds from the beginning of a session until its first regular ping here; long enough for what a test does next."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Altered({"realtime.engine.upgrade.UPGRADE_TIMEOUT": SILENCE}) as service:
        service.start()
        yield service


def test_by_default_it_takes_as_long_as_on_the_stock_server() -> None:
    assert (UPGRADE_TIMEOUT, PING_INTERVAL) == (10, 25)


@pytest.mark.parametrize("said", [(), ("2probe",)], ids=["at once", "after the probe"])
async def test_a_websocket_that_falls_silent_is_closed_and_polling_goes_on(
    client: PollingClient, inbox: Inbox, said: tuple[str, ...]
) -> None:
    began = time.monotonic()
    async with client.websocket() as websocket:
        for frame in said:
            await websocket.write(frame)
            await websocket.frame(lambda frame: frame == "3probe")
        ids = [await inbox.send()]
        await client.frame(lambda frame: ids[0] in frame)  # meanwhile, too
        await websocket.until_closed()
        assert time.monotonic() - began > SILENCE - 0.5
    ids.append(await inbox.send())
    await client.frame(lambda frame: ids[1] in frame)
    assert [item["id"] for item in client.events("notification")] == ids
    assert await is_held(client)
    await inbox.becomes("DELIVERED", *ids)


@pytest.mark.parametrize("after_101", ["drop", "swallow"])
async def test_where_websockets_die_an_idle_client_asks_about_once_a_second_at_most(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox, after_101: After101
) -> None:
    proxy.after_101 = after_101
    page = await open_page(transports=DEFAULT)
    await page.ready()
    await asyncio.sleep(1)  # what belongs to the connect has been asked
    windows = 2 if after_101 == "swallow" else 1  # until the server has given the upgrade up, and after that
    for _ in range(windows):
        before = len(proxy.exchanges)
        await asyncio.sleep(IDLE)
        asked = [exchange.request.target for exchange in proxy.exchanges[before:]]
        assert len(asked) <= IDLE, asked
    [id] = await inbox.send_many(1)
    await until_shown(page, id)


@pytest.fixture(scope="module")
def pinging() -> Iterator[Service]:
    with Altered({"realtime.engine.transport.PING_INTERVAL": FIRST_PING}) as service:
        service.start()
        yield service


@pytest.mark.parametrize("answered", [False, True], ids=["not answered before", "answered before"])
async def test_the_count_of_pings_and_pongs_goes_on(pinging: Service, user: str, answered: bool) -> None:
    """A ping that was polled is the first that the WebSocket's pongs answer, unless a POST has answered it."""
    inbox = Inbox(pinging, user)
    async with polling_client(pinging.base_url, inbox.auth) as client:
        client.answers_pings = False
        await client.frame(lambda frame: frame == "2", within=FIRST_PING + 15)
        if answered:
            assert (await client.post("3")).status == 200
        async with client.websocket() as websocket:
            await upgrade(websocket)
            id = await inbox.send()
            await websocket.event("notification")
            await websocket.frame(lambda frame: frame == "2")
            if not answered:
                await websocket.write("3")
                assert await websocket.call("get_unread_count") == {
                    "unreadCount": 1,
                    "unseenCount": 1,
                }  # the pong has been read
                await inbox.stays_pending(id)
            await websocket.write("3")
            await inbox.becomes("DELIVERED", id)
