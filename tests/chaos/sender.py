"""What the service is asked to do: create notifications, and answer all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from .backends import Deployment

RETRY_PAUSE = 0.3
ASK_EVERY = 0.25
"""Seconds between two questions to each instance."""

Created = Callable[[str, str, str | None], None]
"""Gets the id, the user, and the URL if it was created by the first attempt."""


class Sender:
    """Creates notifications over all instances in turn, one at a time for each user.

    An attempt that fails is repeated at the next instance, with the same Idempotency-Key.
    """

    def __init__(self, deployment: Deployment, urls: Sequence[str], created: Created) -> None:
        self._journal = deployment.journal
        self._admin = deployment.token("sender", admin=True)
        self._urls = urls
        self._created = created
        self._sending: dict[str, asyncio.Lock] = {}

    async def send_all(self, users: Sequence[str], count: int, *, seconds: float, give_up: float) -> None:
        """Create this many, at an even rate; each is given up that many seconds after the last is due."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as sends:
            for number in range(count):
                await asyncio.sleep(start + number * seconds / count - loop.time())
                sends.create_task(self._send(users[number % len(users)], number, start + seconds + give_up))

    async def _send(self, user: str, number: int, until: float) -> None:
        body = {"userId": user, "type": "CHAOS", "message": f"number {number} of all, to {user}"}
        key = {"Idempotency-Key": f"{user}-{number}"}
        tries = 0
        async with self._sending.setdefault(user, asyncio.Lock()):
            while asyncio.get_running_loop().time() < until:
                url = self._urls[(number + number // 7 + tries) % len(self._urls)]
                tries += 1
                answer = await self._journal.ask(
                    "POST", url, "/v1/admin/notifications", self._admin, body=body, headers=key
                )
                if answer is not None:
                    id: str = answer.json()["notifications"][0]["id"]
                    self._created(id, user, url if tries == 1 else None)
                    return
                await asyncio.sleep(RETRY_PAUSE)
        raise AssertionError(f"after {tries} attempts there is still no 201 for number {number}")


@asynccontextmanager
async def asking(deployment: Deployment, urls: Sequence[str]) -> AsyncIterator[None]:
    """Ask each instance meanwhile, again and again, whether it lives, and for what only its database knows."""
    token = deployment.token("asker")
    questions: Any = [("/healthz", None), ("/v1/notifications/unread-count", token)]

    async def ask(url: str) -> None:
        while True:
            for path, bearer in questions:
                await deployment.journal.ask("GET", url, path, bearer)
            await asyncio.sleep(ASK_EVERY)

    tasks = [asyncio.create_task(ask(url)) for url in urls]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ended:
            if isinstance(end, Exception):
                raise end
