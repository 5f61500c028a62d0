"""The stock Java client: its polling requests carry no `t` unless it is told so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ..proxy import Exchange, Proxy
from ..waiting import until
from .inbox import Inbox
from .java import DEADLINE, JavaClient, build, java_client

pytestmark = pytest.mark.usefixtures("java")


@pytest.fixture(scope="session")
def java() -> None:
    """The client, compiled."""
    build()


def with_t(polls: Sequence[Exchange]) -> int:
    return sum("t" in exchange.request.query for exchange in polls)


async def until_shown(client: JavaClient, *ids: str) -> None:
    """Wait until it was given all of these; each once, and in this order."""
    await until(lambda: len(client.shown()) >= len(ids), within=DEADLINE)
    assert client.shown() == [*ids]


async def test_over_polling_it_confirms_by_an_acknowledgement_and_gets_the_rest_again(
    inbox: Inbox, proxy: Proxy
) -> None:
    missed = await inbox.send()
    async with java_client(proxy.url, inbox.token, ["polling"]) as client:
        await client.ready()
        live = await inbox.send_many(3)
        await until_shown(client, missed, *live)
        assert await client.call("get_unread_count") == {"unreadCount": 4, "unseenCount": 4}
        await inbox.stays_pending(missed, *live)
        acknowledged = await client.call("notification_ack", {"ids": [missed, live[0]]})
        assert acknowledged == {"success": True, "acknowledged": 2}
        assert await inbox.status(missed) == await inbox.status(live[0]) == "DELIVERED"
        await inbox.stays_pending(*live[1:])
        assert client.find("disconnect") == []
    assert with_t(proxy.polls()) == 0
    async with java_client(proxy.url, inbox.token, ["polling"]) as again:
        await again.ready()
        await until_shown(again, *live[1:])
        assert [line.data["replayed"] for line in again.find("event", "notification")] == [True, True]


async def test_an_answer_that_it_lost_and_asked_for_again_comes_on_the_next_connect(inbox: Inbox, proxy: Proxy) -> None:
    """Its HTTP client repeats requests by itself, as browsers do, but nobody can know these from others."""
    async with java_client(proxy.url, inbox.token, ["polling"]) as client:
        await client.ready()
        proxy.loses = lambda exchange: (
            exchange.is_poll and exchange.losses == 0 and '["notification",' in exchange.answers[-1].text
        )
        lost = await inbox.send()
        await until(lambda: any(exchange.losses for exchange in proxy.exchanges))
        proxy.loses = lambda exchange: False
        later = await inbox.send()
        await until(lambda: later in client.shown())
        await inbox.stays_pending(lost, later)
    async with java_client(proxy.url, inbox.token, ["polling"]) as again:
        await again.ready()
        await until_shown(again, lost, later)


@pytest.mark.parametrize("transports", [["polling"], ["websocket"]], ids="-".join)
async def test_with_timestamps_or_a_websocket_it_confirms_by_itself(
    inbox: Inbox, proxy: Proxy, transports: list[str]
) -> None:
    missed = await inbox.send()
    async with java_client(proxy.url, inbox.token, transports, timestamps=True) as client:
        await client.ready()
        live = await inbox.send_many(5)
        await until_shown(client, missed, *live)
        await inbox.becomes("DELIVERED", missed, *live)
        assert client.find("disconnect") == []
    assert with_t(proxy.polls()) == len(proxy.polls())
    assert proxy.websockets() == (transports == ["websocket"])


@pytest.mark.parametrize("transports", [None, ["polling", "websocket"]], ids=["by default", "polling-websocket"])
async def test_by_default_it_upgrades_and_confirms_by_that(
    inbox: Inbox, proxy: Proxy, transports: list[str] | None
) -> None:
    missed = await inbox.send_many(2)
    async with java_client(proxy.url, inbox.token, transports) as client:
        await client.ready()
        await inbox.becomes("DELIVERED", *missed)
        live = await inbox.send_many(5)
        await until_shown(client, *missed, *live)
        await inbox.becomes("DELIVERED", *live)
        assert client.find("disconnect") == []
    assert proxy.websockets() == 1
    assert with_t(proxy.polls()) == 0
