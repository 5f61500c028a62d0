"""What several of these files need."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from ..frontends.page import A, B, C, FrontEnd, Page
from ..require import missing
from ..servers import ServerError
from ..servers.balancer import LoadBalancer
from ..servers.haproxy import start_haproxy_server
from ..servers.nginx import start_nginx_server
from ..service import Service

OpenPage = Callable[..., Page]
"""The fixture `open_page`."""
Addresses = Sequence[str]
"""For each instance, an address from which a client is led to it."""

BALANCERS = ("nginx", "haproxy")

Way = tuple[FrontEnd, str]
WAYS: Sequence[Way] = ((A, "websocket"), (B, "upgrade"), (C, "polling"))
"""Each front end over another transport."""

POLLING, WEBSOCKET = (f"/socket.io/?EIO=4&transport={transport}" for transport in ("polling", "websocket"))
CLOSE, PONG = "1", "3"
"""Engine.IO packets; the first ends a session."""


def balancer_before(kind: str, *instances: Service) -> LoadBalancer:
    """A running load balancer of this kind before these instances, of which there may be one or two."""
    addresses = [instance.base_url for instance in instances]
    try:
        if kind == "haproxy":
            return start_haproxy_server(addresses if len(addresses) == 2 else addresses * 2)
        return start_nginx_server(addresses)
    except ServerError as error:
        missing(f"there is no {kind}: {error}")


def from_address(address: str) -> dict[str, str]:
    """The headers of a client that has this address."""
    return {"X-Forwarded-For": address}


def session(answer: httpx.Response) -> str:
    """The session that this answer to a handshake opens."""
    return str(answer.raise_for_status().text.partition('"sid":"')[2].partition('"')[0])


def knows(instance: Service, sid: str) -> bool:
    """Whether the instance has this session, which is closed then."""
    return httpx.post(f"{instance.base_url}{POLLING}&sid={sid}", content=CLOSE, verify=False).is_success


def address_at(instance: Service, *, through: LoadBalancer) -> str:
    """A client's address that leads to this instance."""
    with httpx.Client(base_url=through.base_url, verify=False) as client:
        for number in count(1):
            address = f"203.0.113.{number}"
            client.cookies.clear()  # or they would count, and not the address
            if knows(instance, session(client.get(POLLING, headers=from_address(address)))):
                return address
    raise AssertionError


def is_led_everywhere(balancer: LoadBalancer, cluster: Sequence[Service], addresses: Addresses) -> bool:
    """Whether all instances are led to again, each client to its own: one that has just failed is passed over."""
    before = list(map(requests, cluster))
    with httpx.Client(base_url=balancer.base_url, verify=False) as client:
        for _ in cluster:
            client.get("/v1/notifications")
        if not all(now > then for now, then in zip(map(requests, cluster), before, strict=True)):
            return False
        for instance, address in zip(cluster, addresses, strict=True):
            client.cookies.clear()
            opened = client.get(POLLING, headers=from_address(address))
            if not (opened.is_success and knows(instance, session(opened))):
                return False
    return True


def instances_of(address: str, balancer: LoadBalancer, *, status: int = 200) -> Counter[str]:
    """Which instances answered the requests of this client's Socket.IO with this status, and how many each."""
    return Counter(
        request.instances[-1]
        for request in balancer.requests()
        if (request.address, request.path, request.status) == (address, "/socket.io/", status)
    )


def requests(instance: Service) -> int:
    """How many requests the instance has answered since it started."""
    metrics = httpx.get(f"{instance.base_url}/metrics", verify=False).text
    counts = re.findall(r"^eventide_http_request_seconds_count{.*} (\d+)", metrics, re.MULTILINE)
    return sum(map(int, counts))


def shown(page: Page) -> list[str]:
    """What a front end shows that drops ids it has, in order; every copy must be marked."""
    first: dict[str, Any] = {}
    for item in page.received():
        assert item["id"] not in first or item.get("replayed"), f"{item['id']} came twice, and not as a copy"
        first.setdefault(item["id"], item)
    return list(first)


@dataclass
class Sent:
    """What was sent, and what that took."""

    to: dict[int, list[str]]
    """For each user the ids, in order."""
    repeated: Counter[str] = field(default_factory=Counter)
    """How often a request had to be repeated, by status or fault."""


@asynccontextmanager
async def sending(balancer: LoadBalancer, headers: dict[str, str], users: Sequence[int]) -> AsyncIterator[Sent]:
    """Send to each of the users, in turn and through the load balancer, until the end of the block."""
    sent, stop = Sent({user: [] for user in users}), asyncio.Event()
    task = asyncio.create_task(_keep_sending(balancer, headers, sent, stop))
    try:
        yield sent
    finally:
        stop.set()
        await task


async def _keep_sending(balancer: LoadBalancer, headers: dict[str, str], sent: Sent, stop: asyncio.Event) -> None:
    # A connection for each request: one that is kept open may be closed by a load balancer that ends or reads its
    # configuration again just when the next request is on its way, which only a client can make good.
    alone = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=balancer.base_url, headers=headers, verify=False, limits=alone) as client:
        while not stop.is_set():
            for user, ids in sent.to.items():
                ids.append(await _send(client, user, sent.repeated))
                await asyncio.sleep(0.005)  # the pace


async def _send(client: httpx.AsyncClient, user: int, repeated: Counter[str]) -> str:
    """Send one, by as many requests as that takes; the key makes one of them all."""
    key = {"Idempotency-Key": uuid4().hex}
    while True:
        try:
            answer = await client.post(
                "/v1/admin/notifications", json={"userId": user, "message": "Hello"}, headers=key
            )
        except httpx.RemoteProtocolError:
            # The instance was killed after it had sent the head of its answer, and before the body.
            repeated["answer cut off"] += 1
        else:
            if answer.status_code == 201:
                return str(answer.json()["notifications"][0]["id"])
            repeated[f"{answer.status_code} {answer.json()['code']}"] += 1
        await asyncio.sleep(0.1)
