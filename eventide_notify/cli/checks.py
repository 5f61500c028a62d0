"""`check`: the configuration, and what it leads to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr

from .. import build
from ..access import ApiKeys
from ..channel.publisher import probe
from ..errors import EventideError
from ..models import utc_now
from ..presence.redis import RedisPresence
from ..queues.address import QueueAddress
from ..queues.brokers import DriverMissing, make_broker
from ..queues.supervisor import START_TIMEOUT, closed, told
from ..settings import ConfigurationError, Settings, given_name, load_settings, token_issuer
from ..store import Store, create_store, driver_note
from ..store.records import check_version
from .common import COMMAND_LINE, cli, configuration, fail, line

HIDDEN = "********"
ADDRESSES = {"database_url", "redis_url"}
"""Settings with a secret in them of which everything else is shown."""
DIAGNOSIS_TOKEN_TTL = 300.0
"""Seconds: longer than the slowest diagnosis."""


@cli.command()
def check(
    *,
    url: Annotated[
        str | None, typer.Option(help="Diagnose the deployment at this address from outside.", show_default=False)
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="With --url: the origin of a page that is to connect; may be repeated.", show_default=False),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="With --url: a token; an administrator's shows more. Default: one signed with EVENTIDE_JWT_SECRET.",
            show_default=False,
        ),
    ] = None,
    slow: Annotated[bool, typer.Option("--slow", help="With --url: wait for time-outs too, for a minute.")] = False,
) -> None:
    """Print the configuration, and test the database, Redis and the queues' brokers. With --url: diagnose a deployment
    from outside.

    The schema of the database stays as it is, and no queue is made.
    """
    if url is not None:
        _diagnose(url, tuple(origin or ()), token, slow=slow)
        return
    if origin or token or slow:
        fail("--origin, --token and --slow need --url", code=2)
    with configuration():
        settings = load_settings()
    for name, value in _described(settings):
        typer.echo(f"{name} = {value}")
    typer.echo()
    with configuration():
        results = [_tokens(settings), asyncio.run(_database(settings)), asyncio.run(_redis(settings))]
        results += asyncio.run(_queues(settings))
    for part, fault, note in results:
        typer.echo(f"{part}: {f'FAILED: {fault}' if fault else note}")
    url = settings.database_url.get_secret_value()
    if driver := driver_note(url, mongodb_driver=settings.mongodb_driver):
        typer.echo(f"note: {driver}")
    if any(fault for _, fault, _ in results):
        raise typer.Exit(1)


def _diagnose(url: str, origins: tuple[str, ...], token: str | None, *, slow: bool) -> None:
    from .. import diagnose

    plan = diagnose.Plan(url=url, token=token or _own_token(), origins=origins, slow=slow)

    async def run() -> bool:
        levels = set[str]()
        async for finding in diagnose.diagnose(plan):
            typer.echo(str(finding))
            levels.add(finding.level)
        return "FAILED" not in levels

    if not asyncio.run(run()):
        raise typer.Exit(1)


def _own_token() -> str | None:
    """An administrator's, if there is a secret to sign it with: a deployment can be diagnosed without settings."""
    try:
        return token_issuer(load_settings()).issue(COMMAND_LINE, ttl=DIAGNOSIS_TOKEN_TTL, now=utc_now(), admin=True)
    except ConfigurationError:
        return None


Result = tuple[str, str | None, str]
"""A part, what is wrong with it, and what to say if nothing is."""


def _tokens(settings: Settings) -> Result:
    try:
        build.token_verifier(settings)
    except ConfigurationError as error:
        return "tokens", str(error), ""
    return "tokens", None, f"{', '.join(settings.effective_algorithms)}"


async def prepare_database(settings: Settings) -> str | None:
    """Bring the database up to date, as a start does, and test writing; why it cannot be used, or None."""
    return (await _tried(settings, _written))[1]


async def _database(settings: Settings) -> Result:
    return await _tried(settings, _looked_at)


async def _written(store: Store) -> str:
    await store.open()
    await store.check_writable()
    return "answers"


async def _looked_at(store: Store) -> str:
    """Likewise, but a schema that is not up to date stays as it is: older instances may still use it."""
    found = await store.schema()
    check_version(found.version, found.target)
    if not found.exists:
        return "does not exist yet, and will be created by the first start"
    if not found.version:
        return "has no schema yet, the first start makes it"
    if found.steps:
        lacks = "" if found.version < found.target else ", but indexes are missing"
        return (
            f"schema {found.version} of {found.target}{lacks}: eventide-notify migrate, or the next start, "
            "brings it up to date"
        )
    return await _written(store)


async def _tried(settings: Settings, use: Callable[[Store], Awaitable[str]]) -> Result:
    try:
        store = create_store(settings.database_url.get_secret_value(), mongodb_driver=settings.mongodb_driver)
        try:
            note = await use(store)
        finally:
            await store.close()
    except EventideError as error:
        return "database", line(error), ""
    except ValueError as error:
        # What drivers quote from a URL that they cannot read may be a part of the password.
        reason = re.sub(r"([\"']).*\1", "…", line(error))
        raise ConfigurationError(f"{given_name('database_url')}: {reason}") from None
    return "database", None, note


async def _redis(settings: Settings) -> Result:
    if settings.redis_url is None:
        return "redis", None, "not configured (one instance)"
    url = settings.redis_url.get_secret_value()
    presence = RedisPresence(url)
    uses: dict[str, Callable[[], Awaitable[None]]] = {
        "who is connected": presence.probe,
        "publish and subscribe": lambda: probe(url),
    }
    try:
        for use, attempt in uses.items():
            try:
                await attempt()
            except (EventideError, ValueError) as error:
                return "redis", f"{use}: {line(error.__cause__ or error)}", ""
    finally:
        await presence.abandon()
    return "redis", None, "answers"


async def _queues(settings: Settings) -> Sequence[Result]:
    return [await _queue(address) for address in settings.queue_addresses]


async def _queue(address: QueueAddress) -> Result:
    part = f"queue {address.label}"
    try:
        broker = make_broker(address)
    except DriverMissing as error:
        raise ConfigurationError(f"EVENTIDE_QUEUES: {error}") from None
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await broker.connect()
    except Exception as error:  # each driver has its own
        return part, told(error, address), ""
    finally:
        await closed(broker)
    return part, None, "the broker answers"


def _described(settings: Settings) -> Iterator[tuple[str, str]]:
    shown = settings.model_dump() | {"jwt_algorithms": settings.effective_algorithms}
    secret = {name for name, value in shown.items() if isinstance(value, SecretStr)} - ADDRESSES
    shown |= dict.fromkeys(secret, HIDDEN)
    if settings.alert_webhook is not None:
        shown["alert_webhook"] = _place(settings.alert_webhook.get_secret_value())
    shown["queues"] = tuple(address.shown for address in settings.queue_addresses)
    shown["api_keys"] = tuple(ApiKeys(settings.api_keys).names)
    if settings.jwt_public_key is not None:
        shown["jwt_public_key"] = "(set)"
    for name, value in shown.items():
        yield f"EVENTIDE_{name.upper()}", _plain(value)


def _place(url: str) -> str:
    """Scheme and host of a URL whose path may be a secret: many receivers of webhooks know their callers by it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/{HIDDEN}"


def _plain(value: object) -> str:
    if value is None or value == ():
        return "(none)"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ",".join(value)
    return str(value).lower() if isinstance(value, bool) else _without_password(str(value))


def _without_password(text: str) -> str:
    """A URL without its password, also where it is one that does not parse."""
    shown = re.sub(r"(//[^:@/]*:).*@", rf"\1{HIDDEN}@", text)
    return re.sub(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", rf"\1{HIDDEN}", shown, flags=re.IGNORECASE)
