"""`verify`: a test of a deployment."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer

from ..settings import load_settings, token_issuer
from .common import LOCAL_URL, cli, configuration, fail


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
    from .. import verify as proof

    with configuration():
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
        fail(str(error), code=1)
    typer.echo(proof.as_json(outcome) if as_json else proof.as_text(outcome))
    if not outcome.passed:
        raise typer.Exit(1)
