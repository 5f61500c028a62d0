"""The load balancers as in `deploy/`: behind them two instances on one PostgreSQL and Redis, before them front ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ..frontends.conftest import browser, stranger, user
from ..frontends.page import TRANSPORTS, Browser, FrontEnd, Page
from ..instances.conftest import Cluster, postgres
from ..servers import PostgresServer, start_redis_server
from ..servers.balancer import LoadBalancer
from ..service import Service
from ..waiting import until
from .helpers import BALANCERS, Addresses, OpenPage, address_at, balancer_before, from_address, is_led_everywhere

__all__ = ["browser", "postgres", "stranger", "user"]


@pytest.fixture(scope="package")
def cluster(postgres: PostgresServer) -> Iterator[Cluster]:
    """Two instances; a test that ends one has to start it again."""
    with ExitStack() as stack:
        redis = stack.enter_context(start_redis_server())
        settings = {
            "EVENTIDE_DATABASE_URL": postgres.create_database("behind_balancers"),
            "EVENTIDE_REDIS_URL": redis.url(),
        }
        stack.callback(postgres.drop_database, "behind_balancers")
        drain = ("serve", "--drain", "15")
        instances = [stack.enter_context(Service(settings, command=drain)) for _ in range(2)]
        for instance in instances:
            instance.start()
        yield instances


@pytest.fixture(scope="package", params=BALANCERS)
def balancer(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[LoadBalancer]:
    """Each load balancer that we ship a configuration for."""
    with balancer_before(request.param, *cluster) as server:
        yield server


@pytest.fixture(scope="package")
def addresses(balancer: LoadBalancer, cluster: Cluster) -> Addresses:
    return [address_at(instance, through=balancer) for instance in cluster]


@pytest.fixture
async def all_run(cluster: Cluster, balancer: LoadBalancer, addresses: Addresses) -> AsyncIterator[None]:
    """What the test ends runs again for the next one, and the load balancer has noticed."""
    yield
    for server in (*cluster, balancer):
        if not server.running:
            server.start()
    await until(lambda: is_led_everywhere(balancer, cluster, addresses), within=60)


@pytest.fixture
def open_page(browser: Browser, balancer: LoadBalancer, cluster: Cluster) -> Iterator[OpenPage]:
    """Runs a user's front end through the load balancer, over one of `TRANSPORTS`, with or without cookies."""
    with ExitStack() as stack:

        def open_page(front_end: FrontEnd, user: int, transport: str, *, address: str, cookies: bool = False) -> Page:
            there = {"extraHeaders": from_address(address)}
            options: dict[str, Any] = {**TRANSPORTS[transport], **there, "withCredentials": cookies}
            if "transportOptions" in options:
                options["transportOptions"] = {"websocket": there}
            page = browser.open(front_end, balancer.base_url, cluster[0].token(front_end.user(user)), options)
            stack.callback(page.do, "disconnect")
            return page

        yield open_page
