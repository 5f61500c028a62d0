"""Who may open a transport: before anything else is done for a handshake, and on every ASGI server."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from .errors import EventideError, RateLimited, Unavailable
from .faults import ClientFaults
from .metrics import Metrics
from .rates import RateLimit
from .realtime.engine.asgi import respond_to_upgrade
from .realtime.engine.requests import parse_query
from .realtime.engine.server import EngineServer
from .rest.problems import problem

FULL_RETRY = 5
"""Seconds after which a client may try again when all places are taken."""
NETWORK = 64
"""Bits of an IPv6 address that one customer of a network has; whoever has them, has all addresses below them."""


class Admission:
    """Refuses handshakes: while the instance stops, when it is full, and when an address has connected too often.

    `most`: how many transports there may be. When there are so many, one that has not authenticated is closed for the
    next; when all have, the next is refused, and may come back. `connects`: how often one address may connect.
    """

    def __init__(
        self, engine: EngineServer, *, most: Callable[[], int], connects: RateLimit | None, metrics: Metrics
    ) -> None:
        self.open = True
        """False while the instance stops: then it accepts no more sessions."""
        self._engine = engine
        self._most = most
        self._connects = connects
        self._metrics = metrics
        self._faults = ClientFaults()

    def refusal(self, scope: Scope) -> EventideError | None:
        """Why this request to the Socket.IO path is refused, if it is."""
        sid = parse_query(scope.get("query_string", b"")).get("sid")
        if not self.open and (sid is None or self._engine.transport_of(sid) is None):
            # Also the session of another instance, which a load balancer brings back here: it is to try the next one,
            # where 400 would be the last word.
            return Unavailable("The service is stopping.")
        if sid is not None or scope.get("method") == "OPTIONS":
            return None
        return self._too_often(scope) or self._full()

    def _too_often(self, scope: Scope) -> EventideError | None:
        client = scope.get("client")
        if self._connects is None or not client:
            return None
        standing = self._connects.hit(network_of(client[0]))
        if standing.allowed:
            return None
        self._metrics.limits_hit.labels(self._connects.name).inc()
        self._faults.note("were refused: they connect too often", client[0])
        return RateLimited("Too many connects from this address.", retry_after=standing.reset)

    def _full(self) -> EventideError | None:
        most = self._most()
        if self._engine.make_room(most):
            return None
        self._metrics.limits_hit.labels("sockets").inc()
        self._faults.note(f"were refused: {most} sockets are open")
        return Unavailable("This instance has no place for another connection.", retry_after=FULL_RETRY)


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, and the network of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found.packed, NETWORK), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


async def turn_away(error: EventideError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake with this.

    Not by a CONNECT_ERROR: after one, a stock client does not try again.
    """
    answer = problem(error)
    if scope["type"] == "websocket":
        await respond_to_upgrade(
            scope, receive, send, answer.status_code, bytes(answer.body), headers=answer.raw_headers
        )
    else:
        await answer(scope, receive, send)
