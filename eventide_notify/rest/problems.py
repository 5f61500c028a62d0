"""Errors over HTTP: `application/problem+json`, for whatever goes wrong, wherever it goes wrong."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from ..context import request_id
from ..errors import (
    EventideError,
    Forbidden,
    Internal,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
    UnsupportedMedia,
)
from ..headers import DATA

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_BY_STATUS: dict[int, type[EventideError]] = {
    400: MalformedRequest,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
    415: UnsupportedMedia,
}


PRIVATE = DATA
"""Headers of every answer of the REST API."""


def problem(error: EventideError, *, headers: dict[str, str] | None = None) -> Response:
    """The answer that tells of this error."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
    }
    if id := request_id.get():
        body["requestId"] = id
    if isinstance(error, InvalidRequest) and error.errors:
        body["errors"] = [{"field": item.field, "message": item.message} for item in error.errors]
    return Response(
        orjson.dumps(body), error.status, {**PRIVATE, **_headers(error), **(headers or {})}, media_type=MEDIA_TYPE
    )


def _headers(error: EventideError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        detail = (
            "" if error.reason == "token_missing" else f', error="invalid_token", error_description="{error.message}"'
        )
        return {"WWW-Authenticate": f'Bearer realm="eventide-notify"{detail}'}
    return {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}


async def _ours(request: Request, error: Exception) -> Response:
    return problem(error if isinstance(error, EventideError) else Internal())


async def _starlettes(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return await _unexpected(request, error)
    known = _BY_STATUS.get(error.status_code, InvalidRequest)
    detail = "There is nothing at this address." if known is NotFound else None
    return problem(known(detail), headers=dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> Response:
    internal = Internal()
    logger.error("%s: %s %s failed", internal.message, request.method, request.url.path, exc_info=error)
    return problem(internal)


HANDLERS: dict[Any, ExceptionHandler] = {
    EventideError: _ours,
    HTTPException: _starlettes,
    Exception: _unexpected,
}
"""For Starlette's `exception_handlers`."""
