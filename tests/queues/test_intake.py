"""What becomes of messages, whichever the broker; the service here is none, so that a test says what saving does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from eventide_notify.errors import Conflict, OutcomeUnknown, Refused, Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Announcement, utc_now
from eventide_notify.queues import intake as module
from eventide_notify.queues import supervisor
from eventide_notify.queues.address import parse_address
from eventide_notify.queues.base import Message
from eventide_notify.queues.intake import Intake
from eventide_notify.queues.supervisor import Consumer

from ..waiting import until
from .events import structured

ADDRESS = parse_address("amqp://user:hunter2@host?queue=inbox")


class Service:
    """Stands for `NotificationService`. `saving` is what saving does, by the text of the message."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.saved: list[str] = []
        self.keys: set[str] = set()
        self.saving: Callable[[str], Awaitable[None]] = self._at_once

    async def send(self, users: Sequence[str], draft: Any, *, idempotency_key: str, caller: str, **_: Any) -> None:
        assert caller == ADDRESS.caller
        self.keys.add(idempotency_key)
        await self._save(draft.message)

    async def announce(self, draft: Any, **_: Any) -> Announcement:
        await self._save(draft.message)
        return Announcement(draft.message, draft, utc_now())

    async def publish(self, event: str, payload: Any, users: Sequence[str] | None) -> None:
        await self._save(event)

    async def _save(self, text: str) -> None:
        self.begun.append(text)
        await self.saving(text)
        self.saved.append(text)

    async def _at_once(self, text: str) -> None:
        pass


class Broker:
    """Stands for a broker."""

    largest = 4_096

    def __init__(self, batches: Sequence[Sequence[Message]] = ()) -> None:
        self.batches = list(batches)
        self.dead: list[dict[str, Any]] = []
        self.acknowledged: list[Message] = []
        self.held = 0
        self.fails: Exception | None = None
        self.closed = False

    async def connect(self) -> None:
        self._fail()

    async def subscribe(self) -> None: ...

    async def receive(self) -> Sequence[Message]:
        self._fail()
        if self.batches:
            return self.batches.pop(0)
        await asyncio.sleep(0.01)
        return []

    async def hold(self, messages: Sequence[Message]) -> None:
        self._fail()
        self.held += 1

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += messages

    async def publish(self, body: bytes, headers: Mapping[str, str], *, dead: bool = False) -> None:
        self._fail()
        assert dead
        assert len(body) <= self.largest
        self.dead.append(json.loads(body))

    async def close(self) -> None:
        self.closed = True

    def _fail(self) -> None:
        if self.fails is not None:
            raise self.fails


class Setting:
    def __init__(self) -> None:
        self.service = Service()
        self.broker = Broker()
        self.store_works = True
        self.metrics = Metrics()
        self.intake = Intake(
            ADDRESS, self.service, check_store=self._check, clock=utc_now, metrics=self.metrics  # type: ignore[arg-type]
        )  # fmt: skip

    async def process(self, *bodies: bytes) -> None:
        await self.intake.process([Message({}, body) for body in bodies], self.broker)

    def consumer(self, *brokers: Broker) -> Consumer:
        """One that gets these brokers, one after the other, and the last again and again."""
        left = list(brokers)
        return Consumer(
            ADDRESS, self.intake, broker=lambda _: left.pop(0) if len(left) > 1 else left[0], metrics=self.metrics
        )

    async def _check(self) -> None:
        if not self.store_works:
            raise Unavailable


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setattr(module, "PAUSE", 0.001)
    monkeypatch.setattr(module, "PAUSE_MAX", 0.001)
    monkeypatch.setattr(supervisor, "PAUSE", 0.001)
    return Setting()


def to(*users: str, message: str) -> bytes:
    return structured(userIds=list(users), message=message)


def announcement(message: str) -> bytes:
    return structured(type="eventide.announcement.create", message=message)


def failing(*errors: Exception) -> Callable[[str], Awaitable[None]]:
    """What saving does that fails so often, and works then."""
    left = list(errors)

    async def save(text: str) -> None:
        if left:
            raise left.pop(0)

    return save


async def test_who_has_a_recipient_in_common_is_saved_in_order_and_others_at_the_same_time(setting: Setting) -> None:
    gates: dict[str, asyncio.Event] = {name: asyncio.Event() for name in "abcdef"}

    async def saving(text: str) -> None:
        await gates[text].wait()

    setting.service.saving = saving
    task = asyncio.create_task(
        setting.process(
            to("1", "2", message="a"), to("2", "3", message="b"), to("4", message="c"), announcement("d"),
            to("4", message="e"), to("5", message="f"),
        )
    )  # fmt: skip
    begun = setting.service.begun
    for expected, gate in [("ac", "a"), ("acb", "b"), ("acb", "c"), ("acbd", "d"), ("acbdef", "f"), ("acbdef", "e")]:
        await until(lambda expected=expected: "".join(begun) == expected)  # type: ignore[misc]
        gates[gate].set()
    await task
    assert setting.service.saved == list("abcdfe")


async def test_what_is_carried_out_at_the_same_time_is_bounded_by_its_recipients(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOGETHER", 3)
    gates: dict[str, asyncio.Event] = {name: asyncio.Event() for name in "abcde"}

    async def saving(text: str) -> None:
        await gates[text].wait()

    def crowd(message: str, size: int) -> bytes:
        return to(*(f"{message}{number}" for number in range(size)), message=message)

    setting.service.saving = saving
    crowds = {"a": 2, "b": 1, "c": 2, "d": 4, "e": 1}
    task = asyncio.create_task(setting.process(*(crowd(*each) for each in crowds.items())))
    begun, saved = setting.service.begun, setting.service.saved
    for number, (expected, gate) in enumerate([("ab", "b"), ("ab", "a"), ("abc", "c"), ("abcd", "d"), ("abcde", "e")]):
        await until(lambda number=number: len(saved) == number)  # type: ignore[misc]
        await until(lambda expected=expected: "".join(begun) == expected)  # type: ignore[misc]
        gates[gate].set()
    await task
    assert "".join(begun) == "abcde"


async def test_an_unavailable_store_is_waited_for(setting: Setting) -> None:
    errors = [Unavailable() if n % 2 else OutcomeUnknown() for n in range(5 * module.ATTEMPTS)]
    setting.service.saving = failing(*errors)
    await setting.process(to("1", message="first"), to("1", message="second"))
    assert setting.service.saved == ["first", "second"]
    assert len(setting.service.keys) == 2  # each attempt with the same one
    assert setting.broker.dead == []


@pytest.mark.parametrize("error", [Refused(), ZeroDivisionError()])
async def test_what_fails_although_the_store_works_is_dead_in_the_end(setting: Setting, error: Exception) -> None:
    setting.service.saving = failing(*[error] * module.ATTEMPTS)
    await setting.process(to("1", message="never"), to("1", message="after"))
    assert setting.service.saved == ["after"]
    [letter] = setting.broker.dead
    assert letter["error"]["code"] in ("unavailable", "internal")
    assert "ZeroDivision" not in str(letter)


async def test_a_store_that_refuses_because_it_is_ill_is_waited_for(setting: Setting) -> None:
    setting.store_works = False
    setting.service.saving = failing(*[Refused()] * 3 * module.ATTEMPTS)
    await setting.process(to("1", message="patient"))
    assert (setting.service.saved, setting.broker.dead) == (["patient"], [])


async def test_what_cannot_be_used_is_dead_with_the_reason_and_what_came(setting: Setting) -> None:
    setting.service.saving = failing(Conflict())
    await setting.process(b"{", to("1", message="conflict"), b"null")
    first, second, third = setting.broker.dead
    assert (first["bodyBase64"], first["queue"], first["headers"]) == ("ew==", "inbox", {})
    assert second["error"]["code"] == "conflict"
    assert second["event"]["data"]["message"] == "conflict"
    assert third["event"] is None


@pytest.mark.parametrize("headers", [{}, {"h\ud800": "x" * 3_000, "b": b"\xff", "n": 7}])
async def test_a_dead_message_is_cut_to_what_the_broker_takes(setting: Setting, headers: dict[str, object]) -> None:
    await setting.intake.process([Message(headers, b'"' + b"x" * 9_000)], setting.broker)
    [letter] = setting.broker.dead
    assert letter["truncated"] is True
    assert letter["error"]["code"] == "invalid_request"


async def test_what_cannot_be_put_away_is_not_let_go(setting: Setting) -> None:
    setting.broker.fails = ConnectionError("gone")
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await setting.process(b"{")


async def test_messages_are_acknowledged_after_they_are_saved(setting: Setting) -> None:
    gate = asyncio.Event()

    async def saving(text: str) -> None:
        await gate.wait()

    setting.service.saving = saving
    broker = Broker([[Message({}, to("1", message="a")), Message({}, to("2", message="b"))]])
    consumer = setting.consumer(broker)
    consumer.start()
    await until(lambda: setting.service.begun == ["a", "b"])
    assert (broker.acknowledged, setting.service.saved) == ([], [])
    gate.set()
    await until(lambda: len(broker.acknowledged) == 2)
    await consumer.stop()
    assert broker.closed


async def test_a_consumer_that_fails_is_started_again_and_says_why_without_the_password(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Broker(), Broker([[Message({}, to("1", message="a"))]])
    broken.fails = ConnectionError(f"no way to {ADDRESS.url}")
    consumer = setting.consumer(*[broken] * 3, sound)
    consumer.start()
    await until(lambda: sound.acknowledged)
    assert consumer.problem is None
    sound.fails = RuntimeError("lost")
    await until(lambda: consumer.problem == "lost")
    sound.fails = None
    await until(lambda: consumer.problem is None)
    await consumer.stop()
    assert broken.closed
    assert "no way to amqp://********@host" in caplog.text
    assert "hunter2" not in caplog.text
    assert caplog.text.count("no way") == 1  # the same reason is told once


async def test_a_stop_waits_for_what_is_being_saved(setting: Setting) -> None:
    gate = asyncio.Event()

    async def saving(text: str) -> None:
        await gate.wait()

    setting.service.saving = saving
    broker = Broker([[Message({}, to("1", message="a"))], [Message({}, to("1", message="b"))]])
    consumer = setting.consumer(broker)
    consumer.start()
    await until(lambda: setting.service.begun)
    stop = asyncio.create_task(consumer.stop())
    await asyncio.sleep(0)
    gate.set()
    await stop
    assert (setting.service.saved, len(broker.acknowledged), broker.closed) == (["a"], 1, True)


async def test_a_stop_does_not_wait_for_a_store_that_is_away(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.05)
    setting.service.saving = failing(*[Unavailable()] * 100_000)
    broker = Broker([[Message({}, to("1", message="a"))]])
    consumer = setting.consumer(broker)
    consumer.start()
    await until(lambda: setting.service.begun)
    await consumer.stop()
    assert (setting.service.saved, broker.acknowledged, broker.closed) == ([], [], True)


async def test_a_broker_is_told_what_is_in_hand_and_its_end_ends_the_work(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HOLD_EVERY", 0.01)
    setting.service.saving = failing(*[Unavailable()] * 100_000)
    first, second = Broker([[Message({}, to("1", message="a"))]]), Broker([[Message({}, to("1", message="a"))]])
    consumer = setting.consumer(first, second)
    consumer.start()
    await until(lambda: first.held > 2)
    waiting = setting.metrics.registry.get_sample_value("eventide_queue_waiting_seconds", {"queue": "rabbitmq:inbox"})
    assert waiting
    first.fails = ConnectionError("lost")
    await until(lambda: first.closed)
    setting.service.saving = failing()
    await until(lambda: second.acknowledged)
    await consumer.stop()
    assert first.acknowledged == []
    assert setting.service.saved == ["a"]


async def test_a_broker_whose_driver_waits_without_end_is_given_up(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Broker):
        async def receive(self) -> Sequence[Message]:
            await asyncio.Event().wait()
            return []

    monkeypatch.setattr(supervisor, "CALL_TIMEOUT", 0.05)
    silent, sound = Silent(), Broker([[Message({}, to("1", message="a"))]])
    consumer = setting.consumer(silent, sound)
    consumer.start()
    await until(lambda: sound.acknowledged)
    await consumer.stop()
    assert silent.closed
