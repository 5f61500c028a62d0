"""How often a socket may ask, how often an address may connect, and how many may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from eventide_notify import Settings, create_app
from eventide_notify.admission import network_of
from eventide_notify.models import utc_now
from eventide_notify.realtime.protocol import HttpProtocol

from ..raw import RawClient, raw_client
from ..service import SECRET, issuer
from ..serving import serving
from ..waiting import until

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"


class Http(HttpProtocol):
    """With limits for connections of its own."""


@pytest.fixture(params=["our protocol", "any ASGI server"])
def http(request: pytest.FixtureRequest) -> Any:
    Http.limits = None
    return Http if request.param == "our protocol" else "httptools"


@asynccontextmanager
async def limited(http: Any = Http, **limits: Any) -> AsyncIterator[str]:
    settings = Settings(jwt_secret=SECRET, database_url="sqlite://", _env_file=None, **limits)
    async with serving(create_app(settings), http=http) as url:
        yield url


def auth(user: str) -> dict[str, str]:
    return {"token": issuer().issue(user, ttl=60, now=utc_now())}


async def refused(url: str, target: str = WEBSOCKET, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body of a handshake that is refused."""
    if target.startswith(WEBSOCKET):
        with pytest.raises(InvalidStatus) as caught:
            async with connect(url.replace("http", "ws", 1) + target, additional_headers=headers):
                pass
        answer = caught.value.response
        return answer.status_code, {k.lower(): v for k, v in answer.headers.raw_items()}, json.loads(answer.body or b"")
    async with httpx.AsyncClient(verify=False, timeout=30) as client:
        got = await client.get(url + target, headers=headers)
    return got.status_code, dict(got.headers), got.json() if got.status_code != 200 else None


async def figure(url: str, name: str) -> float:
    async with httpx.AsyncClient(verify=False, timeout=30) as client:
        lines = (await client.get(f"{url}/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def until_sockets(url: str, count: int) -> None:
    async with asyncio.timeout(30):
        while await figure(url, "eventide_sockets ") != count:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


# Events


async def test_a_socket_may_send_a_burst_and_the_rest_is_told_so(http: Any) -> None:
    async with limited(http, limit_events="10/hour") as url, raw_client(url, auth("ann")) as client:
        async with raw_client(url, auth("ann")) as other:  # a limit of one socket is nobody else's
            await client.event("catch_up_complete")
            told = [await client.call("get_unread_count") for _ in range(3)]
            assert [answer.get("success") for answer in told] == [False] * 3
            assert told[0]["error"] == {"code": "rate_limited", "message": "You send events too often."}
            await client.emit("get_unread_count")
            assert (await client.event("exception"))["code"] == "rate_limited"
            assert not client.closed
            await other.event("catch_up_complete")
        assert await figure(url, 'eventide_limits_hit_total{limit="events"}') == 4
        assert await figure(url, 'eventide_client_events_total{event="get_unread_count",result="rate_limited"}') == 4


async def test_bursts_are_four_times_the_rate() -> None:
    async with limited(limit_events="10/second") as url, raw_client(url, auth("ann")) as client:
        await client.event("catch_up_complete")
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert 39 <= await allowed(client, 100) <= 41 + 10 * (loop.time() - began)
        assert (await until_allowed(client))["unreadCount"] == 0


async def allowed(client: RawClient, count: int) -> int:
    """Of so many events at once; each is answered."""
    before = len(client.frames)
    for number in range(count):
        await client.write(f'42/notifications,{number}["get_unread_count"]')

    def answers() -> list[str]:
        return [frame for frame in client.frames[before:] if frame.startswith("43")]

    await until(lambda: len(answers()) == count)
    return sum("unreadCount" in answer for answer in answers())


async def until_allowed(client: RawClient) -> Any:
    async with asyncio.timeout(30):
        while "error" in (answer := await client.call("get_unread_count")):  # noqa: ASYNC110 - it asks, and is told
            await asyncio.sleep(0.05)
    return answer


async def test_the_default_is_two_hundred_at_once(http: Any) -> None:
    async with limited(http) as url, raw_client(url, auth("ann")) as client:
        await client.event("catch_up_complete")
        assert await allowed(client, 200) == 200


async def test_there_may_be_no_limit() -> None:
    async with limited(limit_events="off") as url, raw_client(url, auth("ann")) as client:
        await client.event("catch_up_complete")
        assert await allowed(client, 400) == 400


async def test_joining_again_and_again_gives_no_new_allowance_and_ends(http: Any) -> None:
    async with limited(http, limit_events="1/second") as url, raw_client(url, auth("ann")) as client:
        for _ in range(60):
            await client.write("41/notifications,")
            await client.write(f"40/notifications,{json.dumps(auth('ann'))}")
        await client.until_closed()
        assert sum(frame.startswith("40") for frame in client.frames) <= 20


# Connects


@pytest.mark.parametrize("target", [WEBSOCKET, POLLING])
async def test_an_address_may_connect_so_often(http: Any, target: str) -> None:
    async with limited(http, limit_connects="3/hour") as url, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw_client(url, auth("ann"))) for _ in range(3)]
        status, headers, body = await refused(url, target)
        assert status == 429
        assert 3500 < int(headers["retry-after"]) <= 3600
        assert body["code"] == "rate_limited"
        assert headers["cache-control"] == "no-store"
        for client in clients:  # whoever is connected stays, and works
            assert (await client.call("get_unread_count"))["unreadCount"] == 0
        # A trusted proxy tells of another address, whose limit this is not.
        other = {"X-Forwarded-For": "203.0.113.7"}
        assert (await refused(url, POLLING, **other))[0] == 200
        assert await figure(url, 'eventide_limits_hit_total{limit="connects"}') == 1


async def test_polls_posts_and_upgrades_are_no_connects(http: Any) -> None:
    async with (
        limited(http, limit_connects="1/hour") as url,
        httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client,
    ):
        sid = json.loads((await client.get(POLLING)).text[1:])["sid"]
        session = f"{POLLING}&sid={sid}"
        packet = f"40/notifications,{json.dumps(auth('ann'))}"
        assert (await client.post(session, content=packet)).status_code == 200
        assert (await client.get(session)).text.startswith("40/notifications,")
        async with connect(f"{url.replace('http', 'ws', 1)}{WEBSOCKET}&sid={sid}") as socket:
            await socket.send("2probe")
            assert await socket.recv() == "3probe"
        assert (await client.options(POLLING)).status_code == 200
        assert (await client.get(POLLING)).status_code == 429


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("unix:", "unix:", True),
    ],
)
def test_a_network_of_one_customer_is_one_address(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


# How many


@pytest.mark.parametrize("target", [WEBSOCKET, POLLING])
async def test_one_more_than_there_may_be_is_told_to_come_back(http: Any, target: str) -> None:
    async with limited(http, max_sockets=3) as url:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(raw_client(url, auth(f"user-{n}"))) for n in range(3)]
            status, headers, body = await refused(url, target)
            assert (status, body["code"]) == (503, "unavailable")
            assert int(headers["retry-after"]) > 0
            for client in clients:
                assert (await client.call("get_unread_count"))["unreadCount"] == 0
            assert await figure(url, 'eventide_limits_hit_total{limit="sockets"}') == 1
        await until_sockets(url, 0)
        async with raw_client(url, auth("late")) as client:
            await client.event("catch_up_complete")


async def test_who_has_not_authenticated_makes_room(http: Any) -> None:
    async with limited(http, max_sockets=3) as url, AsyncExitStack() as stack:
        joined = [await stack.enter_async_context(raw_client(url, auth(f"user-{n}"))) for n in range(2)]
        strangers = [await stack.enter_async_context(raw_client(url, namespace=None)) for _ in range(5)]
        assert not strangers[-1].closed
        async with raw_client(url, auth("late")) as late:
            assert (await late.call("get_unread_count"))["unreadCount"] == 0
            for stranger in strangers:
                await stranger.until_closed()
        for client in joined:
            assert (await client.call("get_unread_count"))["unreadCount"] == 0


async def test_who_has_left_all_namespaces_is_nobody_again() -> None:
    async with limited(max_sockets=2) as url, AsyncExitStack() as stack:
        leaver = await stack.enter_async_context(raw_client(url, auth("ann")))
        stayer = await stack.enter_async_context(raw_client(url, auth("bob")))
        await leaver.write("41/notifications,")
        await until_sockets(url, 1)
        async with raw_client(url, auth("late")) as late:
            await late.event("catch_up_complete")
            await leaver.until_closed()
            assert not stayer.closed


async def test_a_full_instance_says_so_in_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    async with limited(max_sockets=1) as url, raw_client(url, auth("ann")):
        with caplog.at_level("INFO", "eventide_notify.faults"):
            for _ in range(50):
                assert (await refused(url, POLLING))[0] == 503
        await until(lambda: caplog.messages)
        assert caplog.messages == ["1 client(s) were refused: 1 sockets are open"]
