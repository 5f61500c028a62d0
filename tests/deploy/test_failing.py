"""Instances end behind nginx, in order or not: clients move to the other one, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from ..frontends.page import Page
from ..instances.conftest import Cluster
from ..servers.nginx import NginxServer
from ..waiting import until
from .helpers import POLLING, WAYS, Addresses, OpenPage, Sent, requests, sending, shown

AT_THE_MOMENT = 1
"""Requests that may fail because they meet an instance in the very moment of its end."""

Pages = dict[int, Page]
"""Each page by its user."""


@pytest.fixture(autouse=True)
def all_run(cluster: Cluster, nginx: NginxServer) -> Iterator[None]:
    """What a test has ended runs again for the next one."""
    yield
    for server in (*cluster, nginx):
        if not server.running:
            server.start()


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
        await until(lambda page=page, user=user: len(shown(page)) >= len(sent.to[user]), within=10)  # type: ignore[misc]
        assert shown(page) == sent.to[user]


async def test_an_instance_is_killed(cluster: Cluster, nginx: NginxServer, pages: Pages) -> None:
    async with sending(nginx, cluster[0].bearer(admin=True), list(pages)) as sent:
        await until(lambda: all(page.received() for page in pages.values()))
        cluster[0].kill()
        await until(lambda: len(moved(pages)) == len(WAYS))
        for page in moved(pages):
            await page.ready(nth=2)
    await all_is_shown(pages, sent)
    assert sent.repeated.total() <= AT_THE_MOMENT
    assert len(moved(pages)) == len(WAYS)  # the others did not notice


async def test_all_instances_are_restarted_one_after_the_other(
    cluster: Cluster, nginx: NginxServer, pages: Pages
) -> None:
    async with sending(nginx, cluster[0].bearer(admin=True), list(pages)) as sent:
        for instance in cluster:
            await asyncio.to_thread(instance.stop, 20)
            await asyncio.to_thread(instance.start)
            await until(lambda instance=instance: requests(instance) > 0)  # type: ignore[misc]
        for page in pages.values():
            await page.ready(nth=2)
    await all_is_shown(pages, sent)
    assert sent.repeated.total() <= AT_THE_MOMENT


async def test_nginx_reads_its_configuration_again(cluster: Cluster, nginx: NginxServer, pages: Pages) -> None:
    async with sending(nginx, cluster[0].bearer(admin=True), list(pages)) as sent:
        await asyncio.to_thread(nginx.reload)
        seen = {user: len(ids) for user, ids in sent.to.items()}
        await until(lambda: all(len(sent.to[user]) > number + 1 for user, number in seen.items()))
    await all_is_shown(pages, sent)
    assert sent.repeated == {}
    assert moved(pages) == []


async def test_nginx_is_killed_and_comes_back(cluster: Cluster, nginx: NginxServer, pages: Pages) -> None:
    nginx.kill()
    await until(lambda: len(moved(pages)) == len(pages))
    missed = cluster[0].send(*pages)
    nginx.start()
    for page in pages.values():
        await page.ready(nth=2)
    assert [shown(page) for page in pages.values()] == [[id] for id in missed]


def test_without_instances_nginx_answers_as_the_service_would(cluster: Cluster, nginx: NginxServer) -> None:
    for instance in cluster:
        instance.kill()
    for path in ("/v1/notifications", POLLING):
        answer = httpx.get(nginx.base_url + path, verify=False)
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["code"] == "unavailable"
