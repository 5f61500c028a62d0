"""An Engine.IO session over polling that does only what it is told: it chooses each `t`, repeats, drops and upgrades.

Each request has a connection of its own, which a test may leave unread or reset.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from websockets.asyncio.client import connect

from .http1 import SEPARATOR, Message, read_message, reset_on_close
from .raw import DEADLINE, RawClient
from .waiting import until

FAULTS = (OSError, EOFError)
"""What reading raises when a connection ends without an answer."""


class Request:
    """A request that was written. What comes back stays unread until it is asked for."""

    def __init__(self, tcp: socket.socket, data: bytes) -> None:
        self._tcp = tcp
        self._loop = asyncio.get_running_loop()
        self._writing = asyncio.create_task(self._write(data))

    @classmethod
    async def write(
        cls, to: SplitResult, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Request:
        """Write one on a new connection."""
        tcp = socket.socket()
        tcp.setblocking(False)
        await asyncio.get_running_loop().sock_connect(tcp, (to.hostname, to.port))
        fields = {"Host": to.netloc, "Connection": "close", **(headers or {})}
        if method == "POST" and "Transfer-Encoding" not in fields:
            fields["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        request = cls(tcp, "\r\n".join(lines).encode() + body)
        await asyncio.wait([request._writing], timeout=0.05)  # a large one may be answered before it is written
        return request

    @property
    def pending(self) -> bool:
        """Whether nothing has come back yet, not even the end of the connection."""
        return not select.select([self._tcp], [], [], 0)[0]

    async def arrived(self, *, within: float = DEADLINE) -> None:
        """Return when something has come back, and leave it unread."""
        await until(lambda: not self.pending, within=within)

    async def answer(self, *, within: float = DEADLINE) -> Message:
        """The answer; raises one of `FAULTS` when the connection ends without a whole one."""
        reader = asyncio.StreamReader()
        feeding = asyncio.create_task(self._feed(reader))
        try:
            async with asyncio.timeout(within):
                return await read_message(reader, is_answer=True)
        finally:
            feeding.cancel()
            await self.close()

    async def end(self, *, within: float = DEADLINE) -> Message | None:
        """Wait until it has been answered or has ended without an answer; the answer, if there was one."""
        try:
            return await self.answer(within=within)
        except TimeoutError:
            raise
        except FAULTS:
            return None

    def reset(self) -> None:
        """Drop the connection, with whatever has come back, as a network does."""
        reset_on_close(self._tcp)
        self._writing.cancel()
        self._tcp.close()

    async def close(self) -> None:
        self._writing.cancel()
        await asyncio.wait([self._writing])
        self._tcp.close()

    async def _write(self, data: bytes) -> None:
        with suppress(OSError):  # the server may refuse a request before it has come as a whole
            await self._loop.sock_sendall(self._tcp, data)

    async def _feed(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await self._loop.sock_recv(self._tcp, 65_536):
                reader.feed_data(data)
        except OSError:
            pass  # what came before it counts: a server may answer and reset, without reading all of a large request
        reader.feed_eof()


class PollingClient:
    """One session. `frames` has every packet of the answers that it has read, in order.

    Without `timestamps` its requests carry no `t`, as those of some stock clients.
    """

    def __init__(self, url: str, *, timestamps: bool = True) -> None:
        self._url = urlsplit(url)
        self._timestamps = timestamps
        self._numbers = count(1)
        self._acks = 0
        self._requests: list[Request] = []
        self._query = {"EIO": "4", "transport": "polling"}
        self.frames: list[str] = []
        self.t: str | None = None
        """Of the last GET."""
        self.answers_pings = True

    @property
    def sid(self) -> str:
        return self._query["sid"]

    async def open(self) -> dict[str, Any]:
        """Begin the session; what the server says of it."""
        handshake: dict[str, Any] = json.loads((await self.get()).packets[0][1:])
        self._query["sid"] = handshake["sid"]
        return handshake

    # One request

    async def ask(self, t: str | None = None) -> Request:
        """Write a GET, with a new `t` if none is given; its answer is not waited for."""
        self.t = t or self._new_t()
        return await self.request("GET", t=self.t)

    async def get(self, t: str | None = None, *, within: float = DEADLINE) -> Message:
        """The answer to a GET."""
        return await self.read(await self.ask(t), within=within)

    async def read(self, request: Request, *, within: float = DEADLINE) -> Message:
        """The answer to a GET that was written before."""
        answer = await request.answer(within=within)
        if answer.status == 200:
            self.frames += answer.packets
        return answer

    async def post(self, *packets: str, t: str | None = None, body: bytes | None = None) -> Message:
        """The answer to a POST with these packets, or with this body."""
        data = SEPARATOR.join(packets).encode() if body is None else body
        request = await self.request("POST", t=t or self._new_t(), body=data)
        return await request.answer()

    async def request(
        self, method: str, *, t: str | None = None, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Request:
        """Write a request of this session."""
        query = urlencode({**self._query, **({} if t is None else {"t": t})})
        fields = {} if method == "GET" else {"Content-Type": "text/plain;charset=UTF-8"}
        fields.update(headers or {})
        request = await Request.write(self._url, method, f"/socket.io/?{query}", headers=fields, body=body)
        self._requests.append(request)
        return request

    async def was_heard(self) -> None:
        """Return when the server has taken the requests that were written before."""
        for _ in range(2):
            asked = await Request.write(self._url, "GET", "/healthz")
            assert (await asked.answer()).status == 200

    # Requests until something has come

    async def frame(self, wanted: Callable[[str], bool], *, after: int = 0, within: float = DEADLINE) -> str:
        """The first packet like this, from number `after` on; asks until it has come, each time with a new `t`."""
        async with asyncio.timeout(within):
            while True:
                for frame in self.frames[after:]:
                    if wanted(frame):
                        return frame
                before = len(self.frames)
                answer = await self.get(within=within)
                assert answer.status == 200, f"{answer.first}; before that {self.frames}"
                if self.answers_pings and "2" in self.frames[before:]:
                    await self.post("3")

    async def event(
        self, name: str, *, after: int = 0, namespace: str = "/notifications", within: float = DEADLINE
    ) -> Any:
        """The payload of the first event of this name, from packet number `after` on; asks until it has come."""
        start = f"42{_prefix(namespace)}[{json.dumps(name)},"
        frame = await self.frame(lambda frame: frame.startswith(start), after=after, within=within)
        return json.loads(frame[frame.index("[") :])[1]

    def events(self, name: str, *, namespace: str = "/notifications") -> list[Any]:
        """The payloads of all events of this name so far."""
        return events(self.frames, name, namespace=namespace)

    async def call(self, *event: Any, namespace: str = "/notifications") -> Any:
        """Emit an event, and ask until the server has answered to its ack callback; that answer."""
        self._acks += 1
        posted = await self.post(f"42{_prefix(namespace)}{self._acks}{json.dumps(event)}")
        assert posted.status == 200, posted.first
        start = f"43{_prefix(namespace)}{self._acks}["
        frame = await self.frame(lambda frame: frame.startswith(start))
        return json.loads(frame[len(start) - 1 :])[0]

    # The upgrade

    @asynccontextmanager
    async def websocket(self) -> AsyncIterator[RawClient]:
        """A WebSocket of this session, on which nothing has been said yet. It answers no ping."""
        query = urlencode({**self._query, "transport": "websocket"})
        address = self._url._replace(scheme="ws", path="/socket.io/", query=query).geturl()
        async with connect(address, max_size=None, compression=None) as socket:
            client = RawClient(socket, answers_pings=False)
            try:
                yield client
            finally:
                await client.close()

    async def close(self) -> None:
        """Drop everything that is open, without a word."""
        for request in self._requests:
            await request.close()

    def _new_t(self) -> str | None:
        return f"t{next(self._numbers)}" if self._timestamps else None


@asynccontextmanager
async def polling_client(
    url: str, auth: Any = None, *, namespace: str | None = "/notifications", timestamps: bool = True
) -> AsyncIterator[PollingClient]:
    """A session that has sent CONNECT with this `auth` and read the answer; with `namespace=None` it has not."""
    client = PollingClient(url, timestamps=timestamps)
    try:
        await client.open()
        if namespace is not None:
            assert (await client.post(f"40{_prefix(namespace)}{json.dumps(auth)}")).status == 200
            await client.frame(lambda frame: frame.startswith(("40", "44")))
        yield client
        with suppress(*FAULTS):
            await client.post("1")
    finally:
        await client.close()


def events(frames: list[str], name: str, *, namespace: str = "/notifications") -> list[Any]:
    """The payloads of all events of this name among these packets."""
    start = f"42{_prefix(namespace)}[{json.dumps(name)},"
    return [json.loads(frame[frame.index("[") :])[1] for frame in frames if frame.startswith(start)]


def _prefix(namespace: str) -> str:
    return "" if namespace == "/" else f"{namespace},"
