"""A client of one user that behaves like the stock `socket.io-client` with its defaults.

It comes back by itself when the transport is lost, answers pings, takes a server for dead only when no ping comes, and
never acknowledges anything. Like the stock client it does not come back when the server refuses or
disconnects it. It is the bell of a page that drops notifications it has.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Literal, Protocol

from websockets import WebSocketException
from websockets.asyncio.client import ClientConnection, connect

from ..wire import CATCH_UP_COMPLETE
from .http import FAULTS, exchange, tls
from .proxy import LOOPBACK

Arrived = Callable[[int, dict[str, Any]], None]
TransportName = Literal["websocket", "polling"]

NAMESPACE = "/notifications"
OPEN_TIMEOUT = 20.0
"""Seconds in which a connection must be there: the stock client's `timeout`."""
DELAY, DELAY_MAX, JITTER = 1.0, 5.0, 0.5
"""The stock client's `reconnectionDelay` and `reconnectionDelayMax`, in seconds, and `randomizationFactor`."""
SEPARATOR = "\x1e"
"""Between the packets of one polling payload."""

_random = random.SystemRandom()


class Lost(Exception):
    """The transport ended."""


class SentAway(Exception):
    """The server ended it; the message is its reason. A stock client does not come back."""


class Transport(Protocol):
    """One Engine.IO connection. `send` and `receive` raise one of `LOSSES` when it has ended."""

    async def send(self, frame: str) -> None: ...

    async def receive(self) -> str:
        """The next frame."""

    def abort(self) -> None:
        """Drop it, as a page that is closed does."""


LOSSES = (Lost, WebSocketException, LookupError, *FAULTS)
"""A transport that ended, or what does not speak Engine.IO."""


class WebSocket:
    """Engine.IO over WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, base: str, port: int) -> WebSocket:
        """Connect to the server at `base` through the `Link` on this port."""
        uri = base.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        secure = tls() if uri.startswith("wss:") else None
        # No proxy of the environment: it connects through the link. Pings are Engine.IO's, and so is the time limit.
        options: dict[str, Any] = {"proxy": None, "compression": None, "max_size": None, "ping_interval": None}
        return cls(await connect(uri, host=LOOPBACK, port=port, ssl=secure, open_timeout=None, **options))

    async def send(self, frame: str) -> None:
        await self._socket.send(frame)

    async def receive(self) -> str:
        return str(await self._socket.recv())

    def abort(self) -> None:
        self._socket.transport.abort()


class Polling:
    """Engine.IO over HTTP long-polling."""

    def __init__(self, base: str, port: int) -> None:
        self._url = f"{base}/socket.io/?EIO=4&transport=polling"
        self._port = port
        self._frames: deque[str] = deque()
        self._requests = count(1)

    @classmethod
    async def open(cls, base: str, port: int) -> Polling:
        """Begin a session with the server at `base` through the `Link` on this port."""
        polling = cls(base, port)
        await polling._poll()
        polling._url += f"&sid={json.loads(polling._frames[0][1:])['sid']}"
        return polling

    async def send(self, frame: str) -> None:
        await self._exchange("POST", frame)

    async def receive(self) -> str:
        while not self._frames:
            await self._poll()
        return self._frames.popleft()

    def abort(self) -> None:
        """Nothing is open between two requests."""

    async def _poll(self) -> None:
        self._frames.extend((await self._exchange("GET")).split(SEPARATOR))

    async def _exchange(self, method: str, body: str | None = None) -> str:
        headers = {} if body is None else {"Content-Type": "text/plain;charset=UTF-8"}
        url = f"{self._url}&t={next(self._requests)}"  # a new one says that all of the last answer was processed
        answer = await exchange(method, url, headers=headers, body=body, port=self._port)
        if answer.status != 200:
            raise Lost(f"answered {answer.status}")
        return answer.text


async def open_transport(name: TransportName, base: str, port: int) -> Transport:
    """Connect to the server at `base` through the `Link` on this port; raises one of `LOSSES`."""
    async with asyncio.timeout(OPEN_TIMEOUT):
        return await (WebSocket if name == "websocket" else Polling).open(base, port)


class Backoff:
    """How long the stock client waits before it tries again."""

    def __init__(self) -> None:
        self._tries = 0

    def next(self) -> float:
        """Seconds: 1, 2, 4, 5, 5 …, each changed by up to half of itself, but never more than 5."""
        delay = DELAY * (1 << min(self._tries, 10))
        self._tries += 1
        return min(delay * (1 + _random.uniform(-JITTER, JITTER)), DELAY_MAX)

    def reset(self) -> None:
        self._tries = 0


class Client:
    """A stock client.

    `arrived` gets the number of the connection and the payload of every notification that comes; `changed` whether the
    client is connected, as far as it knows.
    """

    def __init__(
        self,
        token: str,
        *,
        event: str,
        dial: Callable[[], Awaitable[Transport]],
        arrived: Arrived,
        changed: Callable[[bool], None],
    ) -> None:
        self._auth = json.dumps({"token": token})
        self._event = event
        self._dial = dial
        self._arrived = arrived
        self._changed = changed
        self._backoff = Backoff()
        self._has: set[str] = set()
        self.first_answer = asyncio.Event()
        """The server has answered the first CONNECT, whatever it said."""
        self.connections = 0
        """How often it was let in."""
        self.sent_away: str | None = None
        """Why it does not come back, if it does not."""
        self.cut_short = 0
        """How often the server said that more is waiting than it replays."""
        self.trouble: str | None = None
        """Why the last connection could not be made, or ended."""
        self.shown: list[str] = []
        """What the user saw, in that order: each id the client did not have yet."""

    async def run(self) -> None:
        """Connect, again and again, until the server refuses it or the task is cancelled."""
        while True:
            try:
                await self._connection()
            except SentAway as reason:
                self.sent_away = str(reason)
                self.first_answer.set()
                return
            except LOSSES as error:
                self.trouble = f"{type(error).__name__}: {error}".rstrip(": ")
            await asyncio.sleep(self._backoff.next())

    async def _connection(self) -> None:
        transport = await self._dial()
        try:
            await self._serve(transport)
        finally:
            transport.abort()
            self._changed(False)

    async def _serve(self, transport: Transport) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(OPEN_TIMEOUT):
            handshake = json.loads((await transport.receive())[1:])
        self._backoff.reset()
        patience = (handshake["pingInterval"] + handshake["pingTimeout"]) / 1000
        patient_until = loop.time() + patience
        await transport.send(f"40{NAMESPACE},{self._auth}")
        while True:
            async with asyncio.timeout_at(patient_until):
                frame = await transport.receive()
            if frame == "2":
                patient_until = loop.time() + patience
                await transport.send("3")
            elif frame == "1":
                raise Lost("closed by the server")
            elif frame.startswith("4"):
                self._packet(frame[1:])

    def _packet(self, packet: str) -> None:
        kind, _, rest = packet.partition(f"{NAMESPACE},")
        if kind == "0":
            self.connections += 1
            self._changed(True)
            self.first_answer.set()
        elif kind == "1":
            raise SentAway("disconnected")
        elif kind == "4":
            refusal = json.loads(rest)
            raise SentAway(str((refusal.get("data") or {}).get("code") or refusal.get("message")))
        elif kind == "2":
            name, *payloads = json.loads(rest)
            if name == self._event and payloads:
                self._notified(payloads[0])
            elif name == CATCH_UP_COMPLETE:
                self.cut_short += not payloads[0]["complete"]

    def _notified(self, payload: dict[str, Any]) -> None:
        self._arrived(self.connections, payload)
        if payload["id"] not in self._has:
            self._has.add(payload["id"])
            self.shown.append(payload["id"])
