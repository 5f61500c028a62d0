"""The service itself as a server for tests: a real process on a port of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from eventide_notify.auth import TokenIssuer
from eventide_notify.models import utc_now

from .servers.base import Server
from .servers.process import HOST, Home

SECRET = "a secret for tests that is long enough"


class Service(Server):
    """`eventide-notify serve` (or another command) with its own settings; SQLite in its home unless told otherwise.

    It can be stopped, killed, frozen and started again on the same port and data, like any test server.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, *, command: Sequence[str] = ("serve",)) -> None:
        home = Home.new("service")
        # What the caller's shell has set must not reach the service; COVERAGE_… must, so that it is measured too.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("EVENTIDE_", "JWT_", "MONGODB_", "DATABASE_", "REDIS_", "FRONTEND_", "PORT"))
        }
        env = {
            **inherited,
            "EVENTIDE_JWT_SECRET": SECRET,
            "EVENTIDE_DATABASE_URL": f"sqlite:///{home.data / 'eventide.db'}",
            **(settings or {}),
        }
        run = [sys.executable, "-m", "eventide_notify", *command, "--host", HOST, "--port", str(home.port)]
        super().__init__("eventide-notify", f"http://{HOST}:{home.port}", home, run, env)

    def ping(self) -> None:
        httpx.get(f"{self.base_url}/healthz", timeout=5, verify=False).raise_for_status()

    def token(self, user: str | int, *, admin: bool = False, ttl: float = 3600) -> str:
        """A token of this user that the service accepts."""
        return issuer().issue(user, ttl=ttl, now=utc_now(), admin=admin)

    def client(self, user: str | int = "admin", *, admin: bool = False) -> httpx.Client:
        """An HTTP client with this user's token."""
        # verify=False: there is no TLS here, and reading all certificates takes longer than most requests.
        return httpx.Client(base_url=self.base_url, headers=self.bearer(user, admin=admin), timeout=30, verify=False)

    def bearer(self, user: str | int = "admin", *, admin: bool = False) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(user, admin=admin)}"}

    def send(self, *users: str | int, message: str = "Hello", **fields: Any) -> list[str]:
        """Send one notification to each user, as an administrator; the ids, in that order."""
        with self.client(admin=True) as client:
            answer = client.post("/v1/admin/notifications", json={"userIds": list(users), "message": message, **fields})
        answer.raise_for_status()
        return [item["id"] for item in answer.json()["notifications"]]


class Altered(Service):
    """A service some of whose constants are others, by their paths: `{"realtime.engine.upgrade.UPGRADE_TIMEOUT": 2}`.

    A text is an expression, in which the constant's module is `module`.

    For what takes its time by default, and need not for the test.
    """

    def __init__(
        self,
        constants: Mapping[str, float | str],
        settings: Mapping[str, str] | None = None,
        *,
        command: Sequence[str] = ("serve",),
    ) -> None:
        super().__init__(settings, command=command)
        program = ["from importlib import import_module"]
        for path, value in constants.items():
            module, _, name = path.rpartition(".")
            program += [
                f"module = import_module('eventide_notify.{module}')",
                f"module.{name}",  # fails if there is no such constant any more: the test would prove nothing
                f"module.{name} = {value}",
            ]
        program += ["from eventide_notify.cli import main", "main()"]
        assert self._command[1:3] == ["-m", "eventide_notify"]
        self._command = [sys.executable, "-c", "\n".join(program), *self._command[3:]]


def issuer() -> TokenIssuer:
    """The maker of the tokens that a `Service` accepts."""
    return TokenIssuer(SECRET, algorithm="HS256", user_claim="sub", admin_role="admin")
