"""A Socket.IO client that does only what it is told: it answers no ping and forges any packet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

DEADLINE = 15.0
"""Seconds in which anything that is waited for must come."""


class RawClient:
    """One WebSocket connection. `frames` has every Engine.IO frame that came, in order."""

    def __init__(self, socket: ClientConnection, *, answers_pings: bool = True) -> None:
        self._socket = socket
        self._arrived = asyncio.Event()
        self._acks = 0
        self.frames: list[str] = []
        self.answers_pings = answers_pings
        self.closed = False
        self._reader = asyncio.create_task(self._read())

    async def write(self, frame: str | bytes) -> None:
        """Write an Engine.IO frame as it is."""
        await self._socket.send(frame)

    async def emit(self, *event: Any, namespace: str = "/notifications") -> None:
        """Emit an event without an ack callback."""
        await self.write(f"42{_prefix(namespace)}{json.dumps(event)}")

    async def call(self, *event: Any, namespace: str = "/notifications", within: float = DEADLINE) -> Any:
        """Emit an event; what the server answers to its ack callback."""
        self._acks += 1
        await self.write(f"42{_prefix(namespace)}{self._acks}{json.dumps(event)}")
        start = f"43{_prefix(namespace)}{self._acks}["
        frame = await self.frame(lambda frame: frame.startswith(start), within=within)
        return json.loads(frame[len(start) - 1 :])[0]

    async def frame(self, wanted: Callable[[str], bool], *, after: int = 0, within: float = DEADLINE) -> str:
        """The first frame like this, from number `after` on; waits for it."""
        async with asyncio.timeout(within):
            while True:
                for frame in self.frames[after:]:
                    if wanted(frame):
                        return frame
                self._arrived.clear()
                assert not self.closed, f"the connection ended; it was sent {self.frames}"
                await self._arrived.wait()

    async def event(
        self, name: str, *, after: int = 0, namespace: str = "/notifications", within: float = DEADLINE
    ) -> Any:
        """The payload of the first event of this name."""
        start = f"42{_prefix(namespace)}[{json.dumps(name)},"
        frame = await self.frame(lambda frame: frame.startswith(start), after=after, within=within)
        return json.loads(frame[frame.index("[") :])[1]

    def events(self, name: str, *, namespace: str = "/notifications") -> list[Any]:
        """The payloads of all events of this name so far."""
        start = f"42{_prefix(namespace)}[{json.dumps(name)},"
        return [json.loads(frame[frame.index("[") :])[1] for frame in self.frames if frame.startswith(start)]

    async def until_closed(self, *, within: float = DEADLINE) -> None:
        """Return when the server has ended the connection."""
        async with asyncio.timeout(within):
            while not self.closed:
                self._arrived.clear()
                await self._arrived.wait()

    def stop_reading(self) -> None:
        """Take nothing from the network any more, as a program that hangs."""
        self._reader.cancel()

    def break_off(self) -> None:
        """Drop the connection without a word, as a network does."""
        self._socket.transport.abort()

    async def close(self) -> None:
        if self._reader.cancelled():
            self.break_off()  # it would wait for an answer that it does not read
        self._reader.cancel()
        await self._socket.close()

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                self.frames.append(str(frame))
                self._arrived.set()
                if frame == "2" and self.answers_pings:
                    await self.write("3")
        except ConnectionClosed:
            pass  # broken off, by either side
        self.closed = True
        self._arrived.set()


@asynccontextmanager
async def raw_client(
    url: str, auth: Any = None, *, namespace: str | None = "/notifications", answers_pings: bool = True
) -> AsyncIterator[RawClient]:
    """A client that has sent CONNECT with this `auth`; with `namespace=None` it has not."""
    address = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
    async with connect(address, max_size=None, compression=None) as socket:
        client = RawClient(socket, answers_pings=answers_pings)
        try:
            await client.frame(lambda frame: frame.startswith("0"))
            if namespace is not None:
                await client.write(f"40{_prefix(namespace)}{json.dumps(auth)}")
                await client.frame(lambda frame: frame.startswith(("40", "44")))
            yield client
        finally:
            await client.close()


def _prefix(namespace: str) -> str:
    return "" if namespace == "/" else f"{namespace},"
