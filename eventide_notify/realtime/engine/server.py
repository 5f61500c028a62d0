"""The Engine.IO 4 server under python-socketio's: handshakes, polls, upgrades.

It takes the place of python-engineio's, which python-socketio lets its subclasses choose (`_engineio_server_class`).
Of python-engineio it uses what does not touch a transport: handlers, ids, tasks. On the wire it behaves as Node's.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import engineio
import orjson
from starlette.types import Receive, Scope, Send

from ...faults import ClientFaults
from ...headers import DATA, as_bytes
from ...metrics import Metrics
from ...models import Receipt
from ..receipts import PING_SPACING
from . import packets
from .asgi import AsgiWebSocket, read_body, respond, respond_to_upgrade
from .carrier import EXTENSION, FRAME_MAX, STRANGER_MAX, Carrier, Connection
from .packets import Frame, Malformed
from .polling import Overlap, Polling
from .requests import (
    BadMethod,
    BadRequest,
    ForbiddenOrigin,
    Headers,
    Origins,
    Refused,
    SessionUnknown,
    TransportUnknown,
    VersionUnsupported,
    parse_query,
)
from .transport import PING_INTERVAL, PING_TIMEOUT, Transport
from .upgrade import Upgrade
from .wheel import TimerWheel

logger = logging.getLogger(__name__)

COMPRESS_FROM, COMPRESS_TO = 1_024, 256_000
"""Bytes of an answer between which it is compressed for clients that understand it; larger ones take too long."""
_PRIVATE = as_bytes(DATA)
PINGED_AT_ONCE = 500
"""Transports that are pinged before others have their turn."""


USER_AGENT_MAX = 200
"""Characters that are kept of what a client says it is."""

Confirm = Callable[[Sequence[Receipt], str, str], None]


class EngineServer(engineio.AsyncServer):
    """Engine.IO over HTTP and WebSockets.

    `confirm` is called with the receipts that a client has proven, its transport's id, and how. `origins`: whose pages
    may connect beside the service's own; `*`: everybody's, and then without credentials. `hosts`: names that lead here.
    """

    def __init__(
        self,
        *,
        confirm: Confirm,
        faults: ClientFaults,
        metrics: Metrics,
        origins: Sequence[str],
        hosts: Collection[str],
        transports: Sequence[str],
        **options: Any,
    ) -> None:
        super().__init__(async_mode="asgi", **options)
        self.confirm = confirm
        self.faults = faults
        self.metrics = metrics
        for kind in transports:
            metrics.transports.labels(kind).set_function(partial(self._number_of, kind))
        self.loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment]  # from the first request on
        self._origins = Origins(origins, hosts)
        self._served = frozenset(transports)
        self._transports: dict[str, Transport] = {}
        self._strangers: dict[Transport, None] = {}
        """Those that have joined no namespace, the oldest first."""
        self._wheel = TimerWheel()
        self._unpinged: set[Transport] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # What python-socketio calls

    async def send(self, sid: str, data: str) -> None:
        """Send a message."""
        if (transport := self._transports.get(sid)) is not None:
            transport.send(Frame(packets.MESSAGE + data))

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """Send a packet of python-engineio's, which is a message."""
        await self.send(sid, pkt.data)

    async def disconnect(self, sid: str | None = None) -> None:
        """Close a transport; without `sid`, all."""
        for transport in [self._transports.get(sid)] if sid is not None else list(self._transports.values()):
            if transport is not None:
                transport.close(self.reason.SERVER_DISCONNECT)

    def transport(self, sid: str) -> str:
        """`polling` or `websocket`."""
        return self._transports[sid].name

    async def shutdown(self) -> None:
        """Close all transports, and end what runs for them."""
        await self.disconnect()
        self._wheel.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or a WebSocket."""
        self.loop = asyncio.get_running_loop()
        headers = dict(scope["headers"])
        query = parse_query(scope.get("query_string", b""))
        serve = self._serve_websocket if scope["type"] == "websocket" else self._serve_http
        await serve(scope, receive, send, headers, query)

    def _number_of(self, kind: str) -> int:
        return sum(transport.name == kind for transport in list(self._transports.values()))  # asked in a thread

    # What transports call

    def transport_of(self, sid: str) -> Transport | None:
        """The open transport of this id."""
        return self._transports.get(sid)

    def make_room(self, most: int) -> bool:
        """Whether there is a place for one more transport of so many; for that the oldest that has not joined a
        namespace is closed."""
        if len(self._transports) < most:
            return True
        stranger = next(iter(self._strangers), None)
        if stranger is None:
            return False
        self.faults.note("were closed before they had authenticated: others needed their place")
        stranger.abort()
        return True

    def met(self, transport: Transport, *, known: bool) -> None:
        """It has joined its first namespace, or left its last one."""
        if known:
            self._strangers.pop(transport, None)
        else:
            self._strangers[transport] = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this beside everything else."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def handle_message(self, sid: str, message: str | bytes) -> None:
        """Give a client's message to python-socketio; whatever it raises."""
        try:
            await self.handlers["message"](sid, message)
        except Exception:
            logger.exception("a client's message could not be handled")

    async def handle_end(self, sid: str, reason: str) -> None:
        """Tell python-socketio that a transport has ended."""
        try:
            await self.handlers["disconnect"](sid, reason)
        except Exception:
            logger.exception("the end of a transport could not be handled")

    def forget(self, transport: Transport) -> None:
        """It has ended."""
        self._transports.pop(transport.sid, None)
        self._strangers.pop(transport, None)
        self._unpinged.discard(transport)
        self._wheel.remove(transport)

    def look_again(self, transport: Transport) -> None:
        """Something is due earlier now."""
        self._wheel.remove(transport)
        if (seconds := transport.tick(self.loop.time())) is not None:
            self._wheel.add(transport, seconds)

    def ping_later(self, transport: Transport) -> None:
        """Ask this one for receipts soon, unless something else is written to it before that."""
        if not self._unpinged:
            self.loop.call_later(PING_SPACING, self._ping_unpinged)
        self._unpinged.add(transport)

    def _ping_unpinged(self) -> None:
        unpinged, self._unpinged = self._unpinged, set()
        self._ping_some(list(unpinged))

    def _ping_some(self, transports: list[Transport]) -> None:
        for transport in transports[:PINGED_AT_ONCE]:
            transport.ping_for_receipts()
        if len(transports) > PINGED_AT_ONCE:
            self.loop.call_soon(self._ping_some, transports[PINGED_AT_ONCE:])

    # Requests

    async def _serve_http(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, query: Mapping[str, str]
    ) -> None:
        cors = self._origins.headers(scope, headers, preflight=scope["method"] == "OPTIONS")
        body, status, kind = b"ok", 200, "text/html"
        try:
            self._check(scope, headers, query)
            if scope["method"] == "GET":
                kind, body = "text/plain; charset=UTF-8", await self._poll(scope, headers, query)
            elif scope["method"] == "POST":
                await self._post(receive, headers, query)
            elif scope["method"] != "OPTIONS":
                raise BadMethod
        except Refused as refused:
            kind, status, body = "application/json", 400, refused.body
        answer = [(b"content-type", kind.encode()), *_PRIVATE, *cors]
        if COMPRESS_FROM <= len(body) <= COMPRESS_TO and b"gzip" in headers.get(b"accept-encoding", b""):
            body = gzip.compress(body, 1)
            answer.append((b"content-encoding", b"gzip"))
        await respond(send, status, answer, body)

    def _check(self, scope: Scope, headers: Headers, query: Mapping[str, str]) -> None:
        if not self._origins.allow(scope, headers):
            origin = headers[b"origin"].decode("latin-1")
            self.faults.note("came from a page whose origin is not in EVENTIDE_CORS_ORIGINS", origin)
            raise ForbiddenOrigin
        if query.get("transport") not in self._served:
            raise TransportUnknown
        if query.get("EIO") != "4" and "sid" not in query:
            raise VersionUnsupported

    async def _poll(self, scope: Scope, headers: Headers, query: Mapping[str, str]) -> bytes:
        if query["transport"] != "polling":
            raise BadRequest
        if "sid" not in query:
            transport = await self._open(scope, headers, "polling")
            transport.polling = Polling(transport)
            return self._handshake(transport, "polling").encode()
        transport, polling = self._polling(query)
        connection: Connection | None = (scope.get("extensions") or {}).get(EXTENSION)
        if connection is not None and not transport.joined:
            connection.stranger()
        try:
            return (await polling.ask(query.get("t"))).encode()
        except Overlap:
            transport.close(self.reason.TRANSPORT_ERROR)
            raise BadRequest from None

    async def _post(self, receive: Receive, headers: Headers, query: Mapping[str, str]) -> None:
        if "sid" not in query:
            raise BadMethod
        transport, polling = self._polling(query)
        t = query.get("t")
        if polling.has_posted(t):
            return  # the browser repeats it; it has been carried out
        if polling.posting is not False and (t is None or t != polling.posting):
            transport.close(self.reason.TRANSPORT_ERROR)
            raise BadRequest
        polling.posting = t
        try:
            most = FRAME_MAX if transport.joined else STRANGER_MAX
            if int(headers.get(b"content-length", b"0")) > most:
                raise Malformed("a request is too large")  # without taking it in
            body = await read_body(receive, most)
            if body is None:
                return  # nobody waits for an answer
            found = packets.decode_payload(body)
        except Malformed as error:
            transport.malformed(error)
            raise BadRequest from None
        finally:
            polling.posting = False
        if not polling.post(t):
            return
        for packet in found:
            transport.received(packet)
        if transport.closed and packets.CLOSE not in found:
            raise BadRequest
        await transport.inbox.room()

    def _polling(self, query: Mapping[str, str]) -> tuple[Transport, Polling]:
        transport = self._transports.get(query["sid"])
        if transport is None:
            raise SessionUnknown
        if transport.polling is None or query["transport"] != "polling":
            raise BadRequest
        return transport, transport.polling

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, query: Mapping[str, str]
    ) -> None:
        connection: Connection | None = (scope.get("extensions") or {}).get(EXTENSION)
        try:
            self._check(scope, headers, query)
            if query["transport"] != "websocket":
                raise BadRequest
            transport, receiver = await self._receiver(scope, headers, query)
        except Refused as refused:
            await respond_to_upgrade(scope, receive, send, 400, refused.body)
            return
        plain = AsgiWebSocket(receive, send, receiver) if connection is None else None
        carrier: Carrier = connection.accept(receiver) if connection is not None else plain  # type: ignore[assignment]
        if isinstance(receiver, Upgrade):
            receiver.carrier = carrier
        else:
            carrier.write(Frame(self._handshake(transport, "websocket")))
            transport.carried_by(carrier)
        if plain is not None:
            await plain.serve(FRAME_MAX)

    async def _receiver(
        self, scope: Scope, headers: Headers, query: Mapping[str, str]
    ) -> tuple[Transport, Transport | Upgrade]:
        if "sid" not in query:
            transport = await self._open(scope, headers, "websocket")
            return transport, transport
        transport, _ = self._upgradable(query)
        return transport, Upgrade(transport)

    def _upgradable(self, query: Mapping[str, str]) -> tuple[Transport, Polling]:
        transport = self._transports.get(query["sid"])
        if transport is None:
            raise SessionUnknown
        if transport.polling is None or transport.upgrading is not None:
            raise BadRequest
        return transport, transport.polling

    async def _open(self, scope: Scope, headers: Headers, name: str) -> Transport:
        sid: str = self.generate_id()
        transport = Transport(self, sid, self.loop.time())
        self._transports[sid] = transport
        self._strangers[transport] = None
        transport.address = (scope.get("client") or ("",))[0]
        transport.user_agent = headers.get(b"user-agent", b"")[:USER_AGENT_MAX].decode("latin-1")
        # Of the request only this is kept: namespaces are connected to later, and may need it then.
        environ = {"REMOTE_ADDR": transport.address}
        if (token := headers.get(b"authorization")) is not None:
            environ["HTTP_AUTHORIZATION"] = token.decode("latin-1")
        await self.handlers["connect"](sid, environ)
        self._wheel.add(transport, transport.tick(self.loop.time()) or 0)
        return transport

    def _handshake(self, transport: Transport, name: str) -> str:
        upgrades = ["websocket"] if name == "polling" and "websocket" in self._served else []
        told = {
            "sid": transport.sid,
            "upgrades": upgrades,
            "pingInterval": int(PING_INTERVAL * 1000),
            "pingTimeout": int(PING_TIMEOUT * 1000),
            "maxPayload": FRAME_MAX,
        }
        return packets.OPEN + orjson.dumps(told).decode()
