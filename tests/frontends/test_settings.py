"""Settings that front ends notice: names, namespaces and transports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..service import Service
from .helpers import OpenPage, announce, service_with
from .page import A, B, C

DEFAULT_NAMES = ("notification", "newNotification", "global_notification", "announcement")


@pytest.fixture(scope="module")
def renamed() -> Iterator[Service]:
    with service_with(NOTIFICATION_EVENTS="alert, incoming", BROADCAST_EVENTS="news") as service:
        yield service


async def test_events_may_have_other_names(open_page: OpenPage, user: int, renamed: Service) -> None:
    pages = [open_page(C, user, at=renamed), open_page(B, user, at=renamed)]
    for page in pages:
        await page.ready()
    [id] = renamed.send(user)
    announced = announce(renamed, message="To all")
    for page in pages:
        assert (await page.event("news"))["id"] == announced
        assert [name for name in DEFAULT_NAMES if page.events(name)] == []
    assert [pages[0].events(name)[0]["id"] for name in ("alert", "incoming")] == [id, id]
    assert (await pages[1].live())["id"] == id  # the setting is about /notifications


@pytest.fixture(scope="module")
def websocket_only() -> Iterator[Service]:
    with service_with(ROOT_NAMESPACE="false", TRANSPORTS="websocket") as service:
        yield service


@pytest.fixture(scope="module")
def polling_only() -> Iterator[Service]:
    with service_with(TRANSPORTS="polling") as service:
        yield service


async def test_the_root_namespace_may_be_closed(open_page: OpenPage, user: int, websocket_only: Service) -> None:
    closed = open_page(B, user, "websocket", at=websocket_only)
    assert (await closed.line("connect_error")).name  # which front end B shows
    await open_page(C, user, at=websocket_only).ready()


@pytest.mark.parametrize(("served", "refused"), [("websocket", "polling"), ("polling", "websocket")])
async def test_a_transport_may_be_switched_off(
    request: pytest.FixtureRequest, open_page: OpenPage, user: int, served: str, refused: str
) -> None:
    service = request.getfixturevalue(f"{served}_only")
    page = open_page(A, user, served, at=service)
    await page.ready()
    service.send(user)
    await page.live()
    turned_away = open_page(A, user, refused, at=service, reconnection=False)
    assert (await turned_away.line("connect_error")).name in ("xhr poll error", "websocket error")


async def test_without_websocket_nothing_is_upgraded(open_page: OpenPage, user: int, polling_only: Service) -> None:
    page = open_page(B, user, "upgrade", at=polling_only)
    await page.ready()
    polling_only.send(user)
    await page.live()
    await page.count_is(1)
    assert (await page.line("connect")).name == "polling"
    assert page.find("upgrade") == []
