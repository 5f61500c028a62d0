"""What python-socketio must do for us. 5.18.0 and 5.18.1 do neither; a version that passes both may be let in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import socketio

from ..raw import raw_client
from ..serving import serving
from ..waiting import until


async def test_a_transport_that_ends_during_the_connect_handler_leaves_no_ghost() -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    entered, leave, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        entered.set()
        await leave.wait()

    server.on("connect", connect)
    server.on("disconnect", lambda sid, reason: gone.set())
    async with serving(socketio.ASGIApp(server)) as url, httpx.AsyncClient(timeout=30) as http:
        address = f"{url}/socket.io/?EIO=4&transport=polling"
        opened = (await http.get(address)).text
        address += f"&sid={json.loads(opened[1:])['sid']}"
        joining = asyncio.create_task(http.post(address, content="40"))
        await entered.wait()
        await http.post(address, content="1")  # the client closes its transport
        await until(gone.is_set)
        leave.set()
        await joining
        assert list(server.manager.get_participants("/", None)) == []


async def test_a_disconnect_inside_the_connect_handler_is_obeyed() -> None:
    server = socketio.AsyncServer(async_mode="asgi")

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        await server.disconnect(sid)

    server.on("connect", connect)
    async with serving(socketio.ASGIApp(server)) as url, raw_client(url, namespace=None) as client:
        await client.write("40")
        await client.frame(lambda frame: frame.startswith("41"))
        assert list(server.manager.get_participants("/", None)) == []


@pytest.mark.parametrize("name", ["connect", "disconnect"])
async def test_our_guard_is_needed(name: str) -> None:
    """A client's event of this name reaches the handler of the same name; if this fails, `ClientEvent` may go."""
    server = socketio.AsyncServer(async_mode="asgi")
    calls: list[tuple[Any, ...]] = []

    class Unguarded(socketio.AsyncNamespace):  # type: ignore[misc]
        async def trigger_event(self, event: str, *args: Any) -> None:
            calls.append((event, *args[1:]))

    server.register_namespace(Unguarded("/"))
    async with serving(socketio.ASGIApp(server)) as url, raw_client(url, namespace="/") as client:
        await client.emit(name, "forged", namespace="/")
        await until(lambda: (name, "forged") in calls)
