"""The network between one client and the server: a TCP proxy that fails on purpose.

*Clean*: both sides are closed, and until `restore` nobody gets through. *Silent*: nothing passes any more, and neither
side is told; at `restore` the client's side is reset, while the server's stays half open, as after a phone has left
its network.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Literal

LOOPBACK = "127.0.0.1"
HALF_OPEN = 30.0
"""Seconds that the server's side of a silent break stays open."""

Fault = Literal["clean", "silent"]


class _Side(asyncio.Protocol):
    """One side of a connection. What comes in leaves by the other side, if there is one."""

    transport: asyncio.Transport
    other: _Side | None = None

    def __init__(self, made: Callable[[_Side], None], lost: Callable[[_Side], None]) -> None:
        self._made = made
        self._lost = lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP has
        self.transport = transport
        self._made(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if (other := self.part()) is not None:
            other.transport.close()
        self._lost(self)

    def join(self, other: _Side) -> None:
        self.other, other.other = other, self

    def part(self) -> _Side | None:
        """Let nothing pass any more; what the other side was."""
        other, self.other = self.other, None
        if other is not None:
            other.other = None
        return other

    def reset(self) -> None:
        """End it with an RST: whoever is there sees a broken connection, not an end in order."""
        tcp: socket.socket = self.transport.get_extra_info("socket")
        if not self.transport.is_closing():
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Link:
    """What one client connects to instead of the server."""

    def __init__(self, *, half_open: float = HALF_OPEN) -> None:
        self._half_open = half_open
        self._listener: asyncio.Server | None = None
        self._target: tuple[str, int] | None = None
        self._fault: Fault | None = None
        self._callers: set[_Side] = set()
        self._callees: set[_Side] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    async def open(self) -> None:
        """Listen, on a port of the loopback interface that `port` tells."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Side(self._called, self._callers.discard), LOOPBACK, 0)
        self.port: int = self._listener.sockets[0].getsockname()[1]

    def lead_to(self, host: str, port: int) -> None:
        """Where connections go from now on; those that are open stay as they are."""
        self._target = host, port

    @property
    def is_up(self) -> bool:
        return self._fault is None

    def fail(self, fault: Fault) -> int:
        """Break every connection, and let none through until `restore`; how many it broke."""
        self._fault = fault
        broken = 0
        for caller in list(self._callers):
            callee = caller.part()
            broken += callee is not None
            if fault == "silent":
                caller.transport.pause_reading()
                self._leave_half_open(callee)
            else:
                caller.transport.close()
                if callee is not None:
                    callee.transport.close()
        return broken

    def restore(self) -> None:
        """Let connections through again. Clients that are stuck in a silent break learn of it now."""
        if self._fault is not None:
            self._fault = None
            for caller in list(self._callers):
                caller.reset()

    async def close(self) -> None:
        """End everything, half-open sides too."""
        for dial in self._dials:
            dial.cancel()
        for timer in self._timers:
            timer.cancel()
        for side in [*self._callers, *self._callees]:
            side.transport.abort()
        await asyncio.gather(*self._dials, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()

    def _leave_half_open(self, callee: _Side | None) -> None:
        if callee is not None:
            callee.transport.pause_reading()
            self._timers.add(asyncio.get_running_loop().call_later(self._half_open, callee.transport.abort))

    def _called(self, caller: _Side) -> None:
        self._callers.add(caller)
        if self._fault == "clean":
            caller.reset()
            return
        caller.transport.pause_reading()  # for good, as a SYN without an answer, if the network is silent
        if self._fault is None:
            dial = asyncio.create_task(self._dial(caller))
            self._dials.add(dial)
            dial.add_done_callback(self._dials.discard)

    async def _dial(self, caller: _Side) -> None:
        def callee() -> _Side:
            return _Side(self._callees.add, self._callees.discard)

        try:
            if self._target is None:
                raise ConnectionRefusedError
            _, answering = await asyncio.get_running_loop().create_connection(callee, *self._target)
        except OSError:
            if self._fault is None:
                caller.reset()
            return
        if self._fault is not None or caller not in self._callers or caller.transport.is_closing():
            answering.transport.abort()  # the network failed meanwhile
            return
        caller.join(answering)
        caller.transport.resume_reading()
