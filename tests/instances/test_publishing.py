"""A call waits until Redis has what it publishes, but never for a Redis that is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from eventide_notify.transport import redis
from eventide_notify.transport.redis import RedisFanout

from ..waiting import until


class SlowRedis(RedisFanout):
    """Takes what is published when it is let."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1")  # nobody connects to it
        self.let = asyncio.Event()
        self.taken: list[str] = []

    async def _send(self, messages: list[str]) -> None:
        await self.let.wait()
        self.taken += messages


@pytest.fixture
async def slow() -> AsyncIterator[SlowRedis]:
    fanout = SlowRedis()
    publisher = asyncio.create_task(fanout._publish_all())
    yield fanout
    publisher.cancel()
    await asyncio.gather(publisher, return_exceptions=True)


def texts(fanout: SlowRedis) -> list[str]:
    return [text for text in fanout.taken if "heartbeat" not in text]


async def test_what_is_published_is_with_redis_when_the_call_returns(
    slow: SlowRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "PROMPT", 30)
    call = asyncio.create_task(slow._publish({"number": 1}))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not call.done()
    slow.let.set()
    await call
    assert texts(slow) == ['{"number":1}']


async def test_a_slow_redis_is_waited_for_once(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    await slow._publish({"number": 1})
    monkeypatch.setattr(redis, "PROMPT", 30)
    async with asyncio.timeout(10):
        for number in range(2, 5):
            await slow._publish({"number": number})
    assert slow.taken == []
    slow.let.set()
    await until(lambda: len(texts(slow)) == 4)
    assert texts(slow) == [f'{{"number":{number}}}' for number in range(1, 5)]


async def test_it_is_waited_for_again_once_it_is_well(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    await slow._publish({"number": 1})
    slow.let.set()
    await until(lambda: texts(slow))
    monkeypatch.setattr(redis, "PROMPT", 30)
    await slow._publish({"number": 2})
    assert texts(slow) == ['{"number":1}', '{"number":2}']


async def test_a_caller_that_goes_away_disturbs_nobody(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "PROMPT", 30)
    gone = asyncio.create_task(slow._publish({"number": 1}))
    await asyncio.sleep(0)
    stays = asyncio.create_task(slow._publish({"number": 2}))
    await asyncio.sleep(0)
    gone.cancel()
    slow.let.set()
    await stays
    assert texts(slow) == ['{"number":1}', '{"number":2}']
