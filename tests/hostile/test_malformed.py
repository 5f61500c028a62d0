"""Polling requests that are no Engine.IO: each is answered, and its session is gone at once."""

from __future__ import annotations

import asyncio
import time

import pytest

from ..service import Service
from .frames import NAMESPACE
from .hostile import POLLING, aborted, handshake, malformed_post, many, once
from .innocent import while_asking
from .peer import Peer, connected, request
from .watch import Watch, connections, until_gone

LARGEST = 2_000_000
"""Bytes of one POST, at most."""
BODIES = {
    "packet 9": b"9",
    "no packet": b"nonsense",
    "not UTF-8": b"4\xff\xfe",
    "empty": b"",
    "empty packets": b"\x1e\x1e",
    "one good, one bad": b"3\x1e9",
    "for JSONP": b"d=4",
    "too large": b"4" + b"x" * LARGEST,
}
each_body = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())


async def gone(peer: Peer, target: str) -> None:
    """The session of this target is not known any more."""
    for asked in (request(f"{target}&t=again"), request(target, method="POST", body=b"3")):
        assert (await peer.exchange(asked)).status == 400


@each_body
async def test_it_is_answered_and_the_session_has_ended(victim: Service, body: bytes) -> None:
    async with connected(victim.base_url) as peer, connected(victim.base_url) as other:
        target = await handshake(peer)
        assert (await peer.exchange(request(target, method="POST", body=body))).status in refusals(body)
        await gone(other, target)


@each_body
async def test_a_get_that_waits_is_answered_too(victim: Service, body: bytes) -> None:
    async with connected(victim.base_url) as peer, connected(victim.base_url) as waiting:
        target = await handshake(peer)
        await waiting.write(request(f"{target}&t=waits"))
        await asyncio.sleep(0.05)  # so that it does wait
        assert (await peer.exchange(request(target, method="POST", body=body))).status in refusals(body)
        await waiting.answer()
        async with connected(victim.base_url) as other:
            await gone(other, target)


@each_body
async def test_the_session_of_a_user_ends_as_well(victim: Service, user: str, body: bytes) -> None:
    async with connected(victim.base_url) as peer:
        target = await handshake(peer)
        join = f'40{NAMESPACE},{{"token":"{victim.token(user)}"}}'.encode()
        assert (await peer.exchange(request(target, method="POST", body=join))).status == 200
        assert b"40/notifications" in (await peer.exchange(request(f"{target}&t=1"))).body
        assert await asyncio.to_thread(connections, victim, user) == 1
        assert (await peer.exchange(request(target, method="POST", body=body))).status in refusals(body)
        await until_gone(victim, user)


async def test_a_large_body_in_chunks_is_refused_too(victim: Service) -> None:
    async with connected(victim.base_url) as peer:
        target = await handshake(peer)
        await peer.write(request(target, method="POST", headers=[("Transfer-Encoding", "chunked")]))
        for _ in range(30):
            if not await peer.write(b"186a0\r\n" + b"x" * 100_000 + b"\r\n"):
                break
        assert (await peer.answer(to="POST")).status in {400, 413}


async def test_an_announced_large_body_is_refused_before_it_comes(victim: Service, watch: Watch) -> None:
    async with connected(victim.base_url) as peer:
        target = await handshake(peer)
        await peer.write(request(target, method="POST", headers=[("Content-Length", str(10**12))]))
        assert (await peer.answer(to="POST")).status in {400, 413}
    assert watch.peak_growth < 20


@pytest.mark.parametrize(
    "body", [b"\x1e".join([b"3"] * 17), b"b!!!", b"b", b"4"], ids=["17", "bits", "none", "message"]
)
async def test_what_may_be_right_or_wrong_is_answered(victim: Service, body: bytes) -> None:
    async with connected(victim.base_url) as peer:
        target = await handshake(peer)
        assert (await peer.exchange(request(target, method="POST", body=body))).status in {200, 400}


@each_body
async def test_thousands_of_them_leave_nothing(victim: Service, body: bytes) -> None:
    """They cost 22 KB each, once: 3,000 would be 64 MiB."""
    count = 300 if len(body) > LARGEST else 3_000
    await many(300, lambda _: malformed_post(victim, body), seconds=15)
    watch = Watch(victim)
    outcomes = await many(count, lambda _: malformed_post(victim, body), seconds=25)
    assert set(outcomes) <= {str(status) for status in refusals(body)}, outcomes
    assert outcomes.total() > count / 10, "the service is too slow to tell"
    assert watch.growth < 40
    watch.assert_quiet()


async def test_others_are_served_meanwhile(victim: Service) -> None:
    async def attack() -> None:
        await many(1_000, lambda number: malformed_post(victim, b"9", waiting=number % 2 == 0), at_once=20, seconds=3)

    (await while_asking(victim, attack())).assert_served()


async def test_they_do_not_delay_a_stop() -> None:
    async def stop_after(count: int) -> float:
        with Service() as service:
            service.start()
            for waiting in (True, False):
                await many(count, lambda _: malformed_post(service, b"9", waiting=waiting), at_once=20)  # noqa: B023
            began = time.monotonic()
            await asyncio.to_thread(service.stop, 20)
            return time.monotonic() - began

    # Requests that are still open have ten seconds at a stop; the machine may stand still for five of them.
    assert await stop_after(100) < await stop_after(0) + 7


async def test_aborted_posts_leave_nothing(victim: Service) -> None:
    async def attack(_number: int) -> str:
        async with connected(victim.base_url) as peer:
            target = await handshake(peer)
            return await aborted(victim, request(target, method="POST", headers=[("Content-Length", "1000")]) + b"4")

    await many(300, attack)
    watch = Watch(victim)
    await many(1_500, attack, seconds=15)
    assert watch.growth < 40, "these sessions may live on until their time is over, 25 KiB each"
    watch.assert_quiet()


async def test_posts_to_no_session_are_refused(victim: Service, watch: Watch) -> None:
    for target in (POLLING, f"{POLLING}&sid=", f"{POLLING}&sid=unknown", f"{POLLING}&sid={'x' * 5_000}"):
        assert await once(victim, request(target, method="POST", body=b"3")) == 400
    watch.assert_quiet(lines=5)


def refusals(body: bytes) -> set[int]:
    """How this body may be refused."""
    return {400, 413} if len(body) > LARGEST else {400}
