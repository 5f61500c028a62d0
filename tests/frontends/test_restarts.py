"""The server ends, in order or not, and comes back: nothing is lost, and nobody has to press reload."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..require import missing
from ..servers import ServerError, start_mongo_server, start_postgres_server
from ..service import Service
from ..store.backends import mongodb, postgresql
from .helpers import OpenPage, ids, service_with
from .page import A, Browser, C, FrontEnd

AT_ONCE = 9.0
"""Seconds that a stop may take on a machine that stands still meanwhile: less than the ten that open requests have."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mongodb"])
def on_each_store(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service of each kind of database."""
    settings = {}
    with ExitStack() as stack:
        try:
            if request.param == "postgresql":
                postgres = stack.enter_context(start_postgres_server())
                settings["DATABASE_URL"] = stack.enter_context(postgresql(postgres)).url
            elif request.param == "mongodb":
                mongo = stack.enter_context(start_mongo_server())
                if mongo.kind == "nx":
                    missing("there is no MongoDB but nx-27017, whose answers are wrong in places")
                settings["DATABASE_URL"] = stack.enter_context(mongodb(mongo, "motor")).url
        except ServerError as error:
            missing(f"there is no {request.param}: {error}")
        yield stack.enter_context(service_with(**settings))


@pytest.fixture(scope="module")
def mortal() -> Iterator[Service]:
    """A service with which a test may do what it likes."""
    with service_with() as service:
        yield service


async def test_a_crash_between_the_201_and_the_connect_loses_nothing(
    open_page: OpenPage, user: int, on_each_store: Service
) -> None:
    sent = on_each_store.send(user)
    on_each_store.kill()
    on_each_store.start()
    page = open_page(C, user, at=on_each_store)
    assert await page.ready() == {"complete": True, "count": 1, "unreadCount": 1, "unseenCount": 1}
    assert ids(page.received()) == sent


async def test_after_a_crash_it_comes_back_by_itself_and_gets_what_it_missed(
    open_page: OpenPage, other_browser: Browser, front_end: FrontEnd, user: int, mortal: Service
) -> None:
    page = open_page(front_end, user, at=mortal, among=other_browser)
    await page.ready()
    mortal.kill()
    await page.line("disconnect")
    other_browser.freeze()  # it cannot come back before all is sent
    mortal.start()
    missed = [mortal.send(user)[0] for _ in range(3)]
    mortal.kill()
    mortal.start()
    other_browser.thaw()
    assert await page.ready(nth=2) == {"complete": True, "count": 3, "unreadCount": 3, "unseenCount": 3}
    [live] = mortal.send(user)
    await page.live(nth=1 if front_end.batch else 4)
    assert ids(page.received()) == [*missed, live]


def seconds_to_stop(service: Service) -> float:
    began = time.monotonic()
    service.stop(timeout=20)
    return time.monotonic() - began


async def test_a_stop_does_not_wait_for_pages_and_they_come_back(
    open_page: OpenPage, transport: str, user: int, mortal: Service
) -> None:
    page = open_page(A, user, transport, at=mortal)
    await page.ready()
    took = seconds_to_stop(mortal)
    mortal.start()
    await page.ready(nth=2)
    assert (await page.line("disconnect")).name in ("transport close", "transport error")
    assert took < AT_ONCE


async def test_a_stop_does_not_wait_for_those_who_have_gone(
    open_page: OpenPage, transport: str, user: int, mortal: Service
) -> None:
    page = open_page(A, user, transport, at=mortal)
    await page.ready()
    await page.disconnect()
    took = seconds_to_stop(mortal)
    mortal.start()
    assert took < AT_ONCE
