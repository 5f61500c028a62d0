"""A user's notifications, and what the server holds for received."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..raw import raw_client
from ..service import Service

DEADLINE = 15.0
"""Seconds in which a receipt that was proven must be in the store."""


class Inbox:
    """What is sent to one user through REST, and its status there."""

    def __init__(self, service: Service, user: str) -> None:
        self.service = service
        self.user = user
        self.token = service.token(user)
        self.auth = {"token": self.token}

    async def send(self) -> str:
        """Send the user a notification; its id."""
        [id] = await asyncio.to_thread(self.service.send, self.user)
        return id

    async def send_many(self, number: int) -> list[str]:
        """Send this many, one after the other; their ids."""
        return [await self.send() for _ in range(number)]

    async def item(self, id: str) -> Any:
        """The notification as REST shows it."""

        def ask() -> Any:
            with self.service.client(self.user) as client:
                return client.get(f"/v1/notifications/{id}").raise_for_status().json()

        return await asyncio.to_thread(ask)

    async def status(self, id: str) -> str:
        return str((await self.item(id))["status"])

    async def becomes(self, status: str, *ids: str, within: float = DEADLINE) -> None:
        """Wait until all of these have this status."""
        end = time.monotonic() + within
        for id in ids:
            while (found := await self.status(id)) != status:
                assert time.monotonic() < end, f"still {found}"
                await asyncio.sleep(0.01)

    async def stays_pending(self, *ids: str) -> None:
        """Nothing that the server was told so far has confirmed any of these.

        Receipts are written in the order in which they come, together with others of the same moment: so when one that
        came later is in the store, an earlier one would be.
        """
        witness = Inbox(self.service, f"{self.user}-witness")
        async with raw_client(self.service.base_url, witness.auth) as client:
            await client.event("catch_up_complete")
            await witness.becomes("DELIVERED", await witness.send())
        assert [await self.status(id) for id in ids] == ["PENDING"] * len(ids)
