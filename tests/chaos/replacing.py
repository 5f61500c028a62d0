"""Sends that replace one another, and some that expire, while something breaks.

Their users have no clients: what is looked at is what is left in the end. One is unread, and counts all others exactly,
through whichever instances they were sent, whatever became of these; and nothing that has expired is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from eventide_notify.models import utc_now
from eventide_notify.wire import iso

from .backends import Deployment
from .sender import RETRY_PAUSE

USERS = 4
LASTS = timedelta(seconds=10)
"""Of one that expires. It must come before its time is over, from a machine that stands still for some seconds too: it
would be refused."""


class Replacing:
    """Carry it `out`, and ask for `problems` when everything runs again."""

    def __init__(self, deployment: Deployment, urls: Sequence[str]) -> None:
        self._deployment = deployment
        self._admin = deployment.token("replacing", admin=True)
        self._urls = urls
        self._rounds = deployment.size.beside
        self._users = [f"replacing-{number}" for number in range(USERS)]
        self._number = 0
        self._over = utc_now()
        """When the last one that expires does."""

    async def out(self, seconds: float, give_up: float) -> None:
        """Send for so many seconds; each is repeated until it succeeds, for so long at most.

        In each round one goes to all of them and two to each, all at the same time.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as sends:
            for round in range(self._rounds):
                await asyncio.sleep(start + round * seconds / self._rounds - loop.time())
                for users in ([user] for user in self._users):
                    sends.create_task(self._send(users, start + seconds + give_up))
                    sends.create_task(self._send(users, start + seconds + give_up))
                sends.create_task(self._send(self._users, start + seconds + give_up))
                sends.create_task(self._send_briefly(round))

    async def _send(self, users: Sequence[str], until: float) -> None:
        self._number += 1
        number = self._number
        body = {"userIds": users, "message": f"number {number}", "collapseKey": "chaos"}
        key = {"Idempotency-Key": f"replacing-{number}"}
        tries = 0
        while asyncio.get_running_loop().time() < until:
            answer = await self._ask(number + tries, body, key)
            if answer is not None:
                return
            tries += 1
            await asyncio.sleep(RETRY_PAUSE)
        raise AssertionError(f"after {tries} attempts there is still no 201 for number {number} that replaces others")

    async def _send_briefly(self, number: int) -> None:
        """One that expires. Whether it is saved at all does not matter here."""
        self._over = utc_now() + LASTS
        body = {"userIds": self._users, "message": "soon over", "expiresAt": iso(self._over)}
        await self._ask(number, body, {})

    async def _ask(self, number: int, body: dict[str, Any], headers: dict[str, str]) -> Any:
        url = self._urls[number % len(self._urls)]
        return await self._deployment.journal.ask(
            "POST", url, "/v1/admin/notifications", self._admin, body=body, headers=headers
        )

    async def problems(self) -> list[str]:
        """What is not as it was promised."""
        await asyncio.sleep(max(0.0, (self._over - utc_now()).total_seconds() + 0.1))  # for the last of them to expire
        found = []
        for user in self._users:
            left = await self._listed(user)
            kept = [(item["message"], item.get("collapsed", 0)) for item in left["notifications"]]
            if [number for _, number in kept] != [3 * self._rounds - 1] or left["unreadCount"] != 1:
                found.append(f"{user} has {kept} left, and {left['unreadCount']} unread, not one of {3 * self._rounds}")
        return found

    async def _listed(self, user: str) -> Any:
        for _ in range(100):
            for url in self._urls:
                token = self._deployment.token(user)
                answer = await self._deployment.journal.ask("GET", url, "/v1/notifications", token)
                if answer is not None:
                    return answer.json()
            await asyncio.sleep(RETRY_PAUSE)
        raise AssertionError("nobody answers")
