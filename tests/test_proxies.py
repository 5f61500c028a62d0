"""Whom a request comes from, as far as that is believed."""

from __future__ import annotations

from typing import Any

import pytest

from eventide_notify.proxies import HOST, PEER, TrustedProxies, comes_from_this_machine, may_be_rebound

TRUSTED = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]


def scope(peer: str | None, *, kind: str = "http", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    client = None if peer is None else (peer, 4711)
    return {"type": kind, "scheme": "http", "client": client, "headers": named, "path": "/"}


FORWARDED = {
    "X_Forwarded_For": "203.0.113.7", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "notify.example.com",
}  # fmt: skip


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.200.3.4", "2001:db8:1::1", "::ffff:10.1.1.1"])
def test_a_trusted_proxy_is_believed(peer: str) -> None:
    found = TrustedProxies(TRUSTED).believed(scope(peer, **FORWARDED))
    assert (found["client"][0], found["scheme"], found[HOST]) == ("203.0.113.7", "https", b"notify.example.com")
    assert found[PEER] == peer


@pytest.mark.parametrize("peer", ["127.0.0.2", "192.0.2.1", "2001:db9::1", "unix:", "", None])
def test_nobody_else_is(peer: str | None) -> None:
    asked = scope(peer, **FORWARDED)
    found = TrustedProxies(TRUSTED).believed(asked)
    assert {**found, PEER: None} == {**asked, PEER: None}


def test_a_star_trusts_everybody() -> None:
    found = TrustedProxies(["*"]).believed(scope(None, X_Forwarded_For="203.0.113.7, 192.0.2.1"))
    assert found["client"][0] == "203.0.113.7"


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the first one, the client made up
        ("198.51.100.1, 203.0.113.7, 10.0.0.9", "203.0.113.7"),
        ("203.0.113.7:5000, 10.0.0.9:80", "203.0.113.7"),
        ("[2001:db9::7]:5000", "2001:db9::7"),
        ("10.0.0.9", "10.0.0.9"),
        ("", "127.0.0.1"),
        ("nonsense", "nonsense"),
    ],
)
def test_the_client_is_the_last_that_is_no_proxy(told: str, client: str) -> None:
    assert TrustedProxies(TRUSTED).believed(scope("127.0.0.1", X_Forwarded_For=told))["client"][0] == client


def test_lists_in_several_headers_are_one() -> None:
    asked = scope("127.0.0.1", X_Forwarded_For="203.0.113.7")
    asked["headers"].append((b"x-forwarded-for", b"10.0.0.9"))
    assert TrustedProxies(TRUSTED).believed(asked)["client"][0] == "203.0.113.7"


@pytest.mark.parametrize(("told", "scheme"), [("https", "wss"), ("wss", "wss"), ("http", "ws"), ("gopher", "http")])
def test_the_scheme_of_a_websocket(told: str, scheme: str) -> None:
    found = TrustedProxies(TRUSTED).believed(scope("127.0.0.1", kind="websocket", X_Forwarded_Proto=told))
    assert found["scheme"] == scheme


def test_the_scope_that_was_given_stays_as_it_is() -> None:
    asked = scope("127.0.0.1", **FORWARDED)
    TrustedProxies(TRUSTED).believed(asked)
    assert asked == scope("127.0.0.1", **FORWARDED)


@pytest.mark.parametrize(
    ("peer", "here"), [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False)]
)
def test_this_machine_is_known_by_the_connection(peer: str, here: bool) -> None:
    believed = TrustedProxies(["*"]).believed(scope(peer, X_Forwarded_For="127.0.0.1" if not here else "203.0.113.7"))
    assert comes_from_this_machine(believed) is here


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:3000",
        "a.localhost:80",
        "127.0.0.1:3000",
        "[::1]:3000",
        "10.1.2.3",
        "notify.example.com:80",
    ],
)
def test_names_that_lead_nowhere_else(host: str) -> None:
    assert not may_be_rebound(host, {"notify.example.com"})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "xlocalhost",
        "",
        "[::1].evil.example"[5:],
    ],
)
def test_names_of_others(host: str) -> None:
    assert may_be_rebound(host, {"notify.example.com"})
