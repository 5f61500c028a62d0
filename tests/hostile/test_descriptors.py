"""Connections that are kept open and never go on: they take no place from those who are somebody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import pytest

from ..service import Service
from .frames import WebSocket, upgrade
from .hostile import HELD, held, many, once
from .innocent import innocent
from .peer import Answer, Ended, Peer, bearer, connected, request
from .variants import FewFiles
from .watch import Watch

FILES = 256
ATTACKERS = 400
MEMORY = 60
"""MiB that a hundred of those who are nobody may hold."""
T = TypeVar("T")
ATTEMPTS = 30
"""After so many at most, a tenth of a second between them, a newcomer has got in: it may be told to come back once or
twice."""


@asynccontextmanager
async def session(service: Service, user: str) -> AsyncIterator[WebSocket]:
    """A newcomer with a token. It tries again as every client does: after a 503, or when it was closed."""
    async with AsyncExitStack() as stack:

        async def attempt() -> WebSocket:
            peer = await stack.enter_async_context(connected(service.base_url))
            answer = await peer.exchange(upgrade())
            if answer.status == 503:
                raise Ended("503")
            assert answer.status == 101, answer
            socket = WebSocket(peer)
            await socket.join(service.token(user))
            return socket

        yield await persistent(attempt)


async def persistent(attempt: Callable[[], Awaitable[T]]) -> T:
    """The attempt's result, once it succeeds."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except ConnectionError:
            await asyncio.sleep(0.1)
    return await attempt()


async def rest(service: Service, method: str, path: str, body: bytes | None = None) -> Answer:
    """The answer to an administrator's request on a connection of its own."""

    async def attempt() -> Answer:
        async with connected(service.base_url) as peer:
            headers = [bearer(service.token("admin", admin=True)), ("Content-Type", "application/json")]
            answer = await peer.exchange(request(path, method=method, headers=headers, body=body))
            if answer.status == 503:
                raise Ended("503")
            return answer

    return await persistent(attempt)


@pytest.mark.parametrize("kind", HELD)
async def test_connections_of_nobody_are_evicted(kind: str) -> None:
    with FewFiles(FILES) as service:
        service.start()
        watch = Watch(service)
        async with AsyncExitStack() as stack:
            sessions = [await stack.enter_async_context(session(service, f"early-{n}")) for n in range(10)]
            await stack.enter_async_context(held(service, kind, ATTACKERS))
            assert watch.descriptors < FILES - 5
            for n in range(10):
                sessions.append(await stack.enter_async_context(session(service, f"late-{n}")))
            sent = await rest(service, "POST", "/v1/admin/notifications", b'{"userId": "late-0", "message": "x"}')
            assert sent.status == 201, sent
            assert (await rest(service, "GET", "/readyz")).status == 200
            for socket in sessions:
                await socket.ask()
            explained(watch)
            assert watch.peak_growth < MEMORY


async def test_there_is_room_while_they_keep_coming() -> None:
    with FewFiles(FILES) as service:
        service.start()
        watch = Watch(service)
        peers: list[Peer] = []

        async def come(_number: int) -> str:
            peers.append(await Peer.open(service.base_url, within=1))
            await asyncio.sleep(0.1)  # ten of them: a hundred a second
            return "open"

        coming = asyncio.create_task(many(ATTACKERS, come, at_once=10, seconds=10))
        try:
            async with innocent(service) as client:
                for n in range(20):
                    async with session(service, f"late-{n}") as socket:
                        await socket.ask()
                await coming
        finally:
            await coming
            for peer in peers:
                peer.close()
        client.assert_served()
        explained(watch)


async def test_when_all_of_them_are_somebody_the_next_one_is_told_to_come_back() -> None:
    with FewFiles(FILES) as service:
        service.start()
        watch = Watch(service)
        async with AsyncExitStack() as stack:
            sessions, refusal = [], None
            for n in range(FILES):
                peer = await stack.enter_async_context(connected(service.base_url))
                answer = await peer.exchange(upgrade())
                if answer.status != 101:
                    refusal = answer
                    break
                socket = WebSocket(peer)
                await socket.join(service.token(f"user-{n}"))
                sessions.append(socket)
            assert refusal is not None
            assert refusal.status == 503
            assert int(refusal.headers["retry-after"]) > 0
            assert len(sessions) > FILES / 2
            assert (await rest(service, "GET", "/healthz")).status == 200
            sent = await rest(service, "POST", "/v1/admin/notifications", b'{"userId": "user-0", "message": "x"}')
            assert sent.status == 201, sent
            for socket in sessions:
                await socket.ask()
            explained(watch)


async def test_places_are_free_again_when_they_have_gone() -> None:
    with FewFiles(FILES) as service:
        service.start()
        watch = Watch(service)
        few = watch.descriptors
        for kind in ("silent connections", "WebSockets that join nothing", "polls that wait"):
            async with held(service, kind, ATTACKERS):
                pass
            await watch.until_descriptors(few + 10)
        async with session(service, "late") as socket:
            await socket.ask()


async def test_upgrades_that_are_refused_take_no_place() -> None:
    with FewFiles(FILES) as service:
        service.start()
        for target in ("/healthz", "/client/", "/socket.io/?EIO=4&transport=websocket&sid=unknown", "/socket.io/"):
            data = upgrade(target=target)
            await many(ATTACKERS, lambda _, data=data: once(service, data), at_once=10)  # type: ignore[misc]
        async with session(service, "late") as socket:
            await socket.ask()
        assert (await rest(service, "GET", "/healthz")).status == 200


def explained(watch: Watch) -> None:
    """The log says, in few lines, that there was no room."""
    watch.assert_quiet(lines=10)
    assert re.search("clients?.*(closed|refused|no room)|descriptor|open files", watch.log), "not a word in the log"
