"""CloudEvents: what is read from headers and bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventide_notify.errors import EventideError, InvalidRequest
from eventide_notify.queues.cloudevents import CloudEvent, as_binary, as_structured, read
from eventide_notify.queues.take import key_of

WHOLE: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "t", "data": {"a": 1}}
EVENT = CloudEvent("1", "/shop", "t", {"a": 1})


def body(**changed: Any) -> bytes:
    return json.dumps({name: value for name, value in {**WHOLE, **changed}.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"content-type": "application/cloudevents+json; charset=utf-8"}, {"Content-Type": b"application/json"},
        {"content_type": "text/plain"}, {"other": object(), "ce-id": "ignored"},
        {"ce-specversion": "1.0", "ce-id": "ignored", "content-type": "application/cloudevents+json"},
    ],
)  # fmt: skip
def test_an_event_in_the_body(headers: dict[str, object]) -> None:
    assert read(headers, body()) == EVENT
    assert (
        read(headers, body(datacontenttype="application/JSON; charset=utf-8", time="now", specversion="1.1")) == EVENT
    )


def test_data_may_be_in_base64() -> None:
    assert read({}, body(data=..., data_base64="eyJhIjogMX0=")) == EVENT
    for changed in (
        {"data_base64": "eyJhIjogMX0="},
        {"data": ..., "data_base64": "?"},
        {"data": ..., "data_base64": 1},
    ):
        with pytest.raises(InvalidRequest, match="data_base64"):
            read({}, body(**changed))


@pytest.mark.parametrize("prefix", ["ce-", "CE-", "ce_", "cloudEvents:", "cloudEvents_"])
def test_attributes_in_headers(prefix: str) -> None:
    attributes = {f"{prefix}{name}": value for name, value in WHOLE.items() if name != "data"}
    for given_as in (str, str.encode):
        headers = {name: given_as(value) for name, value in attributes.items()}
        assert read({**headers, "traceparent": "x"}, b'{"a": 1}') == EVENT
        assert read({**headers, f"{prefix}datacontenttype": "application/vnd.a+json"}, b'{"a": 1}') == EVENT


def test_over_http_headers_are_percent_encoded_and_nowhere_else() -> None:
    def source(prefix: str) -> str:
        headers = {f"{prefix}{name}": value for name, value in WHOLE.items() if name != "data"}
        return read({**headers, f"{prefix}source": "%2Fa%20%C3%A9 100%"}, b"{}").source

    assert source("ce-") == "/a é 100%"
    assert source("ce_") == "%2Fa%20%C3%A9 100%"


@pytest.mark.parametrize("written", [as_structured, as_binary])
def test_what_is_written_can_be_read(written: Any) -> None:
    assert read(*written(EVENT)) == EVENT


HEADERS = st.dictionaries(
    st.sampled_from(["ce-specversion", "ce_id", "ce-source", "ce-type", "content-type", "cloudEvents:type", "x", ""])
    | st.text(),
    st.none() | st.integers() | st.text() | st.binary() | st.sampled_from(["1.0", "application/json"]),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*WHOLE, "data_base64", "x"]), inner),
)


@given(HEADERS, st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_else_is_ever_raised(headers: dict[str, object], text: bytes) -> None:
    try:
        event = read(headers, text)
    except EventideError:
        return
    assert len(key_of(event)) == 64


def test_the_key_is_of_source_and_id() -> None:
    events = [CloudEvent(id, source, "t", 1) for id, source in [("1", "a"), ("1", "b"), ("2", "a"), ("é" * 999, "a")]]
    assert len({key_of(event) for event in events}) == 4
    assert all(key_of(event).isascii() and len(key_of(event)) <= 255 for event in events)
    assert key_of(events[0]) == key_of(CloudEvent("1", "a", "other", 2))
    assert key_of(CloudEvent("a", "bc", "t", 1)) != key_of(CloudEvent("ab", "c", "t", 1))
