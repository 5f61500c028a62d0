"""Stock front ends through load balancers, over every transport, with cookies and without."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect

from ..frontends.helpers import become, client_of, ids, offline
from ..frontends.page import C
from ..instances.conftest import Cluster
from ..servers.balancer import LoadBalancer
from ..service import Service
from ..waiting import until
from .helpers import (
    CLOSE,
    POLLING,
    PONG,
    WAYS,
    WEBSOCKET,
    Addresses,
    OpenPage,
    Way,
    from_address,
    instances_of,
    requests,
    session,
)

Users = tuple[int, int]


@pytest.fixture
def users(user: int, stranger: int) -> Users:
    return user, stranger


@pytest.mark.parametrize("cookies", [True, False], ids=["cookies", "no-cookies"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[1])
async def test_a_client_of_each_instance_is_live_from_both_and_catches_up(
    open_page: OpenPage, cluster: Cluster, addresses: Addresses, users: Users, *, way: Way, cookies: bool
) -> None:
    front_end, transport = way
    pages = [
        open_page(front_end, user, transport, address=address, cookies=cookies)
        for user, address in zip(users, addresses, strict=True)
    ]
    for page in pages:
        await page.ready()
        connected = (await page.line("upgrade" if transport == "upgrade" else "connect")).name
        assert connected == ("polling" if transport == "polling" else "websocket")
    live = [instance.send(*users) for instance in cluster]
    for user, page in zip(users, pages, strict=True):
        await page.live(nth=2)
        async with client_of(cluster[0], user) as rest:
            await become(rest, "DELIVERED", "DELIVERED")
        await page.disconnect()
        async with client_of(cluster[0], "admin", admin=True) as admin:
            await offline(admin, user)
    missed = [instance.send(*users) for instance in reversed(cluster)]
    for number, page in enumerate(pages):
        page.connect()
        assert await page.ready(nth=2) == {"complete": True, "count": 2, "unreadCount": 4, "unseenCount": 4}
        assert ids(page.received()) == [sent[number] for sent in (*live, *missed)]


async def test_clients_of_one_address_that_keep_no_cookies_are_on_one_instance(
    open_page: OpenPage, balancer: LoadBalancer, user: int
) -> None:
    office = "198.51.100.7"
    pages = [open_page(C, user, transport, address=office) for transport in ("polling", "polling", "upgrade")]
    for page in pages:
        await page.ready()
    assert len(instances_of(office, balancer)) == 1


async def test_websockets_of_one_address_are_spread(balancer: LoadBalancer) -> None:
    office = "198.51.100.8"
    url = balancer.base_url.replace("http", "ws") + WEBSOCKET
    async with AsyncExitStack() as stack:
        for _ in range(6):
            await stack.enter_async_context(connect(url, additional_headers=from_address(office)))
    await until(lambda: instances_of(office, balancer, status=101).total() == 6)
    instances = instances_of(office, balancer, status=101)
    assert sorted(instances.values()) == [3, 3]


@pytest.mark.usefixtures("all_run")
async def test_an_instance_that_is_back_gets_the_next_websockets(balancer: LoadBalancer, cluster: Cluster) -> None:
    back, other = cluster
    url = balancer.base_url.replace("http", "ws") + WEBSOCKET
    before, after = "198.51.100.9", "198.51.100.10"
    await asyncio.to_thread(back.stop)
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(connect(url, additional_headers=from_address(before)))
        await asyncio.to_thread(back.start)
        await until(lambda: requests_led_to(back, balancer))
        for _ in range(4):
            await stack.enter_async_context(connect(url, additional_headers=from_address(after)))
    await until(lambda: instances_of(after, balancer, status=101).total() == 4)
    assert instances_of(before, balancer, status=101) == {urlsplit(other.base_url).netloc: 4}
    assert instances_of(after, balancer, status=101) == {urlsplit(back.base_url).netloc: 4}


def requests_led_to(instance: Service, balancer: LoadBalancer) -> int:
    """How many requests the instance has answered, after one more to the load balancer."""
    httpx.get(f"{balancer.base_url}/v1/notifications", verify=False)
    return requests(instance)


def test_a_cookie_leads_back_also_from_another_address(
    balancer: LoadBalancer, cluster: Cluster, addresses: Addresses
) -> None:
    at_home, elsewhere = map(from_address, addresses)
    with httpx.Client(base_url=balancer.base_url, verify=False) as client:
        opened = client.get(POLLING, headers=at_home)
        cookie = opened.headers["set-cookie"]
        value, path = {"nginx": (addresses[0], "Path=/socket.io/"), "haproxy": ("one", "path=/")}[balancer.kind]
        assert cookie == f"eventide_route={value}; {path}; HttpOnly; SameSite=Lax"
        url = f"{POLLING}&sid={session(opened)}"
        moved = client.post(url, content=PONG, headers=elsewhere)
        assert moved.is_success
        assert "set-cookie" not in moved.headers
        client.cookies.clear()
        assert client.post(url, content=PONG, headers=elsewhere).status_code == 400
        client.cookies.clear()
        assert client.post(url, content=CLOSE, headers=at_home).is_success


@pytest.mark.parametrize("path", ["/", "/v1/notifications", "/socket.io/socket.io.js", "/socket.io/?EIO=3"])
def test_only_those_who_poll_get_a_cookie(balancer: LoadBalancer, path: str) -> None:
    answer = httpx.get(balancer.base_url + path, verify=False)
    assert answer.status_code < 500
    assert "set-cookie" not in answer.headers
