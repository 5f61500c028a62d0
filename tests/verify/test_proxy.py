"""The proxy: what passes it, and how it breaks connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eventide_notify.verify.proxy import LOOPBACK, Fault, Link

from ..waiting import until

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Peer:
    """A server that keeps its connections."""

    def __init__(self) -> None:
        self.connections: list[Ends] = []

    async def open(self) -> None:
        self._server = await asyncio.start_server(lambda *ends: self.connections.append(ends), LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def newest(self, number: int) -> Ends:
        await until(lambda: len(self.connections) >= number)
        return self.connections[number - 1]

    async def close(self) -> None:
        self._server.close()
        for _, writer in self.connections:
            writer.transport.abort()
        await self._server.wait_closed()


class Scene:
    """A server, and a client that reaches it by a link only."""

    def __init__(self, peer: Peer, link: Link) -> None:
        self.peer = peer
        self.link = link
        self._callers: list[Ends] = []

    async def call(self) -> Ends:
        caller = await asyncio.open_connection(LOOPBACK, self.link.port)
        self._callers.append(caller)
        return caller

    async def connect(self) -> tuple[Ends, Ends]:
        """A connection that is known to work: the client's end, and the server's."""
        caller = await self.call()
        callee = await self.peer.newest(len(self.peer.connections) + 1)
        await passes(caller, callee)
        await passes(callee, caller)
        return caller, callee

    async def close(self) -> None:
        for _, writer in self._callers:
            writer.transport.abort()
        await self.link.close()
        await self.peer.close()


@asynccontextmanager
async def staged(half_open: float = 30) -> AsyncIterator[Scene]:
    scene = Scene(Peer(), Link(half_open=half_open))
    await scene.peer.open()
    await scene.link.open()
    scene.link.lead_to(LOOPBACK, scene.peer.port)
    try:
        yield scene
    finally:
        await scene.close()


async def passes(source: Ends, target: Ends) -> None:
    source[1].write(b"hello")
    async with asyncio.timeout(15):
        assert await target[0].readexactly(5) == b"hello"


async def ended(end: Ends) -> bool:
    """Whether it ended in order; False: by a reset."""
    async with asyncio.timeout(15):
        try:
            assert await end[0].read() == b""
        except ConnectionResetError:
            return False
        return True


async def nothing_comes(end: Ends) -> None:
    reading = asyncio.create_task(end[0].read(1))
    came, _ = await asyncio.wait([reading], timeout=0.1)
    reading.cancel()
    await asyncio.wait([reading])
    assert not came


async def test_bytes_pass_in_order_however_many() -> None:
    async with staged() as scene:
        caller, callee = await scene.connect()
        sent = bytes(range(256)) * 40_000  # more than all buffers on the way hold
        caller[1].write(sent)
        async with asyncio.timeout(30):
            assert await callee[0].readexactly(len(sent)) == sent


async def test_an_end_is_passed_on() -> None:
    async with staged() as scene:
        caller, callee = await scene.connect()
        callee[1].close()
        assert await ended(caller)
        caller, callee = await scene.connect()
        caller[1].close()
        assert await ended(callee)


async def test_a_clean_drop_closes_both_sides_and_lets_nobody_in() -> None:
    async with staged() as scene:
        caller, callee = await scene.connect()
        assert scene.link.fail("clean") == 1
        assert await ended(caller)
        assert await ended(callee)
        assert not await ended(await scene.call())
        scene.link.restore()
        await scene.connect()
        assert len(scene.peer.connections) == 2


async def test_a_silent_drop_tells_nobody_then_resets_the_client_alone() -> None:
    async with staged() as scene:
        caller, callee = await scene.connect()
        assert scene.link.fail("silent") == 1
        caller[1].write(b"into the void")
        callee[1].write(b"into the void")
        waiting = await scene.call()
        for end in (caller, callee, waiting):
            await nothing_comes(end)
        scene.link.restore()
        assert not await ended(caller)
        assert not await ended(waiting)
        await nothing_comes(callee)
        assert len(scene.peer.connections) == 1
        await scene.connect()
        await nothing_comes(callee)


async def test_the_half_open_side_ends_in_its_time() -> None:
    async with staged(half_open=0.2) as scene:
        _, callee = await scene.connect()
        began = time.monotonic()
        scene.link.fail("silent")
        scene.link.restore()
        await ended(callee)
        assert time.monotonic() - began > 0.15


async def test_the_next_connection_goes_where_the_link_leads() -> None:
    async with staged() as scene:
        other = Peer()
        await other.open()
        caller, callee = await scene.connect()
        scene.link.lead_to(LOOPBACK, other.port)
        await passes(caller, callee)
        await passes(await scene.call(), await other.newest(1))
        await other.close()
        assert not await ended(await scene.call())  # nobody listens there any more


@pytest.mark.parametrize("fault", ["clean", "silent"])
async def test_nothing_to_break_is_no_drop(fault: Fault) -> None:
    async with staged() as scene:
        assert scene.link.fail(fault) == 0
        scene.link.restore()
        scene.link.restore()
        await scene.connect()


@pytest.mark.parametrize("fault", ["clean", "silent"])
async def test_a_connection_in_the_making_breaks_too(fault: Fault) -> None:
    async with staged() as scene:
        caller = await scene.call()
        scene.link.fail(fault)
        scene.link.restore()
        await ended(caller)
        await scene.connect()
