"""HTTP on uvicorn, with limits: for headers, for time, and for connections.

uvicorn's protocol class, which has none of them, with these around it. Requests for WebSockets to the Socket.IO path
are handed to a `WebSocketProtocol` as they are, parsed once; all others are uvicorn's.
"""

from __future__ import annotations

import asyncio
import logging
import urllib.parse
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ...faults import ClientFaults
from ...headers import DATA, as_bytes
from ..engine.carrier import EXTENSION, Carrier, Receiver
from . import limits
from .limits import ConnectionLimits
from .websocket import WebSocketProtocol

logger = logging.getLogger(__name__)

SOCKET_PATH = "/socket.io"
_SECURE = dict(as_bytes(DATA))
PIPELINE_MAX = 100
"""Most requests that may wait on one connection for the answer to an earlier one."""

# What uvicorn says of each client that does not speak HTTP; here they are counted.
_quiet = logging.getLogger("uvicorn.error.requests")
_quiet.addFilter(lambda record: record.levelno != logging.WARNING)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's `http=`. `limits` are those of the process; a server sets its own in a subclass."""

    limits: ConnectionLimits | None = None
    faults = ClientFaults()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if type(self).limits is None:
            type(self).limits = ConnectionLimits()
        self._limits: ConnectionLimits = type(self).limits  # type: ignore[assignment]
        self.logger = _quiet
        self._body_bytes = 0
        self._header_bytes = 0
        self._in_headers = True
        self._refused = False
        self._refusal: bytes | None = None
        self._upgrade: WebSocketProtocol | None = None

    # Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._limits.opened(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, retry=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limits.closed(self)
        super().connection_lost(exc)

    def expire(self) -> None:
        """Its request has not come in time."""
        if self._header_bytes or not self._in_headers:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    @property
    def stuck(self) -> bool:
        """Whether its client does not take its answers."""
        return self.flow.write_paused or self.transport.is_closing()

    def evict(self) -> None:
        """Others need its place."""
        self.transport.abort()

    def stranger(self) -> None:
        """See `engine.carrier.Connection`."""
        self._limits.stranger(self, None)

    # Requests

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._header_bytes += len(data)
        try:
            super().data_received(data)
        except UnicodeError:
            self._malformed()
            return
        if self._header_bytes > limits.HEADERS_MAX + self._body_bytes and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif len(self.pipeline) > PIPELINE_MAX:
            self.faults.note("asked on and on without taking the answers")
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        self._malformed()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers, self._body_bytes = True, 0
        self._limits.stranger(self, limits.HEADERS_TIMEOUT)  # its own time, however long the connection was idle before
        scope: Any = self.scope
        scope["extensions"] = {EXTENSION: self}

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if self._header_bytes > limits.HEADERS_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._limits.stranger(self, limits.REQUEST_TIMEOUT)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            # What is not body is the size of a chunk, or an extension of it, or a header after the last one.
            self._header_bytes -= len(body)
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            self._header_bytes, self._body_bytes, self._in_headers = 0, 0, True
            self._limits.known(self)
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._refusal is not None and not self.transport.is_closing():
            self.transport.write(self._refusal)
            self.transport.close()
        if not self.transport.is_closing() and not self.pipeline:
            self._limits.stranger(self, limits.IDLE_TIMEOUT)
        super().on_response_complete()

    # WebSockets

    def handle_websocket_upgrade(self) -> None:
        if self._refused:
            return
        path = urllib.parse.urlsplit(self.url.decode("latin-1"))
        route = urllib.parse.unquote(path.path)
        if route.rstrip("/") != SOCKET_PATH:
            self._limits.closed(self)  # it is somebody else's from now on, and nobody tells us of its end
            super().handle_websocket_upgrade()
            return
        headers = dict(self.headers)
        key = headers.get(b"sec-websocket-key", b"")
        cycle: RequestResponseCycle | None = self.cycle  # None until there is a request
        if cycle is not None and not cycle.response_complete:
            self._refuse(HTTPStatus.BAD_REQUEST)  # it would overtake the request before it
            return
        if self._limits.crowded:
            self.faults.note("were refused: there is no place for another WebSocket")
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, retry=True)
            return
        if self.scope["method"] != "GET" or headers.get(b"sec-websocket-version") != b"13" or len(key) != 24:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        scope: Any = self.scope
        scope.update(
            type="websocket",
            scheme="wss" if self.scheme == "https" else "ws",
            path=self.root_path + route,
            raw_path=self.root_path.encode() + path.path.encode("latin-1"),
            query_string=path.query.encode("latin-1"),
            subprotocols=[],
        )
        self._hand_over(WebSocketProtocol(
            self.transport, key, limits=self._limits, connections=self.connections, loop=self.loop
        ))  # fmt: skip

    def _hand_over(self, websocket: WebSocketProtocol) -> None:
        self.connections.discard(self)
        self.connections.add(websocket)  # type: ignore[arg-type]  # typed as uvicorn's own classes
        self._limits.replaced(self, websocket)
        self.transport.set_protocol(websocket)
        upgrade = _Upgrade(websocket, self.transport)
        scope: Any = self.scope
        scope["extensions"] = {EXTENSION: upgrade, "websocket.http.response": {}}
        app: Any = self.app
        task = self.loop.create_task(upgrade.run(app, scope))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # Refusals

    def _malformed(self) -> None:
        self.faults.note("sent what is not HTTP")
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus, *, retry: bool = False) -> None:
        """Answer this, whatever else was said, and close."""
        self._refused = True
        self._limits.known(self)
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None until there is a request
        if cycle is None or cycle.response_complete:
            self.transport.write(_refusal(status, retry=retry))
            self.transport.close()
        else:
            # The answer to an earlier request comes first. If this one is what is refused, it gets no other.
            self.pipeline.clear()
            self._refusal = _refusal(status, retry=retry)
            if cycle.more_body:
                self.transport.write(self._refusal)
                cycle.disconnected = True
                cycle.message_event.set()
                self.transport.close()


class _Upgrade:
    """A request for a WebSocket, while the application decides about it."""

    def __init__(self, websocket: WebSocketProtocol, transport: asyncio.Transport) -> None:
        self._websocket = websocket
        self._transport = transport
        self._status = 0
        self._headers: Iterable[tuple[bytes, bytes]] = ()
        self.answered = False

    async def run(self, app: ASGIApp, scope: Any) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:
            logger.exception("a request for a WebSocket failed")
        if not self.answered:
            self.reject(HTTPStatus.INTERNAL_SERVER_ERROR, (), b"")

    def accept(self, receiver: Receiver) -> Carrier:
        self.answered = True
        return self._websocket.accept(receiver)

    def reject(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        self.answered = True
        self._transport.write(_response(HTTPStatus(status), headers, body))
        self._transport.close()

    def stranger(self) -> None: ...

    async def _receive(self) -> Any:
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.close":
            self.reject(HTTPStatus.FORBIDDEN, (), b"")
        elif kind == "websocket.http.response.start":
            self._status, self._headers = message["status"], message.get("headers", ())
        elif kind == "websocket.http.response.body":
            self.reject(self._status, self._headers, message.get("body", b""))
        else:
            raise RuntimeError(f"{SOCKET_PATH} is served by Eventide Notify alone, which does not send {kind}")


def _refusal(status: HTTPStatus, *, retry: bool) -> bytes:
    return _response(status, [(b"retry-after", b"1")] if retry else [], b"")


def _response(status: HTTPStatus, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    given = {b"content-type": b"text/plain", b"content-length": b"%d" % len(body), b"connection": b"close"}
    lines = [b"%s: %s" % pair for pair in {**given, **_SECURE, **dict(headers)}.items()]
    return b"\r\n".join([f"HTTP/1.1 {status.value} {status.phrase}".encode(), *lines]) + b"\r\n\r\n" + body
