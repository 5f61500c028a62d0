"""What one client can cost is bounded, and only that client pays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from pydantic import SecretStr

from eventide_notify import Settings, create_app
from eventide_notify.models import utc_now
from eventide_notify.realtime.engine import transport

from ..raw import raw_client
from ..service import SECRET, Service, issuer
from ..serving import serving
from ..waiting import asked_until, until


def publish(service: Service, user: str, payload: str) -> None:
    with service.client(admin=True) as client:
        client.post(
            "/v1/admin/events", json={"userIds": [user], "event": "large", "payload": payload}
        ).raise_for_status()


def connections(service: Service, user: str) -> int:
    with service.client(admin=True) as client:
        return int(client.get(f"/v1/admin/users/{user}/online").json()["connections"])


async def test_a_client_that_does_not_read_is_cut_off_and_catches_up(service: Service, user: str) -> None:
    auth = {"token": service.token(user)}
    async with raw_client(service.base_url, auth) as slow, raw_client(service.base_url, auth) as quick:
        await slow.event("catch_up_complete")
        await quick.event("catch_up_complete")
        slow.stop_reading()
        sent = 0
        while await asyncio.to_thread(connections, service, user) == 2:
            await asyncio.to_thread(publish, service, user, "x" * 60_000)
            sent += 1
            assert sent < 700, "nothing bounds what waits for a client"
        [id] = await asyncio.to_thread(service.send, user)
        await quick.frame(lambda frame: id in frame)
        await until(lambda: len(quick.events("large")) == sent)
    async with raw_client(service.base_url, {**auth, "since": "00000000-0000-7000-8000-000000000000"}) as again:
        assert (await again.event("notification"))["id"] == id


@pytest.fixture
def small() -> Iterator[Service]:
    with Service({"EVENTIDE_MAX_SOCKETS_PER_USER": "3"}) as service:
        service.start()
        yield service


async def test_one_socket_too_many_closes_the_one_that_was_silent_longest(small: Service) -> None:
    auth = {"token": small.token("phone")}
    async with AsyncExitStack() as stack:
        first, second, third = [await stack.enter_async_context(raw_client(small.base_url, auth)) for _ in range(3)]
        await first.call("get_unread_count")
        await third.call("get_unread_count")
        fourth = await stack.enter_async_context(raw_client(small.base_url, auth))
        await second.until_closed()
        for client in (first, third, fourth):
            assert await client.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
        await asked_until(lambda: asyncio.to_thread(connections, small, "phone"), lambda number: number == 3)


async def test_a_connection_that_joins_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")))
    async with serving(app) as url, httpx.AsyncClient(timeout=30) as http:
        address = f"{url}/socket.io/?EIO=4&transport=polling"
        sid = json.loads((await http.get(address)).text[1:])["sid"]
        address += f"&sid={sid}"
        waiting = asyncio.create_task(http.get(address))
        engine = app._parts.sockets.eio
        polls = engine._transports[sid]
        await until(lambda: polls.polling is not None and polls.polling.pending)
        monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 0.2)  # not before: it has to be asked in time
        engine.look_again(polls)
        async with raw_client(url, namespace=None) as idle:
            await idle.until_closed()
        assert (await waiting).text == "1"  # it waited for something to come, and was let go
        assert (await http.get(address)).status_code == 400


async def test_so_is_one_that_leaves_everything_it_has_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")))
    auth = {"token": issuer().issue("alice", ttl=3600, now=utc_now())}
    async with serving(app) as url, raw_client(url, auth) as client:
        await client.write(f"40{json.dumps(auth)}")
        await client.frame(lambda frame: frame.startswith("40{"))
        monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 0.3)  # not before: it has to join in time
        await client.write("41/notifications,")
        await asyncio.sleep(0.6)  # longer than it may be without any
        assert await client.call("get_unread_count", namespace="/") == {"unreadCount": 0, "unseenCount": 0}
        await client.write("41")
        await client.until_closed()
