"""A user of their own for each test, stock clients, and a proxy that all of their connections pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..chromium import chromium
from ..frontends.page import Browser, C, Page
from ..proxy import Proxy, proxy_to
from ..service import Service
from .inbox import Inbox
from .stock import Tab

OpenPage = Callable[..., Awaitable[Page]]
"""Runs the user's stock client, with socket.io-client's options, through the proxy: the fixture `open_page`."""


@pytest.fixture
def inbox(service: Service, user: str) -> Inbox:
    """That of a user that no other test has."""
    return Inbox(service, user)


@pytest.fixture
async def proxy(service: Service) -> AsyncIterator[Proxy]:
    """Between stock clients and the service."""
    async with proxy_to(urlsplit(service.base_url).port or 0) as proxy:
        yield proxy


@pytest.fixture(scope="package")
def node(node_modules: None) -> Iterator[Browser]:
    """The Node process in which pages run."""
    with Browser() as browser:
        yield browser


@pytest.fixture(params=["Node", "Chromium"])
def runs_in(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def open_page(
    runs_in: str, proxy: Proxy, inbox: Inbox, request: pytest.FixtureRequest
) -> AsyncIterator[OpenPage]:
    """The user's stock client, in Node and in Chromium."""
    node = request.getfixturevalue("node") if runs_in == "Node" else None
    async with AsyncExitStack() as stack:

        async def open_page(**options: Any) -> Page:
            if node is not None:
                page: Page = node.open(C, proxy.url, inbox.token, options)
                stack.callback(page.do, "disconnect")
                return page
            browser = await stack.enter_async_context(chromium())
            return await Tab.open(browser, proxy.url, inbox.token, options)

        yield open_page
