"""The namespaces: the only door in from Socket.IO.

What comes in are events of two kinds, told apart by their type (see `codec.ClientEvent`): python-socketio's own
`connect` and `disconnect`, and whatever a client sent, under whatever name.

A session goes through three steps. *Connect*: the token is checked, the session joins the hub, and from now on live
notifications wait for it. *Welcome*, once the client has been told that it is connected: what it missed is read
from the store and written, then what waited. *Live*: notifications are written as they come. Because it joins before
it reads, nothing falls between replay and live; because it remembers what it wrote, nothing comes twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter
from typing import Any

import socketio
from socketio.exceptions import ConnectionRefusedError as Refused

from .. import wire
from ..context import session_id
from ..errors import EventideError, Internal, InvalidRequest, RateLimited, Unauthorized, Unavailable
from ..metrics import Metrics
from ..models import Principal, UserId, is_notification_id, utc_now
from ..presence.base import Presence
from ..rates import Allowance, Pace
from ..service.delivery import BacklogReader
from ..service.in_flight import InFlight
from ..service.journal import Journal
from ..wire import CatchUp, Dialect
from .codec import ClientEvent
from .engine.transport import Transport
from .events import Handler
from .expiry import ExpiryWatch
from .frames import Content
from .hub import Hub
from .replay import Replay
from .server import SocketServer
from .session import Session

logger = logging.getLogger(__name__)

WELCOME_RETRY_MAX = 10.0
"""Seconds between two tries to read what a client missed, while the store is unavailable; at most."""
EVICTED = "evicted: the user had one session too many, and it was silent longest"
"""Why such a transport ended."""


@dataclass(frozen=True, slots=True)
class NamespaceContext:
    """What all namespaces share."""

    verify: Callable[[object], Awaitable[Principal]]
    accepting: Callable[[], bool]
    max_sockets: int
    """Sessions that one user may have on this instance."""
    hub: Hub
    replay: Replay
    backlogs: BacklogReader
    presence: Presence
    expiry: ExpiryWatch
    handlers: Mapping[str, Handler]
    pace: Pace | None
    """How fast the client of one transport may send events, and connect to namespaces."""
    in_flight: InFlight
    metrics: Metrics
    journal: Journal
    met: Callable[[UserId], None]
    """Notes that there is this user."""


class NotificationNamespace(socketio.AsyncNamespace):
    """One namespace, in one dialect."""

    namespace: str
    server: SocketServer

    def __init__(self, dialect: Dialect, context: NamespaceContext) -> None:
        super().__init__(dialect.namespace)
        self._dialect = dialect
        self._by_one_name: dict[tuple[str, str], Dialect] = {}
        self._context = context
        self._ended = cache(context.metrics.events.labels)

    async def trigger_event(self, event: str, *args: Any) -> Any:
        whose = session_id.set(args[0])
        try:
            if isinstance(event, ClientEvent):
                return await self._client_event(event, *args)
            if event == "connect":
                return await self._connect(*args)
            if event == "disconnect":
                return await self._disconnect(*args)
            return None
        finally:
            session_id.reset(whose)

    # Connect, welcome, disconnect

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        transport = self.server.eio.transport_of(self.server.manager.eio_sid_from_sid(sid, self.namespace))
        if transport is None:
            return  # it has ended, and `disconnect` comes next
        if not self._context.accepting():
            # Its transport was opened just before the stop. It is closed, as those of all the others are: after a
            # refusal a stock client would stay away for good.
            transport.close()
            return
        if not self._allowed(transport):
            transport.close()  # it has come and gone hundreds of times in seconds; each costs a look into the store
            return
        try:
            principal = await self._authenticate(environ, auth)
        except Unauthorized as error:
            raise self._refusal(error.reason) from None
        except Unavailable:
            # The keys cannot be had, which is not the client's fault: it is to come back by itself.
            self._context.metrics.refused.labels("unavailable").inc()
            transport.close()
            return
        except Exception:
            logger.exception("a client could not be authenticated")
            raise self._refusal("unavailable") from None
        if transport.closed:
            return
        dialect, catch_up, since = self._wishes(auth)
        session = Session(
            sid,
            transport,
            dialect,
            principal,
            catch_up=catch_up,
            since=since,
            opened_at=utc_now(),
            journal=self._context.journal,
        )
        # From here to the end nothing is awaited: the answer to CONNECT is this session's next frame.
        self._evict_one_too_many(session)
        self._context.hub.join(session)
        self._context.met(session.user)
        session.welcome = asyncio.create_task(self._welcome(session))

    async def _authenticate(self, environ: dict[str, Any], auth: Any) -> Principal:
        token = auth.get("token") if isinstance(auth, dict) else None
        return await self._context.verify(environ.get("HTTP_AUTHORIZATION") if token in (None, "") else token)

    def _evict_one_too_many(self, session: Session) -> None:
        """Close the user's transport that has been silent longest, if this is one too many.

        A flapping phone leaves half-open transports behind, and must not lock itself out.
        """
        sessions = self._context.hub.of_user(session.user)
        others = {other.transport for other in sessions if not other.transport.closed} - {session.transport}
        if len(others) >= self._context.max_sockets:
            min(others, key=lambda transport: transport.heard_at).abort(EVICTED)

    def _refusal(self, code: str) -> Refused:
        self._context.metrics.refused.labels(code).inc()
        return Refused("Authentication failed", {"code": code})

    def _wishes(self, auth: Any) -> tuple[Dialect, CatchUp, str | None]:
        wishes = auth if isinstance(auth, dict) else {}
        form, since = wishes.get("catchUp"), wishes.get("since")
        catch_up: CatchUp = form if form in ("each", "batch", "none") else self._dialect.catch_up
        return self._dialect_of(wishes.get("names")), catch_up, since if is_notification_id(since) else None

    def _dialect_of(self, names: Any) -> Dialect:
        """A client that says which names it knows gets each notification by the first of ours that is one of them."""
        known = names if isinstance(names, list) else []
        live = next((event for event in self._dialect.live_events if event in known), None)
        broadcast = next((event for event in self._dialect.broadcast_events if event in known), None)
        if live is None or broadcast is None:
            return self._dialect
        brief = replace(self._dialect, live_events=(live,), broadcast_events=(broadcast,))
        return self._by_one_name.setdefault((live, broadcast), brief)

    async def _welcome(self, session: Session) -> None:
        context = self._context
        began = perf_counter()
        context.expiry.start(session)
        await context.presence.connected(session.user, session.sid)
        pause = 0.5
        while True:
            try:
                await self._replay(session)
                context.metrics.replay_seconds.observe(perf_counter() - began)
                return
            except Unavailable:
                # Not the client's fault, and a refusal would keep a stock client away for good: it waits with us.
                await asyncio.sleep(pause)
                pause = min(pause * 2, WELCOME_RETRY_MAX)
            except Exception:
                logger.exception("a client could not be welcomed; its transport is closed, so that it connects again")
                session.transport.close()
                return

    async def _replay(self, session: Session) -> None:
        replay = self._context.replay
        wanted = session.catch_up != "none"
        backlog = await self._context.backlogs.of(session.user, since=session.since, replay=wanted)
        session.tell(wire.CONNECTED, Content.of(wire.connected(session.principal, backlog.counts)))
        missed = backlog.notifications
        self._context.metrics.replays.observe(len(missed))
        await replay.write(session, missed)
        told = wire.catch_up_complete(complete=backlog.complete, count=len(missed), found=backlog.counts)
        session.tell(wire.CATCH_UP_COMPLETE, Content.of(told))
        await replay.go_live(session)
        session.welcome = None

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        session = self._context.hub.leave(sid)
        if session is None:
            return  # refused, or gone before it was let in
        self._context.journal.ended(sid, session.transport.sid, session.transport.ended or reason)
        self._context.expiry.stop(session)
        if session.welcome is not None:
            session.welcome.cancel()
        await self._context.presence.disconnected(session.user, sid)

    # Events from the client

    async def _client_event(self, event: ClientEvent, sid: str, *data: Any) -> Any:
        session = self._context.hub.sessions.get(sid)
        if session is None:
            return None
        handler = self._context.handlers.get(event)
        name = event if handler is not None else "unknown"
        try:
            answer = await self._handle(event, handler, session, data)
        except EventideError as error:
            self._ended(name, error.code).inc()
            return await self._failed(event, session, error)
        except Exception:
            internal = Internal()
            self._context.metrics.internal_errors.inc()
            logger.exception("%s: a client event failed", internal.message, extra={"event": name})
            self._ended(name, internal.code).inc()
            return await self._failed(event, session, internal)
        self._ended(name, "ok").inc()
        return answer

    async def _handle(
        self, event: ClientEvent, handler: Handler | None, session: Session, data: tuple[Any, ...]
    ) -> Any:
        if not self._allowed(session.transport):
            raise RateLimited("You send events too often.")
        if event.fault is not None:
            raise event.fault
        if handler is None:
            raise InvalidRequest(f"There is no event {event[:100]!r}.")
        if len(data) > 1:
            raise InvalidRequest(f"{event} takes one argument, not {len(data)}.")
        async with self._context.in_flight.of(session.user):
            return await handler(session, data[0] if data else None)

    def _allowed(self, transport: Transport) -> bool:
        """Whether its client may do one more thing now; what it sends beyond all limits is read at a slow pace."""
        pace = self._context.pace
        if pace is None:
            return True
        now = self.server.eio.loop.time()
        if transport.allowance is None:
            transport.allowance = Allowance(pace, now)
        allowed = transport.allowance.take(now)
        if not allowed:
            self._context.metrics.limits_hit.labels("events").inc()
        return allowed

    async def _failed(self, event: ClientEvent, session: Session, error: EventideError) -> Any:
        if event.wants_ack:
            return {"success": False, "error": {"code": error.code, "message": error.message}}
        told = {"status": "error", "code": error.code, "message": error.message}
        session.tell(wire.EXCEPTION, Content.of(told))
        return None
