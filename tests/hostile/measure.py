"""What each attack costs, as a table: memory, log, and how long an innocent client waits meanwhile.

    python -m tests.hostile.measure [--only WORD] [--connects 200000]

Each attack meets a service of its own, which has just started. The service, the attacker and the innocent client share
the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from ..chaos.crowd import open_files
from ..service import Service
from .frames import text, websocket
from .greedy import DEMANDS, Demand, demand, fill
from .hostile import (
    FLOODS,
    HELD,
    POLLING,
    Flood,
    aborted,
    come_and_go,
    endless_chunk_extension,
    endless_line,
    endless_trailers,
    flood,
    handshake,
    held,
    large_headers,
    leave_over_polling,
    malformed_post,
    many,
    once,
    pipelined,
    probes,
    upgrade_elsewhere,
    vanish,
)
from .innocent import Innocent, innocent
from .peer import bearer, connected, request
from .readers import Crowd, crowd, drown, not_reading, share
from .tokens import TOKENS
from .variants import FewFiles
from .watch import MIB, Watch, left

SECONDS = 6.0
AFTERMATH = 2.0
"""Seconds for which the innocent client goes on asking when the attack is over."""
SETTLE = 3.0
"""Seconds after that until the last look at the memory."""
Attack = Callable[[Service], Awaitable[object]]


class Filled(Service):
    """A service that has much for the greedy user."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attack, as it was measured; memory in MiB, waits in seconds."""

    name: str
    before: float
    peak: float
    after: float
    log: float
    client: Innocent
    outcome: str

    def __str__(self) -> str:
        waits = " / ".join(f"{self.client.within(part) * 1000:,.0f}" for part in (0.5, 0.99, 1))
        failures = len(self.client.failures)
        return (
            f"| {self.name} | {self.before:.0f} | {self.peak:.0f} | {self.after:.0f} | {self.log:,.0f} "
            f"| {waits} | {failures or ''} | {self.outcome} |"
        )


HEAD = (
    "| attack | memory before (MiB) | peak | after | log (bytes/s) | innocent client waits, p50 / p99 / max (ms) "
    "| it got no answer | the attacker |\n|---|---:|---:|---:|---:|---:|---:|---|"
)


async def measured(name: str, service: Service, attack: Attack) -> Row:
    """Carry it out beside an innocent client."""
    if isinstance(service, Filled):
        await fill(service, 60_000)
    service.start()
    async with innocent(service) as client:
        await asyncio.sleep(1)  # what a service needs for its first requests is no attack's
        watch = Watch(service)
        outcome = await attack(service)
        rate = watch.log_rate
        await asyncio.sleep(AFTERMATH)
    await asyncio.sleep(SETTLE)
    return Row(name, watch.before / MIB, watch.peak / MIB, watch.resident / MIB, rate, client, described(outcome))


def described(outcome: object) -> str:
    if isinstance(outcome, Counter):
        return ", ".join(f"{what}: {count:,}" for what, count in outcome.most_common(4))
    return str(outcome)


def flooding(attack: Flood) -> Attack:
    return lambda service: flood(service, attack, SECONDS)


async def repeatedly(send: Callable[[int], Awaitable[object]], count: int = 3_000) -> Counter[str]:
    return await many(count, send, at_once=20, seconds=SECONDS)


async def malformed_frame(service: Service) -> str:
    async with websocket(service.base_url) as socket:
        await socket.write(text("9"))
        code = await socket.end(within=1)
        return f"closed{f' ({code})' if code else ''}"


async def aborted_post(service: Service) -> str:
    async with connected(service.base_url) as peer:
        target = await handshake(peer)
    return await aborted(service, request(target, method="POST", headers=[("Content-Length", "1000")]) + b"4")


def showing(token: str) -> Attack:
    asked = request("/v1/notifications", headers=[bearer(token)])
    return lambda service: repeatedly(lambda _: once(service, asked))


def demanding(what: Demand) -> Attack:
    return lambda service: demand(service, what, SECONDS)


def holding(kind: str) -> Attack:
    async def attack(service: Service) -> str:
        async with held(service, kind, 400):
            await asyncio.sleep(SECONDS / 2)
        return "held 400 for 5 s, of 256 descriptors"

    return attack


def posting(body: bytes, *, waiting: bool = False) -> Attack:
    return lambda service: repeatedly(lambda _: malformed_post(service, body, waiting=waiting, within=0.2))


async def churn(service: Service, connects: int) -> str:
    """Sessions of ever new users come and go; WebSockets closed in order, broken off, and polling."""
    numbers = itertools.count(1)
    began = time.monotonic()
    watch = Watch(service)
    levels: list[str] = []
    for visit, part in ((come_and_go, 0.6), (vanish, 0.2), (leave_over_polling, 0.2)):
        for _ in range(4):

            def come(_number: int, visit: Callable[[str, str], Awaitable[str]] = visit) -> Awaitable[str]:
                return visit(service.base_url, service.token(f"visitor-{next(numbers)}"))

            outcomes = await many(int(connects * part / 4), come, at_once=10, seconds=900)
            assert outcomes.total() == int(connects * part / 4), outcomes
            assert not outcomes["no answer"] + outcomes["closed"], outcomes
        levels.append(f"{watch.growth:+.0f}")
    took = time.monotonic() - began
    await asyncio.sleep(SETTLE)
    sockets, users = await asyncio.to_thread(left, service)
    return (
        f"{connects:,} in {took:.0f} s: {' / '.join(levels)} MiB after each kind; left, the innocent client aside: "
        f"{sockets - 1:.0f} sessions, {users - 1} users; {watch.descriptors} descriptors"
    )


def attacks(connects: int) -> Iterator[tuple[str, Callable[[], Service], Attack]]:
    for attack in FLOODS:
        yield f"frames: {attack}", Service, flooding(attack)
    yield (
        "700 handshakes with 1 MB of headers",
        Service,
        lambda service: many(700, lambda number: large_headers(service, number), seconds=30),
    )
    yield "a header line of 64 MiB", Service, lambda service: endless_line(service, 64 * MIB, SECONDS)
    yield "frames: probes of an upgrade", Service, lambda service: probes(service, SECONDS)
    yield "trailers without end", Service, lambda service: endless_trailers(service, SECONDS)
    yield "a chunk extension without end", Service, lambda service: endless_chunk_extension(service, SECONDS)
    yield (
        "requests in a pipeline, answers not read",
        Service,
        lambda service: pipelined(service, SECONDS, target="/openapi.json"),
    )
    for name, body in {"packet 9": b"9", "no UTF-8": b"\xff", "2 MB": b"4" + b"x" * 2_000_000}.items():
        yield f"polling posts: {name}", Service, posting(body)
    yield "polling posts: packet 9, with a GET that waits", Service, posting(b"9", waiting=True)
    yield "polling posts broken off", Service, lambda service: repeatedly(lambda _: aborted_post(service))
    yield (
        "polling handshakes, one after the other",
        Service,
        lambda service: repeatedly(lambda _: once(service, request(POLLING)), 10_000),
    )
    yield (
        "requests that are no HTTP",
        Service,
        lambda service: repeatedly(lambda _: once(service, b"nonsense\r\n\r\n"), 10_000),
    )
    yield "WebSocket packet 9", Service, lambda service: repeatedly(lambda _: malformed_frame(service))
    yield (
        "400 upgrades to where there is no WebSocket",
        lambda: FewFiles(256),
        lambda service: many(400, lambda _: upgrade_elsewhere(service), at_once=10, seconds=SECONDS),
    )
    for name, token in TOKENS.items():
        yield f"tokens: {name}", Service, showing(token)
    for what in DEMANDS:
        yield f"one user, {what}", Filled, demanding(what)
    for kind in HELD:
        yield f"400 {kind}", lambda: FewFiles(256), holding(kind)
    yield "connects and disconnects", Service, lambda service: churn(service, connects)


async def slow_reader(readers: int, ticks: int) -> str:
    """How long a broadcast takes to reach all readers, with one more that reads, and with one that does not."""

    async def beside(others: Crowd, service: Service) -> list[float]:
        sending = asyncio.create_task(drown(service, "slow", times=250, while_open=False))
        waits = await others.broadcast(ticks)
        await sending
        return waits

    with Service() as service:
        service.start()
        async with crowd(service, readers) as others:
            await others.broadcast(ticks // 2)  # warm
            async with websocket(service.base_url, service.token("slow")) as quick:
                taking = asyncio.create_task(quick.end(within=120))
                alone = await beside(others, service)
                taking.cancel()
            watch = Watch(service)
            async with not_reading(service, service.token("slow")):
                slow = await beside(others, service)
            closed = sum(reader.closed for reader in others.readers)
        lines = [
            f"| one of {readers + 1:,} | broadcast has reached {readers:,}: p50 / p99 / max (ms) | memory (MiB) |",
            "|---|---:|---:|",
            f"| reads | {figures(alone)} | |",
            f"| does not read | {figures(slow)} | +{watch.peak_growth:.0f} at most |",
        ]
    return "\n".join([*lines, "", f"Closed among the {readers:,}: {closed}."])


def figures(waits: list[float]) -> str:
    return " / ".join(f"{share(waits, part) * 1000:,.0f}" for part in (0.5, 0.99, 1))


async def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.hostile.measure", description="What each attack costs.")
    options.add_argument("--only", default="", help="attacks whose name contains this")
    options.add_argument("--connects", type=int, default=20_000, help="how many come and go (200,000: many minutes)")
    options.add_argument("--readers", type=int, default=1_000, help="beside one who does not read")
    chosen = options.parse_args()
    rows = []
    for name, make, attack in attacks(chosen.connects):
        if chosen.only in name:
            with make() as service:
                rows.append(str(await measured(name, service, attack)))
            print(rows[-1], file=sys.stderr, flush=True)
    print(HEAD, *rows, sep="\n")
    if chosen.only in "slow reader":
        print("", await slow_reader(chosen.readers, 100), sep="\n")


if __name__ == "__main__":
    with open_files(4_096):
        asyncio.run(main())
