"""What an instance remembers of notifications, and that it does not remember too much."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from eventide_notify.models import IdGenerator, Receipt, utc_now
from eventide_notify.service import journal as journals
from eventide_notify.service.journal import Journal

new_id = IdGenerator()


def shorter(journal: Journal, id: str) -> list[tuple[Any, ...]]:
    return [tuple(told.get(name) for name in ("what", "session", "detail", "count")) for told in journal.of(id)]


async def test_its_memory_has_a_bound() -> None:
    journal = Journal()

    async def notify(number: int) -> None:
        ids = list(new_id.take(number, utc_now()))
        for n, id in enumerate(ids):
            journal.created(id, id, 1, "admin")
            journal.sent(id, f"session {n}", f"transport {n}", "live")
            journal.received([Receipt("user", id), Receipt("user", id, True)], f"transport {n}", "pong")
            journal.ended(f"session {n}", f"transport {n}", "transport close")
        await asyncio.sleep(0)

    tracemalloc.start()
    try:
        await notify(100_000)
        after, _ = tracemalloc.get_traced_memory()
        await notify(100_000)
        later, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after < 50 * 1024 * 1024
    assert later < after * 1.1


async def test_the_oldest_is_forgotten_first_and_it_says_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "EVENTS_MAX", 4)
    journal = Journal()
    began = journal.remembers_from
    assert began <= time.time()
    ids = list(new_id.take(3, utc_now()))
    for id in ids:
        await asyncio.sleep(0.002)  # each in a turn, and at a time, of its own
        journal.sent(id, "session", "transport", "live")
        journal.received([Receipt("user", id)], "transport", "pong")
    assert [len(journal.of(id)) for id in ids] == [0, 2, 2]
    assert journal.remembers_from == journal.of(ids[1])[0]["at"] > began


async def test_of_one_notification_not_everything_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "EVENTS_OF_ONE", 5)
    journal = Journal()
    id = new_id(utc_now())
    for number in range(10):
        journal.sent(id, f"session {number}", f"transport {number}", "replay")
    assert [session for _, session, _, _ in shorter(journal, id)] == [f"session {number}" for number in range(5)]


async def test_a_receipt_is_the_sessions_that_it_was_sent_to_and_told_once() -> None:
    journal = Journal()
    id, other = new_id.take(2, utc_now())
    journal.sent(id, "session 1", "transport 1", "live")
    journal.sent(other, "session 2", "transport 2", "live")
    journal.sent(id, "session 2", "transport 2", "late")
    journal.received([Receipt("user", id), Receipt("user", other)], "transport 2", "poll")
    journal.acknowledged([id], "session 2")
    journal.received([Receipt("user", id)], "transport 3", "pong")  # what it was sent is forgotten
    assert shorter(journal, id) == [
        ("sent", "session 1", "live", None),
        ("sent", "session 2", "late", None),
        ("received", "session 2", "poll", None),
        ("received", None, "pong", None),
    ]


async def test_lost_is_what_a_session_had_not_received_when_it_ended() -> None:
    journal = Journal()
    [id] = new_id.take(1, utc_now())
    for number in range(4):
        journal.sent(id, f"session {number}", f"transport {number}", "live")
    journal.received([Receipt("user", id)], "transport 0", "pong")
    journal.acknowledged([id], "session 1")
    for number in range(3):
        journal.ended(f"session {number}", f"transport {number}", "ping timeout")
    assert [told for told in shorter(journal, id) if told[0] == "lost"] == [("lost", "session 2", "ping timeout", None)]


async def test_a_send_to_many_is_noted_once() -> None:
    journal = Journal()
    before, *ids, after = new_id.take(1_002, utc_now())
    journal.created(ids[0], ids[-1], len(ids), "shop")
    assert {told for id in ids for told in shorter(journal, id)} == {("created", None, "by shop, one of 1,000", None)}
    assert journal.of(before) == journal.of(after) == []


async def test_of_an_announcement_sessions_and_users_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "ANNOUNCEMENTS_MAX", 2)
    journal = Journal()
    first, second, third = new_id.take(3, utc_now())
    journal.created(first, first, 1, "admin")
    for number in range(300):
        journal.reached(first, "sent", "live")
        journal.received([Receipt(f"user {number}", first, True)], "transport", "pong")
    for _ in range(250):
        journal.changed([first], "read", "session")
    journal.reached(first, "sent", "replay")
    assert sorted(shorter(journal, first), key=str) == [
        ("created", None, "by admin", None),
        ("read", None, None, 250),
        ("received", None, "pong", 300),
        ("sent", None, "live", 300),
        ("sent", None, "replay", 1),
    ]
    journal.reached(second, "sent", "live")
    journal.reached(third, "sent", "live")
    assert [what for what, *_ in shorter(journal, third)] == ["sent"]
    assert "sent" not in [what for what, *_ in shorter(journal, first)]


@pytest.mark.parametrize(
    ("note", "seconds"),
    [
        (lambda journal, id: journal.received([Receipt("user", id)], "transport", "pong"), [5]),
        (lambda journal, id: journal.received([Receipt("user", id)], "another", "pong"), []),
        (lambda journal, id: journal.acknowledged([id], "session"), []),
    ],
)
async def test_latencies_are_those_of_what_was_sent_live(
    note: Callable[[Journal, str], None], seconds: list[int]
) -> None:
    journal = Journal()
    id, replayed = IdGenerator().take(2, datetime.fromtimestamp(time.time() - 5, UTC))
    journal.sent(id, "session", "transport", "live")
    journal.sent(replayed, "session", "transport", "replay")
    note(journal, id)
    note(journal, replayed)
    assert [round(latency) for latency in journal.latencies(since=time.time() - 1)] == seconds
    assert journal.latencies(since=time.time() + 1) == []
