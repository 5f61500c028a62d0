"""`apikey`: keys for back ends."""

from __future__ import annotations

from typing import Annotated

import typer

from ..access import entry_of, is_key_name, new_key
from .common import cli, fail


@cli.command()
def apikey(name: Annotated[str, typer.Option(help="What it is called in logs, such as the back end's name.")]) -> None:
    """Print a new API key for a back end, and its entry for EVENTIDE_API_KEYS."""
    if not is_key_name(name):
        fail("--name: must have 1 to 64 letters, digits, '.', '_' and '-'", code=2)
    key = new_key()
    typer.echo(f"key, shown only now:        {key}")
    typer.echo(f"entry in EVENTIDE_API_KEYS: {entry_of(name, key)}")
