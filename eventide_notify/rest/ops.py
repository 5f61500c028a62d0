"""For those who run the service: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hmac import compare_digest

import orjson
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import EventideError, TokenInvalid, TokenMissing
from ..metrics import Metrics
from .problems import PRIVATE, problem

logger = logging.getLogger(__name__)

CHECK_TIMEOUT = 3.0
"""Seconds that a part has to answer."""

Check = Callable[[], Awaitable[None]]
"""Returns when the part works; raises otherwise."""


class OpsRoutes:
    """Liveness says that the process answers; readiness asks every part it needs.

    With a `token` the figures and the reasons are only for who brings it: they tell of the inside.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        channel_problems: Callable[[], Sequence[str]],
        metrics: Metrics,
        *,
        token: str | None,
    ) -> None:
        self._checks = checks
        self._channel_problems = channel_problems
        self._metrics = metrics
        self._token = token
        self._logged: set[tuple[str, type[Exception]]] = set()
        """What nobody expected is logged once, however often it is asked for."""

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def healthz(self, request: Request) -> Response:
        return _status(200, {"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        results = await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
        reasons = [reason for reason in results if reason is not None]
        if reasons:
            return self._readiness(request, 503, "unavailable", reasons)
        if degraded := [f"redis: {problem}" for problem in self._channel_problems()]:
            # Works on, from the store: for a load balancer that would otherwise take every instance out at once.
            accepted = request.query_params.get("accept") == "degraded"
            return self._readiness(request, 200 if accepted else 503, "degraded", degraded)
        return self._readiness(request, 200, "ready", [])

    def _readiness(self, request: Request, code: int, status: str, reasons: Sequence[str]) -> Response:
        told = {"reasons": reasons} if self._may_know(request) else {}
        return _status(code, {"status": status, **told})

    async def metrics(self, request: Request) -> Response:
        if not self._may_know(request):
            return problem(TokenInvalid() if "authorization" in request.headers else TokenMissing())
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._metrics.registry), headers=PRIVATE, media_type=media_type)

    def _may_know(self, request: Request) -> bool:
        if self._token is None:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and compare_digest(given.strip().encode(), self._token.encode())

    async def _ask(self, name: str, check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await check()
        except TimeoutError:
            return f"{name}: no answer within {CHECK_TIMEOUT:g} s"
        except EventideError as error:
            return f"{name}: {error.message}"
        except Exception as error:
            if (kind := (name, type(error))) not in self._logged:
                self._logged.add(kind)
                logger.exception("the check of the %s has failed", name)
            return f"{name}: {type(error).__name__}, see the log"
        return None


def _status(code: int, body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body), code, PRIVATE, media_type="application/json")
