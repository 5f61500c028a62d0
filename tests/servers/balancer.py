"""What the load balancers for tests share: what they have logged, and how they read their configuration again."""

from __future__ import annotations

import re
import signal
import time
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import httpx

from .base import Server, ServerError
from .process import send

DEPLOY = Path(__file__).parents[2] / "deploy"
"""Where the configurations are that are shipped."""


@dataclass(frozen=True)
class Request:
    """One that has ended, as the load balancer logged it."""

    address: str
    """The client's."""
    method: str
    path: str
    status: int
    instances: tuple[str, ...]
    """Host and port of each that was tried, the last of which has answered. HAProxy tells the last one only."""


class LoadBalancer(Server):
    """One with the configuration that is shipped, in front of instances on this machine.

    It takes a client's address from X-Forwarded-For, as behind another load balancer: so a test has clients of many
    addresses.
    """

    reload_signal: ClassVar[signal.Signals]
    _LINE = re.compile(r'^(\S+) \[\S+\] "(\S+) (\S+)" (\d+) \S+ (\S.*)$', re.MULTILINE)

    @property
    @abstractmethod
    def without_instances(self) -> int:
        """The status of its own answer when no instance can be reached."""

    def ping(self) -> None:
        httpx.get(f"{self.base_url}/healthz", timeout=5)  # whatever the answer: instances may be away

    def requests(self) -> list[Request]:
        """All that have ended so far."""
        assert self.home
        return [
            Request(address, method, path, int(status), tuple(re.split(", | : ", tried)))
            for address, method, path, status, tried in self._LINE.findall(self.home.log.read_text(errors="replace"))
        ]

    def reload(self, timeout: float = 30) -> None:
        """Have it read its configuration again, and return once new workers serve."""
        master = self._running_process().pid
        before = _children(master)
        send(master, self.reload_signal)
        deadline = time.monotonic() + timeout
        while not _children(master) - before:
            if time.monotonic() > deadline:
                raise ServerError(f"{self.kind} does not reload:\n{self.home.log_tail() if self.home else ''}")
            time.sleep(0.005)


def fitted(shipped: Path, replacements: Iterable[tuple[str, str, int]]) -> str:
    """The shipped configuration, with what must differ here: each pattern has to be found so often."""
    text = shipped.read_text()
    for pattern, replacement, times in replacements:
        text, found = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if found != times:
            raise ServerError(f"{shipped.name} has {found} times, not {times}: {pattern}")
    return text


def _children(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
