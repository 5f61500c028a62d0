"""Whose pages may connect: the deployment's own, those that are named, and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..verify.http import Answer
from .findings import Finding, failed, ok, skipped, warning
from .target import SOCKET, Target

STRANGER = "https://a-page-of-somebody-else.invalid"
ANOTHER_HEADER = "the proxy adds a header of its own: remove its add_header Access-Control-Allow-…, the service sets it"


async def look(target: Target) -> AsyncIterator[Finding]:
    """Whether the right pages may connect."""
    if not target.transports:
        yield skipped("Host", "no transport works")
        return
    yield await _own(target)
    for origin in target.plan.origins:
        yield await _named(target, origin)
    if await target.lets_in(STRANGER):
        change = "name the origins of your pages in EVENTIDE_CORS_ORIGINS, instead of *; and let no proxy remove Origin"
        yield warning("other origins", "pages of every origin may connect", change)
    else:
        yield ok("other origins", "are refused")


async def _own(target: Target) -> Finding:
    if await target.lets_in(target.origin):
        return ok("Host", "is passed on: the service knows its own pages")
    without_port = f"{target.parts.scheme}://{target.host}"
    if without_port != target.origin and await target.lets_in(without_port):
        said = "is passed on without its port, so the service takes its own pages for those of another origin"
        return failed("Host", said, "nginx: proxy_set_header Host $http_host, instead of $host")
    said = "does not reach the service, so it takes its own pages for those of another origin"
    return failed(
        "Host",
        said,
        "nginx: proxy_set_header Host $http_host. Apache: ProxyPreserveHost On. If the proxy is on the same machine as "
        f"the service and has no TLS, put {target.origin} into EVENTIDE_CORS_ORIGINS",
    )


async def _named(target: Target, origin: str) -> Finding:
    what = f"origin {origin}"
    preflight = await target.ask(
        "OPTIONS",
        "/v1/notifications",
        {
            "Origin": origin,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    allowed = preflight.headers.get("access-control-allow-origin", "")
    if "," in allowed:
        return failed(what, "Access-Control-Allow-Origin is there twice, which browsers refuse", ANOTHER_HEADER)
    sockets = await target.lets_in(origin)
    if sockets and (origin == target.origin or (_is_success(preflight) and allowed in (origin, "*"))):
        return await _readable(target, what, origin)
    if sockets:
        said = f"may connect, but not use REST (the preflight request is answered {preflight.status})"
        return failed(what, said, "let the proxy pass OPTIONS requests on, and the Access-Control-… headers back")
    if "*" in allowed or allowed == origin:
        return failed(what, "may use REST, but not connect", ANOTHER_HEADER)
    hint = " (an origin has no path and no slash at its end)" if origin.count("/") != 2 else ""
    return failed(what, "its pages may not connect", f"add it to EVENTIDE_CORS_ORIGINS{hint}")


async def _readable(target: Target, what: str, origin: str) -> Finding:
    if "polling" in target.transports:
        answer = await target.ask("GET", f"{SOCKET}polling", {"Origin": origin})
        allowed = answer.headers.get("access-control-allow-origin", "")
        if allowed not in (origin, "*"):
            said = f"polls say Access-Control-Allow-Origin: {allowed or '(nothing)'}"
            return failed(what, said, ANOTHER_HEADER)
    return ok(what, "its pages may connect and use REST")


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300
