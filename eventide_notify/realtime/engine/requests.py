"""What a request asks, whether it may, and how it is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import unquote_plus

import orjson
from starlette.types import Scope

from ...proxies import HOST, comes_from_this_machine, may_be_rebound

Headers = Mapping[bytes, bytes]


class Refused(Exception):
    """A request that is answered 400, with a code and a message as Node's servers have them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.body = orjson.dumps({"code": code, "message": message})


class TransportUnknown(Refused):
    def __init__(self) -> None:
        super().__init__(0, "Transport unknown")


class SessionUnknown(Refused):
    def __init__(self) -> None:
        super().__init__(1, "Session ID unknown")


class BadMethod(Refused):
    def __init__(self) -> None:
        super().__init__(2, "Bad handshake method")


class BadRequest(Refused):
    def __init__(self) -> None:
        super().__init__(3, "Bad request")


class ForbiddenOrigin(Refused):
    def __init__(self) -> None:
        super().__init__(4, "Forbidden")


class VersionUnsupported(Refused):
    def __init__(self) -> None:
        super().__init__(5, "Unsupported protocol version")


def parse_query(text: bytes) -> dict[str, str]:
    """The parameters of a query; of those given twice, the first."""
    found: dict[str, str] = {}
    for pair in text.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, unquote_plus(value) if "%" in value or "+" in value else value)
    return found


class Origins:
    """Whose pages may connect: the service's own, and `others`; `*` among these: everybody's, without credentials.

    A page is the service's own when the host in its address is the one that it asks. `hosts`: names that lead here.
    """

    def __init__(self, others: Collection[str], hosts: Collection[str] = ()) -> None:
        self._others = frozenset(others)
        self._hosts = frozenset(hosts)

    def allow(self, scope: Scope, headers: Headers) -> bool:
        """Whether the page that the request comes from may connect; what is no page's may."""
        origin = headers.get(b"origin")
        if origin is None or "*" in self._others or origin.decode("latin-1") in self._others:
            return True
        scheme, _, host = origin.partition(b"://")
        if not host or host not in (headers.get(b"host"), scope.get(HOST)):
            return False
        # A page of anybody's whose name leads to this machine agrees as well (DNS rebinding). Not over TLS: for that
        # there is a certificate, and something that stands before us and has it.
        rebound = scheme != b"https" and may_be_rebound(host.decode("latin-1"), self._hosts)
        return not (rebound and comes_from_this_machine(scope))

    def headers(self, scope: Scope, asked: Headers, *, preflight: bool) -> list[tuple[bytes, bytes]]:
        """The headers of an answer that let the page read it, or go on after its `preflight` request."""
        found: list[tuple[bytes, bytes]] = []
        if b"origin" in asked and self.allow(scope, asked):
            found += [(b"access-control-allow-origin", asked[b"origin"]), (b"vary", b"Origin")]
            if "*" not in self._others:
                found.append((b"access-control-allow-credentials", b"true"))
        if preflight:
            found.append((b"access-control-allow-methods", b"OPTIONS, GET, POST"))
            if wanted := asked.get(b"access-control-request-headers"):
                found.append((b"access-control-allow-headers", wanted))
        return found
