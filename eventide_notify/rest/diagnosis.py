"""`/v1/admin/diagnosis`: what has reached the service of a request, for `eventide-notify check --url`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .. import answers, wire
from ..models import Principal
from ..proxies import HOST, PEER
from .operations import Operation
from .problems import PRIVATE

PAUSE = 0.5
"""Seconds between the two halves of the answer. What holds answers back until they are complete is seen by it."""


class DiagnosisRoutes:
    """What proxies have made of a request; from outside it cannot be seen."""

    def __init__(self, *, instance: str, version: str, clock: Callable[[], datetime]) -> None:
        self._instance = instance
        self._version = version
        self._clock = clock

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", "/v1/admin/diagnosis", self.diagnose, "Get what reaches the service of this very request",
                      answers.Diagnosis, admin=True),
        ]  # fmt: skip

    async def diagnose(self, request: Request, principal: Principal) -> Response:
        scope = request.scope
        told: bytes | None = scope.get(HOST)
        found = {
            "instance": self._instance,
            "version": self._version,
            "time": wire.iso(self._clock()),
            "scheme": scope["scheme"],
            "host": told.decode("latin-1") if told else request.headers.get("host", ""),
            "client": request.client.host if request.client else "",
            "peer": scope.get(PEER, ""),
        }
        body = orjson.dumps(found)
        # With its length: nginx passes chunks on as they come, also when it buffers.
        headers = {**PRIVATE, "Content-Length": str(len(body))}
        return StreamingResponse(_in_halves(body), 200, headers, media_type="application/json")


async def _in_halves(body: bytes) -> AsyncIterator[bytes]:
    middle = len(body) // 2
    yield body[:middle]
    await asyncio.sleep(PAUSE)
    yield body[middle:]
