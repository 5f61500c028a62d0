"""One user who asks for as much as there is, over as many connections as one may have."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from eventide_notify.models import Draft, IdGenerator, Notification, Status, utc_now
from eventide_notify.store import create_store

from ..service import Service
from .frames import NAMESPACE, text, websocket
from .hostile import pour
from .peer import Ended, Peer, bearer, connected, request

USER = "greedy"
SOCKETS = 20
"""As many as `EVENTIDE_MAX_SOCKETS_PER_USER` allows."""
CONNECTIONS = 100
AT_A_TIME = 1_000


async def fill(service: Service, count: int, user: str = USER) -> None:
    """Give the user so many notifications, delivered and unread; before the service, which has an SQLite file, runs."""
    assert service.home is not None
    store = create_store(f"sqlite:///{service.home.data / 'eventide.db'}")
    await store.open()
    make_id, content = IdGenerator(), Draft(message="x" * 100)
    for _ in range(count // AT_A_TIME):
        now = utc_now()
        await store.add([Notification(make_id(now), user, content, now, Status.DELIVERED) for _ in range(AT_A_TIME)])
    await store.close()


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked again and again: an event over each socket, or a request over each connection."""

    name: str
    event: tuple[str, Any] | None = None
    request: Callable[[tuple[str, str]], bytes] | None = None

    def __str__(self) -> str:
        return self.name


def _page(query: str) -> Callable[[tuple[str, str]], bytes]:
    return lambda token: request(f"/v1/notifications?{query}", headers=[token])


def _read_all(body: bytes) -> Callable[[tuple[str, str]], bytes]:
    headers = [("Content-Type", "application/json")]
    return lambda token: request("/v1/notifications/read-all", method="PUT", headers=[*headers, token], body=body)


UNKNOWN = {f"x{number}": 1 for number in range(6_500)}
"""Many fields that there are not."""
FAR = {"limit": 100, "offset": 10_000}
DEMANDS = [
    Demand("20 sockets: pages far back", event=("get_notifications", FAR)),
    Demand("20 sockets: counts", event=("get_unread_count", {})),
    Demand("20 sockets: 80 kB of unknown fields", event=("get_notifications", UNKNOWN)),
    Demand("20 sockets: 1,000 wrong ids", event=("mark_read", {"notificationIds": [""] * 1_000})),
    Demand("100 connections: pages far back", request=_page("limit=100&offset=10000")),
    Demand("100 connections: unknown fields", request=_read_all(json.dumps(UNKNOWN).encode())),
    Demand("100 connections: all read", request=_read_all(b"{}")),
]


async def demand(service: Service, what: Demand, seconds: float, user: str = USER) -> object:
    """Ask for it as fast as it is answered, for so many seconds."""
    if what.event is not None:
        return await _over_sockets(service, what.event, seconds, user)
    assert what.request is not None
    return await _over_connections(service, what.request(bearer(service.token(user))), seconds)


async def _over_sockets(service: Service, event: tuple[str, Any], seconds: float, user: str) -> str:
    asked = text(f"42{NAMESPACE},1{json.dumps(event)}")
    frames = asked * max(1, 64_000 // len(asked))
    async with AsyncExitStack() as stack:
        token = service.token(user)
        sockets = [await stack.enter_async_context(websocket(service.base_url, token)) for _ in range(SOCKETS)]
        fates = await asyncio.gather(
            *(pour(socket.peer, itertools.repeat(frames), seconds, reads=True) for socket in sockets)
        )
    return f"{sum(fate.taken for fate in fates) // len(asked):,} events taken"


async def _over_connections(service: Service, asked: bytes, seconds: float) -> Counter[str]:
    end = asyncio.get_running_loop().time() + seconds
    outcomes: Counter[str] = Counter()

    async def ask(peer: Peer) -> None:
        while asyncio.get_running_loop().time() < end:
            try:
                outcomes[str((await peer.exchange(asked, within=60)).status)] += 1
            except Ended:
                outcomes["closed"] += 1
                return

    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(connected(service.base_url)) for _ in range(CONNECTIONS)]
        await asyncio.gather(*map(ask, peers))
    return outcomes
