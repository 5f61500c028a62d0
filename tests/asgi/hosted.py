"""The service on ASGI servers of other people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..servers.process import HOST
from ..service import Service

REPOSITORY = Path(__file__).parents[2]

Command = Callable[[str, str], Sequence[str]]


def _uvicorn(ws: str) -> Command:
    return lambda module, port: [
        *("uvicorn", f"{module}:app", "--host", HOST, "--port", port, "--ws", ws),
        *("--timeout-graceful-shutdown", "1"),  # without it a stop waits for polls, each of which may take 25 s
    ]


COMMANDS: dict[str, Command] = {
    "uvicorn with websockets-sansio": _uvicorn("websockets-sansio"),
    "uvicorn with websockets": _uvicorn("websockets"),
    "uvicorn with wsproto": _uvicorn("wsproto"),
    "uvicorn with our protocols": lambda module, port: ["tests.asgi.own_uvicorn", module, HOST, port],
    "hypercorn": lambda module, port: ["hypercorn", f"{module}:app", "--bind", f"{HOST}:{port}"],
    "granian": lambda module, port: [
        *("granian", f"{module}:app", "--interface", "asgi", "--host", HOST, "--port", port),
        *("--workers-kill-timeout", "2"),
    ],
}


class HostedService(Service):
    """A module of this package on one of these servers, as its own command line starts it."""

    def __init__(self, kind: str, module: str, *, prefix: str = "") -> None:
        super().__init__({"EVENTIDE_JWT_LEEWAY": "0", "PYTHONPATH": str(REPOSITORY)})
        assert self.home is not None
        self.kind = kind
        self._command = [sys.executable, "-m", *COMMANDS[kind](f"tests.asgi.{module}", str(self.home.port))]
        self.base_url += prefix

    @property
    def log(self) -> str:
        assert self.home is not None
        return self.home.log.read_text()
