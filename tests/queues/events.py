"""Events for tests, and what became of them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx

from ..service import Service
from ..waiting import asked_until

SEND = "eventide.notification.send"
TIMEOUT = 30.0
"""Seconds in which the service answers, if it does. HTTPX waits five by default, and a busy machine may stand still as
long."""


def event(id: str | None = None, *, type: str = SEND, source: str = "/shop", **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id or uuid4().hex, "source": source, "type": type, "data": data}


def structured(id: str | None = None, **fields: Any) -> bytes:
    return json.dumps(event(id, **fields)).encode()


async def messages_of(service: Service, user: str) -> list[str]:
    """The newest hundred, oldest first."""
    headers = service.bearer(user)
    async with httpx.AsyncClient(base_url=service.base_url, headers=headers, timeout=TIMEOUT, verify=False) as client:
        answer = await client.get("/v1/notifications", params={"limit": 100})
    return [item["message"] for item in reversed(answer.json()["notifications"])]


async def has(service: Service, user: str, *messages: str, within: float = 30) -> None:
    """Return when these are what the user has."""
    await asked_until(lambda: messages_of(service, user), lambda found: found == list(messages), within=within)


async def readiness(service: Service) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=service.base_url, timeout=TIMEOUT, verify=False) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()


async def figures(service: Service) -> str:
    async with httpx.AsyncClient(base_url=service.base_url, timeout=TIMEOUT, verify=False) as client:
        return (await client.get("/metrics")).text
