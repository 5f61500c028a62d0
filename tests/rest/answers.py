"""What answers must look like, by the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NEVER_GIVEN = "01900000-0000-7000-8000-000000000000"
"""An id that looks right and that nothing has."""

REQUIRED = {"id", "kind", "type", "title", "message", "status", "read", "seen", "archived", "createdAt", "timestamp"}
OPTIONAL = {"link", "avatar", "data", "actions"}


def problem(response: httpx.Response, status: int, code: str, *fields: str) -> dict[str, Any]:
    """Check that this is the problem document of a status and a code that names exactly these fields; returns it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["requestId"] == response.headers["x-request-id"]
    assert set(body) == {"type", "title", "status", "detail", "code", "requestId"} | ({"errors"} if fields else set())
    assert (body["type"], body["status"], body["code"]) == ("about:blank", status, code)
    assert body["title"]
    assert body["detail"]
    errors = body.get("errors", [])
    assert all(set(error) == {"field", "message"} and error["message"] for error in errors)
    assert sorted(error["field"] for error in errors) == sorted(fields)
    return body


def check_notification(item: Mapping[str, Any], *also: str) -> None:
    """Check the shape of a notification; `also`: what it has beside what every one has."""
    always = {"expiresAt"} if item["kind"] == "announcement" else set()
    assert set(item) == REQUIRED | {"userId"} | always | set(also)
    _check_content(item)
    assert isinstance(item["userId"], str)
    assert item["seen"] is ("seenAt" in item)
    assert item["archived"] is ("archivedAt" in item)


def check_announcement(item: Mapping[str, Any], *also: str) -> None:
    """Check the shape of an announcement, which is nobody's."""
    assert set(item) == REQUIRED | set(also)
    _check_content(item)


def _check_content(item: Mapping[str, Any]) -> None:
    assert UUID7.fullmatch(item["id"])
    assert item["status"] in {"PENDING", "DELIVERED", "READ"}
    assert item["kind"] in {"notification", "announcement"}
    assert item["read"] is (item["status"] == "READ")
    assert item["timestamp"] == item["createdAt"]
    for name in {"createdAt", "timestamp", "deliveredAt", "readAt", "seenAt", "archivedAt", "expiresAt"} & set(item):
        assert TIME.fullmatch(item[name])
