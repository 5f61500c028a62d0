"""Announcements that have to be acknowledged, while something breaks.

Their users have no clients, and a topic of their own. All but one acknowledge each, over two instances at once, while
everybody marks all as read. What is looked at is what is so in the end: who has acknowledged has done so once, and the
one who has not finds all of them first and unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .backends import Deployment
from .sender import RETRY_PAUSE

USERS = 4
ROUNDS = 6
TOPIC = "acknowledging"


class Acknowledging:
    """Carry it `out`, and ask for `problems` when everything runs again."""

    def __init__(self, deployment: Deployment, urls: Sequence[str]) -> None:
        self._deployment = deployment
        self._admin = deployment.token("acknowledging", admin=True)
        self._urls = urls
        self._users = [f"acknowledging-{number}" for number in range(USERS)]
        self._made: list[str] = []

    async def out(self, seconds: float, give_up: float) -> None:
        """Announce for so many seconds; each request is repeated until it succeeds, for so long at most."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        end = start + seconds + give_up
        subscribers = f"/v1/admin/topics/{TOPIC}/subscribers"
        await self._ask(0, "PUT", subscribers, self._admin, body={"userIds": self._users}, until=end)
        async with asyncio.TaskGroup() as tasks:
            for round in range(ROUNDS):
                await asyncio.sleep(start + round * seconds / ROUNDS - loop.time())
                tasks.create_task(self._round(round, end))

    async def _round(self, round: int, until: float) -> None:
        body = {"message": f"number {round}", "topic": TOPIC, "requireAck": True}
        key = {"Idempotency-Key": f"acknowledging-{round}"}
        path = "/v1/admin/announcements"
        made = await self._ask(round, "POST", path, self._admin, body=body, headers=key, until=until)
        self._made.append(made["id"])
        async with asyncio.TaskGroup() as tasks:
            for number, user in enumerate(self._users):
                token = self._deployment.token(user)
                tasks.create_task(self._ask(number, "PUT", "/v1/notifications/read-all", token, body={}, until=until))
                if user != self._users[-1]:
                    path = f"/v1/notifications/{made['id']}/acknowledge"
                    for way in (number, number + 1):
                        tasks.create_task(self._ask(way, "POST", path, token, until=until))

    async def _ask(
        self,
        way: int,
        method: str,
        path: str,
        token: str,
        *,
        until: float,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        tries = 0
        while asyncio.get_running_loop().time() < until:
            url = self._urls[(way + tries) % len(self._urls)]
            answer = await self._deployment.journal.ask(method, url, path, token, body=body, headers=headers)
            if answer is not None:
                return answer.json()
            tries += 1
            await asyncio.sleep(RETRY_PAUSE)
        raise AssertionError(f"after {tries} attempts {method} {path} is not answered")

    async def problems(self) -> list[str]:
        """What is not as it was promised."""
        found = []
        until = asyncio.get_running_loop().time() + 30
        made = sorted(self._made, reverse=True)
        for user in self._users:
            page = await self._ask(0, "GET", "/v1/notifications?limit=100", self._deployment.token(user), until=until)
            ids = [item["id"] for item in page["notifications"]]
            done = [item["read"] and "acknowledgedAt" in item for item in page["notifications"]]
            wanted = user != self._users[-1]
            if ids != made or done != [wanted] * ROUNDS or page["unreadCount"] != ROUNDS * (not wanted):
                found.append(f"{user} has {list(zip(ids, done, strict=True))}, and {page['unreadCount']} unread")
        for id in made:
            reach = f"/v1/admin/announcements/{id}/reach"
            told = await self._ask(0, "GET", reach, self._admin, until=until)
            missing = await self._ask(0, "GET", f"{reach}/missing", self._admin, until=until)
            if told | {"received": 0} != {"users": USERS, "received": 0, "read": USERS - 1, "acknowledged": USERS - 1}:
                found.append(f"the reach of {id} is {told}")
            if missing != {"userIds": self._users[-1:]}:
                found.append(f"those who have not acknowledged {id} are {missing}")
        return found
