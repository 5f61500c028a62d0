"""A browser repeats a request by itself when a connection that it has used before breaks without an answer.

The page knows nothing of it: same URL, same `t`, and its session goes on.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..frontends.page import Page
from ..proxy import Exchange, Proxy
from ..waiting import until
from .conftest import OpenPage
from .inbox import Inbox

pytestmark = pytest.mark.parametrize("runs_in", ["Chromium"])


async def open_polling(open_page: OpenPage, proxy: Proxy) -> Page:
    """A page that polls, and whose poll waits on a connection that was used before."""
    page = await open_page(transports=["polling"])
    await page.ready()
    await until(lambda: waiting(proxy))
    return page


def waiting(proxy: Proxy) -> bool:
    """Whether the last poll waits for something to come."""
    return not proxy.polls()[-1].answers


def lose_one(proxy: Proxy, wanted: Callable[[Exchange], bool]) -> None:
    """Lose the first answer like this, on a connection that was used before; the next requests have to wait."""

    def loses(exchange: Exchange) -> bool:
        if exchange.number == 1 or not wanted(exchange):
            return False
        proxy.loses = lambda exchange: False
        proxy.hold()
        return True

    proxy.loses = loses


async def lost_and_repeated(proxy: Proxy) -> tuple[Exchange, Exchange]:
    """What was lost, and the request of the same method and address that came after it."""
    [lost] = await until(lambda: [exchange for exchange in proxy.exchanges if exchange.losses])
    [repeated] = await until(lambda: repetitions(proxy, lost))
    return lost, repeated


def repetitions(proxy: Proxy, lost: Exchange) -> list[Exchange]:
    after = proxy.exchanges[proxy.exchanges.index(lost) + 1 :]
    return [other for other in after if other.request.method == lost.request.method and same(other, lost)]


def shown(page: Page) -> list[str]:
    return [item["id"] for item in page.events("notification")]


def unharmed(page: Page) -> bool:
    return len(page.find("connect")) == 1 and not page.find("disconnect") and not page.find("connect_error")


async def test_what_was_lost_with_an_answer_is_shown_once_and_delivered_only_then(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox
) -> None:
    page = await open_polling(open_page, proxy)
    lose_one(proxy, lambda exchange: exchange.is_poll and '["notification",' in exchange.answers[-1].text)
    id = await inbox.send()
    lost, repeated = await lost_and_repeated(proxy)
    assert shown(page) == []
    await inbox.stays_pending(id)
    proxy.release()
    await until(lambda: shown(page))
    await inbox.becomes("DELIVERED", id)
    assert repeated.answers[0].body == lost.answers[0].body
    [later] = await inbox.send_many(1)
    await until(lambda: later in shown(page))
    assert shown(page) == [id, later]
    assert unharmed(page)


async def test_a_poll_that_breaks_while_it_waits_is_repeated_and_nothing_is_lost(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox
) -> None:
    broken: set[Exchange] = set()

    def breaks(exchange: Exchange) -> float | None:
        """Each poll breaks once, with all that the server had to say to it by then."""
        if not exchange.is_poll or exchange.number == 1 or any(same(exchange, other) for other in broken):
            return None
        broken.add(exchange)
        return 0.1

    proxy.breaks = breaks
    page = await open_page(transports=["polling"])
    await page.ready()
    ids: list[str] = []
    for number in range(1, 6):
        await until(lambda number=number: losses(proxy) >= number)  # type: ignore[misc]
        ids += await inbox.send_many(number)
    await until(lambda: len(shown(page)) >= len(ids), within=15)
    assert shown(page) == ids
    await inbox.becomes("DELIVERED", *ids)
    assert unharmed(page)


def losses(proxy: Proxy) -> int:
    return sum(exchange.losses for exchange in proxy.polls())


def same(one: Exchange, other: Exchange) -> bool:
    return one.request.target == other.request.target


async def test_a_stream_of_which_every_answer_is_lost_once_is_shown_once_and_in_order(
    open_page: OpenPage, proxy: Proxy, inbox: Inbox
) -> None:
    proxy.loses = lambda exchange: (
        exchange.is_poll
        and exchange.number > 1
        and not any(same(exchange, other) for other in proxy.polls() if other.losses)
    )
    page = await open_page(transports=["polling"])
    await page.ready()
    ids: list[str] = []
    for _ in range(5):  # not all at once: to a slow browser that would be one answer or two
        ids.extend(await inbox.send_many(4))
        await until(lambda: len(shown(page)) >= len(ids))
    assert shown(page) == ids
    await inbox.becomes("DELIVERED", *ids)
    assert losses(proxy) > 3
    assert unharmed(page)


async def test_an_event_whose_answer_was_lost_is_carried_out_once(open_page: OpenPage, proxy: Proxy) -> None:
    page = await open_polling(open_page, proxy)
    first = page.do("burst", event="get_unread_count", times=1)  # a connection that is used again
    await page.line("answer", first)
    lose_one(proxy, lambda exchange: exchange.is_post)
    second = page.do("burst", event="get_unread_count", times=1)
    await lost_and_repeated(proxy)
    proxy.release()
    await page.line("answer", second)
    third = page.do("burst", event="get_unread_count", times=1)
    await page.line("answer", third)
    assert proxy.answered("43/notifications,") == 3
    assert unharmed(page)
