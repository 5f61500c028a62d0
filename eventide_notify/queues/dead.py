"""Messages that cannot be used, as they are put into the queue for dead ones: the reason, and all that came."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from .. import wire
from ..errors import EventideError, InvalidRequest
from .base import Message

HEADERS_MAX = 100
"""Headers that are kept of a message."""
TEXT_MAX = 2_048
"""Characters of a header's value."""
_ROOM = 1_024
"""Bytes around what is kept of a message that is too large."""


def dead_letter(message: Message, error: EventideError, *, queue: str, now: datetime, largest: int) -> bytes:
    """The JSON to be put there, of at most `largest` bytes.

    `error` is the reason, `event` the body if that is JSON, `bodyBase64` if it is not. Of what is too large
    `bodyBase64` has the beginning, and `truncated` is true.
    """
    letter: dict[str, Any] = {"error": _reason(error), "queue": queue, "time": wire.iso(now)}
    letter["headers"] = dict(_header(*item) for item in list(message.headers.items())[:HEADERS_MAX])
    whole = orjson.dumps({**letter, **_content(message.body)})
    if len(whole) <= largest:
        return whole
    spare = largest - len(orjson.dumps(letter)) - _ROOM
    if spare < 0:
        letter["headers"] = {}
        spare = largest - len(orjson.dumps(letter)) - _ROOM
    start = message.body[: max(0, spare) // 4 * 3]
    return orjson.dumps({**letter, "bodyBase64": b64encode(start).decode(), "truncated": True})


def _reason(error: EventideError) -> Mapping[str, Any]:
    fields = [{"field": each.field, "message": each.message} for each in getattr(error, "errors", ())]
    told = {"code": error.code, "message": error.message}
    return {**told, "errors": fields} if isinstance(error, InvalidRequest) and fields else told


def _content(body: bytes) -> Mapping[str, Any]:
    try:
        return {"event": orjson.Fragment(body)} if orjson.loads(body) is not None else {"event": None}
    except orjson.JSONDecodeError:
        return {"bodyBase64": b64encode(body).decode()}


def _header(name: str, value: object) -> tuple[str, str]:
    text = value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)
    return _clean(name), _clean(text)


def _clean(text: str) -> str:
    return text[:TEXT_MAX].encode(errors="replace").decode()
