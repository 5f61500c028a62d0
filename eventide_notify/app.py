"""The wiring: the one place that knows all parts and the settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import __version__, alerting, build, wire
from .access import Access, ApiKeys
from .admission import Admission, turn_away
from .channel.fanout import ChannelFanout
from .channel.local import LocalChannel
from .channel.redis import RedisChannel
from .demo import DemoRoutes, Interrupt
from .errors import Unavailable
from .lifespan import lifespan_of, serve_lifespan
from .metrics import Metrics, timed
from .models import Receipt, UserId, utc_now
from .presence import MemoryPresence
from .presence.redis import REFRESH, RedisPresence
from .proxies import TrustedProxies
from .rates import SharedCounts
from .realtime.codec import Json
from .realtime.described import described
from .realtime.engine.asgi import respond_to_upgrade
from .realtime.events import ClientEvents
from .realtime.expiry import ExpiryWatch, end_revoked
from .realtime.frames import Content
from .realtime.hub import Hub
from .realtime.namespace import NamespaceContext, NotificationNamespace
from .realtime.protocol.limits import sockets_max
from .realtime.replay import Replay
from .realtime.seams import check_seams
from .realtime.server import SocketServer
from .realtime.session import Session
from .rest import openapi
from .rest.access import AccessRoutes
from .rest.admin import AdminRoutes
from .rest.data import DataRoutes
from .rest.diagnosis import DiagnosisRoutes
from .rest.direct import DirectRoutes, path_of
from .rest.inbox import InboxRoutes
from .rest.observing import ObservingRoutes
from .rest.operations import Limits, Operation, Operations
from .rest.ops import OpsRoutes
from .rest.pages import PageRoutes, static_directory
from .rest.problems import HANDLERS
from .rest.request_ids import RequestIds
from .rest.security import SecurityHeaders
from .service import Inbox, NotificationService
from .service.alerts import Alerts
from .service.background import Background
from .service.counts import UnreadCountPublisher
from .service.data import UserData
from .service.delivery import BacklogReader, ReceiptWriter
from .service.figures import SAMPLE_EVERY, Figures, RecentWarnings
from .service.in_flight import InFlight
from .service.instances import Instances
from .service.journal import Journal
from .service.missed import FIRST_LOOK, LOOK_EVERY, MissedReader, Sweep
from .service.readiness import Readiness
from .service.retention import Retention
from .service.revocations import READ_EVERY, Revocations
from .service.timeline import Timelines
from .settings import Settings, load_settings
from .store.measured import measured

DRAIN_PAUSE_MAX = 0.02
"""Seconds between two transports that are closed at a stop; a few are no stampede."""
PURGE_EVERY = 3600.0
"""Seconds between two rounds of forgetting what has expired."""
RETENTION_EVERY = 5.0
"""Seconds between two looks whether it is time for retention, or to go on with it after an outage."""
ALERTS_EVERY = 2.0
"""Seconds between two looks whether a critical state begins or ends."""
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
        check_seams()
        self._inner_app = inner_app
        self._metrics = metrics = Metrics(__version__)
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._keys = build.key_source(settings)
        verifier = build.token_verifier(settings, self._keys)
        metrics.keys_unavailable.set_function(lambda: self._keys.failure is not None)
        self._store = measured(build.store(settings, metrics), metrics)
        self._tracing = tracing = build.tracing()
        if tracing is not None:
            self._store = tracing.store(self._store)
        self._background = Background(metrics)
        self._journal = Journal()
        self._counts = UnreadCountPublisher(self._store, clock=utc_now)
        self._receipts = ReceiptWriter(self._store, clock=utc_now, metrics=metrics)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        around = partial(timed, metrics.redis.labels("presence").observe, metrics.redis_errors.labels("presence").inc)
        self._presence: MemoryPresence | RedisPresence = (
            RedisPresence(redis_url, around=around) if redis_url else MemoryPresence()
        )
        self._dialects = wire.dialects(
            settings.notification_events, settings.broadcast_events, root=settings.root_namespace
        )
        self._hub = Hub(
            metrics=metrics,
            journal=self._journal,
            counts_changed=self._counts.changed,
            counts_at_once=self._counts.at_once,
            read_counts=self._counts.read,
        )
        self._channel = RedisChannel(redis_url, self._hub, metrics) if redis_url else LocalChannel(self._hub)
        self._hub.tracing = tracing
        self._fanout = ChannelFanout(self._channel if tracing is None else tracing.channel(self._channel))
        self._channel.calls.handle("counts", self._counts_of)
        self._retention = self._build_retention(settings)
        self._revocations = Revocations(
            self._store,
            self._channel.calls,
            partial(end_revoked, self._hub),
            kept=timedelta(days=settings.revocation_days),
            clock=utc_now,
        )
        self._access = Access(verifier.authenticate, self._revocations.is_revoked, ApiKeys(settings.api_keys))
        self.notifications = NotificationService(
            self._store,
            self._fanout,
            self._presence,
            clock=utc_now,
            metrics=metrics,
            journal=self._journal,
            announcement_lifetime=timedelta(days=settings.announcement_days),
        )
        self.inbox = Inbox(
            self._store, self._fanout, journal=self._journal, clock=utc_now, received=self._receipts.received
        )
        self._webhook = alerting.webhook(settings)
        self._alerts = self._build_alerts(settings)
        self._in_flight = InFlight()
        self._shared_counts = SharedCounts(redis_url) if redis_url else None
        self._pages = PageRoutes(static_directory())
        self._sockets = self._build_sockets(settings, demo=demo)
        user_data = UserData(self._store, self._fanout, clock=utc_now, disconnect=self._revocations.disconnect)
        self._admission = Admission(
            self._sockets.eio,
            most=lambda: settings.max_sockets or sockets_max(),
            connects=build.limit("connects", settings.limit_connects, self._shared_counts),
            metrics=metrics,
        )
        self._build_observing()
        self.operations: list[Operation] = [
            *InboxRoutes(self.inbox).operations(),
            *AdminRoutes(self.notifications).operations(),
            *ObservingRoutes(self.inbox, self.notifications, self._timelines, self._instances).operations(),
            *DiagnosisRoutes(instance=self._channel.calls.instance, version=__version__, clock=utc_now).operations(),
            *AccessRoutes(self._revocations).operations(),
            *DataRoutes(user_data).operations(),
        ]
        self._web = self._build_web(settings, demo=demo)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(lambda: self._running(scope), scope, receive, send)
            return
        scope = self._proxies.believed(scope)
        if self._is_socket(scope):
            if refusal := self._admission.refusal(scope):
                await turn_away(refusal, scope, receive, send)
                return
            await self._sockets.handle_request(scope, receive, send)
        elif self._inner_app is not None and not self._is_ours(scope):
            await self._inner_app(scope, receive, send)
        elif scope["type"] == "websocket":
            await respond_to_upgrade(scope, receive, send, 404, b"")
        else:
            await self._web(scope, receive, send)

    async def drain(self, seconds: float) -> None:
        """Accept no more sessions, and close the transports there are, spread over `seconds`.

        Stock clients come back by themselves, and so move to the other instances without a stampede. From the start
        of this `/readyz` answers 503.
        """
        self._admission.open = False
        transports = {session.transport for session in self._hub.sessions.values()}
        pause = min(DRAIN_PAUSE_MAX, seconds / len(transports)) if transports else 0
        for transport in transports:
            transport.close()
            await asyncio.sleep(pause)

    def resume(self) -> None:
        """Accept sessions again after `drain`."""
        self._admission.open = True

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
            self._warnings.open()
            stack.callback(self._warnings.end)
            if self._tracing is not None:
                stack.push_async_callback(self._tracing.close)
            stack.push_async_callback(self._store.close)
            stack.push_async_callback(self._readiness.close)
            await self._store.open()
            await self._revocations.read()  # before anybody is let in
            stack.push_async_callback(self._receipts.close)
            stack.push_async_callback(self._counts.close)
            self._counts.open(self._hub.tell_counts)
            if isinstance(self._presence, RedisPresence):
                stack.push_async_callback(self._presence.close)
            if self._shared_counts is not None:
                stack.push_async_callback(self._shared_counts.close)
            stack.push_async_callback(self._hub.close)
            stack.push_async_callback(self._sockets.shutdown)
            stack.push_async_callback(self._background.stop)
            await self._start_background(stack)
            if self._inner_app is not None:
                await stack.enter_async_context(lifespan_of(self._inner_app, scope))
            yield

    async def _start_background(self, stack: AsyncExitStack) -> None:
        every = self._background.every
        every(SAMPLE_EVERY, "figures", self._figures.sample)
        self._background.watch_loop()
        if self._webhook is not None:
            stack.push_async_callback(self._webhook.close)
        if self._alerts.told:
            every(ALERTS_EVERY, "alerts", self._alerts.round)
        every(PURGE_EVERY, "purge", self.notifications.purge)
        every(RETENTION_EVERY, "retention", self._retention.round)
        sweep = Sweep(self._store, self._hub, clock=utc_now, metrics=self._metrics)
        every(READ_EVERY, "reading revocations", self._revocations.read)
        every(FIRST_LOOK.total_seconds(), "sweep", sweep.round)
        if isinstance(self._channel, RedisChannel):
            stack.push_async_callback(self._channel.stop)
            await self._channel.start()
            missed = MissedReader(self._store, self._hub, self._channel.health, clock=utc_now)
            every(LOOK_EVERY, "reading what was missed", missed.round)
        if isinstance(self._presence, RedisPresence):
            every(PRESENCE_EVERY, "presence", self._presence.flush)
            every(RESTORE_EVERY, "presence restore", self._presence.restore)
            every(REFRESH, "presence refresh", self._presence.refresh)

    def _is_socket(self, scope: Scope) -> bool:
        path = path_of(scope)
        return (path == "/socket.io" or path.startswith("/socket.io/")) and not self._pages.serves_script(path)

    def _is_ours(self, scope: Scope) -> bool:
        return scope["type"] == "http" and any(route.matches(scope)[0] is not Match.NONE for route in self._routes)

    def _build_retention(self, settings: Settings) -> Retention:
        return Retention(
            self._store,
            days=settings.retention_days,
            read_days=settings.retention_read_days,
            clock=utc_now,
            is_chosen=lambda: self._channel.calls.is_first,
            counts_changed=self._counts_changed,
            metrics=self._metrics,
        )

    def _build_sockets(self, settings: Settings, *, demo: bool) -> SocketServer:
        server = SocketServer(
            manager=self._channel,
            confirm=self._confirm,
            metrics=self._metrics,
            origins=list(settings.cors_origins),
            hosts=settings.own_hosts,
            transports=list(settings.transports),
            namespaces=[dialect.namespace for dialect in self._dialects],
        )
        expiry = ExpiryWatch(clock=utc_now, leeway=settings.jwt_leeway, warn=_warn_of_expiry, end=_end)
        events = ClientEvents(
            self.inbox,
            self._receipts,
            self._journal,
            verify=self._access.by_token,
            token_changed=expiry.start,
            broadcast=self._broadcast if demo else None,
        )
        context = NamespaceContext(
            verify=self._access.by_token,
            accepting=lambda: self._admission.open,
            max_sockets=settings.max_sockets_per_user,
            hub=self._hub,
            replay=Replay(self._metrics),
            backlogs=BacklogReader(self._store, clock=utc_now, limit=settings.catch_up_limit),
            presence=self._presence,
            expiry=expiry,
            handlers=events.handlers,
            pace=build.pace(settings.limit_events),
            in_flight=self._in_flight,
            metrics=self._metrics,
            journal=self._journal,
        )
        for dialect in self._dialects:
            server.register_namespace(NotificationNamespace(dialect, context))
        return server

    def _build_alerts(self, settings: Settings) -> Alerts:
        return Alerts(
            alerting.looks(
                store=self._store,
                channel=self._channel,
                keys=self._keys,
                background=self._background,
                receipts=self._receipts,
                metrics=self._metrics,
            ),
            shared=alerting.SHARED,
            store=self._store,
            send=self.notifications.send,
            users=settings.alert_users,
            webhook=self._webhook,
            instance=self._channel.calls.instance,
            leads=lambda: self._channel.calls.is_first,
            clock=utc_now,
        )

    def _build_observing(self) -> None:
        checks = {
            "service": self._check_accepting,
            "database": self._store.check_writable,
            "background": self._check_background,
        }
        self._readiness = Readiness(checks, self._channel_problems)
        self._figures = Figures(self._metrics, self._journal)
        self._warnings = RecentWarnings()
        self._instances = Instances(
            self._channel.calls,
            self._readiness,
            self._figures,
            self._warnings,
            version=__version__,
            accepting=lambda: self._admission.open,
            sockets=lambda: len(self._hub.sessions),
            sessions=self._describe_sessions,
            heard=self._instances_heard,
            clock=utc_now,
        )
        self._timelines = Timelines(
            self._store,
            self._journal,
            self._channel.calls,
            sessions=self._describe_sessions,
            holding=lambda: self._hub.holding,
            clock=utc_now,
        )

    def _describe_sessions(self, user: UserId) -> list[wire.Payload]:
        return described(self._hub.of_user(user), now=utc_now())

    def _instances_heard(self) -> dict[str, float]:
        channel = self._channel
        return channel.health.heard_ago(now=time.monotonic()) if isinstance(channel, RedisChannel) else {}

    def _confirm(self, receipts: Sequence[Receipt], transport: str, proof: str) -> None:
        self._journal.received(receipts, transport, proof)
        self._receipts.confirmed(receipts)
        if self._tracing is not None:
            self._tracing.received(receipts)

    def _build_web(self, settings: Settings, *, demo: bool) -> ASGIApp:
        limits = Limits(
            user=build.limit("user", settings.limit_rest, self._shared_counts),
            admin=build.limit("admin", settings.limit_admin, self._shared_counts),
        )
        rows = self.operations if self._tracing is None else list(map(self._tracing.operation, self.operations))
        rest = Operations(rows, self._access.by_token_or_key, limits, self._in_flight, self._metrics)
        token = settings.ops_token.get_secret_value() if settings.ops_token else None
        ops = OpsRoutes(self._readiness, self._metrics, token=token)
        document = Json.dumps(openapi.document(self.operations, version=__version__))

        async def description(request: Request) -> Response:
            return Response(document, media_type="application/json")

        prefix = "" if self._inner_app is None else "/v1"
        rest_routes = rest.routes()
        self._routes: list[BaseRoute] = [
            *rest_routes,
            *ops.routes(),
            Route(f"{prefix}/openapi.json", description),
            self._pages.docs(f"{prefix}/docs"),
            self._pages.admin(f"{prefix}/admin/"),
            *(self._demo_routes(settings) if demo else []),
            *self._pages.routes(),
            *([self._pages.root()] if self._inner_app is None else []),
        ]
        web = DirectRoutes(rest_routes, Starlette(routes=self._routes, exception_handlers=HANDLERS))
        secured = SecurityHeaders(CORSMiddleware(web, **build.cors(settings)) if settings.cors_origins else web)
        return RequestIds(secured)

    def _demo_routes(self, settings: Settings) -> list[Route]:
        return DemoRoutes(settings, verify=self._access.by_token, interrupt=lambda: self.interrupt).routes()

    def _channel_problems(self) -> list[str]:
        return self._channel.health.problems if isinstance(self._channel, RedisChannel) else []

    async def _check_accepting(self) -> None:
        if not self._admission.open:
            raise Unavailable("is stopping")

    async def _check_background(self) -> None:
        if failing := self._background.failing:
            raise Unavailable(", ".join(f"{name} ({reason})" for name, reason in failing.items()))

    async def _counts_changed(self, users: Collection[UserId]) -> None:
        await self._channel.calls.order("counts", users=list(users))

    async def _counts_of(self, order: Mapping[str, Any]) -> None:
        self._hub.counts_changed(order["users"])

    async def _broadcast(self, event: str, text: str) -> None:
        await self._fanout.emit(event, text, None)


def _warn_of_expiry(session: Session) -> None:
    expires_at = wire.iso(session.principal.expires_at)
    session.tell(wire.TOKEN_EXPIRING, Content.of({"expiresAt": expires_at}))


def _end(session: Session) -> None:
    session.transport.close()
