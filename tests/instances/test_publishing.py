"""What is published waits in an outbox until Redis has it; a call waits for that, but never for a slow Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from eventide_notify.channel import envelopes, redis
from eventide_notify.channel.envelopes import Envelope
from eventide_notify.channel.redis import RedisChannel

from ..realtime.fakes import FakeHub, events
from ..waiting import until


class SlowRedis(RedisChannel):
    """Takes what is published when it is let, or not at all."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1", FakeHub())  # nobody connects to it
        self.let = asyncio.Event()
        self.fails = False
        self.taken: list[dict[str, Any]] = []

    async def _send(self, messages: list[bytes]) -> None:
        await self.let.wait()
        if self.fails:
            raise ConnectionError("no Redis")
        self.taken += [orjson.loads(message) for message in messages]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Everything but heartbeats."""
        return [message for message in self.taken if message["method"] != "heartbeat"]

    @property
    def published(self) -> list[int]:
        """The numbers of all envelopes."""
        return [number for numbers in self.numbers for number in numbers]

    @property
    def numbers(self) -> list[list[int]]:
        """The numbers in each message with envelopes."""
        return [
            list(range(message["first"], message["first"] + len(message["envelopes"])))
            for message in self.messages
            if message["method"] == "envelopes"
        ]


def event(name: str = "prices") -> Envelope:
    return envelopes.event(name, {}, None)


@pytest.fixture
async def slow() -> AsyncIterator[SlowRedis]:
    channel = SlowRedis()
    publisher = asyncio.create_task(channel._publish_all())
    yield channel
    publisher.cancel()
    await asyncio.gather(publisher, return_exceptions=True)


async def test_what_is_published_is_with_redis_when_the_call_returns(
    slow: SlowRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "PROMPT", 30)
    call = asyncio.create_task(slow.publish(event()))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not call.done()
    slow.let.set()
    await call
    assert slow.numbers == [[1]]


async def test_a_slow_redis_is_waited_for_once(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    await slow.publish(event())
    monkeypatch.setattr(redis, "PROMPT", 30)
    async with asyncio.timeout(10):
        for _ in range(3):
            await slow.publish(event())
    assert slow.taken == []
    slow.let.set()
    await until(lambda: slow.published == [1, 2, 3, 4])


async def test_it_is_waited_for_again_once_it_is_well(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    await slow.publish(event())
    slow.let.set()
    await until(lambda: slow.numbers)
    monkeypatch.setattr(redis, "PROMPT", 30)
    await slow.publish(event())
    assert slow.numbers == [[1], [2]]


async def test_a_caller_that_goes_away_disturbs_nobody(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "PROMPT", 30)
    gone = asyncio.create_task(slow.publish(event()))
    await asyncio.sleep(0)
    stays = asyncio.create_task(slow.publish(event()))
    await asyncio.sleep(0)
    gone.cancel()
    slow.let.set()
    await stays
    assert slow.published == [1, 2]


async def test_a_caller_that_goes_away_has_shown_and_published_all_the_same(slow: SlowRedis) -> None:
    assert isinstance(slow.hub, FakeHub)
    transports = [slow.hub.add(f"user {number}") for number in range(1_200)]
    call = asyncio.create_task(slow.publish(event()))
    while not transports[0].written:  # noqa: ASYNC110 - the test's own time limit is the bound
        await asyncio.sleep(0)
    assert not transports[-1].written
    call.cancel()
    slow.let.set()
    await until(lambda: all(events(transport) == ['["prices",{}]'] for transport in transports))
    await until(lambda: slow.numbers == [[1]])


async def test_what_waits_together_leaves_in_one_message(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "BATCH_MAX", 4)
    calls = [asyncio.create_task(slow.publish(event(f"e{number}"))) for number in range(10)]
    slow.let.set()
    await asyncio.gather(*calls)
    assert slow.numbers == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert [sent["event"] for message in slow.messages for sent in message["envelopes"]] == [f"e{n}" for n in range(10)]
    assert {message["late"] for message in slow.messages} == {False}


async def test_no_message_is_too_large_for_subscribers(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "BATCH_BYTES", 2_000)
    large = [envelopes.event("large", "x" * size, None) for size in (10, 5_000, 10, 10)]
    calls = [asyncio.create_task(slow.publish(envelope)) for envelope in large]
    slow.let.set()
    await asyncio.gather(*calls)
    assert slow.numbers == [[1], [2], [3, 4]]


async def test_messages_of_other_code_keep_their_place(slow: SlowRedis) -> None:
    publish = [
        slow.publish(event()),
        slow._publish({"method": "emit", "event": "from_a_worker"}),
        slow.publish(event()),
        slow.publish(event()),
    ]
    calls = [asyncio.create_task(call) for call in publish]
    slow.let.set()
    await asyncio.gather(*calls)
    assert [message.get("first", message.get("event")) for message in slow.messages] == [1, "from_a_worker", 2]


async def test_what_waited_while_redis_failed_is_late_and_nothing_else(
    slow: SlowRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "BATCH_MAX", 2)
    slow.fails = True
    slow.let.set()
    calls = [asyncio.create_task(slow.publish(event())) for _ in range(5)]
    await until(lambda: len(slow._outbox) == 5 and slow._failed_at >= slow._outbox[-1].at)
    slow.fails = False
    await asyncio.gather(*calls)
    await until(lambda: slow.published == [1, 2, 3, 4, 5])
    assert {message["late"] for message in slow.messages} == {True}
    await slow.publish(event())
    await until(lambda: len(slow.messages) > 3)
    assert (slow.messages[-1]["first"], slow.messages[-1]["late"]) == (6, False)


async def test_what_is_not_fresh_any_more_is_a_gap_to_the_others(
    slow: SlowRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "PROMPT", 0.01)
    slow.fails = True
    slow.let.set()
    for _ in range(3):
        await slow.publish(event())
    for message in list(slow._outbox)[:2]:
        message.at -= redis.FRESH
    await until(lambda: len(slow._outbox) == 1)
    slow.fails = False
    await until(lambda: slow.numbers == [[3]])


async def test_what_is_too_much_is_a_gap_to_the_others(slow: SlowRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "PROMPT", 0.01)
    monkeypatch.setattr(redis, "OUTBOX_MAX", 3)
    for _ in range(5):
        await slow.publish(event())
    slow.let.set()
    await until(lambda: slow.published == [1, 2, 3])
    await slow.publish(event())
    assert slow.published == [1, 2, 3, 6]
    await until(lambda: [message["last"] for message in slow.taken if message["method"] == "heartbeat"][-1:] == [6])
    assert slow._outbox_bytes == 0


async def test_a_heartbeat_has_the_last_number_that_was_published(
    slow: SlowRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "HEARTBEAT", 0.0)
    monkeypatch.setattr(redis, "BATCH_MAX", 2)
    calls = [asyncio.create_task(slow.publish(event())) for _ in range(3)]
    slow.let.set()
    await asyncio.gather(*calls)
    published = 0
    for message in slow.taken:
        if message["method"] == "heartbeat":
            assert message["last"] == published
            assert 0 <= message["age"] <= time.monotonic() - slow._began
        else:
            published += len(message["envelopes"])
    assert published == 3


async def test_what_cannot_be_encoded_has_no_number(slow: SlowRedis) -> None:
    slow.let.set()
    with pytest.raises(TypeError):
        await slow.publish(envelopes.event("prices", object(), None))
    await slow.publish(event())
    assert slow.numbers == [[1]]
