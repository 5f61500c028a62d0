"""Stock socket.io-clients, many in one Node process (`tests/js/swarm.mjs`)."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

JS = Path(__file__).parents[1] / "js"
SYNC_WITHIN = 30.0


def address(number: int) -> str:
    """That of a client, for load balancers, which would otherwise take all of them for one."""
    return f"10.0.0.{number + 1}"


@dataclass(frozen=True)
class Member:
    """One client."""

    url: str
    token: str
    transports: Sequence[str]
    address: str
    since: bool = False
    """Whether it tells which notification was its newest when it comes back."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a client; `swarm.mjs` says what there is."""

    at: float
    """Seconds since the epoch."""
    client: int
    what: str
    data: dict[str, Any]


class Swarm:
    """A Node process; `happened` is called with each event."""

    def __init__(self, process: Process, happened: Callable[[Event], None]) -> None:
        self._process = process
        self._happened = happened
        self._ids = count(1)
        self._syncs: dict[int, asyncio.Future[None]] = {}
        self._reader = asyncio.create_task(self._read())

    def start(self, members: Sequence[Member]) -> None:
        """Connect them all."""
        self._command("start", clients=[asdict(member) for member in members])

    async def sync(self) -> None:
        """Return when everything that has happened so far was told."""
        id = next(self._ids)
        told = self._syncs[id] = asyncio.get_running_loop().create_future()
        self._command("sync", id=id)
        async with asyncio.timeout(SYNC_WITHIN):
            await told

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open, and it takes no notice."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def close(self) -> None:
        """End it."""
        self.thaw()
        assert self._process.stdin
        self._process.stdin.close()
        await self._reader
        assert await self._process.wait() == 0

    def _command(self, do: str, **command: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **command}).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            event = json.loads(line)
            at, client, what = event.pop("at") / 1000, event.pop("client"), event.pop("what")
            if what == "sync":
                self._syncs.pop(event["id"]).set_result(None)
            else:
                self._happened(Event(at, client, what, event))


@asynccontextmanager
async def run_swarm(happened: Callable[[Event], None]) -> AsyncIterator[Swarm]:
    """A swarm without members yet."""
    process = await asyncio.create_subprocess_exec("node", "swarm.mjs", cwd=JS, stdin=PIPE, stdout=PIPE)
    swarm = Swarm(process, happened)
    try:
        yield swarm
    finally:
        await swarm.close()
