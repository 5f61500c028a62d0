"""The limits that are configured, under floods: what goes beyond them is refused, cheaply and quietly, and nobody else
notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from ..service import Service
from .frames import NAMESPACE, text, upgrade, websocket
from .hostile import POLLING, many, once
from .innocent import innocent, while_asking
from .peer import bearer, connected, request
from .watch import Watch

MEMORY = 40
"""MiB that a flood may cost at its worst."""
COUNT = 2_000
TIME = 120.0
"""Seconds in which all of them have been answered, even on a slow machine: they are counted."""


@contextmanager
def limited(**settings: str) -> Iterator[Service]:
    with Service({f"EVENTIDE_{name}": value for name, value in settings.items()}) as service:
        service.start()
        yield service


@pytest.fixture
def one_user() -> Iterator[Service]:
    # The innocent client asks for ten things a second, for some seconds.
    with limited(LIMIT_REST="500/hour") as service:
        yield service


async def test_requests_of_one_user(one_user: Service) -> None:
    watch = Watch(one_user)
    asked = request("/v1/notifications?limit=100", headers=[bearer(one_user.token("flooder"))])
    outcomes: Counter[str] = Counter()

    async def flood() -> None:
        outcomes.update(await many(COUNT, lambda _: once(one_user, asked), seconds=TIME))

    client = await while_asking(one_user, flood())
    assert outcomes == {"200": 500, "429": COUNT - 500}
    client.assert_served()
    assert watch.peak_growth < MEMORY
    watch.assert_quiet()


async def test_events_of_one_socket(victim: Service, watch: Watch) -> None:
    answers = {"allowed": 0, "rate_limited": 0}

    async def flood() -> None:
        async with websocket(victim.base_url, victim.token("flooder")) as socket:
            for number in range(600):
                await socket.write(text(f'42{NAMESPACE},{number}["get_unread_count"]'))
            for number in range(600):
                answer = await socket.message(starts=f"43{NAMESPACE},{number}[", within=30)
                answers["rate_limited" if "rate_limited" in answer else "allowed"] += 1

    client = await while_asking(victim, flood())
    assert answers["allowed"] >= 200
    assert answers["rate_limited"] >= 200
    client.assert_served()
    assert watch.peak_growth < MEMORY
    watch.assert_quiet()


@pytest.fixture
def one_address() -> Iterator[Service]:
    with limited(LIMIT_CONNECTS="50/hour", TRUSTED_PROXIES="10.0.0.1") as service:
        yield service


@pytest.mark.parametrize("data", [request(POLLING), upgrade()], ids=["polling", "websocket"])
async def test_connects_of_one_address_whatever_it_says_of_others(one_address: Service, data: bytes) -> None:
    async with innocent(one_address) as client:
        watch = Watch(one_address)

        def forged(number: int) -> bytes:
            told = f"X-Forwarded-For: 203.0.{number // 250}.{number % 250}\r\n"
            return data.replace(b"\r\n\r\n", b"\r\n" + told.encode() + b"\r\n", 1)

        outcomes = await many(COUNT, lambda number: once(one_address, forged(number)), seconds=TIME)
    good = outcomes["200"] + outcomes["101"]
    assert (good, outcomes["429"]) == (49, COUNT - 49)  # one is the innocent client's
    client.assert_served()
    assert watch.peak_growth < MEMORY
    watch.assert_quiet()


async def test_ever_new_addresses_cost_little() -> None:
    with limited(LIMIT_CONNECTS="1/hour", MAX_SOCKETS="100") as service:
        async with innocent(service) as client:
            watch = Watch(service)

            async def connect_as(numbers: range) -> None:
                async with connected(service.base_url) as peer:
                    for number in numbers:
                        told = ("X-Forwarded-For", f"2001:db8:{number // 65_536:x}:{number % 65_536:x}::1")
                        assert (await peer.exchange(request(POLLING, headers=[told]))).status == 200

            await asyncio.gather(*(connect_as(range(part * 1_000, (part + 1) * 1_000)) for part in range(10)))
        client.assert_served()
        assert watch.peak_growth < MEMORY
        watch.assert_quiet()


async def test_when_all_places_are_taken_those_who_have_one_keep_it() -> None:
    with limited(MAX_SOCKETS="20", MAX_SOCKETS_PER_USER="50") as service:
        async with innocent(service) as client, AsyncExitStack() as stack:
            watch = Watch(service)
            sockets = [await stack.enter_async_context(websocket(service.base_url, service.token("many")))
                       for _ in range(19)]  # fmt: skip
            data = (request(POLLING), upgrade())
            outcomes = await many(500, lambda number: once(service, data[number % 2]), seconds=TIME)
            assert outcomes == {"503": 500}
            for socket in sockets:
                await socket.ask()
            await watch.until_descriptors(99)
        client.assert_served()
        assert watch.peak_growth < MEMORY
        watch.assert_quiet()
        assert "20 sockets are open" in watch.log
