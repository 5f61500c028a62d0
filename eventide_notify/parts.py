"""The wiring: the one place that knows all parts and the settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from socket import gethostname
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from . import __version__, alerting, asyncapi, build, wire
from .access import Access, ApiKeys
from .admission import Admission
from .channel.fanout import ChannelFanout
from .channel.local import LocalChannel
from .channel.redis import RedisChannel
from .demo import DemoRoutes, Interrupt
from .errors import Unavailable
from .metrics import Metrics, timed
from .models import Receipt, UserId, utc_now
from .presence import MemoryPresence
from .presence.redis import RedisPresence
from .proxies import TrustedProxies
from .rates import SharedCounts
from .realtime.codec import Json
from .realtime.described import described
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
from .rest.direct import DirectRoutes
from .rest.inbox import InboxRoutes
from .rest.observing import ObservingRoutes
from .rest.operations import Limits, Operation, Operations
from .rest.ops import OpsRoutes
from .rest.pages import PageRoutes, static_directory
from .rest.problems import HANDLERS
from .rest.reach import ReachRoutes
from .rest.request_ids import RequestIds
from .rest.scheduling import SchedulingRoutes
from .rest.security import SecurityHeaders
from .rest.topics import TopicRoutes
from .service import Inbox, NotificationService
from .service.alerts import Alerts
from .service.background import Background
from .service.counts import UnreadCountPublisher
from .service.data import UserData
from .service.delivery import BacklogReader, ReceiptWriter
from .service.due import DeadWork, DueWork
from .service.expiry import Expiry
from .service.figures import Figures, RecentWarnings
from .service.in_flight import InFlight
from .service.instances import Instances
from .service.journal import Journal
from .service.known import KnownUsers
from .service.reach import Reaches
from .service.readiness import Readiness
from .service.reminders import REMIND, Reminders
from .service.retention import Retention
from .service.revocations import Revocations
from .service.scheduling import ANNOUNCE, SEND, recipients
from .service.timeline import Timelines
from .service.topics import Topics
from .settings import Settings
from .store.measured import measured


class Parts:
    """All parts of an instance, made of the settings and connected with one another; nothing runs yet.

    `prefix`: what stands before the addresses of `/docs`, `/openapi.json` and the operators' page, which an inner
    application may have itself. `demo`: gives what stops the server for a while; None: there are no demo users.
    """

    def __init__(self, settings: Settings, *, prefix: str, demo: Callable[[], Interrupt | None] | None) -> None:
        check_seams()
        self.metrics = metrics = Metrics(__version__)
        self.proxies = TrustedProxies(settings.trusted_proxies)
        self.keys = build.key_source(settings)
        verifier = build.token_verifier(settings, self.keys)
        metrics.keys_unavailable.set_function(lambda: self.keys.failure is not None)
        self.store = measured(build.store(settings, metrics), metrics)
        self.tracing = tracing = build.tracing()
        if tracing is not None:
            self.store = tracing.store(self.store)
        self.background = Background(metrics)
        self.journal = Journal()
        self.counts = UnreadCountPublisher(self.store, clock=utc_now)
        self.receipts = ReceiptWriter(self.store, clock=utc_now, metrics=metrics)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        around = partial(timed, metrics.redis.labels("presence").observe, metrics.redis_errors.labels("presence").inc)
        self.presence: MemoryPresence | RedisPresence = (
            RedisPresence(redis_url, around=around) if redis_url else MemoryPresence()
        )
        self.dialects = wire.dialects(
            settings.notification_events, settings.broadcast_events, root=settings.root_namespace
        )
        self.hub = Hub(
            metrics=metrics,
            journal=self.journal,
            counts_changed=self.counts.changed,
            counts_at_once=self.counts.at_once,
            read_counts=self.counts.read,
            subscribed=self.store.subscribed,
        )
        self.channel = RedisChannel(redis_url, self.hub, metrics) if redis_url else LocalChannel(self.hub)
        self.hub.tracing = tracing
        self.fanout = ChannelFanout(self.channel if tracing is None else tracing.channel(self.channel))
        self.channel.calls.handle("counts", self._counts_of)
        self.channel.calls.handle("forget", self._forget)
        self.known = KnownUsers(self.store)
        self.retention = self._build_retention(settings)
        self.expiry = Expiry(
            self.store,
            self.hub,
            clock=utc_now,
            is_chosen=lambda: self.channel.calls.is_first,
            metrics=metrics,
            sleep=asyncio.sleep,
        )
        self.revocations = Revocations(
            self.store,
            self.channel.calls,
            partial(end_revoked, self.hub),
            kept=timedelta(days=settings.revocation_days),
            clock=utc_now,
        )
        self.access = Access(verifier.authenticate, self.revocations.is_revoked, ApiKeys(settings.api_keys))
        self.notifications = NotificationService(
            self.store,
            self.fanout,
            self.presence,
            clock=utc_now,
            metrics=metrics,
            journal=self.journal,
            announcement_lifetime=timedelta(days=settings.announcement_days),
        )
        self.queues = build.queues(settings, self.notifications, check_store=self.store.check_writable, metrics=metrics)
        self.inbox = Inbox(
            self.store, self.fanout, journal=self.journal, clock=utc_now, received=self.receipts.received
        )
        self.due = DueWork(self.store, clock=utc_now, metrics=metrics)
        self.due.handle(SEND, self.notifications.send_due, weigh=recipients)
        self.due.handle(ANNOUNCE, self.notifications.announce_due)
        self.topics = Topics(
            self.store, self.fanout, clock=utc_now, counts_changed=self._counts_changed, met=self.known.met_all
        )
        self.reminders = self._build_reminders()
        self.webhook = alerting.webhook(settings)
        self.alerts = self._build_alerts(settings)
        self.in_flight = InFlight()
        self.shared_counts = SharedCounts(redis_url) if redis_url else None
        self.pages = PageRoutes(static_directory())
        self.sockets = self._build_sockets(settings, demo=demo is not None)
        user_data = UserData(
            self.store,
            self.fanout,
            clock=utc_now,
            disconnect=self.revocations.disconnect,
            forget=lambda user: self.channel.calls.order("forget", user=user),
            unschedule=self.notifications.schedule.forget,
        )
        self.admission = Admission(
            self.sockets.eio,
            most=lambda: settings.max_sockets or sockets_max(),
            connects=build.limit("connects", settings.limit_connects, self.shared_counts),
            metrics=metrics,
        )
        self._build_observing()
        self.operations: list[Operation] = [
            *InboxRoutes(self.inbox).operations(),
            *AdminRoutes(self.notifications).operations(),
            *TopicRoutes(self.topics).operations(),
            *ObservingRoutes(self.inbox, self.notifications, self.timelines, self.instances).operations(),
            *DiagnosisRoutes(instance=self.channel.calls.instance, version=__version__, clock=utc_now).operations(),
            *AccessRoutes(self.revocations).operations(),
            *DataRoutes(user_data).operations(),
            *SchedulingRoutes(self.notifications.schedule, DeadWork(self.store, clock=utc_now)).operations(),
            *ReachRoutes(Reaches(self.store, self.known, clock=utc_now)).operations(),
        ]
        self.web = self._build_web(settings, prefix, demo)

    def _build_reminders(self) -> Reminders:
        calls = self.channel.calls
        reminders = Reminders(self.store, self.hub, order=lambda id: calls.order(REMIND, id=id), clock=utc_now)
        calls.handle(REMIND, reminders.remind)
        self.due.handle(REMIND, reminders.due)
        return reminders

    def _build_retention(self, settings: Settings) -> Retention:
        return Retention(
            self.store,
            days=settings.retention_days,
            read_days=settings.retention_read_days,
            clock=utc_now,
            is_chosen=lambda: self.channel.calls.is_first,
            counts_changed=self._counts_changed,
            metrics=self.metrics,
        )

    def _build_sockets(self, settings: Settings, *, demo: bool) -> SocketServer:
        server = SocketServer(
            manager=self.channel,
            confirm=self._confirm,
            metrics=self.metrics,
            origins=list(settings.cors_origins),
            hosts=settings.own_hosts,
            transports=list(settings.transports),
            namespaces=[dialect.namespace for dialect in self.dialects],
        )
        expiry = ExpiryWatch(clock=utc_now, leeway=settings.jwt_leeway, warn=_warn_of_expiry, end=_end)
        self.events = ClientEvents(
            self.inbox,
            self.receipts,
            self.journal,
            self.topics,
            verify=self.access.by_token,
            token_changed=expiry.start,
            broadcast=self._broadcast if demo else None,
        )
        context = NamespaceContext(
            verify=self.access.by_token,
            accepting=lambda: self.admission.open,
            max_sockets=settings.max_sockets_per_user,
            hub=self.hub,
            replay=Replay(self.metrics),
            backlogs=BacklogReader(self.store, clock=utc_now, limit=settings.catch_up_limit),
            presence=self.presence,
            expiry=expiry,
            handlers=self.events.handlers,
            pace=build.pace(settings.limit_events),
            in_flight=self.in_flight,
            metrics=self.metrics,
            journal=self.journal,
            met=self.known.met,
        )
        for dialect in self.dialects:
            server.register_namespace(NotificationNamespace(dialect, context))
        return server

    def _build_alerts(self, settings: Settings) -> Alerts:
        return Alerts(
            alerting.looks(
                store=self.store,
                channel=self.channel,
                keys=self.keys,
                background=self.background,
                receipts=self.receipts,
                metrics=self.metrics,
            ),
            shared=alerting.SHARED,
            store=self.store,
            send=self.notifications.send,
            users=settings.alert_users,
            webhook=self.webhook,
            instance=self.channel.calls.instance,
            leads=lambda: self.channel.calls.is_first,
            clock=utc_now,
        )

    def _build_observing(self) -> None:
        checks = {
            "service": self._check_accepting,
            "database": self.store.check_writable,
            "background": self._check_background,
        }
        self.readiness = Readiness(checks, self._degradations)
        self.figures = Figures(self.metrics, self.journal)
        self.warnings = RecentWarnings()
        self.instances = Instances(
            self.channel.calls,
            self.readiness,
            self.figures,
            self.warnings,
            host=gethostname(),
            version=__version__,
            accepting=lambda: self.admission.open,
            sockets=lambda: len(self.hub.sessions),
            sessions=self._describe_sessions,
            heard=self._instances_heard,
            clock=utc_now,
        )
        self.timelines = Timelines(
            self.store,
            self.journal,
            self.channel.calls,
            sessions=self._describe_sessions,
            holding=lambda: self.hub.holding,
            clock=utc_now,
        )

    def _describe_sessions(self, user: UserId) -> list[wire.Payload]:
        return described(self.hub.of_user(user), now=utc_now())

    def _instances_heard(self) -> dict[str, float]:
        channel = self.channel
        return channel.health.heard_ago(now=time.monotonic()) if isinstance(channel, RedisChannel) else {}

    def _confirm(self, receipts: Sequence[Receipt], transport: str, proof: str) -> None:
        self.journal.received(receipts, transport, proof)
        self.receipts.confirmed(receipts)
        if self.tracing is not None:
            self.tracing.received(receipts)

    def _build_web(self, settings: Settings, prefix: str, demo: Callable[[], Interrupt | None] | None) -> ASGIApp:
        limits = Limits(
            user=build.limit("user", settings.limit_rest, self.shared_counts),
            admin=build.limit("admin", settings.limit_admin, self.shared_counts),
        )
        rows = self.operations if self.tracing is None else list(map(self.tracing.operation, self.operations))
        verify = self.access.by_token_or_key
        rest = Operations(rows, verify, limits, self.in_flight, self.metrics, met=self.known.met)
        token = settings.ops_token.get_secret_value() if settings.ops_token else None
        ops = OpsRoutes(self.readiness, self.metrics, token=token)
        described = openapi.document(self.operations, version=__version__)
        told = asyncapi.document(self.dialects, self.events.rows, version=__version__, demo=demo is not None)
        rest_routes = rest.routes()
        self.routes: list[BaseRoute] = [
            *rest_routes,
            *ops.routes(),
            _description(f"{prefix}/openapi.json", described),
            _description(f"{prefix}/asyncapi.json", told),
            self.pages.docs(f"{prefix}/docs"),
            self.pages.admin(f"{prefix}/admin/"),
            *([] if demo is None else DemoRoutes(settings, verify=self.access.by_token, interrupt=demo).routes()),
            *self.pages.routes(),
            *([] if prefix else [self.pages.root()]),
        ]
        web = DirectRoutes(rest_routes, Starlette(routes=self.routes, exception_handlers=HANDLERS))
        secured = SecurityHeaders(CORSMiddleware(web, **build.cors(settings)) if settings.cors_origins else web)
        return RequestIds(secured)

    def _degradations(self) -> list[str]:
        """What is lacking without which the service still works."""
        redis = self.channel.health.problems if isinstance(self.channel, RedisChannel) else []
        queues = self.queues.problems if self.queues is not None else []
        keys = [] if self.keys.failure is None else ["keys: those for checking tokens cannot be fetched"]
        self.keys.retry()  # where nobody comes any more because of this, no token would cause it
        return [f"redis: {problem}" for problem in redis] + [f"queue {problem}" for problem in queues] + keys

    async def _check_accepting(self) -> None:
        if not self.admission.open:
            raise Unavailable("is stopping")

    async def _check_background(self) -> None:
        if failing := self.background.failing:
            raise Unavailable(", ".join(f"{name} ({reason})" for name, reason in failing.items()))

    async def _counts_changed(self, users: Collection[UserId]) -> None:
        await self.channel.calls.order("counts", users=list(users))

    async def _counts_of(self, order: Mapping[str, Any]) -> None:
        self.hub.counts_changed(order["users"])

    async def _forget(self, order: Mapping[str, Any]) -> None:
        self.known.forget(order["user"])

    async def _broadcast(self, event: str, text: str) -> None:
        await self.fanout.emit(event, text, None)


def _description(path: str, document: Mapping[str, Any]) -> Route:
    """The document, at this address."""
    encoded = Json.dumps(document)

    async def description(request: Request) -> Response:
        return Response(encoded, media_type="application/json")

    return Route(path, description)


def _warn_of_expiry(session: Session) -> None:
    expires_at = wire.iso(session.principal.expires_at)
    session.tell(wire.TOKEN_EXPIRING, Content.of({"expiresAt": expires_at}))


def _end(session: Session) -> None:
    session.transport.close()
