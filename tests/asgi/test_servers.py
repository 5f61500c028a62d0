"""Section 7 of the contract on every ASGI server: a real process of each, started as its users start it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import aiohttp
import httpx
import pytest
import socketio
from websockets.asyncio.client import connect

from ..raw import raw_client
from ..waiting import until
from .hosted import COMMANDS, HostedService
from .polls import polling_client

WAYS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}


@pytest.fixture(scope="module", params=COMMANDS)
def hosted(request: pytest.FixtureRequest) -> Iterator[HostedService]:
    with HostedService(request.param, "beside") as service:
        service.start()
        yield service


class Device:
    """A stock client."""

    def __init__(self, service: HostedService, user: str, way: str, http: aiohttp.ClientSession) -> None:
        self.io = socketio.AsyncClient(
            reconnection_delay=0.1, reconnection_delay_max=0.1, randomization_factor=0, http_session=http
        )
        self.shown: list[tuple[str, bool]] = []
        self.connects = 0
        self._service, self._user, self._way = service, user, way
        self.io.on("notification", self._notified, namespace="/notifications")
        self.io.on("connect", self._connected, namespace="/notifications")

    async def connect(self) -> None:
        await self.io.connect(
            self._service.base_url,
            transports=WAYS[self._way],
            auth={"token": self._service.token(self._user)},
            namespaces=["/notifications"],
            wait_timeout=30,
        )

    def _notified(self, item: dict[str, Any]) -> None:
        self.shown.append((item["id"], item.get("replayed", False)))

    def _connected(self) -> None:
        self.connects += 1


@asynccontextmanager
async def device(service: HostedService, user: str, way: str) -> AsyncIterator[Device]:
    async with aiohttp.ClientSession() as http:
        device = Device(service, user, way, http)
        await device.connect()
        try:
            yield device
        finally:
            await device.io.shutdown()


def status(service: HostedService, user: str, id: str) -> Any:
    with service.client(user) as client:
        return client.get(f"/v1/notifications/{id}").json()["status"]


def online(service: HostedService, user: str) -> int:
    with service.client(admin=True) as client:
        return int(client.get(f"/v1/admin/users/{user}/online").json()["connections"])


async def becomes(ask: Callable[..., Any], *arguments: Any, wanted: Any) -> None:
    while await asyncio.to_thread(ask, *arguments) != wanted:  # noqa: ASYNC110 - bounded by the test's own time limit
        await asyncio.sleep(0.02)


def delivered(service: HostedService, user: str, id: str) -> Any:
    return becomes(status, service, user, id, wanted="DELIVERED")


@pytest.mark.parametrize("way", WAYS)
async def test_stock_clients_are_shown_what_they_missed_and_what_comes(
    hosted: HostedService, user: str, way: str
) -> None:
    [missed] = await asyncio.to_thread(hosted.send, user)
    async with device(hosted, user, way) as client:
        await until(lambda: client.shown)
        [live] = await asyncio.to_thread(hosted.send, user)
        await until(lambda: len(client.shown) == 2)
        assert client.shown == [(missed, True), (live, False)]
        assert client.io.transport() == WAYS[way][-1]
        await delivered(hosted, user, missed)
        await delivered(hosted, user, live)
    await becomes(online, hosted, user, wanted=0)


async def test_a_frozen_client_has_received_nothing(hosted: HostedService, user: str) -> None:
    auth = {"token": hosted.token(user)}
    async with raw_client(hosted.base_url, auth) as client:
        await client.event("catch_up_complete")
        client.answers_pings = False
        [id] = await asyncio.to_thread(hosted.send, user)
        await client.event("notification")
        await client.frame(lambda frame: frame == "2")
        client.break_off()
        await becomes(online, hosted, user, wanted=0)
        assert await asyncio.to_thread(status, hosted, user, id) == "PENDING"
    async with raw_client(hosted.base_url, auth, answers_pings=False) as again:
        assert (await again.event("notification"))["id"] == id
        await again.frame(lambda frame: frame == "2")
        assert await asyncio.to_thread(status, hosted, user, id) == "PENDING"
        await again.write("3")
        await delivered(hosted, user, id)


async def test_over_polling_the_next_request_is_the_receipt(hosted: HostedService, user: str) -> None:
    async with polling_client(hosted.base_url, {"token": hosted.token(user)}) as client:
        await client.ask_until("catch_up_complete")
        [id] = await asyncio.to_thread(hosted.send, user)
        await client.ask_until(id)
        assert await asyncio.to_thread(status, hosted, user, id) == "PENDING"
        asking = asyncio.create_task(client.ask())
        await delivered(hosted, user, id)
        await asyncio.to_thread(hosted.send, user)
        await asking
        assert (await client.post("1")).status_code == 200


async def test_who_does_not_read_is_cut_off_and_catches_up(hosted: HostedService, user: str) -> None:
    auth = {"token": hosted.token(user)}
    async with raw_client(hosted.base_url, auth) as slow, raw_client(hosted.base_url, auth) as quick:
        await slow.event("catch_up_complete")
        await quick.event("catch_up_complete")
        slow.stop_reading()
        with hosted.client(admin=True) as http:
            event = {"userIds": [user], "event": "large", "payload": "x" * 60_000}
            for sent in count(1):
                (await asyncio.to_thread(http.post, "/v1/admin/events", json=event)).raise_for_status()
                if sent % 10 == 0 and await asyncio.to_thread(online, hosted, user) == 1:
                    break
                assert sent < 700, "nothing bounds what waits for a client"
        [id] = await asyncio.to_thread(hosted.send, user)
        await quick.frame(lambda frame: id in frame)
        assert len(quick.events("large")) == sent
    async with raw_client(hosted.base_url, {**auth, "since": "00000000-0000-7000-8000-000000000000"}) as again:
        assert (await again.event("notification"))["id"] == id


async def test_the_end_of_a_token_closes_the_transport(hosted: HostedService, user: str) -> None:
    async with raw_client(hosted.base_url, {"token": hosted.token(user, ttl=8)}) as client:
        await client.event("catch_up_complete")
        await client.until_closed(within=30)
    await becomes(online, hosted, user, wanted=0)


async def test_large_messages(hosted: HostedService, user: str) -> None:
    async with raw_client(hosted.base_url, {"token": hosted.token(user)}) as client:
        assert (await client.call("mark_read", {"notificationId": "x" * 100_000}))["success"] is False
        await client.write("4" + "x" * 2_500_000)
        await client.until_closed()
    await becomes(online, hosted, user, wanted=0)


async def test_binary_messages_are_answered_by_an_error(hosted: HostedService, user: str) -> None:
    async with raw_client(hosted.base_url, {"token": hosted.token(user)}) as client:
        await client.write('451-/notifications,78["mark_read",{"_placeholder":true,"num":0}]')
        await client.write(b"\x00\x01\x02")
        answer = await client.frame(lambda frame: frame.startswith("43/notifications,78["))
        assert json.loads(answer[answer.index("[") :])[0]["error"]["code"] == "invalid_request"
        assert await client.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}


@pytest.mark.parametrize("body", ["9", "", "4\x1e\x1e"])
async def test_a_malformed_request_ends_the_session(hosted: HostedService, user: str, body: str) -> None:
    async with polling_client(hosted.base_url, {"token": hosted.token(user)}) as client:
        assert (await client.post(body)).status_code == 400
        assert (await client.post("3")).status_code == 400
    await becomes(online, hosted, user, wanted=0)


async def test_a_request_that_is_too_large_ends_the_session(hosted: HostedService, user: str) -> None:
    async with polling_client(hosted.base_url, {"token": hosted.token(user)}) as client:
        with suppress(httpx.TransportError):  # some servers close before all of it has been sent
            assert (await client.post("4" + "x" * 2_500_000)).status_code == 400
        async with httpx.AsyncClient(verify=False, timeout=30) as http:  # those close the connection, sooner or later
            assert (await http.post(client.address, content="3")).status_code == 400
    await becomes(online, hosted, user, wanted=0)


async def test_handshakes_that_are_none_are_refused(hosted: HostedService) -> None:
    async with httpx.AsyncClient(base_url=hosted.base_url, verify=False, timeout=30) as http:
        for query in ("", "EIO=4", "EIO=3&transport=polling", "EIO=4&transport=polling&sid=nobodys"):
            assert (await http.get(f"/socket.io/?{query}")).status_code == 400
    with pytest.raises(Exception, match="HTTP 400"):
        await connect(f"{hosted.base_url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&sid=nobodys")


async def test_the_application_beside_it_is_served_too(hosted: HostedService, user: str) -> None:
    async with httpx.AsyncClient(
        base_url=hosted.base_url, headers=hosted.bearer(user), verify=False, timeout=30
    ) as http:
        assert (await http.get("/hello")).json() == "hello"
        assert (await http.get("/v1/notifications")).json()["notifications"] == []
        assert (await http.get("/readyz")).status_code == 200
    async with connect(f"{hosted.base_url.replace('http', 'ws')}/echo") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_the_log_has_no_traceback_of_all_this(hosted: HostedService) -> None:
    assert "Traceback" not in hosted.log


async def test_after_a_stop_clients_come_back(hosted: HostedService, user: str) -> None:
    async with device(hosted, user, "websocket") as socket, device(hosted, user, "polling") as polling:
        await asyncio.to_thread(hosted.stop, 40)
        [missed] = await asyncio.to_thread(started_and_sent, hosted, user)
        for client in (socket, polling):
            await until(lambda client=client: missed in dict(client.shown), within=20)  # type: ignore[misc]
            assert client.connects == 2
        await delivered(hosted, user, missed)


def started_and_sent(service: HostedService, user: str) -> list[str]:
    service.start()
    return service.send(user)
