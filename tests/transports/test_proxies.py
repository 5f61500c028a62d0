"""Stock clients behind proxies that treat WebSockets and polls badly: they get everything, and cost next to nothing."""

from __future__ import annotations

import asyncio
import time

import pytest

from ..frontends.page import Page
from ..proxy import After101, Proxy
from .conftest import OpenPage
from .inbox import Inbox

DEFAULT = ["polling", "websocket"]


async def until_shown(page: Page, *ids: str, within: float = 15.0) -> None:
    """Wait until the client was given all of these, each once and in this order."""
    end = time.monotonic() + within
    while len(shown(page)) < len(ids) and time.monotonic() < end:  # noqa: ASYNC110 - told by another process
        await asyncio.sleep(0.02)
    assert shown(page) == [*ids], "\n".join(map(str, page.lines))


def shown(page: Page) -> list[str]:
    return [item["id"] for item in page.events("notification")]


@pytest.mark.parametrize("after_101", ["drop", "swallow"])
async def test_where_websockets_die_after_their_101_polling_serves(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox, after_101: After101
) -> None:
    proxy.after_101 = after_101
    missed = await inbox.send_many(2)
    page = await open_page(transports=DEFAULT)
    await page.ready()
    await until_shown(page, *missed)
    live = await inbox.send_many(8)
    await until_shown(page, *missed, *live)
    await inbox.becomes("DELIVERED", *missed, *live)
    assert proxy.websockets() == 1
    assert (page.find("upgrade"), page.find("disconnect")) == ([], [])
    assert len(page.find("connect")) == 1


@pytest.mark.parametrize("runs_in", ["Node"])
async def test_the_same_client_upgrades_where_nothing_is_in_the_way(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox
) -> None:
    page = await open_page(transports=DEFAULT)
    assert (await page.line("upgrade")).name == "websocket"
    ids = await inbox.send_many(5)
    await until_shown(page, *ids)
    await inbox.becomes("DELIVERED", *ids)
    assert proxy.websockets() == 1


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], DEFAULT], ids="-".join)
async def test_where_everything_takes_its_time_all_comes_once(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox, transports: list[str]
) -> None:
    proxy.delay = 0.15
    missed = await inbox.send_many(2)
    page = await open_page(transports=transports)
    await page.ready()
    live = await inbox.send_many(10)
    await until_shown(page, *missed, *live)
    await inbox.becomes("DELIVERED", *missed, *live)
    assert page.find("disconnect") == []
    if transports == DEFAULT:
        assert (await page.line("upgrade")).name == "websocket"


@pytest.mark.parametrize("transports", [["websocket"], DEFAULT], ids="-".join)
async def test_where_websockets_are_cut_again_and_again_nothing_is_lost(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox, transports: list[str]
) -> None:
    page = await open_page(transports=transports)
    await page.ready()
    ids = []
    for nth in range(1, 4):
        if transports == DEFAULT:
            await page.line("upgrade", nth=nth)
        ids += await inbox.send_many(2)
        await until_shown_at_all(page, *ids)
        assert proxy.cut() == 1
        ids += await inbox.send_many(2)
        await page.ready(nth=nth + 1)
    await until_shown_at_all(page, *ids)
    await inbox.becomes("DELIVERED", *ids)


async def until_shown_at_all(page: Page, *ids: str) -> None:
    """Wait until a client that drops ids it has would have shown all of these, in this order.

    Of what came in the moment of a cut a copy may follow, which says so.
    """
    end = time.monotonic() + 15
    while list(dict.fromkeys(shown(page))) != [*ids]:
        assert time.monotonic() < end, "\n".join(map(str, page.lines))
        await asyncio.sleep(0.02)
    has = set()
    for item in page.events("notification"):
        assert item["id"] not in has or item.get("replayed"), item
        has.add(item["id"])


@pytest.mark.parametrize("runs_in", ["Node"])
async def test_where_answers_are_lost_and_asked_for_again_all_comes_once(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox
) -> None:
    """Something on the way repeats requests by itself, as browsers do, and as load balancers may."""
    proxy.loses = lambda exchange: exchange.is_poll and len(exchange.answers) == 1
    proxy.repeats = lambda exchange: 0.05
    page = await open_page(transports=["polling"])
    await page.ready()
    ids: list[str] = []
    for _ in range(5):  # not all at once: to a slow client that would be one answer or two
        ids += await inbox.send_many(4)
        await until_shown(page, *ids)
    await inbox.becomes("DELIVERED", *ids)
    assert sum(exchange.losses for exchange in proxy.exchanges) > 3
    assert page.find("disconnect") == []


@pytest.mark.parametrize("runs_in", ["Node"])
async def test_where_answers_are_lost_for_good_the_client_comes_back_and_gets_them(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox
) -> None:
    page = await open_page(transports=["polling"])
    await page.ready()
    before = len(page.find("connect"))
    proxy.loses = lambda exchange: exchange.is_poll and '["notification",' in exchange.answers[-1].text
    id = await inbox.send()
    await page.line("disconnect")
    assert shown(page) == []
    await inbox.stays_pending(id)
    proxy.loses = lambda exchange: False
    await page.line("connect", nth=before + 1)
    await until_shown(page, id)
    await inbox.becomes("DELIVERED", id)


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], DEFAULT], ids="-".join)
async def test_forty_events_in_one_tick_get_forty_answers(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox, transports: list[str]
) -> None:
    page = await open_page(transports=transports)
    await page.ready()
    posts = len(proxy.posts())
    burst = page.do("burst", event="get_unread_count", times=40)
    await page.line("answer", burst, nth=40)
    assert [line.data for line in page.find("answer", burst)] == [{"unreadCount": 0, "unseenCount": 0}] * 40
    if transports == ["polling"]:
        # It posts the first by itself, and while that is on its way collects the others.
        assert [len(exchange.request.packets) for exchange in proxy.posts()[posts:]] == [1, 39]
    assert page.find("disconnect") == []
