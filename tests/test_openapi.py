"""The OpenAPI document and the running service say the same: every operation is tried with what fits and what does not.

The examples are chosen by the document alone and are the same in every run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.routing import Route

from eventide_notify import Settings, __version__, create_app, wire
from eventide_notify.models import IdGenerator, is_notification_id, utc_now
from eventide_notify.rest import openapi
from eventide_notify.wire import RESERVED_EVENTS

from .rest.test_sending import BROKEN_LINKS, LINKS, SCRIPTS
from .service import SECRET, Service

EXAMPLES = int(os.environ.get("EVENTIDE_TEST_EXAMPLES", "25"))
"""Per operation, beside those that try every limit that the document sets."""
USER = "described"

PAGES = {"/", "/admin/", "/docs", "/openapi.json", "/asyncapi.json"}
FILES = ("/client/", "/socket.io/")
"""What is there for browsers."""

# A document cannot say "in the future".
to_come = st.datetimes(datetime(2200, 1, 1), datetime(9000, 1, 1))  # noqa: DTZ001 - the zone comes with the text
schemathesis.openapi.format("date-time", to_come.map(lambda time: f"{time.isoformat()}Z"))

DOCUMENT = openapi.document(create_app(Settings(jwt_secret=SecretStr(SECRET))).operations, version=__version__)
described = schemathesis.openapi.from_dict(DOCUMENT)
described.config.generation.update(allow_x00=False)  # nor can it say that a text has no NUL


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One of its own, for what is announced to everybody would be in the lists of others' tests."""
    with Service({"EVENTIDE_LIMIT_REST": "off"}) as service:
        service.start()
        yield service


@described.parametrize()
@settings(
    max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
def test_every_operation_does_what_the_document_says(case: schemathesis.Case[Any], service: Service) -> None:
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _make_it_succeed(case, service)
    case.call_and_validate(base_url=service.base_url, headers=service.bearer(USER, admin=True))


def _make_it_succeed(case: schemathesis.Case[Any], service: Service) -> None:
    """Otherwise most answers would be 404, and 409 for a key that is tried with one body after the other."""
    if case.path.startswith(("/v1/notifications/{id}", "/v1/admin/notifications/{id}")):
        case.path_parameters["id"] = service.send(
            USER, link="/x", data={"a": [1]}, actions=[{"id": "yes", "label": "Yes"}]
        )[0]
    body: Any = case.body
    if isinstance(body, dict):
        # Nor can a document say that ids differ, or which there are.
        for number, action in enumerate(body.get("actions") or ()):
            action["id"] = str(number)
        if body.get("sendAt") is not None:
            body["sendAt"] = wire.iso(utc_now() + timedelta(days=1))  # within a year
        if "actionId" in body:
            body["actionId"] = "yes"
    if case.path == "/v1/admin/revocations" and isinstance(body, dict) and body.get("userId") is not None:
        body.setdefault("issuedBefore", wire.iso(utc_now()))  # without it the answer comes when the second is over
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex


def test_the_document_is_valid() -> None:
    described.validate()
    assert DOCUMENT["openapi"].startswith("3.1")


def test_the_service_shows_this_document(service: Service) -> None:
    answer = httpx.get(f"{service.base_url}/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_every_route_is_in_the_document_and_the_other_way_round() -> None:
    app = create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")))
    routes = {
        (re.sub(r":\w+}", "}", route.path), method)
        for route in app._parts.routes
        if isinstance(route, Route) and route.path not in PAGES and not route.path.startswith(FILES)
        for method in (route.methods or set()) - {"HEAD"}
    }
    documented = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert routes == documented


def test_the_rows_of_the_contract_are_documented() -> None:
    documented = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert documented == {
        "GET /v1/notifications",
        "GET /v1/notifications/{id}",
        "POST /v1/notifications/actions",
        "POST /v1/notifications/{id}/acknowledge",
        "GET /v1/admin/announcements/{id}/reach",
        "GET /v1/admin/announcements/{id}/reach/missing",
        "PUT /v1/notifications/{id}/action",
        "GET /v1/admin/notifications/{id}",
        "GET /v1/notifications/unread-count",
        "PUT /v1/notifications/{id}/read",
        "PUT /v1/notifications/read-all",
        "DELETE /v1/notifications/{id}",
        "POST /v1/admin/notifications",
        "POST /v1/admin/announcements",
        "DELETE /v1/admin/announcements/{id}",
        "POST /v1/admin/events",
        "GET /v1/admin/diagnosis",
        "GET /v1/admin/online-users",
        "GET /v1/admin/users/{id}/online",
        "GET /v1/admin/users/{id}/notifications",
        "GET /v1/admin/users/{id}/sessions",
        "GET /v1/admin/notifications/{id}/timeline",
        "GET /v1/admin/announcements",
        "GET /v1/admin/instances",
        "GET /v1/admin/warnings",
        "POST /v1/admin/users/{id}/disconnect",
        "GET /v1/admin/revocations",
        "POST /v1/admin/revocations",
        "DELETE /v1/admin/revocations/{id}",
        "GET /v1/admin/users/{id}/export",
        "DELETE /v1/admin/users/{id}",
        "GET /v1/topics",
        "PUT /v1/topics/{topic}",
        "DELETE /v1/topics/{topic}",
        "GET /v1/admin/topics/{topic}",
        "PUT /v1/admin/topics/{topic}/subscribers",
        "DELETE /v1/admin/topics/{topic}/subscribers",
        "GET /v1/admin/scheduled",
        "DELETE /v1/admin/scheduled/{id}",
        "GET /v1/admin/dead",
        "POST /v1/admin/dead/{id}/retry",
        "DELETE /v1/admin/dead/{id}",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


def test_ids_in_the_document_are_those_that_the_service_makes() -> None:
    cursor = next(p for p in DOCUMENT["paths"]["/v1/notifications"]["get"]["parameters"] if p["name"] == "cursor")
    id = IdGenerator()(utc_now())
    for text in (id, id.upper(), id[:-1], id[:14] + "4" + id[15:], id.replace("-", "")):
        assert bool(re.search(cursor["schema"]["pattern"], text)) == is_notification_id(text)


def test_links_in_the_document_are_those_that_the_service_takes() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for model, name in (("NewNotification", "link"), ("NewNotification", "avatar"), ("Action", "link")):
        schema = schemas[model]["properties"][name]["anyOf"][0]
        fits = {
            link: len(link) in range(schema["minLength"], schema["maxLength"] + 1)
            and re.search(schema["pattern"], link) is not None
            for link in (*LINKS, *SCRIPTS, *BROKEN_LINKS)
        }
        assert fits == dict.fromkeys(LINKS, True) | dict.fromkeys([*SCRIPTS, *BROKEN_LINKS], False)


def test_names_of_events_that_are_taken_are_in_the_document() -> None:
    event = DOCUMENT["components"]["schemas"]["NewEvent"]["properties"]["event"]
    assert set(event["not"]["enum"]) == RESERVED_EVENTS
