"""The name, the connection, the certificate, and whether it is the service that answers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

from ..verify.http import FAULTS, Answer
from .findings import Finding, failed, ok, warning
from .target import SOCKET, Target, opening

DAYS_ENOUGH = 14
"""A certificate that is valid for less should have been renewed."""
OPERATORS = ("/readyz", "/metrics")


class Unreachable(Exception):
    """There is nothing else to look at: the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.said)
        self.finding = finding


async def reach(target: Target) -> AsyncIterator[Finding]:
    """Whether it can be reached; raises `Unreachable`."""
    yield await _resolve(target)
    yield await _connect(target)
    if target.secure:
        yield await _certificate(target)
    else:
        yield _without_tls(target)
    yield await _service(target)
    async for finding in _operators(target):
        yield finding


async def _resolve(target: Target) -> Finding:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        said = f"{target.host} has no address ({error.strerror or error})"
        raise Unreachable(failed("name", said, "check the name, and its A and AAAA records in the DNS")) from None
    return ok("name", f"{target.host} is {', '.join(sorted({str(each[4][0]) for each in found}))}")


async def _connect(target: Target) -> Finding:
    try:
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        said = f"port {target.port} {'refuses connections' if refused else 'does not answer'}"
        change = (
            "start the proxy, and let it listen on this port (nginx: listen, HAProxy: bind)"
            if refused
            else "open the port in the firewall"
        )
        raise Unreachable(failed("connection", said, change)) from None
    writer.transport.abort()
    return ok("connection", f"port {target.port} accepts connections")


async def _certificate(target: Target) -> Finding:
    try:
        _, writer = await target.open()
    except ssl.SSLCertVerificationError as error:
        target.distrust()
        return failed("certificate", _line(error.verify_message), _renewal(error.verify_message))
    except FAULTS as error:
        said = f"port {target.port} does not speak TLS ({_line(error)})"
        change = "set up TLS there (nginx: listen … ssl, HAProxy: bind … ssl crt), or check the http:// address"
        raise Unreachable(failed("certificate", said, change)) from None
    certificate = writer.get_extra_info("peercert")
    writer.transport.abort()
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - target.plan.clock()) / 86_400
    said = f"valid for {days:.0f} days"
    if days < DAYS_ENOUGH:
        return warning("certificate", said, "renew it, and see why it was not renewed by itself")
    return ok("certificate", said)


def _renewal(reason: str) -> str:
    if "expired" in reason:
        return "renew it, and let the proxy load the new one (nginx -s reload)"
    if "mismatch" in reason or "doesn't match" in reason or "not valid for" in reason:
        return "get one for this name (nginx: server_name and ssl_certificate of the same server)"
    return (
        "browsers and apps refuse it: use one of a public authority, with the intermediate certificates in the file "
        "(nginx: ssl_certificate fullchain.pem)"
    )


def _without_tls(target: Target) -> Finding:
    if target.is_on_this_machine():
        return ok("TLS", "not used, on this machine")
    return warning(
        "TLS", "not used: everybody on the way can read the tokens", "end TLS in the proxy, and use https://"
    )


async def _service(target: Target) -> Finding:
    path = f"{SOCKET}polling"
    try:
        answer = await target.ask("GET", path)
    except FAULTS as error:
        change = "see the proxy's error log: is it HTTP/1.1 that is spoken on this port?"
        raise Unreachable(failed("service", f"no answer to a request ({_line(error)})", change)) from None
    if answer.status in (301, 302, 303, 307, 308):
        raise Unreachable(_redirected(target, answer, path))
    if answer.status in (502, 503, 504):
        change = "start the instances; let the proxy lead to them (nginx: upstream, HAProxy: server); see /readyz there"
        raise Unreachable(failed("service", f"{answer.status}: no instance answers ({answer.detail})", change))
    try:
        said = opening(answer.text) if answer.status == 200 else None
    except ValueError:
        said = None
    if said is not None:
        target.transports.add("polling")
        target.ping_interval = said["pingInterval"] / 1000
        await target.end(said["sid"])
        return ok("service", "answers")
    if answer.status == 400 and answer.headers.get("content-type", "").startswith("application/json"):
        return ok("service", "answers (it does not offer polling)")
    change = (
        "lead /socket.io/ to the service (nginx: location /socket.io/ { proxy_pass … }), without changing the path: "
        "no address behind proxy_pass, and no rewrite"
    )
    raise Unreachable(failed("service", f"something else answers {path.partition('?')[0]}: {answer.status}", change))


def _redirected(target: Target, answer: Answer, path: str) -> Finding:
    to = urlsplit(urljoin(target.origin + path, answer.headers.get("location", "")))
    where = f"{to.scheme}://{to.netloc}"
    said = f"{answer.status}, to {where}{to.path}"
    if to.scheme == target.parts.scheme and where == target.origin:
        return failed("service", said, "lead /socket.io/ to the service itself, without a redirect")
    return failed("service", said, f"clients do not follow it for WebSockets: give them, and this check, {where}")


async def _operators(target: Target) -> AsyncIterator[Finding]:
    try:
        answer = await target.ask("GET", "/readyz?accept=degraded")
        status = answer.json()["status"] if answer.status in (200, 503) else None
    except (*FAULTS, KeyError, TypeError):
        status, answer = None, None
    if answer is not None and status is not None:
        reasons = "; ".join(answer.json().get("reasons", ()))
        if status == "ready":
            yield ok("readiness", "ready")
        elif status == "degraded":
            yield warning("readiness", f"degraded: {reasons}", "see to Redis, and to EVENTIDE_REDIS_URL")
        else:
            yield failed("readiness", f"unavailable: {reasons}", "see to the database, and to EVENTIDE_DATABASE_URL")
    public = [path for path in OPERATORS if await _is_public(target, path)]
    if public and not target.is_on_this_machine():
        change = "keep them to your own network (nginx: location ~ ^/(healthz|readyz|metrics)$ { allow …; deny all; })"
        yield warning("operators", f"everybody can read {' and '.join(public)}", change)
    elif status is None:
        yield ok("readiness", "cannot be asked from here, as it should be")


async def _is_public(target: Target, path: str) -> bool:
    try:
        return (await target.ask("GET", path)).status in (200, 503)
    except FAULTS:
        return False


def _line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
