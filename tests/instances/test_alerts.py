"""Redis dies: one of the instances tells people so, once, and once when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..servers import start_redis_server
from ..service import Service
from ..waiting import asked_until, until
from ..webhook_receiver import SECRET, WebhookReceiver
from .conftest import Cluster
from .test_fanout import becomes, rest


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


async def test_redis_dies_and_comes_back(settings: dict[str, str], receiver: WebhookReceiver, user: str) -> None:
    alerts = {
        "EVENTIDE_ALERT_USERS": user, "EVENTIDE_ALERT_WEBHOOK": receiver.url, "EVENTIDE_ALERT_WEBHOOK_SECRET": SECRET,
    }  # fmt: skip
    with ExitStack() as stack:
        redis = stack.enter_context(start_redis_server())
        own = {**settings, **alerts, "EVENTIDE_REDIS_URL": redis.url()}
        instances: Cluster = [stack.enter_context(Service(own)) for _ in range(2)]
        for instance in instances:
            await asyncio.to_thread(instance.start)
            await becomes(instance, (200, "ready"))
        await asyncio.to_thread(redis.kill)
        await until(lambda: len(receiver.took) == 1, within=60)
        await asyncio.to_thread(redis.start)
        await until(lambda: len(receiver.took) == 2, within=90)
        assert [payload["type"] for _, payload in receiver.took] == ["alert.began", "alert.ended"]
        assert {payload["data"]["state"] for _, payload in receiver.took} == {"redis"}
        told = [("SYSTEM_ALERT", "Over: Redis is unavailable"), ("SYSTEM_ALERT", "Redis is unavailable")]
        # Users are told after the webhook was.
        listed = await asked_until(lambda: alerts_of(instances[0], user), lambda found: len(found) >= len(told))
        assert listed == told


async def alerts_of(instance: Service, user: str) -> list[tuple[str, str]]:
    listed = await asyncio.to_thread(rest, instance, "GET", "/v1/notifications", user=user)
    return [(item["type"], item["title"]) for item in listed["notifications"]]
