"""For those who run the service: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hmac import compare_digest

import orjson
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import TokenInvalid, TokenMissing
from ..metrics import Metrics
from ..service.readiness import Readiness
from .problems import PRIVATE, problem


class OpsRoutes:
    """Liveness says that the process answers; readiness asks every part it needs.

    With a `token` the figures and the reasons are only for who brings it: they tell of the inside.
    """

    def __init__(self, readiness: Readiness, metrics: Metrics, *, token: str | None) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._token = token
        self._encoding = asyncio.Lock()

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def healthz(self, request: Request) -> Response:
        return _status(200, {"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        report = await self._readiness.report()
        # Degraded, it works on from the store: for load balancers that would otherwise take every instance out at once.
        accepted = report.status == "degraded" and request.query_params.get("accept") == "degraded"
        code = 200 if accepted or report.status == "ready" else 503
        told = {"reasons": report.problems} if self._may_know(request) else {}
        return _status(code, {"status": report.status, **told})

    async def metrics(self, request: Request) -> Response:
        if not self._may_know(request):
            return problem(TokenInvalid() if "authorization" in request.headers else TokenMissing())
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        # In a thread: it takes some 15 ms, in which nobody else would have a turn. In one, however many ask: each of
        # several would take its turns from the event loop.
        async with self._encoding:
            text = await asyncio.to_thread(encode, self._metrics.registry)
        return Response(text, headers=PRIVATE, media_type=media_type)

    def _may_know(self, request: Request) -> bool:
        if self._token is None:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and compare_digest(given.strip().encode("latin-1"), self._token.encode())


def _status(code: int, body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body), code, PRIVATE, media_type="application/json")
