"""CloudEvents 1.0, as they come through a broker: all of it as JSON in the body, or the attributes in headers.

Liberal in what is accepted: whatever the broker, the attributes may have the prefix of any binding, in any case.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from ..errors import FieldError, InvalidRequest, MalformedRequest, PayloadTooLarge, UnsupportedMedia
from ..models import is_storable

SPECVERSION = "1.0"
BODY_MAX = 4 * 1024 * 1024
"""Bytes, as of the largest body by REST."""
ATTRIBUTE_MAX = 2_048
"""Characters of `source`, `id` and the like."""
STRUCTURED = "application/cloudevents+json"

# AMQP has the first two, Kafka the third; NATS and HTTP the last, whose values are percent-encoded.
_PERCENT_ENCODED = "ce-"
_PREFIXES = ("cloudevents:", "cloudevents_", "ce_", _PERCENT_ENCODED)
_ATTRIBUTES = ("specversion", "id", "source", "type", "datacontenttype")
_CONTENT_TYPE = frozenset({"content-type", "content_type", "contenttype"})


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """What is used of an event."""

    id: str
    source: str
    type: str
    data: Any


def read(headers: Mapping[str, object], body: bytes) -> CloudEvent:
    """The event in a message. Raises an `EventideError` that says what is wrong with it; it never raises another."""
    if len(body) > BODY_MAX:
        raise PayloadTooLarge(f"The message has {len(body)} bytes; it may have at most {BODY_MAX}.")
    attributes, content_type = _attributes(headers)
    media = _media(content_type)
    if media.startswith("application/cloudevents-batch"):
        raise UnsupportedMedia("A message must be one event; batches are not accepted.")
    if media.startswith("application/cloudevents") or "specversion" not in attributes:
        return _structured(body)
    event = _checked(attributes)
    _check_media(content_type)
    return CloudEvent(*event, _json(body))


def as_structured(event: CloudEvent) -> tuple[Mapping[str, str], bytes]:
    """The headers and the body of a message that is this event."""
    attributes = {"specversion": SPECVERSION, "id": event.id, "source": event.source, "type": event.type}
    whole = {**attributes, "datacontenttype": "application/json", "data": event.data}
    return {"content-type": STRUCTURED}, orjson.dumps(whole)


def as_binary(event: CloudEvent) -> tuple[Mapping[str, str], bytes]:
    """Likewise, with the attributes in headers."""
    attributes = {"specversion": SPECVERSION, "id": event.id, "source": event.source, "type": event.type}
    named = {f"{_PERCENT_ENCODED}{name}": value for name, value in attributes.items()}
    return {**named, "content-type": "application/json"}, orjson.dumps(event.data)


def _structured(body: bytes) -> CloudEvent:
    whole = _json(body)
    if not isinstance(whole, dict):
        raise InvalidRequest("A CloudEvent is expected: a JSON object, or attributes in headers.")
    event = _checked(whole)
    _check_media(whole.get("datacontenttype"))
    if "data_base64" not in whole:
        return CloudEvent(*event, whole.get("data"))
    if "data" in whole:
        raise InvalidRequest(errors=[FieldError("data_base64", "must not be there beside data")])
    try:
        return CloudEvent(*event, _json(b64decode(whole["data_base64"], validate=True)))
    except (TypeError, ValueError, binascii.Error):
        raise InvalidRequest(errors=[FieldError("data_base64", "must be JSON in base64")]) from None


def _attributes(headers: Mapping[str, object]) -> tuple[dict[str, object], object]:
    """The attributes that headers tell, and the type of the body."""
    found: dict[str, object] = {}
    content_type: object = None
    for name, value in headers.items():
        key = name.lower()
        if key in _CONTENT_TYPE:
            content_type = _text(value)
            continue
        for prefix in _PREFIXES:
            attribute = key.removeprefix(prefix)
            if attribute is not key and attribute in _ATTRIBUTES:
                text = _text(value)
                decoded = unquote(text) if prefix == _PERCENT_ENCODED and isinstance(text, str) else text
                found.setdefault(attribute, decoded)
    return found, content_type or found.get("datacontenttype")


def _text(value: object) -> object:
    if not isinstance(value, bytes | bytearray):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _checked(attributes: Mapping[str, object]) -> tuple[str, str, str]:
    """`id`, `source` and `type`."""
    wrong = [
        FieldError(name, f"must be a string of 1 to {ATTRIBUTE_MAX} characters")
        for name in ("specversion", "id", "source", "type")
        if not _is_attribute(attributes.get(name))
    ]
    version = str(attributes.get("specversion"))
    if not wrong and not (version == "1" or version.startswith("1.")):
        wrong = [FieldError("specversion", f"must be {SPECVERSION}")]
    if wrong:
        raise InvalidRequest(errors=wrong)
    return str(attributes["id"]), str(attributes["source"]), str(attributes["type"])


def _is_attribute(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= ATTRIBUTE_MAX and is_storable(value)


def _media(content_type: object) -> str:
    return content_type.partition(";")[0].strip().lower() if isinstance(content_type, str) else ""


def _check_media(content_type: object) -> None:
    media = _media(content_type)
    if content_type is not None and media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMedia("The data must be application/json.")


def _json(text: bytes) -> Any:
    if not text:
        raise MalformedRequest("The message has no body; of an entry in a Redis stream that is the field `data`.")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The message is not valid JSON: {error}.") from None
