"""For those who run the service: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..metrics import Metrics
from ..service.readiness import Readiness
from .problems import PRIVATE


class OpsRoutes:
    """Liveness says that the process answers; readiness asks every part it needs."""

    def __init__(self, readiness: Readiness, metrics: Metrics) -> None:
        self._readiness = readiness
        self._metrics = metrics

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
        return _status(code, {"status": report.status, "reasons": report.problems})

    async def metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _status(code: int, body: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(body), code, PRIVATE, media_type="application/json")
