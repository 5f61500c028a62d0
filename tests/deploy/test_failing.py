"""Instances end behind load balancers, in order or not: clients move to the other one, and nothing is lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from ..frontends.page import Page
from ..instances.conftest import Cluster
from ..raw import RawClient, raw_client
from ..servers import PostgresServer
from ..servers.balancer import LoadBalancer
from ..service import Service
from ..waiting import until
from .helpers import CLOSE, POLLING, PONG, WAYS, Addresses, OpenPage, Sent, requests, sending, session, shown

pytestmark = pytest.mark.usefixtures("all_run")

AT_THE_MOMENT = 1
"""Requests that may fail because they meet an instance in the very moment of its end."""
CROWD = 300
"""Connections that an instance has when it stops: closing them takes six seconds, of the fifteen of `--drain`. Whoever
looks now and then must not miss it, though the machine may stand still for five."""

Pages = dict[int, Page]
"""Each page by its user."""


@pytest.fixture
async def pages(open_page: OpenPage, addresses: Addresses, user: int) -> Pages:
    """On each instance a page over each transport, each of a user of its own."""
    pages: Pages = {}
    for address in addresses:
        for front_end, transport in WAYS:
            name = 1_000 * user + len(pages)
            pages[name] = open_page(front_end, name, transport, address=address)
    for page in pages.values():
        await page.ready()
    return pages


def moved(pages: Pages) -> list[Page]:
    """The pages that have lost their connection."""
    return [page for page in pages.values() if page.find("disconnect")]


async def all_is_shown(pages: Pages, sent: Sent) -> None:
    for user, page in pages.items():
        await until(lambda page=page, user=user: len(shown(page)) >= len(sent.to[user]), within=30)  # type: ignore[misc]
        assert shown(page) == sent.to[user]


async def test_an_instance_is_killed(cluster: Cluster, balancer: LoadBalancer, pages: Pages) -> None:
    async with sending(balancer, cluster[0].bearer(admin=True), list(pages)) as sent:
        await until(lambda: all(page.received() for page in pages.values()))
        cluster[0].kill()
        await until(lambda: len(moved(pages)) == len(WAYS), within=30)
        for page in moved(pages):
            await page.ready(nth=2)
    await all_is_shown(pages, sent)
    assert sent.repeated.total() <= AT_THE_MOMENT
    assert len(moved(pages)) == len(WAYS)  # the others did not notice


async def test_an_instance_that_stops_hands_its_clients_over_one_after_the_other(
    cluster: Cluster, balancer: LoadBalancer, pages: Pages, user: int
) -> None:
    stopping, staying = cluster
    async with AsyncExitStack() as stack:
        names = [f"{user}-{number}" for number in range(CROWD)]
        crowd = [
            await stack.enter_async_context(raw_client(stopping.base_url, {"token": stopping.token(name)}))
            for name in names
        ]
        async with sending(balancer, staying.bearer(admin=True), list(pages)) as sent:
            await until(lambda: all(page.received() for page in pages.values()))
            stopped = asyncio.create_task(asyncio.to_thread(stopping.stop, 60))
            closings = asyncio.gather(*(closed_at(client) for client in crowd))
            # It still answers, but takes nobody in.
            await until(
                lambda: state(stopping) == (503, {"status": "unavailable", "reasons": ["service: is stopping"]})
            )
            for url, status in ((POLLING, 503), (f"{POLLING}&sid=unknown", 503), ("/healthz", 200)):
                assert get(stopping, url).status_code == status
            times = await closings
            await stopped
            for page in moved(pages):
                await page.ready(nth=2)
    await all_is_shown(pages, sent)
    assert max(times) - min(times) > 3  # at 20 ms each, it is six seconds
    assert len(moved(pages)) == len(WAYS)  # the others did not notice
    assert [line for page in pages.values() for line in page.find("connect_error")] == []
    assert sent.repeated.total() <= AT_THE_MOMENT


def get(instance: Service, url: str) -> httpx.Response:
    return httpx.get(instance.base_url + url, verify=False)


def state(instance: Service) -> tuple[int, Any]:
    """What it says of itself."""
    answer = get(instance, "/readyz")
    return answer.status_code, answer.json()


async def closed_at(client: RawClient) -> float:
    """When the server closes this connection."""
    await client.until_closed(within=40)
    return asyncio.get_running_loop().time()


async def test_all_instances_are_restarted_one_after_the_other(
    cluster: Cluster, balancer: LoadBalancer, pages: Pages
) -> None:
    async with sending(balancer, cluster[0].bearer(admin=True), list(pages)) as sent:
        for instance in cluster:
            await asyncio.to_thread(instance.stop, 20)
            await asyncio.to_thread(instance.start)
            await until(lambda instance=instance: requests(instance) > 0)  # type: ignore[misc]
        for page in pages.values():
            await page.ready(nth=2)
    await all_is_shown(pages, sent)
    assert sent.repeated.total() <= AT_THE_MOMENT


async def test_the_configuration_is_read_again(cluster: Cluster, balancer: LoadBalancer, pages: Pages) -> None:
    async with sending(balancer, cluster[0].bearer(admin=True), list(pages)) as sent:
        await asyncio.to_thread(balancer.reload)
        seen = {user: len(ids) for user, ids in sent.to.items()}
        await until(lambda: all(len(sent.to[user]) > number + 1 for user, number in seen.items()))
    await all_is_shown(pages, sent)
    assert sent.repeated == {}
    assert moved(pages) == []


async def test_a_load_balancer_is_killed_and_comes_back(cluster: Cluster, balancer: LoadBalancer, pages: Pages) -> None:
    balancer.kill()
    await until(lambda: len(moved(pages)) == len(pages))
    missed = cluster[0].send(*pages)
    balancer.start()
    for page in pages.values():
        await page.ready(nth=2)
    assert [shown(page) for page in pages.values()] == [[id] for id in missed]


async def test_sessions_stay_where_they_are_while_the_database_is_away(
    cluster: Cluster, balancer: LoadBalancer, postgres: PostgresServer
) -> None:
    async with httpx.AsyncClient(base_url=balancer.base_url, verify=False) as client:
        url = f"{POLLING}&sid={session(await client.get(POLLING))}"
        client.cookies.clear()
        postgres.stop()
        try:
            await until(lambda: all(state(instance)[0] == 503 for instance in cluster), within=60)
            await until(lambda: has_noticed(balancer), within=60)
            assert (await client.post(url, content=PONG)).is_success
            answer = await client.get("/v1/notifications", headers=cluster[0].bearer())
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        finally:
            postgres.start()
        await until(lambda: all(state(instance)[0] == 200 for instance in cluster), within=30)
        await client.post(url, content=CLOSE)


def has_noticed(balancer: LoadBalancer) -> bool:
    """Whether the load balancer knows that no instance is ready, if it asks for that at all."""
    assert balancer.home
    return balancer.kind == "nginx" or "backend sticky has no server available" in balancer.home.log.read_text()


def test_without_instances_it_answers_as_the_service_would(cluster: Cluster, balancer: LoadBalancer) -> None:
    for instance in cluster:
        instance.kill()
    for path in ("/v1/notifications", POLLING):
        answer = httpx.get(balancer.base_url + path, verify=False)
        assert answer.status_code == balancer.without_instances
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["code"] == "unavailable"
