"""What a flood of one client does to others: how long a notification takes to them meanwhile.

    python -m bench.floods [--only WORD] [--seconds 4]

One back end sends a notification to one user every 20 ms, answered or not, whose open WebSocket tells when it has come.
In turn nothing else happens, and a flooder, in a process of its own, does as much as it can of one kind. The service
has its default settings, unless the row says otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.hostile.frames import NAMESPACE, Opcode, WebSocket, frame, text, websocket
from tests.hostile.peer import Peer, bearer, connected, request
from tests.hostile.watch import Watch
from tests.service import Service
from tests.waiting import until

EVERY = 0.02
"""Seconds between two notifications."""
PATIENCE = 10.0
"""Seconds in which all must have come."""
ROUNDS = 3
CONNECTIONS = 20
"""Connections of a flooder."""
POLLING = "/socket.io/?EIO=4&transport=polling"

Outcomes = Counter[str]
Attack = Callable[[str, str, Outcomes], Awaitable[None]]
"""One connection's part of a flood, until it is cancelled: given the address, the flooder's token and what to count."""


async def rest(url: str, token: str, outcomes: Outcomes) -> None:
    """Requests, each as soon as the one before is answered."""
    asked = request("/v1/notifications?limit=100", headers=[bearer(token)])
    async with connected(url) as peer:
        while True:
            outcomes[str((await peer.exchange(asked)).status)] += 1


async def strangers(url: str, token: str, outcomes: Outcomes) -> None:
    """Likewise, with a token that is forged."""
    await rest(url, token[:-10] + "A" * 10, outcomes)


async def events(url: str, token: str, outcomes: Outcomes) -> None:
    """Events without a pause, whose answers are read."""
    data = text(f'42{NAMESPACE},1["get_notifications",{{"limit":100}}]') * 200
    async with websocket(url, token) as socket:
        reading = asyncio.create_task(_count_answers(socket.peer, outcomes))
        try:
            while await socket.write(data):  # noqa: ASYNC110 - the other connections have a turn
                await asyncio.sleep(0)
        finally:
            reading.cancel()


async def _count_answers(peer: Peer, outcomes: Outcomes) -> None:
    while data := await peer.read():
        outcomes["rate_limited"] += data.count(b'"rate_limited"')
        outcomes["answered"] += data.count(b'"notifications":')


async def connects(url: str, token: str, outcomes: Outcomes) -> None:
    """WebSockets that join, are told everything, and go."""
    while True:
        async with connected(url) as peer:
            try:
                socket = WebSocket(peer)
                await socket.open()
                await socket.join(token)
                await socket.write(frame(Opcode.CLOSE, b"\x03\xe8"))
                outcomes["joined"] += 1
            except AssertionError as refused:
                found = re.search(r"status=(\d+)", str(refused))
                outcomes[found[1] if found else "refused"] += 1


async def handshakes(url: str, token: str, outcomes: Outcomes) -> None:
    """Polling sessions that are opened and left."""
    async with connected(url) as peer:
        while True:
            outcomes[str((await peer.exchange(request(POLLING))).status)] += 1


async def garbage(url: str, token: str, outcomes: Outcomes) -> None:
    """What is no HTTP, no Engine.IO, no Socket.IO and no JSON, in turn, on new connections."""
    for data in itertools.cycle(
        [b"\x16\x03\x01 nonsense\r\n\r\n", request(POLLING, method="POST", body=b"\xff" * 50_000)]
    ):
        async with connected(url) as peer:
            outcomes[str((await peer.exchange(data)).status)] += 1
        async with websocket(url, token) as socket:
            await socket.write((text(f"42{NAMESPACE},[") + frame(Opcode.BINARY, b"x")) * 100 + text("9"))
            outcomes[f"closed {await socket.end()}"] += 1


@dataclass(frozen=True)
class Row:
    """A flood, and the settings of the service that it meets."""

    name: str
    attack: Attack
    settings: Mapping[str, str] = field(default_factory=dict)


ROWS = [
    Row("requests of one user", rest),
    Row("requests of one user, no limit", rest, {"EVENTIDE_LIMIT_REST": "off"}),
    Row("requests with a forged token", strangers),
    Row("events of one user", events),
    Row("events of one user, no limit", events, {"EVENTIDE_LIMIT_EVENTS": "off"}),
    Row("connects of one user", connects),
    Row("connects of one user, 10/second an address", connects, {"EVENTIDE_LIMIT_CONNECTS": "10/second"}),
    Row("polling handshakes", handshakes),
    Row("polling handshakes, 10/second an address", handshakes, {"EVENTIDE_LIMIT_CONNECTS": "10/second"}),
    Row("garbage", garbage),
]


async def flood(attack: Attack, url: str, token: str, seconds: float) -> Outcomes:
    """Carry it out over `CONNECTIONS` connections."""
    outcomes: Outcomes = Counter()

    async def part() -> None:
        while True:
            with suppress(OSError, AssertionError):
                await attack(url, token, outcomes)

    parts = [asyncio.create_task(part()) for _ in range(CONNECTIONS)]
    await asyncio.sleep(seconds)
    for each in parts:
        each.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
    return outcomes


class Calm:
    """Somebody who is sent notifications, one every `EVERY` seconds."""

    def __init__(self, service: Service, socket: WebSocket) -> None:
        self._service = service
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._due: dict[int, float] = {}
        self._waits: list[float] = []
        self._numbers = itertools.count()

    async def waits(self, seconds: float) -> list[float]:
        """How long each took that was due in these seconds."""
        self._waits = []
        async with asyncio.TaskGroup() as tasks:
            end, due = self._loop.time() + seconds, self._loop.time()
            while due < end:
                await asyncio.sleep(due - self._loop.time())
                number = next(self._numbers)
                self._due[number] = due
                tasks.create_task(self._send(number))
                due += EVERY
        await until(lambda: not self._due, within=PATIENCE)
        return self._waits

    async def _send(self, number: int) -> None:
        body = json.dumps({"userId": "calm", "message": str(number)}).encode()
        headers = [bearer(self._service.token("backend", admin=True)), ("Content-Type", "application/json")]
        async with connected(self._service.base_url) as peer:
            answer = await peer.exchange(request("/v1/admin/notifications", method="POST", headers=headers, body=body))
        assert answer.status == 201, answer

    async def listen(self) -> None:
        while True:
            came = await self._socket.next(within=3_600)
            if came.payload == b"2":
                await self._socket.write(text("3"))
            elif came.payload.startswith(f'42{NAMESPACE},["notification",'.encode()):
                number = int(json.loads(came.payload[came.payload.index(b"[") :])[1]["message"])
                if (due := self._due.pop(number, None)) is not None:
                    self._waits.append(self._loop.time() - due)


@asynccontextmanager
async def calm(service: Service) -> AsyncIterator[Calm]:
    async with websocket(service.base_url, service.token("calm")) as socket:
        client = Calm(service, socket)
        listening = asyncio.create_task(client.listen())
        try:
            yield client
        finally:
            listening.cancel()


def share(waits: list[float], part: float) -> float:
    """Milliseconds in which this part of them came."""
    return sorted(waits)[min(len(waits), math.ceil(part * len(waits))) - 1] * 1000


async def measured(row: Row, seconds: float) -> str:
    with Service(row.settings) as service:
        service.start()
        async with calm(service) as client:
            await client.waits(1)  # warm
            watch = Watch(service)
            quiet, flooded, outcomes = list[float](), list[float](), Outcomes()
            for _ in range(ROUNDS):
                quiet += await client.waits(seconds)
                async with flooder(row, service, seconds + 2) as counted:
                    flooded += await client.waits(seconds)
                outcomes += counted
            lines = watch.log.count("\n")
            growth = watch.peak_growth
    told = ", ".join(f"{what}: {count / (seconds + 2) / ROUNDS:,.0f}" for what, count in outcomes.most_common(3))
    before, meanwhile = ([share(waits, part) for part in (0.5, 0.99)] for waits in (quiet, flooded))
    figures = [f"{one:.1f} | {other:.1f} | {other / one:.1f}" for one, other in zip(before, meanwhile, strict=True)]
    return f"| {row.name} | {' | '.join(figures)} | {growth:.0f} | {lines} | {told} |"


@asynccontextmanager
async def flooder(row: Row, service: Service, seconds: float) -> AsyncIterator[Outcomes]:
    """The flood, for so many seconds, in a process of its own. What became of it is there at the end."""
    outcomes: Outcomes = Counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.floods", "--flood", str(ROWS.index(row)), "--url", service.base_url,
        "--token", service.token("flooder"), "--seconds", str(seconds), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    await process.stdout.readline()  # it begins
    yield outcomes
    outcomes.update(json.loads(await process.stdout.read()))
    await process.wait()


HEAD = """\
| flood | p50 (ms): quiet | flooded | ratio | p99: quiet | flooded | ratio | memory (MiB) | log lines | flooder/s |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---|"""


async def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.floods", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--only", default="", help="floods whose name contains this")
    options.add_argument("--seconds", type=float, default=4.0)
    for name in ("--flood", "--url", "--token"):  # in the flooder's process
        options.add_argument(name, default="", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.flood:
        print("begins", flush=True)
        print(json.dumps(await flood(ROWS[int(chosen.flood)].attack, chosen.url, chosen.token, chosen.seconds)))
        return
    print(HEAD, flush=True)
    for row in ROWS:
        if chosen.only in row.name:
            print(await measured(row, chosen.seconds), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
