"""Frames without end: memory stays where it is, others are answered, and who does this is closed."""

from __future__ import annotations

import asyncio

import pytest

from ..service import Service
from .frames import NAMESPACE, Opcode, frame, text, websocket
from .hostile import FLOODS, Fate, Flood, flood, handshake, probes
from .innocent import innocent, while_asking
from .peer import connected, request
from .watch import Watch

SECONDS = 2.0
CLOSED_WITHIN = 30.0
"""Seconds in which a flooder is closed who has to be, on a machine that may stand still meanwhile."""
MEMORY = 40
"""MiB that one flooder may cost at its worst."""


@pytest.mark.parametrize("attack", FLOODS, ids=str)
async def test_a_flood_costs_little_and_keeps_nobody_waiting(victim: Service, watch: Watch, attack: Flood) -> None:
    fates: list[Fate] = []

    async def attack_once() -> None:
        fates.append(await flood(victim, attack, CLOSED_WITHIN if attack.closes else SECONDS))

    client = await while_asking(victim, attack_once())
    client.assert_served()
    assert watch.peak_growth < MEMORY
    watch.assert_quiet()
    if attack.closes:
        assert fates[0].closed_after is not None, fates[0]
        assert fates[0].code in {None, 1000, 1002, 1008, 1009}


async def test_five_flooders_are_no_worse_than_one(victim: Service, watch: Watch) -> None:
    attacks = [attack for attack in FLOODS if attack.closes][:5]
    async with innocent(victim) as client:
        fates = await asyncio.gather(
            *(flood(victim, attack, CLOSED_WITHIN, user=f"flooder-{number}") for number, attack in enumerate(attacks))
        )
    client.assert_served()
    assert watch.peak_growth < 3 * MEMORY
    assert [fate for fate in fates if fate.closed_after is None] == []


async def test_an_upgrade_that_never_ends_is_closed(victim: Service, watch: Watch) -> None:
    fates: list[Fate] = []

    async def attack() -> None:
        fates.append(await probes(victim, CLOSED_WITHIN))

    client = await while_asking(victim, attack())
    client.assert_served()
    assert watch.peak_growth < MEMORY
    watch.assert_quiet()
    assert fates[0].closed_after is not None, fates[0]


async def test_a_flooder_may_come_back(victim: Service) -> None:
    await flood(victim, FLOODS[0], SECONDS)
    async with websocket(victim.base_url, victim.token("flooder")) as socket:
        await socket.ask()


async def test_who_pings_now_and_then_is_no_flooder(victim: Service, user: str) -> None:
    async with websocket(victim.base_url, victim.token(user)) as socket:
        for number in range(60):
            await socket.write(frame(Opcode.PING, bytes([number])) + frame(Opcode.PONG) + text("3"))
            assert await socket.pong() == bytes([number])
            await asyncio.sleep(0.05)
        await socket.ask()


async def test_who_asks_much_is_no_flooder(victim: Service, user: str) -> None:
    async with websocket(victim.base_url, victim.token(user)) as socket:
        for number in range(300):
            await socket.write(text(f'42{NAMESPACE},{number}["get_unread_count"]'))
        for number in range(300):
            await socket.message(starts=f"43{NAMESPACE},{number}[")


async def test_posts_without_end_cost_little_and_keep_nobody_waiting(victim: Service, watch: Watch) -> None:
    async def posts() -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        async with connected(victim.base_url) as peer:
            target = await handshake(peer)
            body = "\x1e".join(["3"] * 16).encode()
            while loop.time() < end:
                if (await peer.exchange(request(target, method="POST", body=body))).status != 200:
                    return

    client = await while_asking(victim, posts())
    client.assert_served()
    assert watch.peak_growth < MEMORY
    watch.assert_quiet()
