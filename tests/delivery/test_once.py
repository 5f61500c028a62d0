"""Saves of which the store does not say whether they happened, and the order in which what was saved is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventide_notify.errors import Conflict, InvalidRequest, OutcomeUnknown, Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Announcement, Change, Draft, Notification
from eventide_notify.presence import MemoryPresence
from eventide_notify.service import Inbox, NotificationService, once, ordering
from eventide_notify.service.fanout import Gone
from eventide_notify.service.journal import Journal
from eventide_notify.service.ordering import Turn, Turns
from eventide_notify.store import Claim, create_store
from eventide_notify.store.sql import SqlStore
from eventide_notify.wire import Reason

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
HELLO = Draft(message="hello")


class Screens:
    """What was shown, in order."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.late: list[str] = []

    async def deliver(self, notifications: Sequence[Notification], *, late: bool = False) -> None:
        (self.late if late else self.shown).extend(item.id for item in notifications)

    async def announce(self, announcement: Announcement) -> None:
        self.shown.append(announcement.id)

    async def retract(self, id: str) -> None: ...
    async def take_away(self, reason: Reason, gone: Sequence[Gone]) -> None: ...
    async def emit(self, event: str, payload: Any, users: Sequence[str] | None) -> None: ...


class Faulty:
    """A store whose saves go wrong: `before` they are done, or `after`."""

    def __init__(self, store: SqlStore) -> None:
        self.inner = store
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.stuck: asyncio.Event | None = None
        """What the next save waits for."""
        self.gate = asyncio.Event()
        self.gate.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def add(self, items: Sequence[Notification], *, claim: Claim | None = None) -> Claim | None:
        if self.before:
            raise self.before.pop(0)
        if (stuck := self.stuck) is not None:
            self.stuck = None
            await stuck.wait()
        await self.gate.wait()
        held = await self.inner.add(items, claim=claim)
        if self.after:
            raise self.after.pop(0)
        return held

    async def add_announcement(self, item: Announcement, *, claim: Claim | None = None) -> Claim | None:
        await self.gate.wait()
        held = await self.inner.add_announcement(item, claim=claim)
        if self.after:
            raise self.after.pop(0)
        return held


class Stage:
    def __init__(self) -> None:
        store = create_store("sqlite://")
        assert isinstance(store, SqlStore)
        self.store = Faulty(store)
        self.screens = Screens()
        self.service = NotificationService(
            self.store,
            self.screens,
            MemoryPresence(),
            clock=lambda: NOW,
            metrics=Metrics(),
            journal=Journal(),
            announcement_lifetime=timedelta(days=1),
        )

    async def saved(self) -> list[str]:
        return [item.id for item in await self.store.inner.page("42", now=NOW, limit=10)]


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(once, "_PAUSE", 0)
    stage = Stage()
    await stage.store.inner.open()
    yield stage
    await stage.store.inner.close()


KEYS = pytest.mark.parametrize("key", [None, "key"])


@KEYS
async def test_what_may_have_been_saved_is_saved_once(stage: Stage, key: str | None) -> None:
    stage.store.after = [OutcomeUnknown()]
    stage.store.before = []
    [item] = await stage.service.send(["42"], HELLO, idempotency_key=key)
    assert await stage.saved() == stage.screens.shown == [item.id]


@KEYS
async def test_what_may_not_have_been_saved_is_saved(stage: Stage, key: str | None) -> None:
    stage.store.before = [OutcomeUnknown(), Unavailable(), OutcomeUnknown()]
    [item] = await stage.service.send(["42"], HELLO, idempotency_key=key)
    assert await stage.saved() == stage.screens.shown == [item.id]


async def test_an_announcement_likewise(stage: Stage) -> None:
    stage.store.after = [OutcomeUnknown()]
    item = await stage.service.announce(HELLO, idempotency_key="key")
    assert await stage.saved() == stage.screens.shown == [item.id]


async def test_what_was_certainly_not_saved_is_unavailable(stage: Stage) -> None:
    stage.store.before = [Unavailable()]
    with pytest.raises(Unavailable):
        await stage.service.send(["42"], HELLO)
    assert await stage.saved() == []


async def test_what_nobody_knows_is_said_and_settled_by_the_key(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "SETTLE_SECONDS", 0)
    stage.store.after = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        await stage.service.send(["42"], HELLO, idempotency_key="key", caller="shop")
    [item] = await stage.service.send(["42"], HELLO, idempotency_key="key", caller="shop")
    assert await stage.saved() == [item.id]
    with pytest.raises(Conflict):
        await stage.service.send(["42"], Draft(message="other"), idempotency_key="key", caller="shop")
    await stage.service.send(["42"], Draft(message="other"), idempotency_key="key", caller="another shop")


async def test_after_a_refusal_a_repetition_is_as_new_as_it_looks(stage: Stage) -> None:
    """The claim of a save that failed does not survive: what comes later has a later id."""
    stage.store.before = [Unavailable()]
    with pytest.raises(Unavailable):
        await stage.service.send(["42"], HELLO, idempotency_key="key")
    [between] = await stage.service.send(["42"], HELLO)
    [again] = await stage.service.send(["42"], HELLO, idempotency_key="key")
    assert stage.screens.shown == sorted(stage.screens.shown) == [between.id, again.id]


async def test_what_an_earlier_version_has_left_is_shown_as_late(stage: Stage) -> None:
    """Until 0.1 the claim was saved first: one may be there with nothing saved for it."""
    [first] = await stage.service.send(["42"], HELLO, idempotency_key="key")
    await stage.store.inner.change("42", Change.DELETE, [first.id], now=NOW)
    await stage.store.inner._database.write(lambda connection: connection.exec_driver_sql(UNDO))
    [again] = await stage.service.send(["42"], HELLO, idempotency_key="key")
    assert await stage.saved() == stage.screens.late == [first.id] == [again.id]


UNDO = "UPDATE claims SET complete = FALSE"


async def test_announcements_and_notifications_are_shown_in_the_order_of_their_ids(stage: Stage) -> None:
    stage.store.gate.clear()
    sends = [asyncio.create_task(stage.service.send([user], HELLO)) for user in ("42", "43")]
    await asyncio.sleep(0)
    calls: list[asyncio.Task[Any]] = [
        *sends,
        asyncio.create_task(stage.service.announce(HELLO)),
        asyncio.create_task(stage.service.announce(HELLO, audience="connected")),
    ]
    await asyncio.sleep(0)  # the last of these is saved at once, for there is nothing to save
    calls.append(asyncio.create_task(stage.service.send(["42"], HELLO)))
    await asyncio.sleep(0)
    assert stage.screens.shown == []
    stage.store.gate.set()
    await asyncio.gather(*calls)
    of_42 = [id for id in stage.screens.shown if id != sends[1].result()[0].id]
    assert of_42 == sorted(of_42)
    assert len(stage.screens.shown) == 5


@pytest.mark.parametrize("caller", ["a\x00b", "\ud83d"])
async def test_from_python_too_what_is_no_caller_is_refused(stage: Stage, caller: str) -> None:
    with pytest.raises(InvalidRequest):
        await stage.service.send(["42"], HELLO, idempotency_key="key", caller=caller)
    with pytest.raises(InvalidRequest):
        await stage.service.announce(HELLO, idempotency_key="key", caller=caller)
    assert await stage.saved() == []


async def test_nobody_waits_long_for_a_save_that_is_not_answered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "PATIENCE", 0.05)
    stuck = stage.store.stuck = asyncio.Event()
    first = asyncio.create_task(stage.service.send(["42"], HELLO))
    await asyncio.sleep(0)
    [second] = await stage.service.send(["42"], HELLO)
    assert stage.screens.shown == [second.id]
    stuck.set()
    [shown] = await first
    assert shown.id < second.id
    assert stage.screens.late == [shown.id]
    [third] = await stage.service.send(["42"], HELLO)
    assert stage.screens.shown == [second.id, third.id]


@pytest.mark.parametrize("user", ["a\x00b", "\ud83d", "", "x" * 129])
async def test_from_python_too_what_is_no_user_is_refused(stage: Stage, user: str) -> None:
    service, id = stage.service, "019ab7d4-0000-7000-8000-000000000000"
    inbox = Inbox(stage.store, stage.screens, journal=Journal(), clock=service._clock, received=lambda _: None)
    for call in (
        service.send([user], HELLO),
        service.publish("news", None, [user]),
        inbox.page(user),
        inbox.counts(user),
        inbox.get(user, id),
        inbox.change(user, Change.READ, [id]),
        inbox.change_all(user, Change.READ),
        inbox.press(user, id, "yes"),
        service.sessions(user),
    ):
        with pytest.raises(InvalidRequest):
            await call
    with pytest.raises(InvalidRequest):
        await inbox.page("42", type="a\x00b")
    with pytest.raises(InvalidRequest):
        await inbox.page("42", q="a\x00b")


@pytest.mark.parametrize("for_all", [False, True])
async def test_who_leaves_the_line_early_lets_nobody_pass(for_all: bool) -> None:
    """As a repetition does that is answered at once, and a save that fails."""
    turns = Turns()
    shown: list[str] = []
    go = asyncio.Event()

    def take() -> AbstractAsyncContextManager[Turn]:
        return turns.take_for_all() if for_all else turns.take(["42", "43"])

    async def show(what: str) -> None:
        async with take() as turn:
            if what == "first":
                await go.wait()
            await turn.wait()
            shown.append(what)

    calls = [asyncio.create_task(show("first"))]
    await asyncio.sleep(0)
    for _ in range(2_000):  # one after the other, and not one in the other
        async with take():
            pass
    calls.append(asyncio.create_task(show("second")))
    await asyncio.sleep(0)
    calls.append(asyncio.create_task(show("third")))
    for _ in range(3):
        await asyncio.sleep(0)
    assert shown == []
    go.set()
    await asyncio.gather(*calls)
    assert shown == ["first", "second", "third"]
    assert not turns._last
    assert turns._last_for_all is None
