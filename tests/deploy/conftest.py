"""nginx as in `deploy/`, in front of two instances on one PostgreSQL and one Redis, and stock front ends before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ..frontends.conftest import browser, stranger, user
from ..frontends.page import TRANSPORTS, Browser, FrontEnd, Page
from ..instances.conftest import Cluster, postgres
from ..servers import PostgresServer, start_redis_server
from ..servers.nginx import NginxServer
from ..service import Service
from ..waiting import until
from .helpers import Addresses, OpenPage, address_at, from_address, is_led_everywhere, nginx_before

__all__ = ["browser", "postgres", "stranger", "user"]


@pytest.fixture(scope="package")
def cluster(postgres: PostgresServer) -> Iterator[Cluster]:
    """Two instances; a test that ends one has to start it again."""
    with ExitStack() as stack:
        redis = stack.enter_context(start_redis_server())
        settings = {
            "EVENTIDE_DATABASE_URL": postgres.create_database("behind_nginx"),
            "EVENTIDE_REDIS_URL": redis.url(),
        }
        stack.callback(postgres.drop_database, "behind_nginx")
        instances = [stack.enter_context(Service(settings)) for _ in range(2)]
        for instance in instances:
            instance.start()
        yield instances


@pytest.fixture(scope="package")
def nginx(cluster: Cluster) -> Iterator[NginxServer]:
    with nginx_before(*cluster) as server:
        yield server


@pytest.fixture(scope="package")
def addresses(nginx: NginxServer, cluster: Cluster) -> Addresses:
    return [address_at(instance, through=nginx) for instance in cluster]


@pytest.fixture
async def all_run(cluster: Cluster, nginx: NginxServer, addresses: Addresses) -> AsyncIterator[None]:
    """What the test ends runs again for the next one, and nginx has noticed."""
    yield
    for server in (*cluster, nginx):
        if not server.running:
            server.start()
    await until(lambda: is_led_everywhere(nginx, cluster, addresses), within=20)


@pytest.fixture
def open_page(browser: Browser, nginx: NginxServer, cluster: Cluster) -> Iterator[OpenPage]:
    """Runs a front end of a user through nginx, over one of `TRANSPORTS`, from an address, with or without cookies."""
    with ExitStack() as stack:

        def open_page(front_end: FrontEnd, user: int, transport: str, *, address: str, cookies: bool = False) -> Page:
            there = {"extraHeaders": from_address(address)}
            options: dict[str, Any] = {**TRANSPORTS[transport], **there, "withCredentials": cookies}
            if "transportOptions" in options:
                options["transportOptions"] = {"websocket": there}
            page = browser.open(front_end, nginx.base_url, cluster[0].token(front_end.user(user)), options)
            stack.callback(page.do, "disconnect")
            return page

        yield open_page
