"""What is believed of where a request comes from: proxies that are trusted, and names that are this machine's."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

PEER = "eventide.peer"
"""In a scope: the address of the other end of the connection, whatever a proxy tells."""
HOST = "eventide.host"
"""In a scope: the host that the client asked a trusted proxy for."""

Scope = Any
_SCHEMES = {b"http": ("http", "ws"), b"https": ("https", "wss"), b"ws": ("http", "ws"), b"wss": ("https", "wss")}


class TrustedProxies:
    """Those whose `X-Forwarded-…` are believed: addresses and networks; `*`: everybody."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """Raises `ValueError` for what is neither."""
        self._networks = [ipaddress.ip_network(text) for text in trusted if text != "*"]
        self._everybody = "*" in trusted
        self._trusts = lru_cache(4096)(self._looked_up)

    def believed(self, scope: Scope) -> Scope:
        """The scope of a request, with its client and its scheme as trusted proxies tell them, `PEER` and `HOST`."""
        peer = (scope.get("client") or ("",))[0]
        found = {**scope, PEER: peer}
        if not self._trusts(peer):
            return found
        told = {name: value for name, value in scope["headers"] if name.startswith(b"x-forwarded-")}
        if schemes := _SCHEMES.get(told.get(b"x-forwarded-proto", b"").strip()):
            found["scheme"] = schemes[scope["type"] == "websocket"]
        lists = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if address := self._client(b",".join(lists).decode("latin-1")):
            found["client"] = (address, 0)
        if host := told.get(b"x-forwarded-host", b"").split(b",")[0].strip():
            found[HOST] = host
        return found

    def _client(self, forwarded_for: str) -> str:
        """The last one in the list that is no trusted proxy: what stands before it, it may have made up."""
        addresses = [_without_port(text.strip()) for text in forwarded_for.split(",")]
        if self._everybody:
            return addresses[0]
        return next((address for address in reversed(addresses) if not self._trusts(address)), addresses[0])

    def _looked_up(self, address: str) -> bool:
        found = _address(address)
        return self._everybody or (found is not None and any(found in network for network in self._networks))


def comes_from_this_machine(scope: Scope) -> bool:
    """Whether the other end of the connection is on this machine."""
    peer = _address(scope.get(PEER) or (scope.get("client") or ("",))[0])
    return peer is not None and peer.is_loopback


def may_be_rebound(host: str, own: Collection[str]) -> bool:
    """Whether this host could be a name of somebody else's that leads here (DNS rebinding).

    An address, `localhost` and our `own` names could not.
    """
    name = _without_port(host.strip().lower()).rstrip(".")
    return not (_address(name) or name == "localhost" or name.endswith(".localhost") or name in own)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
