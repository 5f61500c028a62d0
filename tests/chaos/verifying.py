"""The load of `eventide-notify verify`, run as the command that it is."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from typing import Any

from ..service import SECRET
from .backends import Deployment
from .faults import Fault, break_things
from .journal import Journal
from .network import DROP_EVERY, DROP_FOR, Drops
from .sender import asking

START_WITHIN = 60.0
"""Seconds until the command has connected its clients."""
END_WITHIN = 60.0
"""Seconds that it may take beside the load and what it waits for."""


class NoBalancer:
    """Its clients try one URL after the other by themselves."""

    def take_out(self, url: str) -> None: ...
    def put_back(self, url: str) -> None: ...


async def run_verify(
    deployment: Deployment, urls: Sequence[str], drops: Drops, fault: Fault | None, transport: str
) -> dict[str, Any]:
    """Run the command while something breaks; what it says."""
    size = deployment.size
    options: dict[str, Any] = {
        "users": size.users, "notifications": size.notifications, "seconds": size.seconds, "settle": size.settle,
        "transport": transport, "drops": drops, "drop-every": DROP_EVERY, "drop-for": DROP_FOR,
    }  # fmt: skip
    arguments = [word for url in urls for word in ("--url", url)]
    arguments += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    others = {name: value for name, value in os.environ.items() if not name.startswith("EVENTIDE_")}
    with tempfile.TemporaryDirectory() as nowhere:  # without anybody's .env
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "eventide_notify", "verify", "--json", "--keep", *arguments,
            cwd=nowhere, env={**others, "EVENTIDE_JWT_SECRET": SECRET}, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        try:
            async with (
                asyncio.timeout(START_WITHIN + 2 * size.seconds + size.settle + END_WITHIN),
                asking(deployment, urls),
            ):
                told = asyncio.create_task(process.communicate())
                await _connected(deployment, told)
                await break_things(fault, deployment, NoBalancer())
                output, errors = await told
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert output, errors.decode()
    outcome: dict[str, Any] = json.loads(output)
    return outcome


async def _connected(deployment: Deployment, told: asyncio.Future[Any]) -> None:
    """Return when clients have connected, or the command has ended before that."""
    async with asyncio.timeout(START_WITHIN):
        while not told.done() and await _sockets(deployment) < deployment.size.users / 2:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.05)


async def _sockets(deployment: Deployment) -> float:
    """How many sockets the instances count together."""
    answers = [await Journal().ask("GET", url, "/metrics") for url in deployment.urls]
    lines = [line for answer in answers if answer for line in answer.text.splitlines()]
    return sum(float(line.split()[1]) for line in lines if line.startswith("eventide_sockets "))
