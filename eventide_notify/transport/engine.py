"""The Socket.IO server, with connections that keep receipts.

The one module that reaches into python-socketio and python-engineio; `check_engine` says at start, in one line, when
a version lacks what is relied on:

* python-socketio calls `_handle_eio_connect` once for each connection before anything else happens on it. There the
  connection's socket becomes a `ConfirmingSocket`, because python-engineio has no setting for the class of sockets.
* `AsyncSocket.send` and `.receive` see every Engine.IO packet, in order, on both transports.
* `None` in `AsyncSocket.queue` ends the transport once everything before it is written.
* `environ["asgi.send"]` is a bound method of uvicorn's protocol object, whose `transport` can be aborted. Where it is
  not (another server), a connection that takes nothing any more ends with its ping instead.

What one connection can cost is bounded: a client that does not read is cut off at `BACKLOG_PACKETS` or
`BACKLOG_BYTES`, and one that never joins a namespace after `CONNECT_TIMEOUT`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import engineio
import socketio
from engineio import async_socket, packet
from engineio.exceptions import EngineIOError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..models import Receipt
from .codec import Codec, Json
from .receipts import PING_SPACING, Ledger

logger = logging.getLogger(__name__)

Confirm = Callable[[list[Receipt]], None]

BACKLOG_PACKETS = 2_000
BACKLOG_BYTES = 4 * 1024 * 1024
"""Most that may wait for one connection; it catches up when it comes back."""
CONNECT_TIMEOUT = 20.0
"""Seconds in which a connection must have joined a namespace."""
FRAME_MAX = 2_000_000
"""Most bytes of one Engine.IO message. A longer one ends the connection, as on Node; up to here it is answered."""
_ENDED = "Session is disconnected"


def check_engine() -> None:
    """Raise `RuntimeError` when the installed libraries lack what this module relies on."""
    missing = [
        name
        for owner, name in (
            (socketio.AsyncServer, "_handle_eio_connect"),
            (socketio.AsyncServer, "_engineio_server_class"),
            (async_socket.AsyncSocket, "send"),
            (async_socket.AsyncSocket, "receive"),
            (async_socket.AsyncSocket, "_websocket_handler"),
            (engineio.AsyncServer, "send_packet"),
        )
        if not hasattr(owner, name)
    ]
    if missing:
        raise RuntimeError(f"this version of python-socketio or python-engineio has no {', '.join(missing)}")


class ConfirmingSocket(async_socket.AsyncSocket):
    """An Engine.IO connection that counts its pings and pongs, and tells what the client is proven to have received."""

    ledger: Ledger
    heard_at: float
    """When the client last sent anything, on the event loop's clock."""

    def keep_receipts(self, confirm: Confirm, environ: dict[str, Any]) -> None:
        """Begin; called once, when the connection opens. `confirm` gets what is proven, from the event loop."""
        self.ledger = Ledger()
        self.heard_at = asyncio.get_running_loop().time()
        self._confirm = confirm
        self._next_ping_at = 0.0
        self._ping_timer: asyncio.TimerHandle | None = None
        self._waiting_bytes = 0
        self._transport = _transport(environ)

    async def send(self, pkt: packet.Packet) -> None:
        if self.queue.qsize() >= BACKLOG_PACKETS or self._waiting_bytes >= BACKLOG_BYTES:
            logger.info("%s does not read what it is sent: cut off", self.sid)
            await self.cut_off()
            return
        if pkt.packet_type == packet.PING:
            self.ledger.ping()
        self._waiting_bytes += _size(pkt)
        await super().send(pkt)

    async def poll(self) -> list[packet.Packet]:
        packets: list[packet.Packet] = await super().poll()
        self._waiting_bytes = 0 if self.queue.empty() else self._waiting_bytes - sum(map(_size, packets))
        return packets

    async def receive(self, pkt: packet.Packet) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        if pkt.packet_type == packet.PONG and (confirmed := self.ledger.pong()):
            self._confirm(confirmed)
        await super().receive(pkt)

    def sent(self, receipts: Iterable[Receipt]) -> None:
        """These notifications were written to this connection: have them confirmed."""
        self.ledger.sent(receipts)
        if self.ledger.needs_ping and self._ping_timer is None:
            loop = asyncio.get_running_loop()
            self._ping_timer = loop.call_at(max(self._next_ping_at, loop.time()), self._ping_soon)

    def _ping_soon(self) -> None:
        self._ping_timer = None
        if self.ledger.needs_ping and not self.closing and not self.closed:
            self._next_ping_at = asyncio.get_running_loop().time() + PING_SPACING
            self.server.start_background_task(self._ping_now)

    async def _ping_now(self) -> None:
        if not self.closing and not self.closed:
            await self.send(packet.Packet(packet.PING))

    async def hang_up(self) -> None:
        """End the transport, after what is queued: to a stock client that is a lost network, and it comes back."""
        if self.upgraded:
            await self.queue.put(None)
        else:
            await self.close(wait=False, reason=self.server.reason.TRANSPORT_CLOSE)

    async def cut_off(self) -> None:
        """End the transport at once; what is queued is dropped."""
        if self.upgraded and self._transport is not None:
            self._transport.abort()  # the reader sees the end, and closes this connection in order
        await self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_ERROR)

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        first = not self.closing and not self.closed
        await super().close(wait=wait, abort=abort, reason=reason)
        if first:
            self.queue.put_nowait(None)  # a poll may be waiting for what does not come any more, for 45 s

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        try:
            await super().handle_post_request(environ)
        except (ValueError, IndexError) as error:
            # No Engine.IO payload: like Node, answer 400 and end the session, instead of a traceback in the log.
            raise EngineIOError(str(error)) from None

    async def _upgrade_websocket(self, environ: dict[str, Any]) -> Any:
        self._transport = _transport(environ)
        return await super()._upgrade_websocket(environ)

    async def _websocket_handler(self, ws: Any) -> None:
        try:
            await super()._websocket_handler(ws)
        except (ValueError, IndexError) as error:
            logger.info("a client sent what is no Engine.IO packet: %s", error)
            await self.queue.put(None)
            await self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_ERROR)
        finally:
            if self._ping_timer is not None:
                self._ping_timer.cancel()


def _allowed(origins: list[str]) -> Callable[[str, dict[str, Any]], bool]:
    """These origins, and the service's own: python-engineio would refuse its pages once others are named."""

    def allowed(origin: str, environ: dict[str, Any]) -> bool:
        hosts = environ.get("HTTP_HOST"), environ.get("HTTP_X_FORWARDED_HOST", "").split(",")[0].strip()
        return origin in origins or origin.partition("://")[2] in filter(None, hosts)

    return allowed


def _transport(environ: dict[str, Any]) -> Any:
    return getattr(getattr(environ.get("asgi.send"), "__self__", None), "transport", None)


def _size(pkt: packet.Packet | None) -> int:
    return len(pkt.data) if pkt is not None and isinstance(pkt.data, str | bytes) else 0


class SocketServer(socketio.AsyncServer):
    """python-socketio's server for this service: orjson, events in the order they came, receipts.

    `confirm` is called with the receipts that a connection's answers prove.
    """

    def __init__(
        self,
        *,
        manager: Any,
        confirm: Confirm,
        origins: list[str] | str | None,
        transports: list[str],
        namespaces: list[str],
    ) -> None:
        check_engine()
        self._confirm = confirm
        super().__init__(
            async_mode="asgi",
            namespaces=namespaces,  # by default it takes anybody into `/`, also where nothing is served there
            client_manager=manager,
            serializer=Codec,
            # One event of a client after the other: a flood waits in its own socket, and answers come in order.
            async_handlers=False,
            cors_allowed_origins=_allowed(origins) if isinstance(origins, list) else origins,
            cors_credentials=origins != "*",
            transports=transports,
            allow_upgrades="websocket" in transports,
            max_http_buffer_size=FRAME_MAX,
            http_compression=True,
            logger=logging.getLogger("eventide_notify.socketio"),
            engineio_logger=logging.getLogger("eventide_notify.engineio"),
        )
        # Sessions end, and instances: that a client asks for one that is not here any more is no error of ours.
        self.eio.log_message_keys.add("bad-sid")

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or a WebSocket."""
        try:
            await super().handle_request(scope, receive, send)
        except KeyError as error:
            if error.args != (_ENDED,):
                raise
            # A POST of a session that was just closed; python-engineio answers a GET of one by itself.
            await Response(status_code=400)(scope, receive, send)

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        engineio.packet.Packet.json = Json
        return engineio.AsyncServer  # type: ignore[no-any-return]

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> Any:
        socket = self.eio.sockets[eio_sid]
        socket.__class__ = ConfirmingSocket
        socket.keep_receipts(self._confirm, environ)
        asyncio.get_running_loop().call_later(CONNECT_TIMEOUT, self._expect_joined, eio_sid)
        return await super()._handle_eio_connect(eio_sid, environ)

    def _expect_joined(self, eio_sid: str) -> None:
        joined = any(self.manager.sid_from_eio_sid(eio_sid, name) for name in self.namespace_handlers)
        if not joined and (socket := self.connection(eio_sid)) is not None:
            self.start_background_task(socket.cut_off)

    def connection(self, eio_sid: str) -> ConfirmingSocket | None:
        """The open connection of this Engine.IO id."""
        socket = self.eio.sockets.get(eio_sid)
        return socket if isinstance(socket, ConfirmingSocket) and not socket.closed else None
