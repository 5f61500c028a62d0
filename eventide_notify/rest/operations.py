"""The REST operations: what each is, and the way of a request to it and back.

An operation is a row, of which the OpenAPI document is made too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import (
    EventideError,
    FieldError,
    Forbidden,
    Internal,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    TokenMissing,
    Unauthorized,
    UnsupportedMedia,
)
from ..metrics import Metrics
from ..models import USER_ID_MAX, Principal, UserId
from ..rates import RateLimit
from ..service.in_flight import InFlight
from ..shapes import Shape
from .problems import PRIVATE, problem

logger = logging.getLogger(__name__)

SMALL_BODY = 64 * 1024
LARGE_BODY = 4 * 1024 * 1024
"""Bytes: 10,000 user ids of 128 characters and a message of 10,000, with room for escapes."""

REFUSAL_PAUSE = 0.1
"""Seconds until a caller is told that its token is not valid, or that it asks too often: refused at once, it would only
ask more often."""
LIMIT = "eventide.limit"
"""In a request's scope: the headers that say where the caller stands."""

Verify = Callable[[str], Awaitable[Principal]]
Endpoint = Callable[[Request, Principal], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the REST API."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answer: type[Shape] | None = None
    status: int = 200
    query: type[Shape] | None = None
    body: type[Shape] | None = None
    body_required: bool = True
    admin: bool = False
    may_miss: bool = False
    may_conflict: bool = False
    headers: Sequence[tuple[str, str]] = field(default=())
    later: type[Shape] | None = None
    """The answer 202, where the body may ask for another time."""
    media_type: str = "application/json"
    """Of the answer. If that is not JSON, `answer` is empty."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a user may ask, and an administrator for what is an administrator's; None: as often as they like."""

    user: RateLimit | None = None
    admin: RateLimit | None = None


class Operations:
    """Serves operations: who asks is found out, and what goes wrong is answered."""

    def __init__(
        self,
        operations: Iterable[Operation],
        verify: Verify,
        limits: Limits,
        in_flight: InFlight,
        metrics: Metrics,
        *,
        met: Callable[[UserId], None],
    ) -> None:
        self.operations = list(operations)
        self._verify = verify
        self._limits = limits
        self._in_flight = in_flight
        self._met = met
        self._requests = cache(metrics.requests.labels)
        self._refusals = cache(metrics.refusals.labels)
        self._limits_hit = cache(metrics.limits_hit.labels)
        self._internal_errors = metrics.internal_errors

    def routes(self) -> list[Route]:
        """One route per path: an answer 405 then says all methods that there are."""
        paths: dict[str, dict[str, Operation]] = {}
        for row in self.operations:
            paths.setdefault(row.path, {})[row.method] = row
        return [Route(path, self._guarded(rows), methods=list(rows)) for path, rows in paths.items()]

    def _guarded(self, rows: Mapping[str, Operation]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            row = rows["GET" if request.method == "HEAD" else request.method]
            started = time.perf_counter()
            response = await self._answer(row, request)
            response.raw_headers += request.scope.get(LIMIT, ())
            seconds = time.perf_counter() - started
            self._requests(row.path, row.method, response.status_code).observe(seconds)
            logger.debug("%s %s: %d in %.1f ms", row.method, row.path, response.status_code, seconds * 1000)
            return response

        return endpoint

    async def _answer(self, row: Operation, request: Request) -> Response:
        try:
            principal = await self._verify(_bearer(request))
            self._count(row, request, principal)
            if row.admin and not principal.admin:
                raise Forbidden
            if not row.admin and principal.key is not None:
                raise Forbidden("An API key belongs to no user: this needs a user's token.")
            if row.query is None and request.query_params:
                raise InvalidRequest(
                    "This takes no parameters.",
                    [FieldError(name, "there is no such parameter") for name in request.query_params],
                )
            if row.admin:  # a back end has one token for all that it sends
                return await row.endpoint(request, principal)
            self._met(principal.user_id)
            async with self._in_flight.of(principal.user_id):
                return await row.endpoint(request, principal)
        except EventideError as error:
            if isinstance(error, RateLimited | Unauthorized):
                await asyncio.sleep(REFUSAL_PAUSE)
            self._refusals(error.code).inc()
            return problem(error)
        except Exception:
            internal = Internal()
            self._refusals(internal.code).inc()
            self._internal_errors.inc()
            logger.exception("%s: %s %s failed", internal.message, row.method, row.path)
            return problem(internal)

    def _count(self, row: Operation, request: Request, principal: Principal) -> None:
        """Raises `RateLimited` when the caller has asked too often."""
        limit = self._limits.admin if row.admin and principal.admin else self._limits.user
        if limit is None:
            return
        standing = limit.hit(principal.caller)
        stands = f'"{limit.name}";r={standing.remaining};t={standing.reset}'
        request.scope[LIMIT] = [(b"ratelimit-policy", limit.policy.encode()), (b"ratelimit", stands.encode())]
        if not standing.allowed:
            self._limits_hit(limit.name).inc()
            raise RateLimited("You have asked too often.", retry_after=standing.reset)


def json_answer(payload: Any, status: int = 200) -> Response:
    """An answer that nobody else may keep."""
    return Response(orjson.dumps(payload), status, PRIVATE, media_type="application/json")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing
    return token.strip()


def query_of(request: Request) -> dict[str, str]:
    """The parameters in the address; `InvalidRequest` when one is given twice."""
    items = request.query_params.multi_items()
    if len(items) != len(request.query_params):
        raise InvalidRequest("Each parameter may be given only once.")
    return dict(items)


def user_in_path(request: Request) -> UserId:
    """The user that the address names."""
    user = str(request.path_params["id"])
    if len(user) > USER_ID_MAX:
        raise NotFound("There is no such user.")
    return user


async def body_of(request: Request, limit: int, *, default: Any = None) -> Any:
    """The JSON of the body; `default` where there is none and that is allowed."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise PayloadTooLarge(f"The body may have at most {limit} bytes.")
    except ClientDisconnect:
        raise MalformedRequest("The body ended too early.") from None
    if not body and default is not None:
        return default
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}.") from None
