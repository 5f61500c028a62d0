"""The tree of errors: its codes, its statuses, and how each looks over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eventide_notify import errors
from eventide_notify.errors import (
    ERRORS_MAX,
    EventideError,
    FieldError,
    Internal,
    InvalidRequest,
    TokenMissing,
    Unauthorized,
)
from eventide_notify.rest.problems import HANDLERS, problem

CODES = {
    "unauthorized", "token_expired", "token_revoked", "forbidden", "not_found", "invalid_request", "payload_too_large",
    "conflict", "rate_limited", "unavailable", "outcome_unknown", "internal",
}  # fmt: skip
REASONS = {"token_missing", "token_expired", "token_revoked", "token_invalid"}


def tree(root: type[EventideError] = EventideError) -> Iterator[type[EventideError]]:
    for child in root.__subclasses__():
        yield child
        yield from tree(child)


ALL = list(tree())


def test_the_codes_are_those_of_the_contract() -> None:
    assert {kind.code for kind in ALL} == CODES
    assert {kind.reason for kind in ALL if issubclass(kind, Unauthorized)} == REASONS


def test_the_drawing_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d{3}) (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted((kind.__name__, str(kind.status), kind.code) for kind in ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: str(kind.__name__))
def test_every_error_is_a_problem_document(kind: type[EventideError]) -> None:
    answer = problem(kind())
    body = json.loads(bytes(answer.body))
    assert answer.status_code == kind.status == body.pop("status")
    assert answer.media_type == "application/problem+json"
    assert body.pop("detail")
    assert body == {"type": "about:blank", "title": HTTPStatus(kind.status).phrase, "code": kind.code}
    assert ("WWW-Authenticate" in answer.headers) == (kind.status == 401)
    assert ("Retry-After" in answer.headers) == (kind.retry_after is not None)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: str(kind.__name__))
def test_who_may_try_again_is_told_when(kind: type[EventideError]) -> None:
    again = {"RateLimited", "Unavailable", "Refused", "OutcomeUnknown"}
    assert (kind.retry_after is not None) == (kind.__name__ in again)


def test_a_challenge_says_what_is_wrong_with_the_token_if_there_was_one() -> None:
    assert problem(TokenMissing()).headers["WWW-Authenticate"] == 'Bearer realm="eventide-notify"'
    assert 'error="invalid_token"' in problem(errors.TokenExpired()).headers["WWW-Authenticate"]


def test_wrong_fields_are_part_of_the_document() -> None:
    error = InvalidRequest("two", [FieldError("a", "is wrong"), FieldError("b.0", "too")])
    body = json.loads(bytes(problem(error).body))
    assert body["errors"] == [{"field": "a", "message": "is wrong"}, {"field": "b.0", "message": "too"}]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int = Field(alias="aNumber")


class Outer(BaseModel):
    inner: list[Inner] = Field(alias="innerOnes")


def invalid(value: object) -> InvalidRequest:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    return InvalidRequest.from_validation(caught.value)


def test_fields_have_the_clients_own_names() -> None:
    error = invalid({"innerOnes": [{"aNumber": "x"}, {"number": 1}]})
    assert [item.field for item in error.errors] == ["innerOnes.0.aNumber", "innerOnes.1.aNumber", "innerOnes.1.number"]
    assert all(item.field in error.message for item in error.errors)


def test_the_message_stays_short() -> None:
    error = invalid({"innerOnes": [{"aNumber": "x"}] * 1_000})
    assert len(error.errors) == ERRORS_MAX
    assert error.message.endswith("; and 995 more")
    assert len(error.message) < 1_000


def test_a_name_that_the_client_made_up_is_cut() -> None:
    error = InvalidRequest(errors=[FieldError("x" * 100_000, "is unknown")])
    assert len(error.errors[0].field) + len(error.message) < 1_000


def test_every_internal_error_has_a_reference_of_its_own() -> None:
    one, other = Internal(), Internal()
    assert one.reference in one.message
    assert one.reference != other.reference


# Errors of routes that do not translate them by themselves, of Starlette's own, and of nobody's

RAISED: dict[str, tuple[Exception, int, str]] = {
    "/ours": (errors.Conflict("in the way"), 409, "conflict"),
    "/starlettes": (HTTPException(413), 413, "payload_too_large"),
    "/unforeseen": (HTTPException(418), 422, "invalid_request"),
    "/faults": (RuntimeError("the secret ingredient"), 500, "internal"),
}


@pytest.mark.parametrize("path", RAISED)
async def test_whatever_is_raised_becomes_a_problem_document(path: str, caplog: pytest.LogCaptureFixture) -> None:
    error, status, code = RAISED[path]

    async def endpoint(request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route(path, endpoint)], exception_handlers=HANDLERS)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(path)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "ingredient" not in answer.text
    assert (body["detail"] in caplog.text) == (status == 500)
