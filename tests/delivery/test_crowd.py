"""One request for many users: others have their turn all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from eventide_notify.channel.fanout import ENVELOPE_SIZE, ChannelFanout
from eventide_notify.metrics import Metrics
from eventide_notify.models import RECIPIENTS_MAX, Draft, Notification, utc_now
from eventide_notify.service import NotificationService, notifications
from eventide_notify.service.journal import Journal

CROWD = [f"user {number}" for number in range(RECIPIENTS_MAX)]


class Turns:
    """How often others had their turn."""

    def __init__(self) -> None:
        self.number = 0
        self.at: list[int] = []
        self._task = asyncio.create_task(self._count())

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.number += 1

    def note(self) -> None:
        self.at.append(self.number)

    def end(self) -> None:
        self._task.cancel()


async def test_others_have_their_turn_while_a_send_to_a_crowd_is_made_and_shown() -> None:
    turns = Turns()
    await asyncio.sleep(0)
    delivered: list[str] = []

    class Store:
        async def add(self, items: Sequence[Notification], *, claim: object) -> None:
            turns.note()

    class Channel:
        def may_reach(self, user: str) -> bool:
            return True

        async def publish(self, envelope: dict[str, Any]) -> None:
            delivered.extend(user for _, user in envelope["to"])
            turns.note()

    service = NotificationService(
        cast(Any, Store()),
        ChannelFanout(cast(Any, Channel())),
        cast(Any, None),
        clock=utc_now,
        metrics=Metrics(),
        journal=Journal(),
        announcement_lifetime=timedelta(days=1),
    )
    sent = await service.send(CROWD, Draft(message="Hello"))
    turns.note()
    turns.end()
    saved, *shown, ended = turns.at
    assert saved >= len(CROWD) / notifications.MADE_AT_ONCE
    assert len(shown) == len(CROWD) / ENVELOPE_SIZE
    assert len({saved, *shown[1:], ended}) == len(shown) + 1  # each in a turn of its own
    assert [item.user_id for item in sent] == delivered == CROWD
