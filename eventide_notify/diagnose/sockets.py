"""Both transports, and how long they may be idle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

from websockets import ConnectionClosed, InvalidHandshake, InvalidStatus

from ..verify.client import LOSSES, NAMESPACE, SEPARATOR
from ..verify.http import FAULTS
from .findings import NOBODY, Finding, failed, ok, skipped, warning
from .target import SOCKET, TIMEOUT, Target, opening

SESSIONS, REQUESTS = 4, 4
"""How many polling sessions are tried, and by how many requests each: by chance alone, all would seldom be right."""

UPGRADE = (
    "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
    "$connection_header, as in deploy/nginx.conf. Apache: ProxyPass … upgrade=websocket"
)
STICKY = (
    "nginx: hash $route consistent in upstream, as in deploy/nginx.conf. HAProxy: balance source and cookie … insert, "
    "as in deploy/haproxy.cfg. Kubernetes: sessionAffinity: ClientIP, or the ingress controller's own"
)
TIMEOUTS = "nginx: proxy_read_timeout 75s; proxy_send_timeout 75s. HAProxy: timeout client, server and tunnel 75s"


async def look(target: Target) -> AsyncIterator[Finding]:
    """Whether both transports work."""
    yield await _websocket(target)
    if "polling" not in target.transports:
        yield skipped("polling", "the service does not offer it (EVENTIDE_TRANSPORTS)")
        return
    yield await _sticky(target)
    async for finding in _unchanged(target):
        yield finding


async def _websocket(target: Target) -> Finding:
    try:
        async with target.connect() as socket:
            await target.handshake(socket)
    except InvalidStatus as error:
        status = error.response.status_code
        return failed("WebSocket", f"the upgrade is answered {status}", UPGRADE)
    except (InvalidHandshake, ConnectionClosed, *LOSSES) as error:
        return failed("WebSocket", f"no connection ({' '.join(str(error).split()) or type(error).__name__})", UPGRADE)
    target.transports.add("websocket")
    return ok("WebSocket", "the upgrade works")


async def _sticky(target: Target) -> Finding:
    astray = sum([await _astray(target, cookies=False) for _ in range(SESSIONS)])
    if not astray:
        return ok("polling", f"all requests of a session reach its instance ({SESSIONS * REQUESTS} tried)")
    said = f"{astray} of {SESSIONS * REQUESTS} requests have reached an instance that does not know their session"
    if sum([await _astray(target, cookies=True) for _ in range(SESSIONS)]):
        return failed("polling", said, f"lead all requests of a client to one instance. {STICKY}")
    change = f"Node, mobile apps and pages of other origins keep no cookies: use the address too. {STICKY}"
    return warning("polling", f"{said}; with cookies all do", change)


async def _astray(target: Target, *, cookies: bool) -> int:
    """How many requests of one session do not reach its instance."""
    opened = await target.ask("GET", f"{SOCKET}polling")
    if opened.status != 200:
        return REQUESTS
    kept = [cookie.partition(";")[0] for cookie in opened.headers.get("set-cookie", "").split("\n") if cookie]
    headers: Mapping[str, str] = {"Cookie": "; ".join(kept)} if cookies and kept else {}
    sid = opening(opened.text)["sid"]
    answers = [await target.ask("POST", f"{SOCKET}polling&sid={sid}", headers, b"3") for _ in range(REQUESTS)]
    await target.end(sid, headers)
    return sum(answer.status != 200 for answer in answers)


async def _unchanged(target: Target) -> AsyncIterator[Finding]:
    one, other = [await target.ask("GET", f"{SOCKET}polling", {"Accept-Encoding": "gzip, br"}) for _ in range(2)]
    if coding := one.headers.get("content-encoding"):
        change = "compression costs time, and helps attackers to guess secrets: switch it off (nginx: gzip off)"
        yield warning("compression", f"something compresses polls ({coding})", change)
        return
    if other.text == one.text:
        yield failed("cache", "two clients got the same answer", "do not cache /socket.io/ (nginx: proxy_cache off)")
        return
    yield ok("polls", "arrive as they were sent, neither compressed nor from a cache")
    for answer in (one, other):
        await target.end(opening(answer.text)["sid"])


async def wait(target: Target) -> AsyncIterator[Finding]:
    """Whether idle connections stay open for longer than the pings are apart."""
    if target.plan.token is None:
        yield skipped("time-outs", f"{NOBODY}: who has not authenticated is disconnected after 20 s")
        return
    asked = {"websocket": _idle_websocket, "polling": _idle_poll}
    names = [name for name in asked if name in target.transports]
    lasted = await asyncio.gather(*(asked[name](target) for name in names))
    for name, seconds in zip(names, lasted, strict=True):
        if seconds is None:
            yield ok(f"time-outs ({name})", "idle connections stay open between two pings")
        else:
            said = f"an idle connection was closed after {seconds:.0f} s; pings are {target.ping_interval:g} s apart"
            yield failed(f"time-outs ({name})", said, TIMEOUTS)


async def _idle_websocket(target: Target) -> float | None:
    """After how many seconds it was closed; None if two pings came."""
    loop = asyncio.get_running_loop()
    started, pings = loop.time(), 0
    try:
        async with target.connect() as socket:
            await target.handshake(socket)
            await socket.send(_joining(target))
            while pings < 2:
                async with asyncio.timeout(target.ping_interval + TIMEOUT):
                    frame = str(await socket.recv())
                if frame == "2":
                    pings += 1
                    await socket.send("3")
                elif frame == "1" or frame.startswith(f"44{NAMESPACE}"):
                    break
    except LOSSES:
        pass
    return None if pings == 2 else loop.time() - started


async def _idle_poll(target: Target) -> float | None:
    """After how many seconds a poll was cut off; None if one lasted until a ping."""
    loop = asyncio.get_running_loop()
    opened = await target.ask("GET", f"{SOCKET}polling")
    cookie = opened.headers.get("set-cookie", "").partition(";")[0]
    headers = {"Cookie": cookie} if cookie else {}
    url = f"{SOCKET}polling&sid={opening(opened.text)['sid']}"
    started = loop.time()
    try:
        await target.ask("POST", url, headers, _joining(target).encode())
        while True:
            started = loop.time()
            answer = await target.ask("GET", url, headers, timeout=target.ping_interval + TIMEOUT)
            if answer.status != 200:
                return loop.time() - started
            if "2" in answer.text.split(SEPARATOR):
                return None
    except FAULTS:
        return loop.time() - started


def _joining(target: Target) -> str:
    # Without what was missed: nothing that arrives here is to count as received.
    return f"40{NAMESPACE},{json.dumps({'token': target.plan.token, 'catchUp': 'none'})}"
