"""What arrives behind load balancers, what does not, and how long it may take."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from eventide_notify.realtime.engine.carrier import FRAME_MAX
from eventide_notify.rest.operations import LARGE_BODY

from ..instances.conftest import Cluster
from ..servers import haproxy, nginx
from ..servers.balancer import LoadBalancer
from ..servers.process import HOST
from ..service import Service
from .helpers import BALANCERS, POLLING, WEBSOCKET, balancer_before, from_address

MIRROR = """
import sys
from eventide_notify.app import create_app
from eventide_notify.server import run_server
from eventide_notify.settings import load_settings
from starlette.responses import JSONResponse

async def mirror(scope, receive, send):
    if scope["type"] == "http":
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        answer = {"client": scope["client"][0], "scheme": scope["scheme"], "headers": headers}
        await JSONResponse(answer)(scope, receive, send)

app = create_app(load_settings(), inner_app=mirror)
run_server(app, host=sys.argv[1], port=int(sys.argv[2]), drain=0, listening=print)
"""


class Mirror(Service):
    """The service as `serve` runs it, with an application inside that answers what has reached it."""

    def __init__(self) -> None:
        super().__init__()
        assert self.home
        self._command = [sys.executable, "-c", MIRROR, HOST, str(self.home.port)]


@pytest.fixture(scope="module", params=BALANCERS)
def mirror(request: pytest.FixtureRequest) -> Iterator[LoadBalancer]:
    """A load balancer before a `Mirror`."""
    with Mirror() as behind:
        behind.start()
        with balancer_before(request.param, behind) as server:
            yield server


def reflection(mirror: LoadBalancer, **headers: str) -> Any:
    """What reaches the service of a request with these headers; `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(f"{mirror.base_url}/reflection", headers=named, verify=False).raise_for_status().json()


def test_the_clients_address_arrives(mirror: LoadBalancer) -> None:
    seen = reflection(mirror, X_Forwarded_For="203.0.113.7")
    assert seen["client"] == seen["headers"]["x-forwarded-for"] == "203.0.113.7"
    # What a client says itself comes first in the list, and is not believed.
    seen = reflection(mirror, X_Forwarded_For="198.51.100.1, 203.0.113.7")
    assert seen["client"] == seen["headers"]["x-forwarded-for"] == "203.0.113.7"


def test_the_address_it_was_asked_for_arrives(mirror: LoadBalancer) -> None:
    asked = urlsplit(mirror.base_url).netloc
    seen = reflection(mirror)
    assert seen["scheme"] == seen["headers"]["x-forwarded-proto"] == "http"
    assert seen["headers"]["host"] == seen["headers"]["x-forwarded-host"] == asked
    seen = reflection(mirror, X_Forwarded_Proto="https", X_Forwarded_Host="elsewhere.example")
    assert seen["scheme"] == seen["headers"]["x-forwarded-proto"] == "https"
    assert seen["headers"]["x-forwarded-host"] == asked


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pages_of_the_same_origin_are_let_in_and_others_are_not(balancer: LoadBalancer, scheme: str) -> None:
    address = urlsplit(balancer.base_url).netloc
    headers = {"X-Forwarded-Proto": scheme}
    websocket = f"ws://{address}{WEBSOCKET}"
    for origin, status in ((f"{scheme}://{address}", 200), ("http://elsewhere.example", 400)):
        polled = httpx.get(balancer.base_url + POLLING, headers={**headers, "Origin": origin}, verify=False)
        assert polled.status_code == status
    with connect(websocket, origin=Origin(f"{scheme}://{address}"), additional_headers=headers) as socket:
        assert str(socket.recv()).startswith("0{")
    with pytest.raises(InvalidStatus):
        connect(websocket, origin=Origin("http://elsewhere.example"), additional_headers=headers)


def test_a_body_may_be_as_long_as_the_service_allows(cluster: Cluster, balancer: LoadBalancer) -> None:
    url, headers = f"{balancer.base_url}/v1/admin/notifications", cluster[0].bearer(admin=True)
    headers["Content-Type"] = "application/json"
    longest = b'{"userId": "1", "message": "' + b"x" * (LARGE_BODY - 30) + b'"}'
    allowed = httpx.post(url, content=longest, headers=headers, verify=False)
    assert (allowed.status_code, allowed.json()["errors"][0]["field"]) == (422, "message")
    refused = httpx.post(url, content=longest + b" ", headers=headers, verify=False)
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    assert refused.headers["content-type"] == "application/problem+json"
    assert FRAME_MAX < LARGE_BODY  # what a polling client may send


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_is_for_operators_is_for_this_machine_only(balancer: LoadBalancer, path: str) -> None:
    assert httpx.get(balancer.base_url + path, verify=False).status_code == 200
    for spelling in (path, f"/{path}", f"/.{path}", path.replace("z", "%7a").replace("c", "%63")):
        answer = httpx.get(balancer.base_url + spelling, headers=from_address("203.0.113.7"), verify=False)
        assert answer.status_code == 403
    longer = httpx.get(f"{balancer.base_url}{path}/", headers=from_address("203.0.113.7"), verify=False)
    assert longer.status_code != 200


def test_the_time_outs_leave_it_to_the_service_to_give_clients_up(balancer: LoadBalancer) -> None:
    handshake = json.loads(httpx.get(balancer.base_url + POLLING, verify=False).text[1:])
    silence = (handshake["pingInterval"] + handshake["pingTimeout"]) / 1000
    shipped, names = {
        "nginx": (nginx.SHIPPED, ("proxy_read_timeout", "proxy_send_timeout")),
        "haproxy": (haproxy.SHIPPED, ("timeout client", "timeout server", "timeout tunnel")),
    }[balancer.kind]
    for name in names:
        found = re.findall(rf"{name} +(\d+)s\b", shipped.read_text())
        assert found
        assert min(map(int, found)) > silence
