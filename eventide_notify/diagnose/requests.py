"""The token, the clock, the size of bodies, and what proxies make of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import jwt

from ..errors import RateLimited, TokenRevoked
from ..rest.diagnosis import PAUSE
from ..rest.operations import LARGE_BODY
from ..verify.http import FAULTS, Answer, read_answer
from .findings import NOBODY, Finding, failed, ok, skipped, warning
from .target import TIMEOUT, Target

CLOCKS_AGREE = 2.0
"""Seconds that clocks may differ."""
LEEWAY = 10.0
"""Seconds: the default of EVENTIDE_JWT_LEEWAY. What differs by more makes fresh tokens invalid."""
SYNCHRONISE = "synchronise the clocks (NTP), on the servers and where tokens are issued"

FIRST = 8
"""Bytes of a body: more than the length of its first chunk, which comes before it."""

Claims = dict[str, Any]


async def look(target: Target) -> AsyncIterator[Finding]:
    """How requests fare."""
    yield await _body(target)
    sent = target.plan.clock()
    answer = await target.ask("GET", "/v1/notifications/unread-count", _bearer(target))
    skew = _skew(answer, sent, target.plan.clock())
    yield _clock(skew)
    if target.plan.token is None:
        yield skipped("token", NOBODY)
        yield skipped("forwarded headers", NOBODY)
        return
    yield _token(target, answer, skew or 0)
    if answer.status == 200:
        async for finding in _diagnosis(target):
            yield finding


def _bearer(target: Target) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.plan.token}"} if target.plan.token else {}


async def _body(target: Target) -> Finding:
    # As long as the service allows, and not accepted by it: the message is too long.
    start, end = b'{"userId": "1", "message": "', b'"}'
    body = start + b"x" * (LARGE_BODY - len(start) - len(end)) + end
    headers = {**_bearer(target), "Content-Type": "application/json"}
    change = f"allow bodies of {LARGE_BODY // 2**20} MiB (nginx: client_max_body_size {LARGE_BODY // 2**20}m)"
    try:
        answer = await target.ask("POST", "/v1/admin/notifications", headers, body, timeout=6 * TIMEOUT)
    except FAULTS as error:
        return failed("bodies", f"{LARGE_BODY} bytes are refused ({str(error) or type(error).__name__})", change)
    if answer.status == 413:
        return failed("bodies", f"{LARGE_BODY} bytes are refused (413), which the service allows", change)
    return ok("bodies", f"{LARGE_BODY} bytes get through")


def _skew(answer: Answer, sent: float, came: float) -> float | None:
    """Seconds by which the other clock is ahead of this one, at least."""
    try:
        there = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None
    # It tells whole seconds: what lies within the one that it names is no difference.
    return _beyond(there, there + 1, sent, came)


def _beyond(first: float, last: float, sent: float, came: float) -> float:
    """By how much the time between these two lies after, or (less than 0) before the request and its answer. Whatever
    lies between them may be right: the answer may have been slow to be made, or to come."""
    return max(0.0, first - came) or min(0.0, last - sent)


def _clock(skew: float | None) -> Finding:
    if skew is None:
        return skipped("clock", "the answer has no Date")
    said = f"the server's is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    if abs(skew) > LEEWAY:
        return failed("clock", said, f"{SYNCHRONISE}: tokens appear expired, or not yet valid")
    if abs(skew) > CLOCKS_AGREE:
        return warning("clock", said, SYNCHRONISE)
    return ok("clock", f"agrees with this machine's within {CLOCKS_AGREE:g} s")


def _token(target: Target, answer: Answer, skew: float) -> Finding:
    if answer.status == 200:
        return ok("token", "is accepted")
    if answer.status == 401:
        if "no token" in answer.detail.lower():
            change = "let the proxy pass the header Authorization on; it may ask for a password itself (auth_basic off)"
            return failed("token", "does not reach the service", change)
        revoked = _code(answer) == TokenRevoked.code
        change = "it has been revoked: get a new one" if revoked else _why(target, skew)
        return failed("token", f"is refused: {answer.detail}", change)
    if answer.status == 429:
        return failed("token", f"cannot be tried: 429 {answer.detail}", _limit(answer, "EVENTIDE_LIMIT_REST"))
    if answer.status in (502, 503, 504):
        return failed("token", f"cannot be tried: {answer.status} {answer.detail}", "see /readyz of the instances")
    return failed("token", f"REST answers {answer.status}", "lead /v1/ to the service, without changing the path")


def _limit(answer: Answer, setting: str) -> str:
    if _code(answer) == RateLimited.code:
        return f"the service's limit was hit: wait, or raise it ({setting})"
    return "a limit of the proxy was hit: wait, or raise it there"


def _code(answer: Answer) -> object:
    """The service's code for an error; None if it is somebody else's answer."""
    try:
        return answer.json()["code"]
    except (ValueError, KeyError, TypeError):
        return None


def _why(target: Target, skew: float) -> str:
    try:
        claims: Claims = jwt.decode(target.plan.token or "", options={"verify_signature": False})
        algorithm = jwt.get_unverified_header(target.plan.token or "").get("alg")
    except jwt.InvalidTokenError:
        return "it is no JSON Web Token: was it copied completely?"
    there = target.plan.clock() + skew
    if _number(claims.get("exp"), there) <= there - LEEWAY:
        return "it has expired: get a new one"
    if max(_number(claims.get(name), there) for name in ("iat", "nbf")) > there + LEEWAY:
        return f"it is not valid yet by the server's clock: {SYNCHRONISE}"
    return (
        f"it is signed with {algorithm}: compare EVENTIDE_JWT_SECRET (or the public key), EVENTIDE_JWT_ALGORITHMS, "
        "_AUDIENCE and _ISSUER with what signs your tokens; the service's log has the reason"
    )


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


async def _diagnosis(target: Target) -> AsyncIterator[Finding]:
    sent = target.plan.clock()
    answer, pause = await _in_halves(target, "/v1/admin/diagnosis")
    came = target.plan.clock()
    if pause < PAUSE / 2:  # this machine may have been slow to read it; it is held back if it is so again
        pause = max(pause, (await _in_halves(target, "/v1/admin/diagnosis"))[1])
    if answer.status == 429:
        yield skipped("forwarded headers", _limit(answer, "EVENTIDE_LIMIT_ADMIN"))
        return
    if answer.status != 200:
        yield skipped("forwarded headers", "the token is no administrator's, or the service is an older version")
        return
    seen = answer.json()
    target.instance = str(seen["instance"])
    yield _scheme(target, seen)
    yield _client(target, seen)
    if pause < PAUSE / 2:
        change = "nginx: proxy_buffering off. Large answers would be held back, and kept in memory or files"
        yield warning("buffering", "answers are held back until they are complete", change)
    else:
        yield ok("buffering", "answers are passed on as they come")
    yield _exact_clock(seen, sent, came)


def _scheme(target: Target, seen: Claims) -> Finding:
    if seen["scheme"] == target.parts.scheme:
        return ok("X-Forwarded-Proto", f"the service knows that it is asked over {seen['scheme']}")
    said = f"the service believes to be asked over {seen['scheme']}, not {target.parts.scheme}"
    change = (
        "nginx: proxy_set_header X-Forwarded-Proto $scheme. HAProxy: http-request set-header X-Forwarded-Proto https. "
        f"And EVENTIDE_TRUSTED_PROXIES must contain the proxy, {seen['peer']}"
    )
    return failed("X-Forwarded-Proto", said, change)


def _client(target: Target, seen: Claims) -> Finding:
    if seen["client"] != seen["peer"] or target.is_on_this_machine():
        return ok("X-Forwarded-For", f"the service takes {seen['client']} for this client")
    change = (
        "if a proxy has this address: nginx: proxy_set_header X-Forwarded-For $remote_addr. HAProxy: option "
        f"forwardfor. And EVENTIDE_TRUSTED_PROXIES must contain {seen['peer']}. Otherwise all clients have one address"
    )
    return warning("X-Forwarded-For", f"the service takes {seen['client']} for this client", change)


def _exact_clock(seen: Claims, sent: float, came: float) -> Finding:
    there = datetime.fromisoformat(seen["time"]).timestamp()
    finding = _clock(_beyond(there, there, sent, came))
    return Finding(finding.level, "clock of the instance", finding.said, finding.change)


async def _in_halves(target: Target, path: str) -> tuple[Answer, float]:
    """The answer, and how many seconds passed between its beginning and its end."""
    reader, writer = await target.open()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TIMEOUT):
            writer.write(target.head("GET", path, _bearer(target)))
            begun = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(FIRST)
            started = loop.time()
            rest = await reader.read(-1)
            ended = loop.time()
            whole = asyncio.StreamReader()
            whole.feed_data(begun + rest)
            whole.feed_eof()
            return await read_answer(whole), ended - started
    finally:
        writer.transport.abort()
