"""Front ends A, B and C against the real service, each over every transport that it could have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest

from ..service import Service
from .helpers import OpenPage, client_of, service_with
from .page import FRONT_ENDS, OWN, TRANSPORTS, Browser, FrontEnd, Page

_numbers = count(1_000)


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """One running service with default settings, for tests that keep to users of their own and announce nothing."""
    with service_with() as service:
        yield service


@pytest.fixture(params=FRONT_ENDS, ids=str)
def front_end(request: pytest.FixtureRequest) -> FrontEnd:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[name for name in TRANSPORTS if name != OWN])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def user() -> int:
    """A user that no other test has. Front end C has the number in its tokens, the others its decimal string."""
    return next(_numbers)


@pytest.fixture
def stranger() -> int:
    """Another one."""
    return next(_numbers)


@pytest.fixture(scope="session")
def browser(node_modules: None) -> Iterator[Browser]:
    """The process in which pages run."""
    with Browser() as browser:
        yield browser


@pytest.fixture
def other_browser(node_modules: None) -> Iterator[Browser]:
    """Another one, which a test may freeze."""
    with Browser() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser, service: Service) -> Iterator[OpenPage]:
    """Runs a front end of a user over one of `TRANSPORTS`, against `service` or another one, `at`."""
    with ExitStack() as stack:

        def open_page(
            front_end: FrontEnd,
            user: int | str,
            transport: str = OWN,
            *,
            at: Service = service,
            among: Browser = browser,
            **options: Any,
        ) -> Page:
            token = options.pop("token", at.token(front_end.user(user)))
            page = among.open(front_end, at.base_url, token, TRANSPORTS[transport] | options)
            if among is browser:  # another takes its pages with it
                stack.callback(page.do, "disconnect")
            return page

        yield open_page


@pytest.fixture
def start(open_page: OpenPage, front_end: FrontEnd, transport: str, user: int) -> OpenPage:
    """Runs the user's front end: each one, over each transport."""
    return partial(open_page, front_end, user, transport)


@pytest.fixture
async def page(start: OpenPage) -> Page:
    """The user's front end, each one over each transport, connected."""
    page = start()
    await page.ready()
    return page


@pytest.fixture
async def rest(service: Service, user: int) -> AsyncIterator[httpx.AsyncClient]:
    """The REST API as the user has it."""
    async with client_of(service, user) as client:
        yield client
