"""Redis dies: one of the instances tells people so, once, and once when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..servers import start_redis_server
from ..service import Service
from ..waiting import until
from ..webhook_receiver import SECRET, WebhookReceiver
from .conftest import Cluster
from .test_fanout import becomes


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
        with instances[0].client(user) as client:
            listed = client.get("/v1/notifications").json()["notifications"]
        assert [(item["type"], item["title"]) for item in listed] == [
            ("SYSTEM_ALERT", "Over: Redis is unavailable"),
            ("SYSTEM_ALERT", "Redis is unavailable"),
        ]
