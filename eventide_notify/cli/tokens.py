"""`token`: tokens for users."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from ..errors import InvalidRequest
from ..models import UserKey, utc_now
from ..settings import load_settings, token_issuer
from .common import cli, configuration, fail

TTL_MAX = 100 * 366 * 86_400
"""Seconds. Beyond the year 9999 no date can be written."""


@cli.command()
def token(
    user: Annotated[str, typer.Option(help="The id of the user.")],
    admin: Annotated[bool, typer.Option("--admin", help="Let the token send notifications.")] = False,
    ttl: Annotated[int, typer.Option(help="Seconds until the token expires.", min=1, max=TTL_MAX)] = 3600,
) -> None:
    """Print a token signed with the configured secret."""
    with configuration():
        issuer = token_issuer(load_settings())
    try:
        TypeAdapter(UserKey).validate_python(user)
    except ValidationError as error:
        fail(f"--user: {InvalidRequest.from_validation(error).message}", code=2)
    typer.echo(issuer.issue(user, ttl=ttl, now=utc_now(), admin=admin))
