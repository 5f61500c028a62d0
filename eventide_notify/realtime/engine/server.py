"""The Engine.IO 4 server under python-socketio's: handshakes, polls, upgrades.

It takes the place of python-engineio's, which python-socketio lets its subclasses choose (`_engineio_server_class`).
Of python-engineio it uses what does not touch a connection: handlers, ids, tasks. On the wire it behaves as Node's.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

import engineio
import orjson
from starlette.types import Receive, Scope, Send

from ...models import Receipt
from ..faults import ClientFaults
from ..receipts import PING_SPACING
from . import packets
from .asgi import AsgiWebSocket, read_body, respond, respond_to_upgrade
from .carrier import EXTENSION, FRAME_MAX, Carrier, Connection
from .packets import Frame, Malformed
from .polling import Overlap, Polling
from .transport import PING_INTERVAL, PING_TIMEOUT, Transport
from .upgrade import Upgrade
from .wheel import TimerWheel

logger = logging.getLogger(__name__)

COMPRESS_FROM, COMPRESS_TO = 1_024, 256_000
"""Bytes of an answer between which it is compressed for clients that understand it; larger ones take too long."""
PINGED_AT_ONCE = 500
"""Transports that are pinged before others have their turn."""

_TRANSPORT_UNKNOWN = 0, "Transport unknown"
_SESSION_UNKNOWN = 1, "Session ID unknown"
_BAD_METHOD = 2, "Bad handshake method"
_BAD_REQUEST = 3, "Bad request"
_FORBIDDEN = 4, "Forbidden"
_VERSION = 5, "Unsupported protocol version"


class Refused(Exception):
    """A request that is answered 400, with a code and a message of Node's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.body = orjson.dumps({"code": code, "message": message})


class EngineServer(engineio.AsyncServer):
    """Engine.IO over HTTP and WebSockets.

    `confirm` is called with the receipts that clients have proven. `origins`: whose pages may connect beside the
    service's own; `*`: everybody's, and then without credentials.
    """

    def __init__(
        self,
        *,
        confirm: Callable[[Sequence[Receipt]], None],
        faults: ClientFaults,
        origins: Sequence[str],
        transports: Sequence[str],
        **options: Any,
    ) -> None:
        super().__init__(async_mode="asgi", **options)
        self.confirm = confirm
        self.faults = faults
        self.loop: asyncio.AbstractEventLoop = None  # type: ignore[assignment]  # from the first request on
        self._origins = frozenset(origins)
        self._served = frozenset(transports)
        self._transports: dict[str, Transport] = {}
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
        """End a connection; without `sid`, all."""
        for transport in [self._transports.get(sid)] if sid is not None else list(self._transports.values()):
            if transport is not None:
                transport.close(self.reason.SERVER_DISCONNECT)

    def transport(self, sid: str) -> str:
        """`polling` or `websocket`."""
        return self._transports[sid].name

    async def shutdown(self) -> None:
        """End all connections, and what runs for them."""
        await self.disconnect()
        self._wheel.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or a WebSocket."""
        self.loop = asyncio.get_running_loop()
        headers = dict(scope["headers"])
        query = _query(scope.get("query_string", b""))
        serve = self._serve_websocket if scope["type"] == "websocket" else self._serve_http
        await serve(scope, receive, send, headers, query)

    # What transports call

    def connection(self, sid: str) -> Transport | None:
        """The open connection of this id."""
        return self._transports.get(sid)

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
        """Tell python-socketio that a connection has ended."""
        try:
            await self.handlers["disconnect"](sid, reason)
        except Exception:
            logger.exception("the end of a connection could not be handled")

    def forget(self, transport: Transport) -> None:
        """It has ended."""
        self._transports.pop(transport.sid, None)
        self._unpinged.discard(transport)

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
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes], query: Mapping[str, str]
    ) -> None:
        cors = self._cors(headers)
        body, status, kind = b"ok", 200, "text/html"
        try:
            self._check(headers, query)
            if scope["method"] == "GET":
                kind, body = "text/plain; charset=UTF-8", await self._poll(scope, headers, query)
            elif scope["method"] == "POST":
                await self._post(receive, query)
            elif scope["method"] != "OPTIONS":
                raise Refused(*_BAD_METHOD)
        except Refused as refused:
            kind, status, body = "application/json", 400, refused.body
        answer = [(b"content-type", kind.encode()), (b"cache-control", b"no-store"), *cors]
        if COMPRESS_FROM <= len(body) <= COMPRESS_TO and b"gzip" in headers.get(b"accept-encoding", b""):
            body = gzip.compress(body, 1)
            answer.append((b"content-encoding", b"gzip"))
        if scope["method"] == "OPTIONS":
            answer += _preflight(headers)
        await respond(send, status, answer, body)

    def _check(self, headers: Mapping[bytes, bytes], query: Mapping[str, str]) -> None:
        if not self._may_connect(headers):
            raise Refused(*_FORBIDDEN)
        if query.get("transport") not in self._served:
            raise Refused(*_TRANSPORT_UNKNOWN)
        if query.get("EIO") != "4" and "sid" not in query:
            raise Refused(*_VERSION)

    async def _poll(self, scope: Scope, headers: Mapping[bytes, bytes], query: Mapping[str, str]) -> bytes:
        if query["transport"] != "polling":
            raise Refused(*_BAD_REQUEST)
        if "sid" not in query:
            transport = await self._open(scope, headers, "polling")
            transport.polling = Polling(transport)
            return self._handshake(transport, "polling").encode()
        transport, polling = self._polling(query)
        connection: Connection | None = scope.get("extensions", {}).get(EXTENSION)
        if connection is not None and not transport.joined:
            connection.stranger()
        try:
            return (await polling.ask(query.get("t"))).encode()
        except Overlap:
            transport.close(self.reason.TRANSPORT_ERROR)
            raise Refused(*_BAD_REQUEST) from None

    async def _post(self, receive: Receive, query: Mapping[str, str]) -> None:
        if "sid" not in query:
            raise Refused(*_BAD_METHOD)
        transport, polling = self._polling(query)
        t = query.get("t")
        if t is not None and t == polling.posted:
            return  # the browser repeats it; it has been carried out
        if polling.posting is not False and (t is None or t != polling.posting):
            transport.close(self.reason.TRANSPORT_ERROR)
            raise Refused(*_BAD_REQUEST)
        polling.posting = t
        try:
            body = await read_body(receive, FRAME_MAX)
            if body is None:
                return  # nobody waits for an answer
            found = packets.decode_payload(body)
        except Malformed as error:
            transport.malformed(error)
            raise Refused(*_BAD_REQUEST) from None
        finally:
            polling.posting = False
        if t is not None and t == polling.posted:
            return
        polling.posted = t
        for packet in found:
            transport.received(packet)
        if transport.closed and packets.CLOSE not in found:
            raise Refused(*_BAD_REQUEST)
        await transport.inbox_handled()

    def _polling(self, query: Mapping[str, str]) -> tuple[Transport, Polling]:
        transport = self._transports.get(query["sid"])
        if transport is None:
            raise Refused(*_SESSION_UNKNOWN)
        if transport.polling is None or query["transport"] != "polling":
            raise Refused(*_BAD_REQUEST)
        return transport, transport.polling

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes], query: Mapping[str, str]
    ) -> None:
        connection: Connection | None = scope.get("extensions", {}).get(EXTENSION)
        try:
            self._check(headers, query)
            if query["transport"] != "websocket":
                raise Refused(*_BAD_REQUEST)
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
        self, scope: Scope, headers: Mapping[bytes, bytes], query: Mapping[str, str]
    ) -> tuple[Transport, Transport | Upgrade]:
        if "sid" not in query:
            transport = await self._open(scope, headers, "websocket")
            return transport, transport
        transport, _ = self._upgradable(query)
        return transport, Upgrade(transport)

    def _upgradable(self, query: Mapping[str, str]) -> tuple[Transport, Polling]:
        transport = self._transports.get(query["sid"])
        if transport is None:
            raise Refused(*_SESSION_UNKNOWN)
        if transport.polling is None or transport.upgrading is not None:
            raise Refused(*_BAD_REQUEST)
        return transport, transport.polling

    async def _open(self, scope: Scope, headers: Mapping[bytes, bytes], name: str) -> Transport:
        sid: str = self.generate_id()
        transport = Transport(self, sid, self.loop.time())
        self._transports[sid] = transport
        # Of the request only this is kept: namespaces are connected to later, and may need it then.
        environ = {"REMOTE_ADDR": (scope.get("client") or ("",))[0]}
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

    # Origins

    def _may_connect(self, headers: Mapping[bytes, bytes]) -> bool:
        origin = headers.get(b"origin")
        if origin is None or "*" in self._origins:
            return True
        hosts = headers.get(b"host", b""), headers.get(b"x-forwarded-host", b"").split(b",")[0].strip()
        return origin.decode("latin-1") in self._origins or origin.partition(b"://")[2] in filter(None, hosts)

    def _cors(self, headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        if b"origin" not in headers or not self._may_connect(headers):
            return []
        allowed = [(b"access-control-allow-origin", headers[b"origin"]), (b"vary", b"Origin")]
        if "*" not in self._origins:
            allowed.append((b"access-control-allow-credentials", b"true"))
        return allowed


def _preflight(headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    asked = headers.get(b"access-control-request-headers", b"")
    return [
        (b"access-control-allow-methods", b"OPTIONS, GET, POST"),
        *([(b"access-control-allow-headers", asked)] if asked else []),
    ]


def _query(text: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in text.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, unquote_plus(value) if "%" in value or "+" in value else value)
    return found
