"""Very many clients that come back at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from eventide_notify.app import create_app
from eventide_notify.models import utc_now
from eventide_notify.settings import Settings

from ..require import missing
from ..service import SECRET, issuer
from ..serving import serving
from ..store.roundtrips import commands
from .backends import Backend, DatabaseServers, Deployment, deploy
from .conftest import full_only
from .crowd import join, leave, open_files

pytestmark = pytest.mark.chaos

CROWD = 10_000
WAITING = 1_000
"""Users for whom something was sent while they were away."""
EACH = 2
CAUGHT_UP_WITHIN = 30.0


def tokens(number: int) -> list[str]:
    makes = issuer()
    return [makes.issue(f"member-{n}", ttl=3600, now=utc_now()) for n in range(number)]


@full_only
@pytest.mark.timeout(240)
@pytest.mark.parametrize("backend", [Backend("SQLite", 1), Backend("PostgreSQL", 1)], ids=str)
async def test_ten_thousand_that_reconnect_at_once_are_caught_up_in_time(
    backend: Backend, servers: DatabaseServers, notes: list[str]
) -> None:
    try:
        enough = open_files(CROWD + 1_000)
        with enough, deploy(backend, servers) as deployment:
            await reconnect(deployment, tokens(CROWD), notes)
    except OSError as error:
        missing(str(error))


async def reconnect(deployment: Deployment, tokens: list[str], notes: list[str]) -> None:
    [instance] = deployment.instances
    members = await join(instance.base_url, tokens, at_once=500)
    leave(members)
    for _ in range(EACH):
        await asyncio.to_thread(instance.send, *(f"member-{n}" for n in range(WAITING)))
    began = time.monotonic()
    members = await join(instance.base_url, tokens, at_once=CROWD)
    took = time.monotonic() - began
    notes.append(f"{CROWD:,} sockets that reconnect at once, {deployment.backend}: all caught up after {took:.1f} s")
    assert sorted(member.replayed for member in members) == [0] * (CROWD - WAITING) + [EACH] * WAITING
    assert took < CAUGHT_UP_WITHIN
    leave(members)


async def test_a_socket_with_nothing_pending_costs_the_store_one_query(tmp_path: Path) -> None:
    settings = Settings(jwt_secret=SECRET, database_url=f"sqlite:///{tmp_path / 'eventide.db'}", _env_file=None)
    sockets, others = 200, 100  # background work looks into the store too, now and then
    async with serving(create_app(settings)) as url:
        await join(url, tokens(1), at_once=1)
        with commands() as sent:
            members = await join(url, tokens(sockets), at_once=sockets)
        leave(members)
    assert len(sent) <= sockets + others
