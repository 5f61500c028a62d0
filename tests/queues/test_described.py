"""The AsyncAPI document says which messages are taken, and how dead ones look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest

from eventide_notify import asyncapi
from eventide_notify.errors import EventideError, Internal, InvalidRequest
from eventide_notify.models import utc_now
from eventide_notify.queues.base import Message
from eventide_notify.queues.cloudevents import CloudEvent, as_binary, as_structured, read
from eventide_notify.queues.dead import dead_letter
from eventide_notify.queues.take import ANNOUNCE, PUBLISH, SEND, SHAPES
from eventide_notify.shapes import parse

from .test_brokers import POISON

DOCUMENT = asyncapi.document([], [], version="1", demo=False)
GOOD: dict[str, dict[str, Any]] = {
    SEND: {"userIds": ["42", 43], "message": "Hello", "actions": [{"id": "yes", "label": "Yes"}]},
    ANNOUNCE: {"message": "Hello", "audience": "connected"},
    PUBLISH: {"everyone": True, "event": "prices", "payload": {"EUR": 1.17}},
}
BAD: dict[str, list[dict[str, Any]]] = {
    SEND: [{"message": "nobody"}, {"userId": "1", "message": ""}, {"userId": "1", "userIds": ["1"], "message": "x"}],
    ANNOUNCE: [{}, {"message": "x", "audience": "me"}, {"message": "x", "link": "javascript:alert(1)"}],
    PUBLISH: [{"everyone": True, "event": ""}, {"event": "x"}],
}


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True).is_valid(value)


def message(key: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["messages"][key]
    return found


def test_it_has_every_type_of_message_and_no_other() -> None:
    assert DOCUMENT["channels"]["queue"]["messages"].keys() == {
        f"{key}{how}" for key in SHAPES for how in ("", ".binary")
    }
    assert DOCUMENT["channels"]["dead"]["messages"].keys() == {"dead"}


@pytest.mark.parametrize("type", SHAPES)
def test_what_is_taken_is_what_the_document_says(type: str) -> None:
    whole, parted = message(type), message(f"{type}.binary")
    for data, good in ((GOOD[type], True), *((bad, False) for bad in BAD[type])):
        event = CloudEvent("1", "/shop", type, data)
        headers, body = as_structured(event)
        assert whole["contentType"] == headers["content-type"]
        assert fits(whole["payload"], json.loads(body)) is good
        headers, body = as_binary(event)
        assert fits(parted["headers"], headers)
        assert fits(parted["payload"], json.loads(body)) is good
        assert taken(headers, body) is good


def taken(headers: Mapping[str, object], body: bytes) -> bool:
    return refusal(headers, body) is None


@pytest.mark.parametrize("poison", [name for name in POISON if name != "too deep"])
def test_what_is_not_taken_does_not_fit(poison: str) -> None:
    body, headers, _ = POISON[poison]
    assert not taken(headers, body)
    try:
        value = json.loads(body)
    except ValueError:
        return
    if poison != "NUL":  # which a schema cannot say
        assert not any(fits(message(type)["payload"], value) for type in SHAPES)


def test_dead_ones_look_as_it_says() -> None:
    seen: set[str] = set()
    letters = [
        dead_letter(Message(headers, body), error, queue="inbox", now=utc_now(), largest=largest)
        for body, headers, _ in POISON.values()
        for error in (refusal(headers, body) or Internal(), Internal())
        for largest in (10_000_000, 4_000)
    ]
    for letter in map(json.loads, letters):
        assert fits(message("dead")["payload"], letter)
        seen |= letter.keys()
    assert seen == DOCUMENT["components"]["schemas"]["DeadLetter"]["properties"].keys()


def refusal(headers: Mapping[str, object], body: bytes) -> EventideError | None:
    """Why this is not taken; None: it is."""
    try:
        event = read(headers, body)
        if event.type not in SHAPES:
            return InvalidRequest("an unknown type")
        parse(SHAPES[event.type], event.data)
    except EventideError as error:
        return error
    return None
