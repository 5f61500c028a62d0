"""The service as an ASGI application: which part gets a request, and what begins and ends with the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from . import __version__
from .admission import turn_away
from .channel.redis import RedisChannel
from .demo import Interrupt
from .lifespan import lifespan_of, serve_lifespan
from .models import utc_now
from .parts import Parts
from .presence.redis import REFRESH, RedisPresence
from .realtime.engine.asgi import respond_to_upgrade
from .rest.direct import path_of
from .service import NotificationService, due, expiry
from .service.figures import SAMPLE_EVERY
from .service.missed import FIRST_LOOK, LOOK_EVERY, MissedReader, Sweep
from .service.revocations import READ_EVERY
from .settings import Settings, load_settings

logger = logging.getLogger(__name__)

DRAIN_PAUSE_MAX = 0.02
"""Seconds between two transports that are closed at a stop; a few are no stampede."""
PURGE_EVERY = 3600.0
"""Seconds between two rounds of forgetting what has expired."""
RETENTION_EVERY = 5.0
"""Seconds between two looks whether it is time for retention, or to go on with it after an outage."""
ALERTS_EVERY = 2.0
"""Seconds between two looks whether a critical state begins or ends."""
KNOWN_EVERY = 1.0
"""Seconds between two writings of who is new."""
PRESENCE_EVERY = 0.2
"""Seconds between two writings of who came and went."""
RESTORE_EVERY = 1.0
"""Seconds between two looks whether Redis still has what was written."""


def create_app(
    settings: Settings | None = None, *, inner_app: ASGIApp | None = None, demo: bool = False
) -> Application:
    """The service as an ASGI application.

    `settings`: default: from the environment and `.env`. `inner_app`: another ASGI application (FastAPI, Django, …)
    that gets every request the service has no route for, and whose lifespan is run too; then `/`, `/docs` and
    `/openapi.json` are the inner application's, and the service's own are under `/v1/docs` and `/v1/openapi.json`.
    `demo`: with the demo users, whose tokens anybody who can reach the service may have.

    Raises `ConfigurationError` when the settings cannot be used.
    """
    return Application(settings or load_settings(), inner_app=inner_app, demo=demo)


class Application:
    """An ASGI application. `notifications` is its service, for Python code in the same process:

    ``await app.notifications.send(["42"], Draft(message="Hello"))``
    """

    notifications: NotificationService
    interrupt: Interrupt | None = None
    """How the demo stops the server that this runs on; `None`: that server does not say."""

    def __init__(self, settings: Settings, *, inner_app: ASGIApp | None, demo: bool) -> None:
        self._inner_app = inner_app
        prefix = "" if inner_app is None else "/v1"
        self._parts = Parts(settings, prefix=prefix, demo=(lambda: self.interrupt) if demo else None)
        self.notifications = self._parts.notifications
        self.inbox = self._parts.inbox
        self.topics = self._parts.topics
        self.operations = self._parts.operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(lambda: self._running(scope), scope, receive, send)
            return
        scope = self._parts.proxies.believed(scope)
        if self._is_socket(scope):
            if refusal := self._parts.admission.refusal(scope):
                await turn_away(refusal, scope, receive, send)
                return
            await self._parts.sockets.handle_request(scope, receive, send)
        elif self._inner_app is not None and not self._is_ours(scope):
            await self._inner_app(scope, receive, send)
        elif scope["type"] == "websocket":
            await respond_to_upgrade(scope, receive, send, 404, b"")
        else:
            await self._parts.web(scope, receive, send)

    async def drain(self, seconds: float) -> None:
        """Accept no more sessions, and close the transports there are, spread over `seconds`.

        Stock clients come back by themselves, and so move to the other instances without a stampede. From the start
        of this `/readyz` answers 503.
        """
        self._parts.admission.open = False
        transports = {session.transport for session in self._parts.hub.sessions.values()}
        pause = min(DRAIN_PAUSE_MAX, seconds / len(transports)) if transports else 0
        for transport in transports:
            transport.close()
            await asyncio.sleep(pause)

    def resume(self) -> None:
        """Accept sessions again after `drain`."""
        self._parts.admission.open = True

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """What an application that this one is mounted in has to run, for ASGI gives a lifespan to the outermost only:

        ``api = FastAPI(lifespan=service.lifespan); api.mount("/notify", service)``
        """
        async with self._running({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}):
            yield

    @asynccontextmanager
    async def _running(self, scope: Scope) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            self._parts.warnings.open()
            stack.callback(self._parts.warnings.end)
            if self._parts.tracing is not None:
                stack.push_async_callback(self._parts.tracing.close)
            stack.push_async_callback(self._parts.store.close)
            stack.push_async_callback(self._parts.readiness.close)
            await self._parts.store.open()
            await self._parts.revocations.read()  # before anybody is let in
            stack.push_async_callback(self._parts.receipts.close)
            stack.push_async_callback(self._parts.counts.close)
            stack.push_async_callback(self._parts.known.close)
            self._parts.counts.open(self._parts.hub.tell_counts)
            if isinstance(self._parts.presence, RedisPresence):
                stack.push_async_callback(self._parts.presence.close)
            if self._parts.shared_counts is not None:
                stack.push_async_callback(self._parts.shared_counts.close)
            stack.push_async_callback(self._parts.hub.close)
            stack.push_async_callback(self._parts.reminders.close)
            stack.push_async_callback(self._parts.sockets.shutdown)
            stack.push_async_callback(self._parts.background.stop)
            await self._start_background(stack)
            if self._parts.queues is not None:
                stack.push_async_callback(self._parts.queues.stop)
                self._parts.queues.start()
            if self._inner_app is not None:
                await stack.enter_async_context(lifespan_of(self._inner_app, scope))
            logger.info("instance %s, version %s, begins", self._parts.channel.calls.instance[:8], __version__)
            yield
            logger.info("the instance ends")

    async def _start_background(self, stack: AsyncExitStack) -> None:
        every = self._parts.background.every
        every(SAMPLE_EVERY, "figures", self._parts.figures.sample)
        self._parts.background.watch_loop()
        if self._parts.webhook is not None:
            stack.push_async_callback(self._parts.webhook.close)
        if self._parts.alerts.told:
            every(ALERTS_EVERY, "looking for alerts", self._parts.alerts.look)
            every(ALERTS_EVERY, "telling alerts", self._parts.alerts.tell)
        every(PURGE_EVERY, "purge", self._parts.notifications.purge)
        every(due.LOOK_EVERY, "due work", self._parts.due.round)
        every(due.COUNT_EVERY, "counting due work", self._parts.due.count)
        every(RETENTION_EVERY, "retention", self._parts.retention.round)
        every(expiry.LOOK_EVERY, "telling what has expired", self._parts.expiry.tell)
        every(expiry.REMOVE_EVERY, "removing what has expired", self._parts.expiry.remove)
        sweep = Sweep(self._parts.store, self._parts.hub, clock=utc_now, metrics=self._parts.metrics)
        every(KNOWN_EVERY, "users", self._parts.known.round)
        every(READ_EVERY, "reading revocations", self._parts.revocations.read)
        every(FIRST_LOOK.total_seconds(), "sweep", sweep.round)
        if isinstance(self._parts.channel, RedisChannel):
            stack.push_async_callback(self._parts.channel.stop)
            await self._parts.channel.start()
            missed = MissedReader(self._parts.store, self._parts.hub, self._parts.channel.health, clock=utc_now)
            every(LOOK_EVERY, "reading what was missed", missed.round)
        if isinstance(self._parts.presence, RedisPresence):
            every(PRESENCE_EVERY, "presence", self._parts.presence.flush)
            every(RESTORE_EVERY, "presence restore", self._parts.presence.restore)
            every(REFRESH, "presence refresh", self._parts.presence.refresh)

    def _is_socket(self, scope: Scope) -> bool:
        path = path_of(scope)
        return (path == "/socket.io" or path.startswith("/socket.io/")) and not self._parts.pages.serves_script(path)

    def _is_ours(self, scope: Scope) -> bool:
        return scope["type"] == "http" and any(
            route.matches(scope)[0] is not Match.NONE for route in self._parts.routes
        )
