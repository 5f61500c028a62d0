"""Requests to the service, as its users and its administrator make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import httpx
import pytest

from ..service import Service


class ClientOf(Protocol):
    """The HTTP client of a user."""

    def __call__(self, user: str | int, *, admin: bool = False) -> httpx.Client: ...


class Send(Protocol):
    """Sends the test's user a notification; its id."""

    def __call__(self, message: str = "Hello", **fields: Any) -> str: ...


@contextmanager
def clients_of(service: Service) -> Iterator[ClientOf]:
    """Makes clients that share their connections: a new one for every test takes longer than the test."""

    def client(user: str | int, *, admin: bool = False) -> httpx.Client:
        headers = service.bearer(user, admin=admin)
        return httpx.Client(transport=shared, trust_env=False, base_url=service.base_url, headers=headers, timeout=30)

    with httpx.HTTPTransport(verify=False) as shared:
        yield client


@pytest.fixture(scope="session")
def client_of(service: Service) -> Iterator[ClientOf]:
    with clients_of(service) as client:
        yield client


@pytest.fixture
def reader(client_of: ClientOf, user: str) -> httpx.Client:
    """The test's own user, who has no notifications yet."""
    return client_of(user)


@pytest.fixture
def stranger(client_of: ClientOf, user: str) -> httpx.Client:
    """Another user."""
    return client_of(f"not-{user}")


@pytest.fixture(scope="session")
def admin(client_of: ClientOf) -> httpx.Client:
    return client_of("admin", admin=True)


@pytest.fixture
def send(admin: httpx.Client, user: str) -> Send:
    def send(message: str = "Hello", **fields: Any) -> str:
        answer = admin.post("/v1/admin/notifications", json={"userId": user, "message": message, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["notifications"][0]["id"])

    return send
