"""The pages in a real browser, Chromium, against the real service.

Playwright's connection to Chromium belongs to an event loop, so all of these tests share the session's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from ..chromium import chromium as running_chromium
from ..service import Service
from .bell import DEADLINE, Application, Bell
from .device import Device

OpenBell = Callable[..., Awaitable[Bell]]
"""Opens a tab with a bell: the fixture `open_bell`."""
OpenDevice = Callable[..., Awaitable[Device]]
"""Starts somebody's browser for the rest of the test: the fixture `open_device`."""
Announce = Callable[..., str]
"""Announces what must be acknowledged, and gives its id: the fixture `announce`."""


expect.set_options(timeout=DEADLINE * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The one browser of these tests."""
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def open_device(chromium: Browser) -> AsyncIterator[OpenDevice]:
    """Starts a browser of its own, with Playwright's options for a context; fails if anything went wrong in it."""
    devices: list[Device] = []
    async with AsyncExitStack() as stack:

        async def open_device(**options: Any) -> Device:
            device = await Device.start(chromium, **options)
            stack.push_async_callback(device.context.close)
            devices.append(device)
            return device

        yield open_device
    assert [problem for device in devices for problem in device.problems] == []


@pytest_asyncio.fixture(loop_scope="session")
async def device(open_device: OpenDevice) -> Device:
    """A browser of nobody else's."""
    return await open_device()


@pytest_asyncio.fixture(loop_scope="session")
async def page(device: Device) -> Page:
    """An empty tab in it."""
    return await device.context.new_page()


@pytest.fixture(scope="package")
def application() -> Iterator[Application]:
    """An application at another origin than the service, whose pages have a bell."""
    with Application() as application:
        yield application


@pytest.fixture(scope="package")
def service(application: Application) -> Iterator[Service]:
    """One running service that the application may use, for tests that keep to users of their own."""
    with Service({"EVENTIDE_CORS_ORIGINS": application.origin}) as service:
        service.start()
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def open_bell(application: Application, service: Service, device: Device) -> OpenBell:
    """Opens a tab of the application with the user's bell; `on`: another device than `device`."""

    async def open_bell(
        user: str | int | None, attributes: str = "", *, on: Device = device, at: Service = service, **options: Any
    ) -> Bell:
        token = options.pop("token", None) or (None if user is None else at.token(user))
        return Bell(await on.open(application.page(at, token, attributes, **options)))

    return open_bell


@pytest_asyncio.fixture(loop_scope="session")
async def bell(user: str, open_bell: OpenBell) -> Bell:
    """The user's bell, connected."""
    bell = await open_bell(user, 'view-all="/all"')
    await bell.state("live")
    return bell


@pytest.fixture
def announce(service: Service) -> Iterator[Announce]:
    """Announces something that must be acknowledged; it is retracted after the test, for it is on everybody's top."""
    with service.client(admin=True) as client, ExitStack() as stack:

        def announce(message: str, **fields: Any) -> str:
            draft = {"message": message, "requireAck": True, **fields}
            id: str = client.post("/v1/admin/announcements", json=draft).raise_for_status().json()["id"]
            stack.callback(client.delete, f"/v1/admin/announcements/{id}")
            return id

        yield announce


@pytest.fixture(scope="module")
def demo() -> Iterator[Service]:
    """`eventide-notify demo`, one for each file: its few users have what was sent to them before."""
    with Service(command=("demo",)) as service:
        service.start()
        yield service
