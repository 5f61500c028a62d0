"""`migrate`: the schema of the database."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from .. import build
from ..errors import EventideError
from ..logs import configure_logging
from ..metrics import Metrics
from ..settings import load_settings
from ..store import Store
from ..store.records import check_version
from .common import cli, configuration, fail, line


@cli.command()
def migrate(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be done, and change nothing.")
    ] = False,
) -> None:
    """Bring the database's schema up to date, as `serve` does at its start."""
    with configuration():
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        store = build.store(settings, Metrics())
    try:
        asyncio.run(_migrate(store, dry_run=dry_run))
    except EventideError as error:
        fail(f"the database cannot be used: {line(error)}", code=1)


async def _migrate(store: Store, *, dry_run: bool) -> None:
    try:
        found = await store.schema()
        check_version(found.version, found.target)
        has = f"has schema version {found.version}" if found.version else "is new"
        typer.echo(f"The database {has}; this version of the service needs {found.target}.")
        if not found.steps:
            typer.echo("There is nothing to do.")
            return
        typer.echo("Would be done:" if dry_run else "To do:")
        for step in found.steps:
            typer.echo(f"  {step}")
        if not dry_run:
            start = time.monotonic()
            await store.open()
            typer.echo(f"Done in {time.monotonic() - start:.1f} s.")
    finally:
        await store.close()
