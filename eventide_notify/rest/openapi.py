"""The OpenAPI 3.1 document, made of the route table and of the models that validate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

from .. import answers
from ..models import TOPIC_MAX
from ..schemas import describe_link
from ..shapes import Shape
from .operations import Operation
from .problems import MEDIA_TYPE

_REF = "#/components/schemas/{model}"
_ID = {"type": "string", "minLength": 1}
_IN_PATHS = {"topic": {**_ID, "maxLength": TOPIC_MAX}}
_CONVERTOR = re.compile(r"(?<=\w):\w+(?=})")


def document(operations: Sequence[Operation], *, version: str) -> dict[str, Any]:
    """The document that describes these operations, and those for operators."""
    paths: dict[str, Any] = {}
    for row in operations:
        # `{id:path}` is how Starlette is told that a slash may be in it.
        paths.setdefault(_CONVERTOR.sub("", row.path), {})[row.method.lower()] = _operation(row)
    paths.update(_for_operators())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Eventide Notify",
            "version": version,
            "description": "In-app notifications that are saved first, and delivered at least once.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "evk_…",
                    "description": "An API key of a back end, for all that an administrator may do.",
                },
            },
        },
    }


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    asked = {row.body for row in operations if row.body}
    given = {answer for row in operations for answer in (row.answer, row.later) if answer}
    given |= {answers.Problem, answers.Health, answers.Readiness}
    pairs = [(model, "validation") for model in sorted(asked | given, key=lambda model: model.__name__)]
    _, definitions = models_json_schema(pairs, ref_template=_REF)  # type: ignore[arg-type]
    found: dict[str, Any] = definitions["$defs"]
    describe_link(found["Action"]["properties"]["link"])  # of a model within others, which pydantic describes itself
    return found


def _operation(row: Operation) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": row.endpoint.__name__,
        "summary": row.summary,
        "tags": ["Administration" if row.admin else "Notifications"],
        "parameters": [*_path_parameters(row), *_query_parameters(row), *_header_parameters(row)],
        "responses": _responses(row),
    }
    if row.admin:
        operation["security"] = [{"token": []}, {"apiKey": []}]
    if row.body is not None:
        operation["requestBody"] = {"required": row.body_required, "content": _content(row.body)}
    return operation


def _path_parameters(row: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)", row.path)
    return [{"name": name, "in": "path", "required": True, "schema": _IN_PATHS.get(name, _ID)} for name in names]


def _query_parameters(row: Operation) -> list[dict[str, Any]]:
    if row.query is None:
        return []
    fields: dict[str, dict[str, Any]] = row.query.model_json_schema()["properties"]
    parameters = []
    for name, schema in fields.items():
        described = _without_null(schema)
        text = described.pop("description", None)
        parameter = {"name": name, "in": "query", "required": False, "schema": described}
        parameters.append({**parameter, "description": text} if text else parameter)
    return parameters


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    # A query string cannot say null, it leaves the parameter out.
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "title")}
    if len(choices) != 1:
        return {key: value for key, value in schema.items() if key != "title"}
    return {**choices[0], **{key: value for key, value in rest.items() if value is not None}}


def _header_parameters(row: Operation) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[ -~]+$"}
    return [{"name": name, "in": "header", "schema": schema, "description": text} for name, text in row.headers]


def _responses(row: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(row.status).phrase}
    if row.answer is not None:
        good["content"] = _content(row.answer)
    elif row.media_type != "application/json":
        good["content"] = {row.media_type: {"schema": {"type": "string"}}}
    problems = [401, 422, 429, 500, 503]
    problems += [403] if row.admin else []
    problems += [404] if row.may_miss else []
    problems += [400, 413, 415] if row.body is not None else []
    problems += [409] if row.may_conflict else []
    found = {str(row.status): good}
    if row.later is not None:
        found["202"] = {"description": HTTPStatus(202).phrase, "content": _content(row.later)}
    return {**found, **{str(status): _problem(status) for status in sorted(problems)}}


def _problem(status: int) -> dict[str, Any]:
    headers = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    described: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": _reference(answers.Problem)}},
    }
    if status in headers:
        described["headers"] = {headers[status]: {"schema": {"type": "string"}}}
    return described


def _content(model: type[Shape]) -> dict[str, Any]:
    return {"application/json": {"schema": _reference(model)}}


def _reference(model: type[Shape]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _for_operators() -> dict[str, Any]:
    def get(summary: str, answers: dict[int, type[Shape]]) -> dict[str, Any]:
        responses = {
            str(status): {"description": HTTPStatus(status).phrase, "content": _content(model)}
            for status, model in answers.items()
        }
        return {"get": {"summary": summary, "tags": ["Operation"], "security": [], "responses": responses}}

    ready = get("Whether every part works", {200: answers.Readiness, 503: answers.Readiness})
    said = "`degraded`: answer 200 also while it works without Redis, more slowly."
    ready["get"]["parameters"] = [{"name": "accept", "in": "query", "schema": {"type": "string"}, "description": said}]
    figures = get("Figures for Prometheus", {})
    figures["get"]["responses"]["200"] = {
        "description": "OK",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return {
        "/healthz": get("Whether the process is alive", {200: answers.Health}),
        "/readyz": ready,
        "/metrics": figures,
    }
