"""What the commands share: the program itself, their options, and how they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from .. import __version__
from ..client import RequestFailed, request
from ..models import utc_now
from ..settings import ConfigurationError, load_settings, token_issuer

COMMAND_TOKEN_TTL = 60.0
"""Seconds. A command's own token need not outlive it."""
COMMAND_LINE = "command-line"
"""As whom its requests are recorded, in the audit log and in timelines."""
LOCAL_URL = "http://localhost:3000"

cli = typer.Typer(
    name="eventide-notify",
    help="Real-time in-app notifications: saved first, delivered at least once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Url = Annotated[str, typer.Option(help="The address of the service.")]
Token = Annotated[
    str | None,
    typer.Option(help="An administrator's token. Default: one signed with the configured secret.", show_default=False),
]


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


@contextmanager
def configuration() -> Iterator[None]:
    """A `ConfigurationError` is one line, and exit code 2."""
    try:
        yield
    except ConfigurationError as error:
        fail(str(error), code=2)


def fail(text: str, *, code: int) -> NoReturn:
    """End with one line on standard error."""
    print(f"eventide-notify: {text}", file=sys.stderr)
    raise typer.Exit(code)


def given(**options: object) -> dict[str, object]:
    """Those options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def post(url: str, path: str, body: Any, token: str | None) -> Any:
    """The answer of a running service to a request as an administrator."""
    base = url.rstrip("/")
    try:
        return request(base + path, method="POST", token=token or own_token(base), body=body)
    except RequestFailed as error:
        fail(str(error), code=1)


def own_token(base: str) -> str:
    with configuration():
        settings = load_settings()
        if settings.jwt_secret is not None:
            return token_issuer(settings).issue(COMMAND_LINE, ttl=COMMAND_TOKEN_TTL, now=utc_now(), admin=True)
    try:
        return str(request(f"{base}/client/demo.json")["adminToken"])
    except RequestFailed as error:
        if "cannot be reached" in str(error):
            raise
        fail("EVENTIDE_JWT_SECRET is not set, and this server is no demo: give an administrator's --token", code=1)
