"""Pages of others, in the browser of somebody on this machine: what they can ask, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from ..service import Service
from .frames import upgrade
from .hostile import POLLING
from .peer import connected, request
from .watch import Watch

EVIL = "evil.example:3000"
"""A name that was made to lead to 127.0.0.1."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Service]:
    with Service(command=("demo",)) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def behind() -> Iterator[Service]:
    """A service whose proxies are elsewhere, and that has a name."""
    settings = {"EVENTIDE_TRUSTED_PROXIES": "192.0.2.1", "EVENTIDE_CORS_ORIGINS": "http://named.example"}
    with Service(settings) as service:
        service.start()
        yield service


def asking(data: bytes, host: str) -> bytes:
    return data.replace(b"Host: eventide.test", f"Host: {host}".encode())


async def both(service: Service, host: str, **headers: str) -> set[bool]:
    """Whether a page's handshakes are taken, over polling and as a WebSocket."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    taken = set()
    for data, good in ((request(POLLING, headers=named), 200), (upgrade(named), 101)):
        async with connected(service.base_url) as peer:
            taken.add((await peer.exchange(asking(data, host))).status == good)
    return taken


async def test_a_page_whose_name_leads_here_is_refused(victim: Service) -> None:
    watch = Watch(victim)
    assert await both(victim, EVIL, Origin=f"http://{EVIL}") == {False}
    assert "EVENTIDE_CORS_ORIGINS" in watch.log


async def test_neither_do_headers_help_that_a_page_can_make_up(victim: Service) -> None:
    made_up = {"X_Forwarded_Host": EVIL, "X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.7"}
    assert await both(victim, EVIL, Origin=f"http://{EVIL}", **made_up) == {False}
    assert await both(victim, "localhost:3000", Origin=f"http://{EVIL}", **made_up) == {False}


@pytest.mark.parametrize(
    "host", ["localhost:3000", "127.0.0.1:3000", "[::1]:3000", "10.1.2.3:3000", "x.localhost:3000"]
)
async def test_own_pages_are_taken(victim: Service, host: str) -> None:
    assert await both(victim, host, Origin=f"http://{host}") == {True}
    assert await both(victim, host) == {True}  # no page's


async def test_own_pages_behind_a_proxy_with_tls_are_taken(victim: Service, behind: Service) -> None:
    for service in (victim, behind):
        assert await both(service, "notify.example.com", Origin="https://notify.example.com") == {True}
    forwarded = {"Origin": "https://notify.example.com", "X_Forwarded_Host": "notify.example.com"}
    assert await both(victim, "10.0.0.7:3000", **forwarded) == {True}


async def test_what_others_say_that_they_forward_is_not_believed(behind: Service) -> None:
    forwarded = {"Origin": "https://notify.example.com", "X_Forwarded_Host": "notify.example.com"}
    assert await both(behind, "10.0.0.7:3000", **forwarded) == {False}


async def test_names_that_are_configured_are_taken(behind: Service) -> None:
    assert await both(behind, "named.example:3000", Origin="http://named.example:3000") == {True}
    assert await both(behind, "other.example:3000", Origin="http://other.example:3000") == {False}


async def test_the_demo_keeps_its_tokens_from_them(demo: Service) -> None:
    page = request("/client/demo.json")
    forwarded = request(
        "/client/demo.json", headers=[("X-Forwarded-Host", "localhost"), ("X-Forwarded-For", "8.8.8.8")]
    )
    own = urlsplit(demo.base_url).netloc
    for data, host, status in ((page, own, 200), (page, "localhost:1", 200), (page, EVIL, 403), (forwarded, EVIL, 403)):
        async with connected(demo.base_url) as peer:
            answer = await peer.exchange(asking(data, host))
        assert answer.status == status
        assert (b"adminToken" in answer.body) == (status == 200)
