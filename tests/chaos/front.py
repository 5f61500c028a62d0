"""What clients and the sender reach: the instances themselves, or nginx as in `deploy/` before them.

Through nginx each client of the swarm still has a network of its own (`network.Link`), which all its connections pass
and which may fail; behind it is nginx alone, which has to find out by itself which instances run. A client's address
is in its X-Forwarded-For.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ..require import missing
from ..servers import ServerError
from ..servers.balancer import Request
from ..servers.nginx import NginxServer, start_nginx_server
from .backends import Deployment
from .swarm import address

LOGGED_WITHIN = 15.0
"""Seconds that nginx may take to log what has ended."""

FrontName = Literal["direct", "nginx"]


@dataclass(frozen=True)
class Front:
    """Where the service is reached."""

    urls: Sequence[str]
    nginx: NginxServer | None = None

    async def problems(self, clients: Sequence[Sequence[str]], *, instances: int, undisturbed: bool) -> list[str]:
        """What went another way than it should, in words. Ask when the clients have gone.

        `clients`: the transports of each stock client; `undisturbed`: nothing but their networks has failed.
        """
        if self.nginx is None:
            return []
        end = time.monotonic() + LOGGED_WITHIN
        while True:
            found = self._problems(self.nginx, clients, instances, undisturbed)
            if not found or time.monotonic() > end:
                return found
            await asyncio.sleep(0.1)  # nginx logs a WebSocket when it has noticed its end

    @staticmethod
    def _problems(nginx: NginxServer, clients: Sequence[Sequence[str]], instances: int, undisturbed: bool) -> list[str]:
        requests = [request for request in nginx.requests() if request.path == "/socket.io/"]
        found = [
            problem
            for number, transports in enumerate(clients)
            for problem in _astray(number, transports, requests, undisturbed)
        ]
        reached = {request.instances[-1] for request in requests if request.status in (101, 200)}
        if clients and len(reached) != instances:
            found.append(f"nginx led clients to {len(reached)} of {instances} instances only")
        return found


@contextmanager
def in_front(name: FrontName, deployment: Deployment) -> Iterator[Front]:
    """What clients reach of this deployment."""
    if name == "direct":
        yield Front(deployment.urls)
        return
    try:
        nginx = start_nginx_server(deployment.urls)
    except ServerError as error:
        missing(f"there is no nginx: {error}")
    with nginx:
        yield Front([nginx.base_url], nginx)


def _astray(number: int, transports: Sequence[str], requests: Sequence[Request], undisturbed: bool) -> list[str]:
    """Where the requests of this stock client are not what its transports lead to."""
    mine = [request for request in requests if request.address == address(number)]
    answers = Counter(request.status for request in mine)
    found = []
    if ("websocket" in transports) != (answers[101] > 0):
        found.append(f"{answers[101]} WebSockets")
    if ("polling" in transports) != (answers[200] > 0):
        found.append(f"{answers[200]} polls")
    if undisturbed and "polling" in transports:
        # Also a client that upgrades: its WebSocket has to reach the instance that it has polled.
        if answers[400]:
            found.append(f"{answers[400]} requests of a session that the instance does not know")
        if len(instances := {request.instances for request in mine}) != 1:
            found.append(f"led to {sorted(instances)}")
    return [f"through nginx, the client with {' and '.join(transports)} at {address(number)}: {it}" for it in found]
