"""Requests that are too long, too slow or none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ..service import Service
from .frames import UPGRADE, WEBSOCKET, WebSocket
from .hostile import (
    POLLING,
    aborted,
    endless_chunk_extension,
    endless_line,
    endless_trailers,
    handshake,
    large_headers,
    many,
    once,
    pipelined,
)
from .innocent import while_asking
from .peer import Answer, Peer, bearer, connected, request
from .variants import ShortLimits
from .watch import MIB, Watch

HEADERS_MAX = 16 * 1024
"""Bytes of a header block, the request line included."""
Headers = list[tuple[str, str]]
TARGETS: dict[str, tuple[str, Headers, int]] = {
    "http": ("/healthz", [], 200),
    "polling": (POLLING, [], 200),
    "websocket": (WEBSOCKET, list(UPGRADE), 101),
}
"""What is asked for, with which headers, and how it is answered."""

each_target = pytest.mark.parametrize("target", TARGETS)


def asking(target: str, more: Headers = (), *, end: bytes = b"\r\n") -> bytes:  # type: ignore[assignment]
    """A request for this, with more headers."""
    path, headers, _ = TARGETS[target]
    return request(path, headers=[*headers, *more], end=end)


def padded(target: str, size: int) -> bytes:
    """A request whose header block has this size."""
    filled = asking(target, [("X-Padding", "")])
    return asking(target, [("X-Padding", "x" * (size - len(filled)))])


async def refused(peer: Peer, data: bytes, status: int) -> None:
    """What comes to this is an answer of this status, and the end of the connection."""
    assert (await peer.exchange(data)).status == status
    assert await peer.until_closed() == b""


class TestHeaders:
    """A header block has at most 16 KiB."""

    @each_target
    async def test_a_long_header_is_too_large(self, victim: Service, target: str) -> None:
        async with connected(victim.base_url) as peer:
            await refused(peer, padded(target, HEADERS_MAX + 1024), 431)

    @each_target
    async def test_many_small_headers_are_too_large(self, victim: Service, target: str) -> None:
        async with connected(victim.base_url) as peer:
            await refused(peer, asking(target, [(f"X-{number}", "1") for number in range(2_000)]), 431)

    @each_target
    async def test_a_header_without_an_end_is_refused_as_soon_as_it_is_too_large(
        self, victim: Service, target: str
    ) -> None:
        async with connected(victim.base_url) as peer:
            await refused(peer, asking(target, end=b"X: " + b"x" * (HEADERS_MAX + 1024)), 431)

    async def test_a_request_line_without_an_end_is_too(self, victim: Service) -> None:
        async with connected(victim.base_url) as peer:
            await refused(peer, b"GET /" + b"x" * (HEADERS_MAX + 1024), 431)

    @each_target
    async def test_it_is_counted_while_it_drips(self, victim: Service, target: str) -> None:
        async with connected(victim.base_url) as peer:
            await peer.write(asking(target, end=b"X: "))
            for _ in range(HEADERS_MAX // 1024):
                await peer.write(b"x" * 1024)
                await asyncio.sleep(0.001)  # so that they are no single read
            await refused(peer, b"", 431)

    @each_target
    @pytest.mark.parametrize("size", [9 * 1024, HEADERS_MAX - 256])
    async def test_below_the_limit_it_is_served(self, victim: Service, target: str, size: int) -> None:
        async with connected(victim.base_url) as peer:
            assert (await peer.exchange(padded(target, size))).status == TARGETS[target][2]
            if target == "websocket":
                await WebSocket(peer).message(starts="0")

    @each_target
    async def test_many_headers_below_the_limit_are_served(self, victim: Service, target: str) -> None:
        async with connected(victim.base_url) as peer:
            many_headers = [(f"X-{number}", "1") for number in range(150)]
            assert (await peer.exchange(asking(target, many_headers))).status == TARGETS[target][2]

    async def test_each_request_of_a_connection_has_the_whole_limit(self, victim: Service) -> None:
        async with connected(victim.base_url) as peer:
            for _ in range(5):
                assert (await peer.exchange(padded("http", 10 * 1024))).status == 200
            await refused(peer, padded("http", HEADERS_MAX + 1024), 431)

    async def test_requests_in_one_write_have_it_each(self, victim: Service) -> None:
        async with connected(victim.base_url) as peer:
            await peer.write(padded("http", 10 * 1024) * 5)
            for _ in range(5):
                assert (await peer.answer()).status == 200

    async def test_what_comes_behind_a_body_is_counted_anew(self, victim: Service) -> None:
        put = request("/v1/notifications/read-all", method="PUT", body=b"x" * 20_000)
        async with connected(victim.base_url) as peer:
            await peer.write(put + padded("http", 10 * 1024))
            assert (await peer.answer()).status == 401
            assert (await peer.answer()).status == 200
            await refused(peer, padded("http", HEADERS_MAX + 1024), 431)

    async def test_a_refusal_is_not_the_answer_to_an_earlier_request(self, victim: Service) -> None:
        async with connected(victim.base_url) as peer:
            await peer.write(asking("http") + padded("http", HEADERS_MAX + 1024))
            assert (await peer.answer()).status == 200
            await refused(peer, b"", 431)

    async def test_a_body_is_no_header(self, victim: Service, user: str) -> None:
        headers = [bearer(victim.token(user)), ("Content-Type", "application/json")]
        body = b" " * 60_000 + b"{}"
        async with connected(victim.base_url) as peer:
            answer = await peer.exchange(
                request("/v1/notifications/read-all", method="PUT", headers=headers, body=body)
            )
            assert answer.status == 200, answer

    async def test_trailers_are_headers(self, victim: Service, watch: Watch) -> None:
        fate = await endless_trailers(victim, 30)
        assert fate.closed_after is not None, fate
        assert watch.peak_growth < 25

    async def test_a_chunk_extension_without_an_end_costs_nothing(self, victim: Service, watch: Watch) -> None:
        await endless_chunk_extension(victim, 2)
        assert watch.peak_growth < 25

    async def test_large_handshakes_leave_nothing(self, victim: Service, watch: Watch) -> None:
        outcomes = await many(300, lambda number: large_headers(victim, number))
        assert outcomes["200"] == 0, outcomes
        assert watch.peak_growth < 30
        watch.assert_quiet()

    async def test_an_endless_line_keeps_nobody_waiting(self, victim: Service, watch: Watch) -> None:
        client = await while_asking(victim, endless_line(victim, 64 * MIB, 5))
        assert watch.peak_growth < 25
        client.assert_served()

    async def test_headers_of_a_session_are_not_kept(self, victim: Service) -> None:
        """What a connection held of its last request may wait for the garbage collector, but no session has it."""

        async def sessions(padding: str) -> float:
            async def opened(number: int) -> str:
                async with connected(victim.base_url) as peer:
                    await handshake(peer, [("X-Padding", f"{number:05}{padding}")])
                return "open"

            watch = Watch(victim)
            assert (await many(4_000, opened, at_once=20, seconds=15))["open"] > 2_000
            return watch.growth

        small, large = await sessions(""), await sessions("x" * 14_000)
        assert large - small < 35, "14 KB for each of 4,000 would be 53 MiB, and those of their scopes the same again"


class TestNoRequests:
    """What is no HTTP is answered 400, or not at all, and never with a word in the log for each."""

    @pytest.mark.parametrize(
        "data",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
            b"nonsense\r\n\r\n",
            b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        ],
        ids=lambda data: repr(data[:60]),
    )
    async def test_nonsense_is_refused_and_the_connection_closed(self, victim: Service, data: bytes) -> None:
        async with connected(victim.base_url) as peer:
            await refused(peer, data, 400)

    @pytest.mark.parametrize(
        "query",
        ["EIO=4", "EIO=4&transport=", "EIO=4&transport=pigeon", "EIO=3&transport=polling", "transport=polling", ""],
    )
    async def test_a_handshake_must_say_what_it_wants(self, victim: Service, query: str) -> None:
        assert await once(victim, request(f"/socket.io/?{query}")) == 400

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
    async def test_polling_knows_two_methods(self, victim: Service, method: str) -> None:
        async with connected(victim.base_url) as peer:
            await peer.write(request(POLLING, method=method, body=b""))
            assert (await peer.answer(to=method)).status in {400, 405}

    @pytest.mark.parametrize(
        "headers",
        [
            [("Upgrade", "websocket"), ("Connection", "Upgrade")],
            [*UPGRADE[:2], ("Sec-WebSocket-Version", "12"), UPGRADE[3]],
            [*UPGRADE[:3], ("Sec-WebSocket-Key", "short")],
            [*UPGRADE[:3]],
        ],
        ids=["no version", "version 12", "short key", "no key"],
    )
    async def test_a_wrong_upgrade_is_answered_and_closed(self, victim: Service, headers: Headers) -> None:
        async with connected(victim.base_url) as peer:
            answer = await peer.exchange(request(WEBSOCKET, headers=headers))
            assert answer.status in {400, 426}
            assert await peer.until_closed() == b""

    async def test_what_comes_right_behind_an_upgrade_is_no_request(self, victim: Service) -> None:
        async with connected(victim.base_url) as peer:
            assert (await peer.exchange(asking("websocket") + asking("http"))).status == 101
            came = bytes(peer.buffer) or await peer.read()
            assert b"HTTP/1.1" not in came

    async def test_an_upgrade_may_follow_another_request(self, victim: Service, user: str) -> None:
        async with connected(victim.base_url) as peer:
            assert (await peer.exchange(asking("http"))).status == 200
            socket = WebSocket(peer)
            await socket.open()
            await socket.join(victim.token(user))

    async def test_an_upgrade_does_not_overtake_the_request_before_it(self, victim: Service, watch: Watch) -> None:
        async with connected(victim.base_url) as peer, connected(victim.base_url) as posting:
            target = await handshake(posting)
            await peer.write(request(f"{target}&t=waits") + asking("websocket"))
            await asyncio.sleep(0.05)  # so that both have been read
            assert (await posting.exchange(request(target, method="POST", body=b"1"))).status == 200
            assert (await peer.answer()).status in {200, 400}
        watch.assert_quiet()

    async def test_faults_are_not_written_down_one_by_one(self, victim: Service, watch: Watch) -> None:
        for data in (
            b"nonsense\r\n\r\n",
            request("/", headers=[("Upgrade", "h2c"), ("Connection", "Upgrade")]),
            request(WEBSOCKET, headers=UPGRADE[:2]),
            padded("http", HEADERS_MAX + 1024),
            request("/socket.io/?EIO=4"),
            request(f"{POLLING}&sid=unknown"),
        ):
            await many(300, lambda _number, data=data: once(victim, data))  # type: ignore[misc]
        unfinished = request(f"{POLLING}", method="POST", headers=[("Content-Length", "1000")])
        for data in (unfinished, asking("http", end=b"X: "), asking("websocket"), asking("polling")):
            await many(300, lambda _number, data=data: aborted(victim, data))  # type: ignore[misc]
        watch.assert_quiet()

    async def test_requests_whose_answers_nobody_reads_are_bounded(self, victim: Service, watch: Watch) -> None:
        client = await while_asking(victim, pipelined(victim, 2, target="/openapi.json"))
        assert watch.peak_growth < 40
        client.assert_served()


HEADERS_TIME, REQUEST_TIME, IDLE_TIME = 1.0, 2.5, 6.0
LONGER = 4.5
"""Seconds for headers that those have who mean no harm, as the machine may stand still."""


@pytest.fixture(scope="module")
def hasty() -> Iterator[Service]:
    """A service that waits one second for headers, two and a half for a whole request, and six for another request."""
    with ShortLimits(HEADERS_TIMEOUT=HEADERS_TIME, REQUEST_TIMEOUT=REQUEST_TIME, IDLE_TIMEOUT=IDLE_TIME) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def unhurried() -> Iterator[Service]:
    """One that waits longer for headers."""
    with ShortLimits(HEADERS_TIMEOUT=LONGER, REQUEST_TIMEOUT=REQUEST_TIME) as service:
        service.start()
        yield service


async def timed(peer: Peer, data: bytes) -> tuple[float, Answer | None]:
    """After how many seconds the connection is closed to which this is written, and with what answer."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await peer.write(data)
    came = await peer.until_closed(within=30)
    return loop.time() - began, await peer.answer() if came else None


def assert_in_time(took: float, limit: float) -> None:
    assert limit - 0.2 <= took < limit + 15  # the clock of a wheel may be coarse, and the machine may stand still


class TestSlowness:
    """Headers have their time, and so has a whole request."""

    @each_target
    async def test_partial_headers_time_out(self, hasty: Service, target: str) -> None:
        async with connected(hasty.base_url) as peer:
            took, answer = await timed(peer, asking(target, end=b"X: "))
        assert answer is not None
        assert answer.status == 408
        assert_in_time(took, HEADERS_TIME)

    async def test_who_says_nothing_is_closed_without_a_word(self, hasty: Service) -> None:
        async with connected(hasty.base_url) as peer:
            took, answer = await timed(peer, b"")
        assert answer is None
        assert_in_time(took, HEADERS_TIME)

    async def test_a_connection_is_kept_for_another_request(self, hasty: Service) -> None:
        async with connected(hasty.base_url) as peer:
            assert (await peer.exchange(asking("http"))).status == 200
            took, answer = await timed(peer, b"")
        assert answer is None
        assert_in_time(took, IDLE_TIME)

    async def test_dripping_headers_buys_no_time(self, hasty: Service) -> None:
        async with connected(hasty.base_url) as peer:
            await self._drips(peer, asking("http", end=b"X: "), HEADERS_TIME)

    async def test_an_absent_body_times_out(self, hasty: Service, user: str) -> None:
        unfinished = self._unfinished(hasty, user)
        async with connected(hasty.base_url) as peer:
            took, answer = await timed(peer, unfinished)
        assert answer is not None
        assert answer.status == 408
        assert_in_time(took, REQUEST_TIME)

    async def test_dripping_a_body_buys_no_time(self, hasty: Service, user: str) -> None:
        async with connected(hasty.base_url) as peer:
            await self._drips(peer, self._unfinished(hasty, user), REQUEST_TIME)

    async def test_an_absent_polling_body_times_out(self, hasty: Service) -> None:
        async with connected(hasty.base_url) as peer:
            target = await handshake(peer)
            took, answer = await timed(peer, request(target, method="POST", headers=[("Content-Length", "1000")]))
        assert answer is not None
        assert answer.status in {400, 408}
        assert_in_time(took, REQUEST_TIME)

    async def test_the_next_request_has_its_own_time(self, unhurried: Service) -> None:
        async with connected(unhurried.base_url) as peer:
            loop = asyncio.get_running_loop()
            end = loop.time() + 1.5 * LONGER
            while loop.time() < end:
                assert (await peer.exchange(asking("http"))).status == 200
                await asyncio.sleep(0.05)
            took, answer = await timed(peer, asking("http", end=b"X: "))
        assert answer is not None
        assert answer.status == 408
        assert_in_time(took, LONGER)

    async def test_a_poll_that_waits_is_no_slow_request(self, unhurried: Service, user: str) -> None:
        async with connected(unhurried.base_url) as peer:
            target = await handshake(peer)
            join = f'40/notifications,{{"token":"{unhurried.token(user)}"}}'.encode()
            assert (await peer.exchange(request(target, method="POST", body=join))).status == 200
            number = 0
            while b"catch_up_complete" not in (await peer.exchange(request(f"{target}&t={number}"))).body:
                number += 1
            await peer.write(request(f"{target}&t=later"))
            await asyncio.sleep(REQUEST_TIME + 1.5)
            [id] = await asyncio.to_thread(unhurried.send, user)
            assert id.encode() in (await peer.answer()).body

    async def test_a_websocket_is_no_slow_request(self, unhurried: Service, user: str) -> None:
        async with connected(unhurried.base_url) as peer:
            socket = WebSocket(peer)
            await socket.open()
            await socket.join(unhurried.token(user))
            await asyncio.sleep(REQUEST_TIME + 1.5)
            await socket.ask()

    def _unfinished(self, service: Service, user: str) -> bytes:
        """A request whose body is read, because it has a token, and does not come."""
        headers = [bearer(service.token(user)), ("Content-Type", "application/json"), ("Content-Length", "1000")]
        return request("/v1/notifications/read-all", method="PUT", headers=headers)

    async def _drips(self, peer: Peer, start: bytes, limit: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await peer.write(start)
        closing = asyncio.create_task(peer.until_closed(within=limit + 20))
        while not closing.done() and loop.time() < began + limit + 20:
            await peer.write(b"x")
            await asyncio.wait([closing], timeout=0.1)
        await closing
        assert_in_time(loop.time() - began, limit)
        assert (await peer.answer()).status == 408
