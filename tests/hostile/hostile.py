"""The attacks. Each is bounded in count and time, and says what became of it."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from eventide_notify.realtime.engine.carrier import STRANGER_MAX

from ..service import Service
from .frames import NAMESPACE, WEBSOCKET, Opcode, WebSocket, frame, text, upgrade, websocket
from .peer import DEADLINE, Peer, connected, request

POLLING = "/socket.io/?EIO=4&transport=polling"
AT_ONCE = 50
"""Connections that one attack opens beside each other."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a flooder: how much was taken from it, and after how many seconds it was closed, and with what."""

    taken: int
    closed_after: float | None
    code: int | None

    def __str__(self) -> str:
        if self.closed_after is None:
            return f"open, {self.taken / 1e6:.0f} MB taken"
        return f"closed{f' ({self.code})' if self.code else ''} after {self.closed_after:.1f} s"


@dataclass(frozen=True, slots=True)
class Flood:
    """Frames without end on one WebSocket.

    `reads`: whether the flooder takes what it is answered. `joins`: whether it has been authenticated before.
    `closes`: whether nobody who means no harm does this, so that it has to end with the connection.
    """

    name: str
    frames: bytes
    opening: bytes = b""
    reads: bool = True
    joins: bool = True
    closes: bool = True

    def __str__(self) -> str:
        return self.name


_CONTINUATION = frame(Opcode.CONTINUATION, fin=False)
_EVENT = text(f'42{NAMESPACE},1["get_unread_count"]')

FLOODS = [
    Flood("pings, pongs not read", frame(Opcode.PING, b"p" * 125), reads=False),
    Flood("pings", frame(Opcode.PING, b"p" * 125)),
    Flood("empty pings", frame(Opcode.PING)),
    Flood("pings that joined nothing", frame(Opcode.PING), joins=False),
    Flood("unsolicited pongs", frame(Opcode.PONG)),
    Flood("empty continuations", _CONTINUATION, opening=text("4", fin=False)),
    Flood("fragments of a byte", frame(Opcode.CONTINUATION, b"4", fin=False), opening=text("4", fin=False)),
    Flood("pings between empty fragments", _CONTINUATION + frame(Opcode.PING), opening=text("4", fin=False)),
    Flood("Engine.IO pongs", text("3")),
    Flood("Engine.IO pongs before joining", text("3"), joins=False),
    Flood("Engine.IO noops", text("6")),
    Flood("Engine.IO pings, answers not read", text("2"), reads=False),
    Flood("empty texts", text("")),
    Flood("events, answers not read", _EVENT, reads=False, closes=False),
    Flood("events", _EVENT, closes=False),
    Flood("events without a name", text(f"42{NAMESPACE},[]"), closes=False),
    Flood("connects to nothing", text("40/nothing,"), closes=False),
    Flood("answers that nobody waits for", text(f"43{NAMESPACE},5[]"), closes=False),
    Flood("binary frames", frame(Opcode.BINARY, b"b"), closes=False),
]


async def flood(service: Service, attack: Flood, seconds: float, *, user: str = "flooder") -> Fate:
    """Flood one WebSocket until it is closed, or for so many seconds."""
    async with websocket(service.base_url, service.token(user) if attack.joins else None) as socket:
        if attack.opening:
            await socket.write(attack.opening)
        frames = attack.frames * (64_000 // len(attack.frames))
        return await pour(socket.peer, itertools.repeat(frames), seconds, reads=attack.reads)


async def pour(peer: Peer, data: Iterable[bytes], seconds: float, *, reads: bool) -> Fate:
    """Write this as fast as it is taken, until the connection is closed, the time is over or nothing is left."""
    loop = asyncio.get_running_loop()
    began, taken, tail = loop.time(), 0, bytearray()

    async def read() -> None:
        while not peer.ended:
            tail[:] = (tail + await peer.read())[-200:]

    reading = asyncio.create_task(read()) if reads else None
    try:
        for piece in data:
            left = began + seconds - loop.time()
            if left <= 0 or peer.ended or not await peer.write(piece, within=left):
                break
            taken += len(piece)
            await asyncio.sleep(0)
    except TimeoutError:
        pass  # nobody takes anything any more, and the connection is open
    after = loop.time() - began if peer.ended else None
    if reading is not None:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    elif after is not None:
        tail += await _left_over(peer)
    return Fate(taken, after, _close_code(bytes(tail)))


async def _left_over(peer: Peer) -> bytes:
    try:
        return (await peer.until_closed(within=1))[-200:]
    except TimeoutError:
        return b""


def _close_code(tail: bytes) -> int | None:
    """Of the close frame among these last bytes."""
    found = re.search(rb"\x88[\x02-\x7d]([\x03-\x13].)", tail, re.DOTALL)
    return int.from_bytes(found[1], "big") if found else None


async def many(
    count: int, attack: Callable[[int], Awaitable[object]], *, at_once: int = AT_ONCE, seconds: float = 30
) -> Counter[str]:
    """Carry out an attack so many times, or as often as the time allows; how often it ended in which way."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    numbers = iter(range(count))
    outcomes: Counter[str] = Counter()

    async def work() -> None:
        for number in numbers:
            if loop.time() > end:
                return
            try:
                outcomes[str(await attack(number))] += 1
            except TimeoutError:
                outcomes["no answer"] += 1
            except ConnectionError:
                outcomes["closed"] += 1

    await asyncio.gather(*(work() for _ in range(at_once)))
    return outcomes


async def once(service: Service, data: bytes, *, within: float = DEADLINE) -> int:
    """Send this over a connection of its own; the status of the answer."""
    async with connected(service.base_url) as peer:
        return (await peer.exchange(data, within=within)).status


async def aborted(service: Service, data: bytes) -> str:
    """Send this, and reset the connection."""
    peer = await Peer.open(service.base_url)
    await peer.write(data)
    peer.reset()
    return "reset"


async def handshake(peer: Peer, headers: Iterable[tuple[str, str]] = ()) -> str:
    """Open a polling session; its target."""
    answer = await peer.exchange(request(POLLING, headers=headers))
    assert answer.status == 200, answer
    sid = answer.body.decode().partition('"sid":"')[2].partition('"')[0]
    return f"{POLLING}&sid={sid}"


async def malformed_post(service: Service, body: bytes, *, waiting: bool = False, within: float = DEADLINE) -> int:
    """Open a polling session and post what is no Engine.IO payload, with or without a GET that waits; the status."""
    async with connected(service.base_url) as peer, connected(service.base_url) as other:
        target = await handshake(peer)
        if waiting:
            await other.write(request(target))
        return (await peer.exchange(request(target, method="POST", body=body), within=within)).status


LARGE = 1 << 20


async def large_headers(service: Service, number: int) -> int:
    """A polling handshake with a megabyte of headers."""
    async with connected(service.base_url) as peer:
        with suppress(TimeoutError):
            await peer.write(request(POLLING, headers=[(f"X-{number}", "x" * LARGE)]))
        return (await peer.answer(to="GET")).status


async def endless_line(service: Service, size: int, seconds: float) -> Fate:
    """One header line that never ends."""
    async with connected(service.base_url) as peer:
        start = request(POLLING, end=b"X: ")
        return await pour(
            peer, itertools.chain([start], itertools.repeat(b"x" * 65_536, size // 65_536)), seconds, reads=True
        )


async def endless_trailers(service: Service, seconds: float) -> Fate:
    """A request whose body has ended, and its trailers never do."""
    async with connected(service.base_url) as peer:
        start = request("/v1/notifications/read-all", method="PUT", headers=[("Transfer-Encoding", "chunked")])
        trailers = b"".join(b"X-%d: x\r\n" % number for number in range(5_000))
        return await pour(peer, itertools.chain([start + b"0\r\n"], itertools.repeat(trailers)), seconds, reads=True)


async def endless_chunk_extension(service: Service, seconds: float) -> Fate:
    """A chunk whose size line never ends."""
    async with connected(service.base_url) as peer:
        start = request("/v1/notifications/read-all", method="PUT", headers=[("Transfer-Encoding", "chunked")])
        return await pour(peer, itertools.chain([start + b"1;"], itertools.repeat(b"x" * 65_536)), seconds, reads=True)


async def pipelined(service: Service, seconds: float, *, target: str = "/healthz") -> Fate:
    """Requests one behind the other, whose answers nobody reads."""
    async with connected(service.base_url, takes=4_096) as peer:
        return await pour(peer, itertools.repeat(request(target) * 500), seconds, reads=False)


async def probes(service: Service, seconds: float) -> Fate:
    """An upgrade that asks again and again whether it works."""
    async with connected(service.base_url) as polling, connected(service.base_url) as peer:
        sid = (await handshake(polling)).rpartition("=")[2]
        answer = await peer.exchange(upgrade(target=f"{WEBSOCKET}&sid={sid}"))
        assert answer.status == 101, answer
        return await pour(peer, itertools.repeat(text("2probe") * 4_000), seconds, reads=True)


async def upgrade_elsewhere(service: Service) -> int:
    """Ask for a WebSocket where there is none."""
    return await once(service, upgrade(target="/healthz"))


Hold = Callable[[Peer], Awaitable[object]]


def _leave(data: bytes) -> Hold:
    async def hold(peer: Peer) -> None:
        await peer.write(data)

    return hold


async def _wait(peer: Peer) -> None:
    await peer.write(request(await handshake(peer)))


async def _post_and_stop(peer: Peer) -> None:
    body = request(await handshake(peer), method="POST", headers=[("Content-Length", "2000000")])
    await peer.write(body + b"4" * 1_900_000)


async def _speak_and_stop(peer: Peer) -> None:
    await WebSocket(peer).open()
    # As large as a stranger's may be: larger ones are closed at once, and then there are never many of them.
    await peer.write(frame(Opcode.TEXT, b"4" * (STRANGER_MAX - 5_000), announce=STRANGER_MAX - 1_000))


HELD: dict[str, Hold] = {
    "silent connections": _leave(b""),
    "partial headers": _leave(request(POLLING, end=b"X-Partial: ")),
    "absent bodies": _leave(request("/v1/notifications/read-all", method="PUT", headers=[("Content-Length", "10")])),
    "absent polling bodies": _leave(request(POLLING, method="POST", headers=[("Content-Length", "10")])),
    "partial upgrades": _leave(upgrade(end=b"X-Partial: ")),
    "WebSockets that join nothing": _leave(upgrade()),
    "polling handshakes": _leave(request(POLLING)),
    "polls that wait": _wait,
    "large posts that stop": _post_and_stop,
    "large messages that stop": _speak_and_stop,
}
"""How a connection is left that is kept open and never goes on."""


@asynccontextmanager
async def held(service: Service, kind: str, count: int) -> AsyncIterator[list[Peer]]:
    """So many connections of one kind, closed at the end."""
    peers: list[Peer] = []

    async def hold(_number: int) -> str:
        peer = await Peer.open(service.base_url, takes=4_096)
        peers.append(peer)
        async with asyncio.timeout(1):
            await HELD[kind](peer)
        return "open"

    try:
        await many(count, hold)
        yield peers
    finally:
        for peer in peers:
            peer.close()


async def come_and_go(url: str, token: str) -> str:
    """A WebSocket that joins and closes in order."""
    async with websocket(url, token) as socket:
        await socket.write(frame(Opcode.CLOSE, b"\x03\xe8"))
        return f"closed {await socket.end()}"


async def leave_over_polling(url: str, token: str) -> str:
    """A session over polling that joins and closes in order."""
    async with connected(url) as peer:
        target = await handshake(peer)
        join = f'40{NAMESPACE},{{"token":"{token}"}}'.encode()
        assert (await peer.exchange(request(target, method="POST", body=join))).status == 200
        got = b""
        for number in range(5):
            got += (await peer.exchange(request(f"{target}&t={number}"))).body
            if b'"catch_up_complete"' in got:
                break
        assert b'"catch_up_complete"' in got, got
        return f"closed {(await peer.exchange(request(target, method='POST', body=b'1'))).status}"


async def vanish(url: str, token: str) -> str:
    """A WebSocket that joins, and is gone by a TCP reset."""
    peer = await Peer.open(url)
    socket = WebSocket(peer)
    await socket.open()
    await socket.join(token)
    peer.reset()
    return "reset"
