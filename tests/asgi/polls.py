"""A Socket.IO client over polling that asks only when it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx

SEPARATOR = "\x1e"


class Polls:
    """One Engine.IO session over polling; `packets` has every packet that came, in order."""

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self.address = address
        self._numbers = count()
        self.packets: list[str] = []

    async def ask(self) -> list[str]:
        """The packets of the next answer."""
        answer = await self._http.get(f"{self.address}&t={next(self._numbers)}")
        answer.raise_for_status()
        new = answer.text.split(SEPARATOR)
        self.packets += new
        return new

    async def ask_until(self, part: str) -> str:
        """Ask until a packet has this in it."""
        while not (found := [packet for packet in self.packets if part in packet]):
            await self.ask()
        return found[0]

    async def post(self, *packets: str) -> httpx.Response:
        return await self._http.post(f"{self.address}&t={next(self._numbers)}", content=SEPARATOR.join(packets))


@asynccontextmanager
async def polling_client(url: str, auth: Any) -> AsyncIterator[Polls]:
    """A client that has been admitted with this `auth`."""
    async with httpx.AsyncClient(verify=False, timeout=40) as http:
        address = f"{url}/socket.io/?EIO=4&transport=polling"
        opened = (await http.get(address)).text
        client = Polls(http, f"{address}&sid={json.loads(opened[1:])['sid']}")
        assert (await client.post(f"40/notifications,{json.dumps(auth)}")).text == "ok"
        await client.ask_until("40/notifications,")
        yield client
