"""The namespaces: the only door in from Socket.IO.

What comes in are events of two kinds, told apart by their type (see `codec.ClientEvent`): python-socketio's own
`connect` and `disconnect`, and whatever a client sent, under whatever name.

A connection goes through three steps. *Connect*: the token is checked, the socket joins its user's room, and from now
on live notifications wait for it. *Welcome*, once the client has been told that it is connected: what it missed is read
from the store and written, then what waited. *Live*: notifications are written as they come. Because it joins before
it reads, nothing falls between replay and live; because it remembers what it wrote, nothing comes twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import socketio
from socketio.exceptions import ConnectionRefusedError as Refused

from .. import wire
from ..auth import TokenVerifier
from ..errors import EventideError, Internal, InvalidRequest, Unauthorized, Unavailable
from ..metrics import Metrics
from ..models import Principal, is_notification_id, utc_now
from ..presence.base import Presence
from ..service.delivery import Delivery
from ..wire import CatchUp, Dialect
from .codec import ClientEvent
from .connections import Connection
from .events import Handler
from .expiry import ExpiryWatch
from .fanout import LocalFanout

logger = logging.getLogger(__name__)

WELCOME_RETRY_MAX = 10.0
"""Seconds between two tries to read what a client missed, while the store is away; at most."""


@dataclass(frozen=True, slots=True)
class Doorway:
    """What all namespaces share."""

    verify: Callable[[object], Awaitable[Principal]]
    accepting: Callable[[], bool]
    max_sockets: int
    """Connections that one user may have to this instance."""
    fanout: LocalFanout
    delivery: Delivery
    presence: Presence
    expiry: ExpiryWatch
    handlers: Mapping[str, Handler]
    metrics: Metrics


class NotificationNamespace(socketio.AsyncNamespace):
    """One namespace, in one dialect."""

    def __init__(self, dialect: Dialect, doorway: Doorway) -> None:
        super().__init__(dialect.namespace)
        self._dialect = dialect
        self._doorway = doorway

    async def trigger_event(self, event: str, *args: Any) -> Any:
        if isinstance(event, ClientEvent):
            return await self._client_event(event, *args)
        if event == "connect":
            return await self._connect(*args)
        if event == "disconnect":
            return await self._disconnect(*args)
        return None

    # Connect, welcome, disconnect

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        manager = self._doorway.fanout
        if not self._doorway.accepting():
            # Its transport was opened just before the stop. It is closed, as those of all the others are: after a
            # refusal a stock client would stay away for good.
            await manager.hang_up(manager.eio_sid_from_sid(sid, self.namespace))
            return
        try:
            principal = await self._authenticate(environ, auth)
        except Unauthorized as error:
            raise self._refusal(error.reason) from None
        except Exception as error:
            if not isinstance(error, Unavailable):
                logger.exception("a connection could not be authenticated")
            raise self._refusal("unavailable") from None
        if not manager.is_connected(sid, self.namespace):
            return  # the transport ended while the token was checked, and `disconnect` has been
        eio_sid = manager.eio_sid_from_sid(sid, self.namespace)
        connection = Connection(sid, eio_sid, self._dialect, principal, *self._wishes(auth), utc_now())
        # From here to the end nothing is awaited that waits: the answer to CONNECT is this socket's next frame.
        manager.basic_enter_room(sid, self.namespace, wire.room(principal.user_id))
        manager.connections[sid] = connection
        self._doorway.metrics.sockets.set(len(manager.connections))
        connection.welcome = asyncio.create_task(self._welcome(connection))
        await self._make_room(connection)

    async def _authenticate(self, environ: dict[str, Any], auth: Any) -> Principal:
        token = auth.get("token") if isinstance(auth, dict) else None
        return await self._doorway.verify(environ.get("HTTP_AUTHORIZATION") if token is None else token)

    async def _make_room(self, connection: Connection) -> None:
        """Close the user's connection that has been silent longest, if this is one too many.

        A flapping phone leaves half-open connections behind, and must not lock itself out.
        """
        fanout = self._doorway.fanout
        others = {other.eio_sid for other in fanout.of_user(connection.user)} - {connection.eio_sid}
        if len(others) >= self._doorway.max_sockets:
            sockets = [socket for eio_sid in others if (socket := fanout.server.connection(eio_sid)) is not None]
            if sockets:
                await min(sockets, key=lambda socket: socket.heard_at).cut_off()

    def _refusal(self, code: str) -> Refused:
        self._doorway.metrics.refused.labels(code).inc()
        return Refused("Authentication failed", {"code": code})

    def _wishes(self, auth: Any) -> tuple[CatchUp, str | None]:
        wishes = auth if isinstance(auth, dict) else {}
        way, since = wishes.get("catchUp"), wishes.get("since")
        catch_up: CatchUp = way if way in ("each", "batch", "none") else self._dialect.catch_up
        return catch_up, since if is_notification_id(since) else None

    async def _welcome(self, connection: Connection) -> None:
        doorway = self._doorway
        doorway.expiry.start(connection)
        await doorway.presence.connected(connection.user, connection.sid)
        pause = 0.5
        while True:
            try:
                await self._replay(connection)
                return
            except Unavailable:
                # Not the client's fault, and a refusal would keep a stock client away for good: it waits with us.
                await asyncio.sleep(pause)
                pause = min(pause * 2, WELCOME_RETRY_MAX)
            except Exception:
                logger.exception("a client could not be welcomed; it is sent away to come again")
                await doorway.fanout.hang_up(connection.eio_sid)
                return

    async def _replay(self, connection: Connection) -> None:
        fanout = self._doorway.fanout
        backlog = await self._doorway.delivery.backlog(
            connection.user, since=connection.since, replay=connection.catch_up != "none"
        )
        await fanout.tell(connection, wire.CONNECTED, wire.connected(connection.principal, backlog.unread_count))
        missed = [wire.live(item, replayed=True) for item in backlog.notifications]
        if connection.catch_up == "batch" and missed:
            await fanout.show_batch(connection, missed)
        elif connection.catch_up == "each":
            for payload in missed:
                await fanout.show(connection, payload)
        await fanout.tell(
            connection,
            wire.CATCH_UP_COMPLETE,
            wire.catch_up_complete(complete=backlog.complete, count=len(missed), unread_count=backlog.unread_count),
        )
        while connection.held:
            connection.held.sort(key=_id, reverse=True)
            await fanout.show(connection, connection.held.pop())
        connection.held = None

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        connection = self._doorway.fanout.connections.pop(sid, None)
        if connection is None:
            return  # refused, or gone before it was let in
        self._doorway.metrics.sockets.set(len(self._doorway.fanout.connections))
        self._doorway.expiry.stop(connection)
        if connection.welcome is not None:
            connection.welcome.cancel()
        await self._doorway.presence.disconnected(connection.user, sid)

    # Events from the client

    async def _client_event(self, event: ClientEvent, sid: str, *data: Any) -> Any:
        connection = self._doorway.fanout.connections.get(sid)
        if connection is None:
            return None
        handler = self._doorway.handlers.get(event)
        name = event if handler is not None else "unknown"
        try:
            answer = await self._handle(event, handler, connection, data)
        except EventideError as error:
            self._doorway.metrics.events.labels(name, error.code).inc()
            return await self._failed(event, connection, error)
        except Exception:
            internal = Internal()
            logger.exception("%s: a client event failed", internal.message, extra={"event": name})
            self._doorway.metrics.events.labels(name, internal.code).inc()
            return await self._failed(event, connection, internal)
        self._doorway.metrics.events.labels(name, "ok").inc()
        return answer

    async def _handle(
        self, event: ClientEvent, handler: Handler | None, connection: Connection, data: tuple[Any, ...]
    ) -> Any:
        if event.fault is not None:
            raise event.fault
        if handler is None:
            raise InvalidRequest(f"There is no event {event[:100]!r}.")
        if len(data) > 1:
            raise InvalidRequest(f"{event} takes one argument, not {len(data)}.")
        return await handler(connection, data[0] if data else None)

    async def _failed(self, event: ClientEvent, connection: Connection, error: EventideError) -> Any:
        if event.wants_ack:
            return {"success": False, "error": {"code": error.code, "message": error.message}}
        await self._doorway.fanout.tell(
            connection, wire.EXCEPTION, {"status": "error", "code": error.code, "message": error.message}
        )
        return None


def _id(payload: wire.Payload) -> str:
    return str(payload["id"])


def verification(verifier: TokenVerifier) -> Callable[[object], Awaitable[Principal]]:
    """The verifier for the event loop: in a thread where it may wait for the network."""

    async def verify(token: object) -> Principal:
        if verifier.blocking:
            return await asyncio.to_thread(verifier.verify, token)
        return verifier.verify(token)

    return verify
