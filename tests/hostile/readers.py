"""Many sessions that do nothing but read, and note when each broadcast has reached all of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import httpx

from eventide_notify.verify.http import endpoint

from ..servers.process import HOST
from ..service import Service
from .frames import NAMESPACE, WebSocket, text, upgrade
from .peer import connected
from .watch import connections

TICK = re.compile(rb'\["tick",(\d+)\]')
EVERY = 0.05
"""Seconds between two broadcasts."""
LARGE = "x" * 60_000
TAKES = 4_096
"""Bytes that the system is asked to take for a client that does not read; it takes more on the service's side."""
_TAIL = 60
"""Bytes that are looked at again when more has come: a tick may be cut in two."""


class Reader(asyncio.Protocol):
    """A session on a WebSocket; `ticked` is told the number of each broadcast when it comes."""

    def __init__(self, token: str, joined: asyncio.Future[None], ticked: Callable[[int], None]) -> None:
        self._token = token
        self._joined = joined
        self._ticked = ticked
        self._seen = b""
        self._open = False
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(upgrade())

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self._joined.done():
            self._joined.set_exception(ConnectionError(f"closed before it had joined ({error})"))

    def data_received(self, data: bytes) -> None:
        data = self._seen + data
        if not self._open:
            if b'"sid"' in data:
                self._open = True
                self.transport.write(text(f"40{NAMESPACE},{json.dumps({'token': self._token})}"))
            self._seen = data
            return
        if not self._joined.done() and b'"catch_up_complete"' in data:
            self._joined.set_result(None)
        if data.endswith(b"\x81\x012"):
            self.transport.write(text("3"))
        last = 0
        for tick in TICK.finditer(data):
            last = tick.end()
            self._ticked(int(tick[1]))
        self._seen = data[max(last, len(data) - _TAIL) :] if self._joined.done() else data


class Crowd:
    """Open readers. `waits` has, in seconds, how long each broadcast took until the last of them had it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._sent: dict[int, float] = {}
        self._missing: dict[int, int] = {}
        self._numbers = itertools.count(1)
        self.readers: list[Reader] = []
        self.waits: list[float] = []

    async def join(self, count: int) -> None:
        host, port = endpoint(urlsplit(self._service.base_url))
        places = asyncio.Semaphore(20)

        async def one(number: int) -> Reader:
            async with places:
                joined: asyncio.Future[None] = self._loop.create_future()
                token = self._service.token(f"reader-{number}")
                _, reader = await self._loop.create_connection(lambda: Reader(token, joined, self._ticked), host, port)
                await joined
                return reader

        self.readers = list(await asyncio.gather(*map(one, range(count))))

    async def broadcast(self, times: int) -> list[float]:
        """Broadcast so many times, in equal steps; how long each took to reach everybody."""
        self.waits = []
        due = self._loop.time()
        async with self._service_client() as client:
            for _ in range(times):
                await asyncio.sleep(due - self._loop.time())
                due += EVERY
                number = next(self._numbers)
                self._missing[number] = len(self.readers)
                self._sent[number] = self._loop.time()
                body = {"everyone": True, "event": "tick", "payload": number}
                (await client.post("/v1/admin/events", json=body)).raise_for_status()
            async with asyncio.timeout(15):
                while self._missing:  # noqa: ASYNC110 - a thousand readers have no single event
                    await asyncio.sleep(0.01)
        return self.waits

    def leave(self) -> None:
        for reader in self.readers:
            reader.transport.abort()

    def _ticked(self, number: int) -> None:
        self._missing[number] -= 1
        if not self._missing[number]:
            del self._missing[number]
            self.waits.append(self._loop.time() - self._sent[number])

    def _service_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._service.base_url, headers=self._service.bearer(admin=True), timeout=30, verify=False
        )


@asynccontextmanager
async def crowd(service: Service, count: int) -> AsyncIterator[Crowd]:
    """So many sessions that read."""
    crowd = Crowd(service)
    try:
        await crowd.join(count)
        yield crowd
    finally:
        crowd.leave()


async def drown(service: Service, user: str, *, while_open: bool = True, times: int = 300) -> int:
    """Send this user large events, until no session is open any more (or all of them); how many it were."""
    async with httpx.AsyncClient(
        base_url=service.base_url, headers=service.bearer(admin=True), timeout=30, verify=False
    ) as client:
        for number in range(times):
            if while_open and not await asyncio.to_thread(connections, service, user):
                return number
            body = {"userIds": [user], "event": "large", "payload": LARGE}
            (await client.post("/v1/admin/events", json=body)).raise_for_status()
    return times


async def fill(service: Service, user: str, size: int) -> None:
    """Send this user events of about so many bytes in all."""
    async with httpx.AsyncClient(
        base_url=service.base_url, headers=service.bearer(admin=True), timeout=30, verify=False
    ) as client:
        while size > 0:
            body = {"userIds": [user], "event": "large", "payload": LARGE[:size]}
            (await client.post("/v1/admin/events", json=body)).raise_for_status()
            size -= len(LARGE)


def system_takes() -> int:
    """How many bytes the system takes for a client that does not read, as `not_reading` makes one."""
    with socket.socket() as listening, socket.socket() as client:
        listening.bind((HOST, 0))
        listening.listen()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TAKES)
        client.connect(listening.getsockname())
        server, _ = listening.accept()
        with server:
            server.setblocking(False)
            taken = 0
            with suppress(BlockingIOError):
                while True:
                    taken += server.send(LARGE.encode())
            return taken


@asynccontextmanager
async def not_reading(service: Service, token: str) -> AsyncIterator[WebSocket]:
    """A session that has joined, and takes nothing any more; the system takes little for it."""
    async with connected(service.base_url, takes=TAKES) as peer:
        slow = WebSocket(peer)
        await slow.open()
        await slow.join(token)
        yield slow


def share(waits: list[float], part: float) -> float:
    """Seconds in which this part of them was over."""
    return sorted(waits)[math.ceil(part * len(waits)) - 1]
