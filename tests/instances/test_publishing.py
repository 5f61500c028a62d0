"""What is published waits in an outbox until Redis has it; a call waits for that, but never for a slow Redis."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from eventide_notify.channel import envelopes, redis
from eventide_notify.channel.envelopes import Envelope
from eventide_notify.channel.health import SILENCE
from eventide_notify.channel.redis import RedisChannel
from eventide_notify.metrics import Metrics
from eventide_notify.models import Announcement, Draft, IdGenerator, Notification

from ..realtime.fakes import START, FakeHub, events
from ..waiting import until

new_id = IdGenerator()


class SlowRedis(RedisChannel):
    """Takes what is published when it is let, or not at all."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1", FakeHub(), Metrics())  # nobody connects to it
        self.let = asyncio.Event()
        self.fails = False
        self.taken: list[dict[str, Any]] = []
        self._next: defaultdict[str, int] = defaultdict(lambda: 1)

    async def _send(self, messages: list[bytes]) -> None:
        await self.let.wait()
        if self.fails:
            raise ConnectionError("no Redis")
        self.taken += [orjson.loads(message) for message in messages]

    async def take(self, instance: str, *sent: Envelope, age: float, late: bool = False) -> None:
        """These envelopes of another instance come, the next ones that it has sent."""
        first = self._next[instance]
        self._next[instance] += len(sent)
        message = {"method": "envelopes", "host_id": instance, "age": age, "first": first, "late": late}
        await self._received({"type": "message", "data": orjson.dumps({**message, "envelopes": sent})})

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


async def test_another_instance_that_is_silent_keeps_nothing_from_being_shown(slow: SlowRedis) -> None:
    """Neither what this instance sends, nor what others do, nor what the silent one sends when it is back."""
    slow.let.set()
    assert isinstance(slow.hub, FakeHub)
    alice = slow.hub.add("alice")
    now = time.monotonic()
    slow.health.heard("silent", 0, age=100, now=now - SILENCE - 0.5)
    slow.health.heard("third", 0, age=100, now=now)
    slow._check(now)
    assert slow.health.problems == ["instance silent has not been heard for 4 s"]
    texts = [f"number {number}" for number in range(6)]
    for text, sender in zip(texts, ["own", "third", "silent"] * 2, strict=True):
        sent = announced(text) if len(events(alice)) >= 3 else notification(text)
        if sender == "own":
            await slow.publish(sent)
        else:
            await slow.take(sender, sent, age=100 + (SILENCE + 0.5) * (sender == "silent"))
    assert [text for text in texts if any(text in event for event in events(alice))] == texts


async def test_of_what_was_held_up_only_what_the_store_is_not_read_for_is_shown_at_once(slow: SlowRedis) -> None:
    assert isinstance(slow.hub, FakeHub)
    alice = slow.hub.add("alice")
    slow.health.heard("other", 0, age=100, now=time.monotonic())
    sent = [
        announced("now", stored=False),
        notification("stored"),
        announced("stored, too"),
        event(),
        notification("saved late", late=True),
    ]
    await slow.take("other", *sent, age=100.1, late=True)
    await slow.hub.release()
    texts = ("now", "prices", "saved late")
    assert [text in shown for text, shown in zip(texts, events(alice), strict=True)] == [True] * 3


def notification(text: str, *, late: bool = False) -> Envelope:
    return envelopes.notification([Notification(new_id(START), "alice", Draft(message=text), START)], late=late)


def announced(text: str, *, stored: bool = True) -> Envelope:
    lasts = START + timedelta(days=1)
    return envelopes.announcement(Announcement(new_id(START), Draft(message=text), START, lasts, stored))
