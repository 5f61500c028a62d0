"""The parts that depend on nothing but the settings."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from .auth import FixedKey, JwksKeys, KeySource, TokenVerifier
from .metrics import Metrics
from .models import utc_now
from .queues.brokers import DriverMissing, check_drivers, make_broker
from .queues.intake import Check, Intake
from .queues.supervisor import Consumer, Supervisor
from .rates import Pace, RateLimit, SharedCounts, parse_rate
from .service import NotificationService
from .settings import DEFAULT_USER_CLAIMS, ConfigurationError, Settings
from .store import Store, create_store, driver_note

if TYPE_CHECKING:
    from .tracing import Tracing

logger = logging.getLogger(__name__)

_OTEL = ("SDK_DISABLED", "TRACES_EXPORTER", "EXPORTER_OTLP_ENDPOINT", "EXPORTER_OTLP_TRACES_ENDPOINT")


def store(settings: Settings, metrics: Metrics) -> Store:
    """The store at the database's address; raises `ConfigurationError` when there can be none."""
    url = settings.database_url.get_secret_value()
    try:
        store = create_store(url, mongodb_driver=settings.mongodb_driver, sizes=metrics.together.observe)
    except ValueError as error:
        raise ConfigurationError(f"EVENTIDE_DATABASE_URL: {error}") from None
    if note := driver_note(url, mongodb_driver=settings.mongodb_driver):
        logger.warning(note)
    return store


def queues(
    settings: Settings, service: NotificationService, *, check_store: Check, metrics: Metrics
) -> Supervisor | None:
    """What takes the messages of the queues; None: there are none. Raises `ConfigurationError` when a driver is not
    installed."""
    addresses = settings.queue_addresses
    try:
        check_drivers(addresses)
    except DriverMissing as error:
        raise ConfigurationError(f"EVENTIDE_QUEUES: {error}") from None
    consumers = [
        Consumer(
            address,
            Intake(address, service, check_store=check_store, clock=utc_now, metrics=metrics),
            broker=make_broker,
            metrics=metrics,
        )
        for address in addresses
    ]
    return Supervisor(consumers) if consumers else None


def token_verifier(settings: Settings, keys: KeySource | None = None) -> TokenVerifier:
    """The verifier that the settings describe; raises `ConfigurationError` when there is no key."""
    return TokenVerifier(
        keys or key_source(settings),
        algorithms=settings.effective_algorithms,
        user_claims=(settings.jwt_user_claim,) if settings.jwt_user_claim else DEFAULT_USER_CLAIMS,
        admin_role=settings.admin_role,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        leeway=settings.jwt_leeway,
    )


def key_source(settings: Settings) -> KeySource:
    """Where the keys for tokens come from; raises `ConfigurationError` when there are none."""
    if settings.jwks_url:
        return JwksKeys(settings.jwks_url, settings.effective_algorithms)
    if settings.jwt_public_key:
        return FixedKey(settings.jwt_public_key.replace("\\n", "\n"))
    if settings.jwt_secret:
        return FixedKey(settings.jwt_secret.get_secret_value())
    raise ConfigurationError(
        "EVENTIDE_JWT_SECRET (or EVENTIDE_JWT_PUBLIC_KEY, or EVENTIDE_JWKS_URL) is not set; "
        "to try the service without a configuration: eventide-notify demo"
    )


def limit(name: str, text: str, shared: SharedCounts | None) -> RateLimit | None:
    """The limit that a setting describes; None: there is none."""
    rate = parse_rate(text)
    return RateLimit(name, rate, shared) if rate else None


def pace(text: str) -> Pace | None:
    """How fast a socket may send events; None: as fast as it likes."""
    rate = parse_rate(text)
    return Pace.of(rate) if rate else None


def tracing() -> Tracing | None:
    """What makes traces, if the variables of OpenTelemetry say where they go; None: none are wanted."""
    given = {name: os.environ.get(f"OTEL_{name}", "").strip().lower() for name in _OTEL}
    if given["SDK_DISABLED"] == "true" or given["TRACES_EXPORTER"] not in ("", "otlp"):
        return None
    if not any(given[name] for name in _OTEL[1:]):
        return None
    try:
        from .tracing import Tracing
    except ImportError:
        logger.warning("OTEL_… asks for traces, which need: pip install eventide-notify[otel]")
        return None
    return Tracing.from_environment()


def cors(settings: Settings) -> dict[str, Any]:
    """What pages of the origins that are allowed may do, for Starlette's middleware."""
    everybody = "*" in settings.cors_origins
    return {
        "allow_origins": ["*"] if everybody else list(settings.cors_origins),
        "allow_credentials": not everybody,
        "allow_methods": ["GET", "POST", "PUT", "DELETE"],
        "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"],
        "expose_headers": ["RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID"],
    }
