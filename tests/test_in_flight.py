"""What one user may have in flight: the rest waits, in order, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from eventide_notify import Settings, create_app
from eventide_notify.errors import RateLimited
from eventide_notify.models import Counts, Notification, utc_now
from eventide_notify.service import Inbox
from eventide_notify.service.in_flight import AT_ONCE, WAITING_MAX, InFlight
from eventide_notify.service.inbox import SEARCHES_AT_ONCE
from eventide_notify.service.journal import Journal
from eventide_notify.store import Store

from .service import SECRET, issuer

ALL = AT_ONCE + WAITING_MAX


class Request:
    """A request that begins when it is its turn, and ends when it is told to."""

    def __init__(self, in_flight: InFlight, user: str, begun: list[Request]) -> None:
        self.end = asyncio.Event()
        self.task = asyncio.create_task(self._run(in_flight, user, begun))

    async def _run(self, in_flight: InFlight, user: str, begun: list[Request]) -> None:
        async with in_flight.of(user):
            begun.append(self)
            await self.end.wait()

    async def finish(self) -> None:
        self.end.set()
        await self.task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def in_flight() -> InFlight:
    return InFlight()


async def test_so_many_begin_and_the_rest_follows_in_order(in_flight: InFlight) -> None:
    begun: list[Request] = []
    requests = [Request(in_flight, "a", begun) for _ in range(AT_ONCE * 4)]
    for number, request in enumerate(requests):
        await settle()
        assert begun == requests[: number + AT_ONCE]
        await request.finish()
    assert len(in_flight) == 0


async def test_others_are_not_kept_waiting(in_flight: InFlight) -> None:
    begun: list[Request] = []
    greedy = [Request(in_flight, "a", begun) for _ in range(AT_ONCE * 4)]
    await settle()
    other = Request(in_flight, "b", begun)
    await settle()
    assert begun[-1] is other
    for request in [other, *greedy]:
        await request.finish()


async def test_who_gives_up_waiting_leaves_the_line(in_flight: InFlight) -> None:
    begun: list[Request] = []
    first, gone, last = ([Request(in_flight, "a", begun) for _ in range(AT_ONCE)] for _ in range(3))
    await settle()
    for request in gone:
        request.task.cancel()
    await asyncio.gather(*(request.task for request in gone), return_exceptions=True)
    for request in first:
        await request.finish()
    await settle()
    assert begun == [*first, *last]
    for request in last:
        await request.finish()
    assert len(in_flight) == 0


async def test_a_request_that_fails_makes_way(in_flight: InFlight) -> None:
    for _ in range(AT_ONCE * 2):
        with pytest.raises(ZeroDivisionError):
            async with in_flight.of("a"):
                raise ZeroDivisionError
    assert len(in_flight) == 0


async def test_too_many_are_refused(in_flight: InFlight) -> None:
    begun: list[Request] = []
    requests = [Request(in_flight, "a", begun) for _ in range(ALL)]
    await settle()
    with pytest.raises(RateLimited):
        async with in_flight.of("a"):
            pass
    async with in_flight.of("b"):
        pass
    for request in requests:
        await request.finish()
    async with in_flight.of("a"):
        pass


@pytest.fixture
async def taken(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service in which the user `u` has as much in flight as one may."""
    app = create_app(Settings(jwt_secret=SECRET, database_url=f"sqlite:///{tmp_path / 'x.db'}", _env_file=None))
    token = issuer().issue("u", ttl=60, now=utc_now(), admin=True)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.lifespan())
        begun: list[Request] = []
        requests = [Request(app._parts.in_flight, "u", begun) for _ in range(ALL)]
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", headers={"Authorization": f"Bearer {token}"}
        )
        yield await stack.enter_async_context(client)
        for request in requests:
            await request.finish()


async def test_over_http_that_is_429(taken: httpx.AsyncClient) -> None:
    refused = await taken.get("/v1/notifications")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1


async def test_a_back_end_that_sends_is_not_held_up(taken: httpx.AsyncClient) -> None:
    """It has one token for all that it does."""
    sent = await taken.post("/v1/admin/notifications", json={"userId": "x", "message": "Hello"})
    assert sent.status_code == 201


async def test_searches_keep_nobody_waiting_but_searches() -> None:
    may_find = asyncio.Event()
    searching: list[str] = []

    class SlowStore:
        async def page(self, user: str, *, text: str | None, **options: object) -> list[Notification]:
            if text is not None:
                searching.append(user)
                await may_find.wait()
            return []

        async def counts(self, users: list[str], **options: object) -> dict[str, Counts]:
            return dict.fromkeys(users, Counts(0, 0))

    nobody = cast(Any, None)
    inbox = Inbox(cast(Store, SlowStore()), nobody, journal=Journal(), clock=utc_now, received=nobody)
    searches = [asyncio.create_task(inbox.page(str(user), q="text")) for user in range(SEARCHES_AT_ONCE + 1)]
    await settle()
    assert searching == [str(user) for user in range(SEARCHES_AT_ONCE)]
    await inbox.page("somebody")
    may_find.set()
    await asyncio.gather(*searches)
    assert len(searching) == len(searches)
