"""The operators' page and two instances, one of which is killed, or whose Redis is: it says so, and when it is over.

It asks through nginx, so that any instance may be the one that answers it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from itertools import count
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Route, expect

from ..raw import raw_client
from ..require import missing
from ..servers import RedisServer, ServerError, start_postgres_server, start_redis_server
from ..servers.nginx import NginxServer, start_nginx_server
from ..service import Service
from .admin import Admin
from .conftest import OpenDevice
from .device import OUTAGE, Device, no_violations, screenshot

PROMISED = 5.0
"""Seconds within which the page says what has happened; printed, for a busy machine may take longer."""
WITHIN = 30.0

Cluster = list[Service]

USERS = [f"reader-{number}" for number in range(12)]
SOME_SECONDS = re.compile("(L.*){12}")
"""A line through so many values."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with start_redis_server() as server:
        if not server.controllable:
            missing("the Redis that was given cannot be killed")
        yield server


@pytest.fixture(scope="module")
def cluster(redis: RedisServer) -> Iterator[Cluster]:
    """Two instances on one PostgreSQL and one Redis."""
    try:
        postgres = start_postgres_server()
    except ServerError as error:
        missing(f"there is no PostgreSQL: {error}")
    with ExitStack() as stack:
        stack.enter_context(postgres)
        name = f"admin_{uuid4().hex}"
        settings = {"EVENTIDE_DATABASE_URL": postgres.create_database(name), "EVENTIDE_REDIS_URL": redis.url()}
        stack.callback(postgres.drop_database, name)
        instances = [stack.enter_context(Service(settings)) for _ in range(2)]
        for instance in instances:
            instance.start()
        yield instances


@pytest.fixture(scope="module")
def front(cluster: Cluster) -> Iterator[NginxServer]:
    try:
        server = start_nginx_server([instance.base_url for instance in cluster])
    except ServerError as error:
        missing(f"there is no nginx: {error}")
    with server:
        yield server


async def opened(device: Device, front: NginxServer, cluster: Cluster) -> Admin:
    device.expect(OUTAGE, "status of 50[234]")
    admin = await Admin.open(device, front.base_url, cluster[0].token("root", admin=True))
    await expect(admin.instances).to_have_count(2)
    await expect(admin.headline).to_have_text("All is well", timeout=30_000)
    return admin


@asynccontextmanager
async def traffic(cluster: Cluster) -> AsyncIterator[None]:
    """Users at both instances, who are sent something several times a second."""
    async with AsyncExitStack() as stack:
        for number, user in enumerate(USERS):
            instance = cluster[number % 2]
            await stack.enter_async_context(raw_client(instance.base_url, {"token": instance.token(user)}))
        sender = httpx.AsyncClient(base_url=cluster[0].base_url, headers=cluster[0].bearer(admin=True), timeout=30)
        await stack.enter_async_context(sender)

        async def send() -> None:
            for number in count():
                to = [USERS[(number * 5 + each) % len(USERS)] for each in range(1 + number % 4)]
                await sender.post("/v1/admin/notifications", json={"userIds": to, "message": "Hello"})
                await asyncio.sleep(0.2)

        sending = asyncio.create_task(send())
        yield
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_the_picture_in_the_readme(open_device: OpenDevice, front: NginxServer, cluster: Cluster) -> None:
    async def name_machines(route: Route) -> None:
        answer = await route.fetch()
        found = await answer.json()
        for number, instance in enumerate(found["instances"], 1):
            instance["host"] = f"web-{number}"
        await route.fulfill(response=answer, json=found)

    device = await open_device(viewport={"width": 1280, "height": 640})
    await device.context.route("**/v1/admin/instances", name_machines)
    admin = await opened(device, front, cluster)
    async with traffic(cluster):
        line = admin.page.get_by_role("region", name="Created until received").locator("path.line-1")
        await expect(line).to_have_attribute("d", SOME_SECONDS, timeout=60_000)
        await screenshot(admin.page, "admin")
        chart = admin.page.get_by_role("region", name="Notifications a second")
        await expect(chart.locator(".value")).not_to_have_text("0")
    await device.context.unroute_all(behavior="ignoreErrors")


def measured(what: str, seconds: float) -> None:
    print(f"{what}: said after {seconds:.1f} s; promised: {PROMISED:g} s")


@pytest.mark.parametrize("which", [0, 1])
async def test_an_instance_that_is_killed(
    device: Device, front: NginxServer, cluster: Cluster, which: int, node_modules: None
) -> None:
    admin = await opened(device, front, cluster)
    killed = cluster[which]
    killed.kill()
    gone = re.compile("^Instance .* does not answer$")
    measured("killed", await admin.says(gone, since=time.monotonic(), within=WITHIN))
    away = await admin.headline.inner_text()  # a machine that stands still may say so of the other, too
    await expect(admin.troubles).to_have_count(1)
    await expect(admin.page.locator("#instances [data-state=gone]")).to_have_count(1)
    await expect(admin.page.locator("#spoken")).to_contain_text("does not answer")
    if not which:
        await no_violations(admin.page)
        await screenshot(admin.page, "admin-killed")
    await asyncio.to_thread(killed.start)
    measured("started", await admin.says("All is well", since=time.monotonic(), within=WITHIN))
    await expect(admin.instances).to_have_count(2)
    await expect(admin.happenings.filter(has_text="has joined")).to_have_count(1)
    await expect(admin.happenings.filter(has_text=re.compile(f"Over after .*: {re.escape(away)}$"))).to_have_count(1)


async def test_redis_that_is_killed(device: Device, front: NginxServer, cluster: Cluster, redis: RedisServer) -> None:
    admin = await opened(device, front, cluster)
    redis.kill()
    try:
        measured("killed", await admin.says("Redis is away", since=time.monotonic(), within=WITHIN))
        await expect(admin.troubles).to_have_count(1)
        await expect(admin.troubles).to_contain_text("Nothing is lost")
        logged = admin.happenings.filter(has_text="this instance does not hear itself through Redis")
        await expect(logged.first).to_be_visible()
        await screenshot(admin.page, "admin-redis")
    finally:
        await asyncio.to_thread(redis.start)
    measured("started", await admin.says("All is well", since=time.monotonic(), within=WITHIN))
    await expect(admin.happenings.filter(has_text=re.compile("Over after .*: Redis is away"))).to_have_count(1)
    await expect(admin.happenings.filter(has_text="does not answer")).to_have_count(0)


async def test_what_is_not_known_while_redis_is_away(
    device: Device, cluster: Cluster, redis: RedisServer, node_modules: None
) -> None:
    """An instance that does not hear the others says nothing about them, and nor does the page."""
    device.expect("status of 503")
    near = cluster[0]
    admin = await Admin.open(device, near.base_url, near.token("root", admin=True))
    await expect(admin.headline).to_have_text("All is well", timeout=30_000)
    await expect(admin.instances).to_have_count(2)
    async with raw_client(near.base_url, {"token": near.token("ann")}):
        redis.kill()
        try:
            await admin.says("Redis is away", since=time.monotonic(), within=WITHIN)
            unknown = admin.page.locator("#instances [data-state=unknown]")
            await expect(unknown).to_have_count(1)
            await expect(unknown).to_contain_text(re.compile(r"not known; ready at \d\d:\d\d:\d\d"))
            await expect(unknown).not_to_contain_text("up ")
            await expect(admin.page.locator("#subline")).to_contain_text("nothing is known of 1 other instance")
            # As when more has happened: it scrolls.
            await admin.page.evaluate("document.querySelector('#happenings').style.maxHeight = '1rem'")
            await no_violations(admin.page)
            await screenshot(admin.page, "admin-not-known")
            await admin.go("Users")
            await expect(admin.page.get_by_text("Who is connected is not known")).to_be_visible()
            for user, text in (("ann", "connected, at least 1 session"), ("nobody", "not known whether connected")):
                await admin.page.evaluate("user => { location.hash = `users/${user}`; }", user)
                await expect(admin.page.locator(".online")).to_have_text(text)
            await admin.go("Users")
            again = admin.page.get_by_role("button", name="Try again")
            await expect(again).to_be_visible()
        finally:
            await asyncio.to_thread(redis.start)
        await admin.says("All is well", since=time.monotonic(), within=WITHIN)
        await again.click()
        await expect(admin.page.get_by_role("link", name="ann", exact=True)).to_be_visible()


async def test_all_instances_that_are_killed(device: Device, front: NginxServer, cluster: Cluster) -> None:
    admin = await opened(device, front, cluster)
    for instance in cluster:
        instance.kill()
    away = re.compile("^The service (cannot be reached|answers 50[24])$")
    measured("killed", await admin.says(away, since=time.monotonic(), within=WITHIN))
    await expect(admin.page.locator("#instances [data-state=unknown]")).to_have_count(2)
    await screenshot(admin.page, "admin-away")
    looked = await admin.page.locator("#updated").inner_text()
    await expect(admin.troubles).to_contain_text(re.compile("[3-9] s"))  # it has tried again meanwhile
    await expect(admin.page.locator("#updated")).to_have_text(looked)
    await asyncio.gather(*(asyncio.to_thread(instance.start) for instance in cluster))
    measured("started", await admin.says("All is well", since=time.monotonic(), within=WITHIN))


async def test_the_only_address_that_is_away(device: Device, front: NginxServer, cluster: Cluster) -> None:
    admin = await opened(device, front, cluster)
    front.kill()
    measured("killed", await admin.says("The service cannot be reached", since=time.monotonic(), within=WITHIN))
    await asyncio.to_thread(front.start)
    measured("started", await admin.says("All is well", since=time.monotonic(), within=WITHIN))
