"""A replay of any size arrives, over one connection, as fast as the client takes it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from eventide_notify import Settings, create_app
from eventide_notify.app import Application
from eventide_notify.models import Draft, Status, utc_now
from eventide_notify.realtime.engine import transport
from eventide_notify.realtime.protocol.http import HttpProtocol
from eventide_notify.realtime.replay import BATCH_BYTES, BATCH_MAX

from ..missed import LARGEST, SMALL, missed, save_missed
from ..polling import polling_client
from ..raw import raw_client
from ..service import SECRET, Service, issuer
from ..serving import serving
from ..waiting import until

LIMIT = 2_000
NAMES = {"/notifications": "notification", "/": "new_notification"}
LIKE = pytest.mark.parametrize(("count", "content"), [(100, LARGEST), (1_500, SMALL)], ids=["largest", "many"])


@pytest.fixture(scope="module")
def generous() -> Iterator[Service]:
    """A service that replays much."""
    with Service({"EVENTIDE_CATCH_UP_LIMIT": str(LIMIT)}) as service:
        service.start()
        yield service


@LIKE
@pytest.mark.parametrize("way", ["each", "batch"])
@pytest.mark.parametrize("namespace", NAMES)
@pytest.mark.parametrize("client", [raw_client, polling_client], ids=["websocket", "polling"])
async def test_it_arrives_as_a_whole(
    generous: Service, user: str, *, client: Any, namespace: str, way: str, count: int, content: Draft
) -> None:
    ids = await save_missed(generous, user, count, content)
    auth = {"token": generous.token(user), "catchUp": way}
    async with client(generous.base_url, auth, namespace=namespace) as connected:
        complete = await connected.event("catch_up_complete", namespace=namespace, within=30)
        assert complete == {"complete": True, "count": count, "unreadCount": count, "unseenCount": count}
        batches = connected.events("pending_notifications", namespace=namespace)
        single = connected.events(NAMES[namespace], namespace=namespace)
        assert [item["id"] for items in [*batches, single] for item in items] == ids
        assert bool(batches) == (way == "batch")
        assert all(len(batch) <= BATCH_MAX for batch in batches)
        assert max(len(frame.encode()) for frame in connected.frames) < BATCH_BYTES + 100
        live = (await asyncio.to_thread(generous.send, user))[0]
        await connected.frame(lambda frame: live in frame)


each_server = pytest.mark.parametrize("http", [HttpProtocol, "auto"], ids=["our protocol", "plain ASGI"])


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Application:
    """A service that pings often, and loses patience sooner than others, but not because this machine is slow."""
    monkeypatch.setattr(transport, "PING_INTERVAL", 0.5)
    monkeypatch.setattr(transport, "PING_TIMEOUT", 7.0)
    return create_app(Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://")))


async def connect_narrow(url: str, user: str) -> ClientConnection:
    """A client for which the network takes little until it reads."""
    address = urlsplit(url)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (address.hostname, address.port))
    target = f"ws://{address.netloc}/socket.io/?EIO=4&transport=websocket"
    client = await connect(target, sock=narrow, max_size=None, max_queue=1, compression=None)
    token = issuer().issue(user, ttl=3600, now=utc_now())
    await client.send(f"40/notifications,{json.dumps({'token': token})}")
    return client


async def ended(client: ClientConnection) -> None:
    """Return when the connection has ended."""
    with suppress(ConnectionClosed):
        while True:
            await client.recv()


@each_server
async def test_who_reads_slowly_gets_all_of_it_and_confirms_it_on_the_way(app: Application, http: Any) -> None:
    """It takes longer than a ping may be unanswered."""
    async with serving(app, http=http) as url:
        items = missed("alice", 25, LARGEST)
        await app._parts.store.add(items)
        client = await connect_narrow(url, "alice")
        received: list[str] = []
        while len(received) < len(items):
            frame = str(await client.recv())
            if frame == "2":
                await client.send("3")
            elif '["notification",' in frame:
                received.append(json.loads(frame[frame.index("[") :])[1]["id"])
                await asyncio.sleep(0.03)  # so slow is its network
        pending = await app._parts.store.pending("alice", now=utc_now(), limit=200)
        assert received == [item.id for item in items]
        assert len(pending) < len(items) / 2
        await client.close()


@each_server
async def test_who_does_not_read_it_is_closed_and_nothing_is_lost(
    app: Application, http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(app, http=http) as url:
        items = missed("alice", 100, LARGEST)
        await app._parts.store.add(items)
        client = await connect_narrow(url, "alice")
        await until(lambda: app._parts.hub.of_user("alice"))
        [session] = app._parts.hub.of_user("alice")
        monkeypatch.setattr(transport, "PING_TIMEOUT", 1.0)
        app._parts.sockets.eio.look_again(session.transport)
        most = 0

        def is_gone() -> bool:
            nonlocal most
            most = max(most, session.transport._backlog_bytes)
            return not app._parts.hub.of_user("alice")

        await until(is_gone, within=20)
        assert 0 < most < 2 * transport.READY_BYTES
        await ended(client)
        kept = await app._parts.store.pending("alice", now=utc_now(), limit=200)
        assert len(kept) > 50
        assert {item.status for item in kept} == {Status.PENDING}
