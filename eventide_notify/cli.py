"""The command line: `eventide-notify serve | demo | token | send | announce | check | verify`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, NoReturn

import jwt
import typer
from pydantic import SecretStr, TypeAdapter, ValidationError

from . import __version__
from .app import create_app, token_verifier
from .channel.publisher import probe
from .client import RequestFailed, request
from .demo import ADMIN, admin_token, demo_settings
from .errors import EventideError, InvalidRequest
from .logs import configure_logging
from .models import UserKey, utc_now
from .presence.redis import RedisPresence
from .server import run_server
from .settings import ConfigurationError, Settings, given_name, load_settings, token_issuer
from .store import create_store, driver_note

COMMAND_TOKEN_TTL = 60.0
"""Seconds. A command's own token need not outlive it."""
TTL_MAX = 100 * 366 * 86_400
"""Seconds. Beyond the year 9999 no date can be written."""

cli = typer.Typer(
    name="eventide-notify",
    help="Real-time in-app notifications: saved first, delivered at least once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Host = Annotated[str | None, typer.Option(help="Address to listen on.  [EVENTIDE_HOST]", show_default=False)]
Port = Annotated[
    int | None,
    typer.Option(help="Port to listen on; 0: any free one.  [EVENTIDE_PORT]", min=0, max=65535, show_default=False),
]
Drain = Annotated[float, typer.Option(help="Seconds over which transports are closed at shutdown.", min=0, max=600)]
Url = Annotated[str, typer.Option(help="The address of the service.")]
Token = Annotated[
    str | None,
    typer.Option(help="An administrator's token. Default: one signed with the configured secret.", show_default=False),
]
Message = Annotated[str, typer.Option(help="The text of the notification.")]
Title = Annotated[str | None, typer.Option(help="A title above the text.", show_default=False)]
Kind = Annotated[str | None, typer.Option("--type", help="A type of your own, such as ORDER.", show_default=False)]
Link = Annotated[str | None, typer.Option(help="Where it leads: a relative or an http(s) address.", show_default=False)]

LOCAL_URL = "http://localhost:3000"
HIDDEN = "********"


def main() -> None:
    """The entry point. Configuration errors are one line on standard error, with exit code 2."""
    # How long a secret must be is a setting of ours, which says so by itself.
    warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
    cli()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eventide-notify {__version__}")
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@cli.command()
def serve(host: Host = None, port: Port = None, drain: Drain = 5) -> None:
    """Run the service."""
    with _configuration():
        settings = load_settings(**_given(host=host, port=port))
        token_verifier(settings)
    _run(settings, _tell_address, drain=drain)


@cli.command()
def demo(host: Host = None, port: Port = None) -> None:
    """Run a demo, without configuration: three users and a page."""
    with _configuration():
        settings = demo_settings(**_given(host=host, port=port))

    def listening(address: str) -> None:
        page = _reachable(address)
        body = json.dumps({"userIds": ["alice"], "message": "Hello from the command line"})
        typer.echo(f"Open {page}/client/ to see it work. Or send a notification to alice:\n")
        typer.echo(
            f"curl -X POST {page}/v1/admin/notifications -H 'Content-Type: application/json' "
            f"-H 'Authorization: Bearer {admin_token(settings)}' -d '{body}'\n"
        )

    _run(settings, listening, demo=True, drain=0)


@cli.command()
def token(
    user: Annotated[str, typer.Option(help="The id of the user.")],
    admin: Annotated[bool, typer.Option("--admin", help="Let the token send notifications.")] = False,
    ttl: Annotated[int, typer.Option(help="Seconds until the token expires.", min=1, max=TTL_MAX)] = 3600,
) -> None:
    """Print a token signed with the configured secret."""
    with _configuration():
        issuer = token_issuer(load_settings())
    try:
        TypeAdapter(UserKey).validate_python(user)
    except ValidationError as error:
        _fail(f"--user: {InvalidRequest.from_validation(error).message}", code=2)
    typer.echo(issuer.issue(user, ttl=ttl, now=utc_now(), admin=admin))


@cli.command()
def send(
    *,
    user: Annotated[list[str], typer.Option(help="The id of a recipient; may be repeated.")],
    message: Message,
    title: Title = None,
    type: Kind = None,
    link: Link = None,
    url: Url = LOCAL_URL,
    token: Token = None,
) -> None:
    """Send a notification through a running service."""
    body = {"userIds": user, **_given(message=message, title=title, type=type, link=link)}
    for item in _post(url, "/v1/admin/notifications", body, token)["notifications"]:
        typer.echo(f"{item['id']}  {item['userId']}  {item['status']}")


@cli.command()
def announce(
    *,
    message: Message,
    title: Title = None,
    type: Kind = None,
    link: Link = None,
    audience: Annotated[str, typer.Option(help="everyone, or connected.")] = "everyone",
    url: Url = LOCAL_URL,
    token: Token = None,
) -> None:
    """Send an announcement to all users through a running service."""
    body = _given(message=message, title=title, type=type, link=link, audience=audience)
    typer.echo(_post(url, "/v1/admin/announcements", body, token)["id"])


@cli.command()
def check() -> None:
    """Print the configuration, and test the database and Redis."""
    with _configuration():
        settings = load_settings()
    for name, value in _described(settings):
        typer.echo(f"{name} = {value}")
    typer.echo()
    with _configuration():
        results = [_tokens(settings), asyncio.run(_database(settings)), asyncio.run(_redis(settings))]
    for part, fault, note in results:
        typer.echo(f"{part}: {f'FAILED: {fault}' if fault else note}")
    url = settings.database_url.get_secret_value()
    if driver := driver_note(url, mongodb_driver=settings.mongodb_driver):
        typer.echo(f"note: {driver}")
    if any(fault for _, fault, _ in results):
        raise typer.Exit(1)


def _tell_address(address: str) -> None:
    typer.echo(f"Eventide Notify listens on {address}")


def _run(settings: Settings, listening: Callable[[str], None], *, demo: bool = False, drain: float) -> None:
    configure_logging(settings.log_level, settings.log_format)
    with _configuration():
        fault = asyncio.run(_database(settings))[1]
    if fault:
        _fail(f"the database cannot be used: {fault}", code=1)
    app = create_app(settings, demo=demo)
    try:
        served = run_server(app, host=settings.host, port=settings.port, drain=drain, listening=listening)
    except OSError as error:
        why = (error.strerror or str(error)).rpartition(": ")[2]  # without asyncio's words about it
        _fail(f"cannot listen on {settings.host} port {settings.port}: {why}", code=1)
    if not served:
        raise typer.Exit(1)


Result = tuple[str, str | None, str]
"""A part, what is wrong with it, and what to say if nothing is."""


def _tokens(settings: Settings) -> Result:
    try:
        token_verifier(settings)
    except ConfigurationError as error:
        return "tokens", str(error), ""
    return "tokens", None, f"{', '.join(settings.effective_algorithms)}"


async def _database(settings: Settings) -> Result:
    try:
        store = create_store(settings.database_url.get_secret_value(), mongodb_driver=settings.mongodb_driver)
        try:
            await store.open()
            await store.check_writable()
        finally:
            await store.close()
    except EventideError as error:
        return "database", _line(error), ""
    except ValueError as error:
        # What drivers quote from a URL that they cannot read may be a part of the password.
        reason = re.sub(r"([\"']).*\1", "…", _line(error))
        raise ConfigurationError(f"{given_name('database_url')}: {reason}") from None
    return "database", None, "answers"


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
                return "redis", f"{use}: {_line(error.__cause__ or error)}", ""
    finally:
        await presence.abandon()
    return "redis", None, "answers"


def _described(settings: Settings) -> Iterator[tuple[str, str]]:
    shown = settings.model_dump() | {"jwt_algorithms": settings.effective_algorithms}
    if settings.jwt_secret is not None:
        shown["jwt_secret"] = HIDDEN
    if settings.jwt_public_key is not None:
        shown["jwt_public_key"] = "(set)"
    for name, value in shown.items():
        yield f"EVENTIDE_{name.upper()}", _plain(value)


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


def _post(url: str, path: str, body: Any, token: str | None) -> Any:
    base = url.rstrip("/")
    try:
        return request(base + path, method="POST", token=token or _own_token(base), body=body)
    except RequestFailed as error:
        _fail(str(error), code=1)


def _own_token(base: str) -> str:
    with _configuration():
        settings = load_settings()
        if settings.jwt_secret is not None:
            return token_issuer(settings).issue(ADMIN, ttl=COMMAND_TOKEN_TTL, now=utc_now(), admin=True)
    try:
        return str(request(f"{base}/client/demo.json")["adminToken"])
    except RequestFailed as error:
        if "cannot be reached" in str(error):
            raise
        _fail("EVENTIDE_JWT_SECRET is not set, and this server is no demo: give an administrator's --token", code=1)


@contextmanager
def _configuration() -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        _fail(str(error), code=2)


def _fail(line: str, *, code: int) -> NoReturn:
    print(f"eventide-notify: {line}", file=sys.stderr)
    raise typer.Exit(code)


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _reachable(address: str) -> str:
    # 0.0.0.0 is where a server listens, not where a browser goes.
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@cli.command()
def verify(
    *,
    url: Annotated[
        list[str] | None,
        typer.Option(help=f"An instance, or a load balancer; may be repeated. [default: {LOCAL_URL}]"),
    ] = None,
    users: Annotated[int, typer.Option(help="Number of clients, each of a new user.", min=1)] = 30,
    notifications: Annotated[int, typer.Option(help="Number of notifications sent.", min=1)] = 600,
    seconds: Annotated[float, typer.Option(help="Seconds over which they are sent.", min=0)] = 20,
    settle: Annotated[
        float, typer.Option(help="Seconds to wait, at most, until all are received and confirmed.", min=0)
    ] = 60,
    transport: Annotated[
        Literal["websocket", "polling"], typer.Option(help="The transport of the clients.")
    ] = "websocket",
    drops: Annotated[
        Literal["clean", "silent", "mixed", "none"],
        typer.Option(help="clean: both sides are closed. silent: no packets pass, and the server is not told."),
    ] = "mixed",
    drop_every: Annotated[float, typer.Option(help="Seconds after which a client's network is cut.", min=0.1)] = 2,
    drop_for: Annotated[float, typer.Option(help="Seconds for which it stays cut.", min=0)] = 2,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the notifications, which are otherwise deleted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Test whether a deployment loses notifications.

    It sends them while connections are dropped, and accounts for each of them.
    """
    from . import verify as proof

    with _configuration():
        settings = load_settings()
        issuer = token_issuer(settings)
    plan = proof.Plan(
        urls=url or [LOCAL_URL], event=settings.notification_events[0], users=users, notifications=notifications,
        transport=transport, drops=drops, drop_every=drop_every, drop_for=drop_for, seconds=seconds, settle=settle,
        keep=keep,
    )  # fmt: skip
    try:
        with proof.progress(plan, shown=not as_json) as watch:
            outcome = asyncio.run(proof.verify(plan, issuer, watch))
    except proof.CannotVerify as error:
        _fail(str(error), code=1)
    typer.echo(proof.as_json(outcome) if as_json else proof.as_text(outcome))
    if not outcome.passed:
        raise typer.Exit(1)
