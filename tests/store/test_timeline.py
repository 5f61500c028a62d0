"""What every store knows of a notification's life, when no instance remembers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from eventide_notify.errors import NotFound
from eventide_notify.models import Change, Receipt
from eventide_notify.service.journal import Journal
from eventide_notify.service.timeline import Timelines
from eventide_notify.store import Store
from eventide_notify.wire import iso

from .samples import ACTIONS, LATER, NOW, SECOND, announcement, sample

STORED = "as the store has it"


class Alone:
    """Questions among instances that have these answers."""

    instance = "own"

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def handle(self, name: str, handler: Callable[[Mapping[str, Any]], Awaitable[Any]]) -> None: ...

    async def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        return self.answers


def answer(*events: dict[str, Any], sessions: Any = (), holding: bool = False, since: float = 0.0) -> dict[str, Any]:
    return {"events": list(events), "sessions": list(sessions), "holding": holding, "from": since}


def timelines(store: Store, **answers: Any) -> Timelines:
    return Timelines(
        store, Journal(), Alone(**answers), sessions=lambda _: [], holding=lambda: False, clock=lambda: LATER
    )


async def told(store: Store, id: str, **answers: Any) -> list[tuple[Any, ...]]:
    events = await timelines(store, **answers).of(id)
    return [tuple(event.get(name) for name in ("what", "instance", "at", "detail")) for event in events]


async def test_the_store_alone(store: Store) -> None:
    await store.add([item := sample(actions=ACTIONS)])
    user, ids = item.user_id, [item.id]
    assert await told(store, item.id) == [
        ("created", None, iso(NOW), STORED),
        ("waiting", None, iso(LATER), "the user has no open session"),
    ]
    times = [NOW + number * SECOND for number in range(1, 5)]
    await store.mark_delivered([Receipt(user, item.id)], now=times[0])
    await store.change(user, Change.SEEN, ids, now=times[1])
    await store.press(user, item.id, "yes", now=times[2])
    await store.change(user, Change.ARCHIVE, ids, now=times[3])
    assert await told(store, item.id) == [
        ("created", None, iso(NOW), STORED),
        ("received", None, iso(times[0]), STORED),
        ("seen", None, iso(times[1]), STORED),
        ("action", None, iso(times[2]), "yes"),
        ("archived", None, iso(times[3]), STORED),
    ]


async def test_what_an_instance_remembers_is_told_once_and_in_order_whatever_its_clock_says(store: Store) -> None:
    await store.add([item := sample()])
    await store.mark_delivered([Receipt(item.user_id, item.id)], now=LATER)
    await store.change(item.user_id, Change.READ, [item.id], now=LATER)
    at = NOW.timestamp()
    one = answer({"at": at, "what": "created", "detail": "by admin"})
    slow = answer({"at": at - 60, "what": "sent", "session": "s", "detail": "live"},
                  {"at": at - 59, "what": "received", "session": "s", "detail": "pong"})  # fmt: skip
    minute = timedelta(minutes=1)
    assert await told(store, item.id, one=one, two=slow) == [
        ("created", "one", iso(NOW), "by admin"),
        ("sent", "two", iso(NOW - minute), "live"),
        ("received", "two", iso(NOW - minute + SECOND), "pong"),
        ("read", None, iso(LATER), STORED),
    ]


async def test_what_is_forgotten_is_said(store: Store) -> None:
    await store.add([item := sample()])
    await store.mark_delivered([Receipt(item.user_id, item.id)], now=NOW)
    since = LATER.timestamp()
    assert ("forgotten", "new", iso(LATER), "what this instance did before is not remembered") in await told(
        store, item.id, new=answer(since=since), old=answer(since=NOW.timestamp() - 1), other_version=None
    )


@pytest.mark.parametrize(
    ("session", "holding", "reason"),
    [
        ({"replaying": True, "catchUp": "each"}, False, "the session is still being sent what its user missed"),
        ({"replaying": False, "catchUp": "none"}, False, "the client asked for nothing that it missed"),
        ({"replaying": False, "catchUp": "each"}, False, "not sent yet, or more was waiting"),
        ({"replaying": False, "catchUp": "each"}, True, "it waits until what the instance lacks has been read"),
    ],
)
async def test_why_nobody_has_it(store: Store, session: dict[str, Any], holding: bool, reason: str) -> None:
    await store.add([item := sample()])
    instance = answer(sessions=[{"id": "s", **session}], holding=holding)
    [_, (what, where, _, detail)] = await told(store, item.id, one=instance)
    assert (what, where) == ("waiting", "one")
    assert detail.startswith(reason)


async def test_announcements(store: Store) -> None:
    await store.add_announcement(item := announcement())
    await store.add_announcement(announcement())
    assert await told(store, item.id) == [("created", None, iso(NOW), STORED)]
    await store.remove_announcement(item.id)
    with pytest.raises(NotFound):
        await timelines(store).of(item.id)
