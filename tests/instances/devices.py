"""A device that comes back when it loses its connection, as stock clients do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ..raw import RawClient, raw_client
from ..service import Service


class Device:
    """One user's device at one instance. It remembers the newest notification it has shown (`auth.since`)."""

    def __init__(self, service: Service, user: str) -> None:
        self._service = service
        self._user = user
        self.connections: list[RawClient] = []

    def shown(self) -> list[dict[str, Any]]:
        """Every copy it was sent, in order, over all of its connections."""
        return [item for connection in self.connections for item in connection.events("notification")]

    def ids(self) -> set[str]:
        return {item["id"] for item in self.shown()}

    async def live(self) -> None:
        """Connect, and again whenever the connection ends."""
        while True:
            auth = {"token": self._service.token(self._user)}
            if self.ids():
                auth["since"] = max(self.ids())
            async with raw_client(self._service.base_url, auth) as connection:
                self.connections.append(connection)
                await connection.until_closed(within=600)  # that of the block: however long that takes


@asynccontextmanager
async def device(service: Service, user: str) -> AsyncIterator[Device]:
    """A device that lives as long as the block."""
    device = Device(service, user)
    life = asyncio.create_task(device.live())
    try:
        yield device
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
