"""What several of these files need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from ..service import Service
from .page import DEADLINE, OWN, B, C, Page

OpenPage = Callable[..., Page]
"""Runs a front end until the end of the test: the fixtures `open_page` and `start`."""

# A test that uses `page` or `start` runs for each front end over each transport, unless it is marked with one of these.
own_transport = pytest.mark.parametrize("transport", [OWN])
each_dialect = pytest.mark.parametrize("front_end", [B, C], ids=str)

CONTENT: Any = {
    "type": "NEW_COMMENT",
    "title": "New Comment",
    "message": 'Alice commented on "Post" 🎉',
    "link": "/posts/1#comment-9",
    "avatar": "https://app.example.com/a.png",
    "data": {"postId": 1, "tags": ["x", None]},
}
"""A notification with everything that it can have."""


@contextmanager
def service_with(*command: str, **settings: str) -> Iterator[Service]:
    """A running service with these settings, `EVENTIDE_` left out of their names."""
    named = {f"EVENTIDE_{name}": value for name, value in settings.items()}
    with Service(named, command=command or ("serve", "--drain", "0")) as service:
        service.start()
        yield service


def client_of(service: Service, user: str | int, *, admin: bool = False) -> httpx.AsyncClient:
    """The REST API as this user has it."""
    # To load the certificates of the world takes ten times as long as a request.
    headers = service.bearer(user, admin=admin)
    return httpx.AsyncClient(base_url=service.base_url, headers=headers, timeout=30, verify=False)


def announce(service: Service, **fields: Any) -> str:
    """Announce something; the announcement's id."""
    with service.client(admin=True) as admin:
        return str(admin.post("/v1/admin/announcements", json=fields).raise_for_status().json()["id"])


def ids(notifications: Iterable[Any]) -> list[str]:
    return [item["id"] for item in notifications]


async def stored(rest: httpx.AsyncClient) -> list[Any]:
    """The user's notifications as they are in the store, oldest first."""
    answer = await rest.get("/v1/notifications?limit=100")
    return list(reversed(answer.raise_for_status().json()["notifications"]))


async def statuses(rest: httpx.AsyncClient) -> list[str]:
    """Their statuses, oldest first."""
    return [item["status"] for item in await stored(rest)]


async def offline(admin: httpx.AsyncClient, user: str | int) -> None:
    """Wait until no instance has a session of this user."""
    end = time.monotonic() + DEADLINE
    while (await admin.get(f"/v1/admin/users/{user}/online")).json()["online"]:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def become(rest: httpx.AsyncClient, *expected: str) -> None:
    """Wait until the user's notifications have these statuses, oldest first."""
    end = time.monotonic() + DEADLINE
    while (found := await statuses(rest)) != [*expected]:
        assert time.monotonic() < end, f"still {found}"
        await asyncio.sleep(0.01)
