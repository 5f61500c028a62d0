"""The deployment: requests and WebSockets to it."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from websockets import InvalidStatus
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from ..verify.http import FAULTS, Answer, endpoint, read_answer

TIMEOUT = 10.0
"""Seconds that an answer may take."""
SOCKET = "/socket.io/?EIO=4&transport="
FORBIDDEN = 4
"""Engine.IO's number for a page whose origin is not allowed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to look at."""

    url: str
    token: str | None = None
    origins: tuple[str, ...] = ()
    """Of pages that are to connect."""
    slow: bool = False
    """Whether to wait for time-outs, which takes a minute."""
    clock: Callable[[], float] = time.time
    """This machine's, in seconds since 1970."""


class Target:
    """The deployment at an http or https address. What has no answer raises one of `FAULTS`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.parts: SplitResult = urlsplit(plan.url.rstrip("/"))
        self.host, self.port = endpoint(self.parts)
        self.secure = self.parts.scheme == "https"
        self.origin = f"{self.parts.scheme}://{self.parts.netloc}"
        self.trust = ssl.create_default_context() if self.secure else None
        """How certificates are checked."""
        self.transports: set[str] = set()
        """Those that were found to work."""
        self.ping_interval = 25.0
        """Seconds, as the service says."""
        self.instance: str | None = None

    def distrust(self) -> None:
        """Go on although the certificate is wrong: there may be more to find. But whoever answers gets no token."""
        self.plan = replace(self.plan, token=None)
        self.trust = ssl.create_default_context()
        self.trust.check_hostname = False
        self.trust.verify_mode = ssl.CERT_NONE

    def is_on_this_machine(self) -> bool:
        """Whether the address says so."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        async with asyncio.timeout(TIMEOUT):
            name = self.host if self.secure else None
            return await asyncio.open_connection(self.host, self.port, ssl=self.trust, server_hostname=name)

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        timeout: float = TIMEOUT,
    ) -> Answer:
        """The answer to a request, over a connection of its own. Redirects are not followed."""
        reader, writer = await self.open()
        try:
            async with asyncio.timeout(timeout):
                writer.write(self.head(method, path, headers or {}, body) + (body or b""))
                # An answer may come before the body was read: then it is what counts, also if the rest is refused.
                sent = asyncio.ensure_future(writer.drain())
                try:
                    return await read_answer(reader)
                finally:
                    sent.cancel()
                    with suppress(*FAULTS, asyncio.CancelledError):
                        await sent
        finally:
            writer.transport.abort()

    def head(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
        """The beginning of a request."""
        lines = {"Host": self.parts.netloc.rpartition("@")[2], "Connection": "close", **headers}
        if body is not None:
            lines["Content-Length"] = str(len(body))
        named = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {self.parts.path}{path} HTTP/1.1\r\n{named}\r\n".encode()

    def connect(self, origin: str | None = None) -> connect:
        """A WebSocket of Engine.IO; `InvalidStatus` when it is refused."""
        uri = f"{'wss' if self.secure else 'ws'}://{self.parts.netloc}{self.parts.path}{SOCKET}websocket"
        given = None if origin is None else Origin(origin)
        return connect(
            uri, ssl=self.trust, origin=given, compression=None, proxy=None, ping_interval=None, open_timeout=TIMEOUT
        )

    async def handshake(self, socket: ClientConnection) -> dict[str, Any]:
        """What the service says first."""
        async with asyncio.timeout(TIMEOUT):
            return opening(str(await socket.recv()))

    async def lets_in(self, origin: str) -> bool:
        """Whether a page of this origin may connect, over a transport that works."""
        if "polling" in self.transports:
            return await self._lets_poll(origin)
        try:
            async with self.connect(origin):
                return True
        except InvalidStatus:
            return False

    async def _lets_poll(self, origin: str) -> bool:
        answer = await self.ask("GET", f"{SOCKET}polling", {"Origin": origin})
        if answer.status == 200:
            await self.end(opening(answer.text)["sid"])
        return answer.status == 200

    async def end(self, sid: str, headers: Mapping[str, str] | None = None) -> None:
        """End a polling session, if it is there."""
        with suppress(*FAULTS):
            await self.ask("POST", f"{SOCKET}polling&sid={sid}", headers, b"1")


def opening(frame: str) -> dict[str, Any]:
    """What Engine.IO's first packet says; `ValueError` when this is none."""
    said = json.loads(frame[1:]) if frame.startswith("0") else None
    if not isinstance(said, dict) or "sid" not in said:
        raise ValueError("is not the service's answer")
    return said
