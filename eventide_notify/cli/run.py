"""`serve` and `demo`: running the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated

import typer

from .. import build
from ..app import create_app
from ..demo import admin_token, demo_settings
from ..logs import configure_logging
from ..server import run_server
from ..settings import Settings, load_settings
from .checks import prepare_database
from .common import cli, configuration, fail, given

Host = Annotated[str | None, typer.Option(help="Address to listen on.  [EVENTIDE_HOST]", show_default=False)]
Port = Annotated[
    int | None,
    typer.Option(help="Port to listen on; 0: any free one.  [EVENTIDE_PORT]", min=0, max=65535, show_default=False),
]
Drain = Annotated[float, typer.Option(help="Seconds over which transports are closed at shutdown.", min=0, max=600)]


@cli.command()
def serve(host: Host = None, port: Port = None, drain: Drain = 5) -> None:
    """Run the service."""
    with configuration():
        settings = load_settings(**given(host=host, port=port))
        build.token_verifier(settings)
    _run(settings, _tell_address, drain=drain)


@cli.command()
def demo(host: Host = None, port: Port = None) -> None:
    """Run a demo, without configuration: three users and a page."""
    with configuration():
        settings = demo_settings(**given(host=host, port=port))

    def listening(address: str) -> None:
        page = _reachable(address)
        body = json.dumps({"userIds": ["alice"], "message": "Hello from the command line"})
        typer.echo(f"Open {page}/client/ to see it work. Or send a notification to alice:\n")
        typer.echo(
            f"curl -X POST {page}/v1/admin/notifications -H 'Content-Type: application/json' "
            f"-H 'Authorization: Bearer {admin_token(settings)}' -d '{body}'\n"
        )

    _run(settings, listening, demo=True, drain=0)


def _tell_address(address: str) -> None:
    typer.echo(f"Eventide Notify listens on {address}")


def _run(settings: Settings, listening: Callable[[str], None], *, demo: bool = False, drain: float) -> None:
    configure_logging(settings.log_level, settings.log_format)
    with configuration():
        fault = asyncio.run(prepare_database(settings))
    if fault:
        fail(f"the database cannot be used: {fault}", code=1)
    app = create_app(settings, demo=demo)
    try:
        served = run_server(app, host=settings.host, port=settings.port, drain=drain, listening=listening)
    except OSError as error:
        why = (error.strerror or str(error)).rpartition(": ")[2]  # without asyncio's words about it
        fail(f"cannot listen on {settings.host} port {settings.port}: {why}", code=1)
    if not served:
        raise typer.Exit(1)


def _reachable(address: str) -> str:
    # 0.0.0.0 is where a server listens, not where a browser goes.
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
