"""Who tells of a critical state, and what becomes of it while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from eventide_notify.alerting import ErrorRate
from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Draft, UserId
from eventide_notify.service import alerts
from eventide_notify.service.alerts import Alerts
from eventide_notify.store import Store, create_store

START = datetime(2026, 11, 22, 3, tzinfo=UTC)


class Away:
    """A store that is unavailable."""

    async def add(self, *_: Any, **__: Any) -> None:
        raise Unavailable


class Instance:
    """One that sees what it is told to see, on a clock of its own."""

    def __init__(self, name: str, store: Any, *, leads: bool = False) -> None:
        self.now = START
        self.problems: dict[str, str] = {}
        self.broken = ""
        self.webhooks: list[tuple[str, Mapping[str, Any]]] = []
        self.drafts: list[Draft] = []
        self.refuses = False
        self.alerts = Alerts(
            {state: self._look(state) for state in ("database", "redis", "errors")},
            shared=frozenset({"database", "redis"}),
            store=store,
            send=self._send,
            users=["root"],
            webhook=self,
            instance=name,
            leads=lambda: leads,
            clock=lambda: self.now,
        )

    def send(self, id: str, payload: Mapping[str, Any]) -> None:
        self.webhooks.append((id, payload))

    async def sees(self, seconds: int, **problems: str) -> None:
        self.problems = problems
        for _ in range(0, seconds, 2):
            await self.alerts.look()
            await self.alerts.tell()
            self.now += timedelta(seconds=2)

    @property
    def told(self) -> list[str]:
        return [payload["type"] for _, payload in self.webhooks]

    def _look(self, state: str) -> Any:
        async def look() -> str | None:
            if state in self.broken:
                raise RuntimeError
            return self.problems.get(state)

        return look

    async def _send(self, users: Sequence[UserId], draft: Draft, *, idempotency_key: str, caller: str) -> None:
        if self.refuses:
            raise Unavailable
        self.drafts.append(draft)


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(alerts, "CLAIM_SECONDS", 60)  # this one answers, on a machine that stands still a little later
    store = create_store(f"sqlite:///{tmp_path / 'alerts.db'}", mongodb_driver="motor")
    await store.open()
    yield store
    await store.close()


async def test_people_are_told_when_it_begins_and_when_it_ends(store: Store) -> None:
    one = Instance("one", store)
    await one.sees(60, redis="has not heard itself for 4 s")
    await one.sees(60)
    data = {"state": "redis", "detail": "has not heard itself for 4 s", "instance": "one"}
    times = {"since": "2026-11-22T03:00:00.000Z"}
    assert [payload["data"] for _, payload in one.webhooks] == [
        {**data, **times, "title": "Redis is unavailable", "until": None},
        {**data, **times, "title": "Over: Redis is unavailable", "until": "2026-11-22T03:00:58.000Z"},
    ]
    assert one.told == ["alert.began", "alert.ended"]
    assert [draft.type for draft in one.drafts] == ["SYSTEM_ALERT"] * 2
    assert "(since 2026-11-22 03:00:00 UTC)" in one.drafts[0].message
    assert "from 2026-11-22 03:00:00 UTC to 03:00:58 UTC" in one.drafts[1].message


@pytest.mark.parametrize("later", [0, 1, 4, 9])
@pytest.mark.parametrize("begins", range(0, 10, 3))
async def test_one_of_all_instances_tells(store: Store, later: int, begins: int) -> None:
    instances = [Instance("one", store), Instance("two", store)]
    for number, instance in enumerate(instances):
        instance.now += timedelta(seconds=begins + later * number)
    for seconds, problems in ((30, {"redis": "away"}), (40, {}), (30, {"redis": "away"}), (40, {})):
        for instance in instances:
            await instance.sees(seconds, **problems)
    told = sorted(payload["type"] for instance in instances for _, payload in instance.webhooks)
    assert told == ["alert.began"] * 2 + ["alert.ended"] * 2
    assert sum(len(instance.drafts) for instance in instances) == 4


async def test_a_look_that_fails_is_a_problem_and_keeps_nobody_from_the_others(store: Store) -> None:
    one = Instance("one", store)
    one.broken = "database"
    await one.sees(30, redis="away")
    details = {payload["data"]["state"]: payload["data"]["detail"] for _, payload in one.webhooks}
    assert details == {"database": "the look at it has failed (RuntimeError)", "redis": "away"}


@pytest.mark.parametrize("text", ["x" * 100_000, "\x01" * 100_000, "\U0001f514" * 100_000, "\x00 \udc00"])
async def test_what_is_wrong_may_be_any_text(store: Store, text: str) -> None:
    one = Instance("one", store)
    await one.sees(30, redis=text)
    await one.sees(40)
    assert one.told == ["alert.began", "alert.ended"]
    for draft, (_, payload) in zip(one.drafts, one.webhooks, strict=True):
        assert orjson.dumps(payload)
        assert Draft.model_validate(draft.model_dump()) == draft


async def test_what_one_instance_is_in_it_tells_itself(store: Store) -> None:
    instances = [Instance("one", store), Instance("two", store)]
    for instance in instances:
        await instance.sees(30, errors="11 internal errors")
    assert [instance.told for instance in instances] == [["alert.began"]] * 2
    assert len({id for instance in instances for id, _ in instance.webhooks}) == 2


async def test_without_the_database_one_that_leads_tells_outside_at_once_and_users_later() -> None:
    leader, other = Instance("one", Away(), leads=True), Instance("two", Away())
    for instance in (leader, other):
        instance.refuses = True
        await instance.sees(30, database="refuses connections")
    assert (leader.told, other.told) == (["alert.began"], [])
    leader.refuses = False
    await leader.sees(2)
    [draft] = leader.drafts
    assert draft.title == "The database is unavailable"
    assert other.drafts == []


async def test_a_store_that_hangs_delays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "CLAIM_SECONDS", 0.05)

    class Hangs:
        async def add(self, *_: Any, **__: Any) -> None:
            await asyncio.Event().wait()

    leader, other = Instance("one", Hangs(), leads=True), Instance("two", Hangs())
    for instance in (leader, other):
        await instance.sees(20, database="no answer")
    assert (leader.told, other.told) == (["alert.began"], [])


async def test_many_internal_errors_within_a_minute_are_a_state() -> None:
    metrics, now = Metrics(), 0.0
    rate = ErrorRate(metrics, clock=lambda: now)
    metrics.internal_errors.inc(100)
    assert rate() is None  # those were before
    metrics.internal_errors.inc(9)
    assert rate() is None
    now = 30.0
    metrics.internal_errors.inc()
    assert rate() == "10 internal errors within a minute, see the log"
    now = 61.0
    assert rate() is None
