"""The log, whatever clients send and however often: a few lines, none of which a client has written."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from ..service import Service
from .frames import NAMESPACE, Opcode, WebSocket, frame, text, upgrade, websocket
from .hostile import POLLING, aborted, handshake, malformed_post, many, once
from .peer import bearer, connected, request
from .tokens import CLAIMS, EVIL, FORGED, HS256, TOKENS, crafted
from .watch import Watch

TIMES = 100
Attack = Callable[[Service], Awaitable[object]]


@pytest.fixture(scope="module", params=["text", "json"])
def talkative(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service whose log is in this format, with all that is not for debugging."""
    with Service({"EVENTIDE_LOG_FORMAT": request.param}) as service:
        service.start()
        yield service


def is_record(line: str) -> bool:
    if line.startswith("{"):
        return set(json.loads(line)) >= {"time", "level", "logger", "message"}
    return re.match(r"\d\d:\d\d:\d\d (INFO|WARNING) +(eventide_notify|uvicorn)[\w.]*: ", line) is not None


def sent(*data: bytes) -> Attack:
    """These requests, each on connections of its own."""

    async def attack(service: Service) -> None:
        for each in data:
            await many(TIMES, lambda _number, each=each: once(service, each))  # type: ignore[misc]

    return attack


def broken_off(data: bytes) -> Attack:
    return lambda service: many(TIMES, lambda _number: aborted(service, data))


def posted(body: bytes) -> Attack:
    return lambda service: many(TIMES, lambda _number: malformed_post(service, body, within=20))


def said(*frames: bytes, joined: bool = True) -> Attack:
    """These frames, on WebSockets of their own, until the service closes it or has answered an event after them."""

    async def say(service: Service, number: int) -> None:
        async with websocket(service.base_url, service.token(f"evil-{number}") if joined else None) as socket:
            await socket.write(b"".join(frames) + frame(Opcode.CLOSE, b"\x03\xe8"))
            await socket.end()

    return lambda service: many(TIMES, lambda number: say(service, number))


def joining(**auth: Any) -> Attack:
    """CONNECT with this."""

    async def join(service: Service, number: int) -> None:
        async with websocket(service.base_url) as socket:
            given = {"token": service.token(f"evil-{number}"), **auth}
            await socket.write(text(f"40{NAMESPACE},{json.dumps(given)}"))
            assert await answer_to_connect(socket)

    return lambda service: many(TIMES, lambda number: join(service, number))


async def answer_to_connect(socket: WebSocket) -> bool:
    while not (message := await socket.message(starts="4")).startswith(("44", f'42{NAMESPACE},["catch_up_complete"')):
        pass
    return bool(message)


async def broken_off_posts(service: Service) -> None:
    async def post(_number: int) -> str:
        async with connected(service.base_url) as peer:
            target = await handshake(peer)
        return await aborted(service, request(target, method="POST", headers=[("Content-Length", "1000")]) + b"4")

    await many(TIMES, post)


async def connects_after_close(service: Service) -> None:
    """CONNECT and the end of the connection in one payload, either way round."""
    for number in range(TIMES // 10):
        connect = f'40{NAMESPACE},{{"token":"{service.token(f"evil-{number}")}"}}'
        for packets in (["1", connect], [connect, "1"], [connect, f"41{NAMESPACE},", connect, "41", "1", connect]):
            async with connected(service.base_url) as peer:
                target = await handshake(peer)
                await peer.exchange(request(target, method="POST", body="\x1e".join(packets).encode()))


async def users_with_odd_names(service: Service) -> None:
    """A token of theirs is a good one."""
    token = crafted(HS256, {**CLAIMS, "role": "admin"})
    asked = [request(path, headers=[bearer(token)]) for path in ("/v1/notifications", f"/v1/{quote(EVIL)}")]
    asked.append(request(f"/v1/admin/users/{quote(EVIL)}/online", headers=[bearer(token)]))
    await sent(*asked)(service)
    async with websocket(service.base_url, token) as socket:
        await socket.ask()


def odd_path(path: bytes) -> bytes:
    return request("/PATH").replace(b"/PATH", path)


PUT = request("/v1/notifications/read-all", method="PUT", headers=[("Content-Length", "1000")])
ATTACKS: dict[str, Attack] = {
    "packet 9": said(text("9"), joined=False),
    "packet 9 of a user": said(text("9")),
    "not UTF-8": said(frame(Opcode.TEXT, b"4\xff\xfe"), joined=False),
    "not UTF-8, of a user": said(frame(Opcode.TEXT, b'42/notifications,["\xff"]')),
    "binary": said(frame(Opcode.BINARY, b"\x00\x01"), text("bAAEC"), text(f'451-{NAMESPACE},["x",{{}}]')),
    "malformed packets": said(text("4"), text("42"), text("4hello"), text(f"42{NAMESPACE},[")),
    "odd events": said(text(f"42{NAMESPACE},1{json.dumps([EVIL, EVIL])}"), text(f'42{NAMESPACE},["connect",5]')),
    "wrong arguments": said(text(f"42{NAMESPACE},1{json.dumps(['mark_read', {EVIL: EVIL}])}")),
    "odd namespaces": said(text("40/x\n12:00:00,"), text("40/nothing,{}"), text(f"41{NAMESPACE},"), joined=False),
    "not masked": said(frame(Opcode.TEXT, b"x", key=None), joined=False),
    "polling: packet 9": posted(b"9"),
    "polling: not UTF-8": posted(b"\xff\xfe"),
    "polling: unknown sessions": sent(request(f"{POLLING}&sid={quote(EVIL)}")),
    "polling: posts broken off": broken_off_posts,
    "bodies broken off": broken_off(PUT + b"{"),
    "headers broken off": broken_off(request(POLLING, end=b"X: ")),
    "no HTTP": sent(b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"),
    "odd paths": sent(
        request(f"/{quote(EVIL)}"), odd_path(b"/\xff\xfe\x85"), request(f"/socket.io/{quote(EVIL)}?EIO=4")
    ),
    "odd headers": sent(
        request(POLLING, headers=[("Origin", f"http://x\x85{FORGED}"), ("X-Forwarded-Host", "\x85")]),
        request("/v1/notifications", headers=[("Authorization", f"Bearer \x85{FORGED}"), ("Idempotency-Key", "\x85")]),
    ),
    "WebSockets elsewhere": sent(
        upgrade(target="/healthz"),
        upgrade(target=f"/{quote(EVIL)}"),
        upgrade(target="/PATH").replace(b"/PATH", b"/\xff\x85"),
        upgrade(target="/healthz").replace(b": 13", b": 12"),
        upgrade(target="/healthz").replace(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key: \xff"),
    ),
    "other upgrades": sent(request("/", headers=[("Upgrade", "h2c"), ("Connection", "Upgrade")])),
    "`since` beyond all calendars": joining(since="ffffffff-ffff-7fff-bfff-ffffffffffff"),
    "odd wishes": joining(since=EVIL, catchUp=EVIL),
    "CONNECT after CLOSE": connects_after_close,
    "users with odd names": users_with_odd_names,
    **{f"tokens: {name}": sent(request("/v1/notifications", headers=[bearer(made)])) for name, made in TOKENS.items()},
    **{f"tokens of sockets: {name}": joining(token=made) for name, made in TOKENS.items()},
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_it_is_counted_and_told_in_a_few_lines(talkative: Service, attack: Attack) -> None:
    watch = Watch(talkative)
    await attack(talkative)
    async with connected(talkative.base_url) as peer:
        assert (await peer.exchange(request("/healthz"))).status == 200
    lines = watch.log.splitlines()  # at whatever ends a line anywhere
    assert len(lines) <= 6
    assert [line for line in lines if not is_record(line)] == []


async def test_a_log_of_tokens_has_no_token(talkative: Service) -> None:
    watch = Watch(talkative)
    for made in TOKENS.values():
        await once(talkative, request("/v1/notifications", headers=[bearer(made)]))
    parts = {part for made in TOKENS.values() for part in made.split(".") if len(part) > 3}
    assert not any(part in watch.log for part in parts)
