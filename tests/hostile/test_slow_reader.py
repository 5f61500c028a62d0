"""One who does not read, among many who do."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from ..service import Service
from .frames import NAMESPACE, close, websocket
from .hostile import handshake
from .peer import connected, request
from .readers import LARGE, crowd, drown, fill, not_reading, share, system_takes
from .watch import Watch, connections, until_gone

MEMORY = 20
"""MiB that one who does not read may cost: 4 MiB wait for it at most, and a large event is in the making."""
PROMPT, PATIENT = 1.0, 12.0
"""Seconds in which 95 of 100 broadcasts have reached everybody, and all of them: one or two may be on their way while
the machine stands still."""
READERS = 200
TICKS = 60


async def test_who_does_not_read_is_closed_and_changes_nothing_for_others(
    victim: Service, watch: Watch, user: str
) -> None:
    async with crowd(victim, READERS) as readers:
        async with websocket(victim.base_url, victim.token(user)) as quick:
            taking = asyncio.create_task(quick.end(within=60))
            sending = asyncio.create_task(drown(victim, user, times=100, while_open=False))
            alone = await readers.broadcast(TICKS)
            await sending
            taking.cancel()
        await until_gone(victim, user)

        during = Watch(victim)
        async with not_reading(victim, victim.token(user)):
            sending = asyncio.create_task(drown(victim, user))
            beside = await readers.broadcast(TICKS)
            sent = await sending
            assert connections(victim, user) == 0, f"nothing bounds what waits: {sent} large events"
            assert not any(reader.closed for reader in readers.readers)
        assert during.peak_growth < MEMORY
        assert share(beside, 0.95) < PROMPT
        assert max(beside) < PATIENT
        assert share(beside, 0.5) < 2 * share(alone, 0.5) + 0.05
    watch.assert_quiet()


async def test_it_comes_back_and_has_what_it_missed(victim: Service, user: str) -> None:
    before = cut_off(victim)
    async with not_reading(victim, victim.token(user)):
        first = await asyncio.to_thread(victim.send, user)
        await drown(victim, user)
        await until_gone(victim, user)
        assert cut_off(victim) == before + 1
        second = await asyncio.to_thread(victim.send, user)
    async with connected(victim.base_url) as peer:
        target = await handshake(peer)
        join = f'40{NAMESPACE},{{"token":"{victim.token(user)}"}}'.encode()
        assert (await peer.exchange(request(target, method="POST", body=join))).status == 200
        came = b""
        for number in range(5):
            came += (await peer.exchange(request(f"{target}&t={number}"))).body
            if b'"catch_up_complete"' in came:
                break
        assert came.index(first[0].encode()) < came.index(second[0].encode())


def cut_off(service: Service) -> float:
    """How many the service says it has cut off."""
    with service.client() as client:
        lines = client.get("/metrics").text.splitlines()
    [count] = [float(line.split()[1]) for line in lines if line.startswith("eventide_backlog_cutoffs_total ")]
    return count


async def test_who_pauses_for_a_moment_is_not_closed(victim: Service, user: str) -> None:
    async with websocket(victim.base_url, victim.token(user)) as socket:
        assert await drown(victim, user, times=30) == 30
        for _ in range(30):
            await socket.message(starts=f'42{NAMESPACE},["large","{LARGE[:10]}')
        await socket.ask()


async def test_who_polls_no_more_is_bounded_too(victim: Service, watch: Watch, user: str) -> None:
    async with connected(victim.base_url) as peer:
        target = await handshake(peer)
        join = f'40{NAMESPACE},{{"token":"{victim.token(user)}"}}'.encode()
        assert (await peer.exchange(request(target, method="POST", body=join))).status == 200
        assert (await peer.exchange(request(f"{target}&t=1"))).status == 200
        assert await drown(victim, user) < 200, "nothing bounds what waits"
        assert watch.peak_growth < MEMORY
        assert (await peer.exchange(request(f"{target}&t=2"))).status == 400
    async with websocket(victim.base_url, victim.token(user)) as again:
        await again.ask()


async def test_who_does_not_read_a_large_poll_is_bounded_too(victim: Service, watch: Watch, user: str) -> None:
    async with connected(victim.base_url) as peer, connected(victim.base_url) as posting:
        target = await handshake(posting)
        join = f'40{NAMESPACE},{{"token":"{victim.token(user)}"}}'.encode()
        assert (await posting.exchange(request(target, method="POST", body=join))).status == 200
        assert (await peer.exchange(request(f"{target}&t=1"))).status == 200
        for number in range(2, 12):
            await drown(victim, user, times=10)
            await peer.write(request(f"{target}&t={number}"))
        await drown(victim, user)
        assert watch.peak_growth < 2 * MEMORY


async def test_who_closes_and_does_not_read_is_closed(victim: Service, user: str) -> None:
    """What is still to be written to it is more than the system takes, and less than what counts as slow."""
    takes = system_takes()
    watch = Watch(victim)
    descriptors = watch.descriptors
    async with AsyncExitStack() as stack:
        for number in range(8):
            slow = await stack.enter_async_context(not_reading(victim, victim.token(f"{user}-{number}")))
            await fill(victim, f"{user}-{number}", takes + 4_000 + 8_000 * number)
            await slow.write(close(1000))
        await watch.until_descriptors(descriptors + 5)
