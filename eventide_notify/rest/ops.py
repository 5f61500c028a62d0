"""For those who run the service: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import EventideError
from ..metrics import Metrics
from .problems import PRIVATE

logger = logging.getLogger(__name__)

CHECK_TIMEOUT = 3.0
"""Seconds that a part has to answer."""

Check = Callable[[], Awaitable[None]]
"""Returns when the part works; raises otherwise."""


class OpsRoutes:
    """Liveness says that the process answers; readiness asks every part it needs."""

    def __init__(
        self, checks: Mapping[str, Check], channel_problems: Callable[[], Sequence[str]], metrics: Metrics
    ) -> None:
        self._checks = checks
        self._channel_problems = channel_problems
        self._metrics = metrics
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
            return _status(503, {"status": "unavailable", "reasons": reasons})
        if degraded := [f"redis: {problem}" for problem in self._channel_problems()]:
            # Works on, from the store: for a load balancer that would otherwise take every instance out at once.
            accepted = request.query_params.get("accept") == "degraded"
            return _status(200 if accepted else 503, {"status": "degraded", "reasons": degraded})
        return _status(200, {"status": "ready", "reasons": []})

    async def metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

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
