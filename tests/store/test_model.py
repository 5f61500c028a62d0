"""Any calls in any order do what they do in the model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from eventide_notify.models import Change, Counts, Notification, NotificationId, Receipt, Status, UserId
from eventide_notify.store import Store

from .backends import Backend, SqliteMemory
from .model import ModelStore
from .samples import MONTH, NOW, announcement, sample

T = TypeVar("T")

USERS = ["1", "2", "3"]
ORDER = list(Status)
ACTIONS = ["yes", "no"]
TEXTS = ["Grün", "blau"]
users = st.sampled_from(USERS)
changes = st.sampled_from(Change)
texts = st.sampled_from(TEXTS)
topics = st.sampled_from(["news", "a/b"])
types = st.sampled_from(["SYSTEM", "NEWS"])
limits = st.integers(0, 5)
lifetimes = st.none() | st.integers(1, 6)
KEYS = ["a", "A"]
SETTINGS = settings(stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
"""How fast a database is, is no reason to fail."""


class StoreMachine(RuleBasedStateMachine):
    runner: asyncio.Runner
    store: Store
    known = Bundle("known")
    """The ids that there are or were."""
    ids = st.lists(known, max_size=4)
    bounds = st.none() | known

    def __init__(self) -> None:
        super().__init__()
        self.model = ModelStore()
        self.now = NOW
        self.statuses: dict[tuple[UserId, NotificationId], Status] = {}

    def teardown(self) -> None:
        """The next example begins with an empty database too."""
        for user in USERS:
            self.do(self.store.change(user, Change.DELETE, list(self.model.own), now=self.now))
        for topic, user in self.model.subscriptions:
            self.do(self.store.unsubscribe(topic, [user], now=self.now))
        self.do(self.store.remove_expired(before=self.now + MONTH, limit=1_000))
        self.do(self.store.purge(claimed_before=NOW, now=self.now + MONTH))

    def do(self, call: Awaitable[T]) -> T:
        async def wait() -> T:
            return await call

        return self.runner.run(wait())

    # What changes something

    @rule(target=known, to=st.lists(users, max_size=4), type=types, text=texts, seconds=lifetimes)
    def send(self, to: list[UserId], type: str, text: str, seconds: int | None) -> Any:
        saved = [self.new(user, seconds, type=type, message=text) for user in to]
        self.do(self.store.add(saved))
        self.model.add(saved)
        return multiple(*(each.id for each in saved))

    def new(self, user: UserId, seconds: int | None, **fields: Any) -> Notification:
        until = None if seconds is None else self.now + timedelta(seconds=seconds)
        return replace(sample(user, **fields), created_at=self.now, expires_at=until)

    @rule(target=known, to=st.lists(users, min_size=1, unique=True), key=st.sampled_from(KEYS), seconds=lifetimes)
    def send_in_place(self, to: list[UserId], key: str, seconds: int | None) -> Any:
        saved = [replace(self.new(user, seconds), collapse_key=key) for user in to]
        done = self.do(self.store.add_collapsing(saved, now=self.now))
        assert {id: list(some) for id, some in done.replaced.items()} == self.model.add_collapsing(saved, self.now)
        assert sorted(done.saved, key=lambda each: each.id) == [self.model.own[each.id] for each in saved]
        return multiple(*(each.id for each in saved))

    @rule(ago=st.integers(0, 3))
    def remove_expired(self, ago: int) -> None:
        before = self.now - timedelta(seconds=ago)
        self.do(self.store.remove_expired(before=before, limit=1_000))
        self.model.remove_expired(before)

    @rule(
        target=known,
        seconds=st.integers(1, 6),
        type=types,
        text=texts,
        topic=st.none() | topics,
        require_ack=st.booleans(),
    )
    def announce(self, seconds: int, type: str, text: str, topic: str | None, require_ack: bool) -> NotificationId:
        made = announcement(type=type, message=text)
        until = self.now + timedelta(seconds=seconds)
        saved = replace(made, expires_at=until, topic=topic, require_ack=require_ack)
        self.do(self.store.add_announcement(saved))
        self.model.add_announcement(saved)
        return saved.id

    @rule(topic=topics, to=st.sets(users, max_size=3))
    def subscribe(self, topic: str, to: set[UserId]) -> None:
        gained = self.do(self.store.subscribe(topic, to, now=self.now))
        assert {user: set(ids) for user, ids in gained.items()} == self.model.subscribe(topic, to, self.now)

    @rule(topic=topics, to=st.sets(users, max_size=3))
    def unsubscribe(self, topic: str, to: set[UserId]) -> None:
        lost = self.do(self.store.unsubscribe(topic, to, now=self.now))
        assert {user: set(ids) for user, ids in lost.items()} == self.model.unsubscribe(topic, to, self.now)

    @rule(receipts=st.lists(st.builds(Receipt, users, known, st.booleans()), max_size=8))
    def deliver(self, receipts: list[Receipt]) -> None:
        delivered = self.do(self.store.mark_delivered(receipts, now=self.now))
        assert delivered == self.model.mark_delivered(receipts, self.now)

    @rule(user=users, change=changes, ids=ids)
    def change(self, user: UserId, change: Change, ids: list[NotificationId]) -> None:
        done = self.do(self.store.change(user, change, ids, now=self.now))
        assert len(done.owned) == len(set(done.owned))
        assert len(done.changed) == len(set(done.changed))
        assert tuple(map(set, done)) == self.model.change(user, change, ids, self.now)
        self.note_unread(user, change, done.changed)

    @rule(user=users, change=changes, up_to=bounds)
    def change_all(self, user: UserId, change: Change, up_to: NotificationId | None) -> None:
        changed = self.do(self.store.change_all(user, change, up_to=up_to, now=self.now))
        assert changed == self.model.change_all(user, change, up_to, self.now)
        self.note_unread(user, change, changed)

    def note_unread(self, user: UserId, change: Change, ids: Collection[NotificationId]) -> None:
        if change is Change.UNREAD:
            self.statuses |= dict.fromkeys(((user, id) for id in ids), Status.DELIVERED)

    @rule(user=users, id=known)
    def acknowledge(self, user: UserId, id: NotificationId) -> None:
        done = self.do(self.store.acknowledge(user, id, now=self.now))
        assert (list(done.owned), list(done.changed)) == self.model.acknowledge(user, id, self.now)

    @rule(user=users, id=known, action=st.sampled_from(ACTIONS))
    def press(self, user: UserId, id: NotificationId, action: str) -> None:
        is_chosen = self.do(self.store.press(user, id, action, now=self.now))
        assert is_chosen == self.model.press(user, id, action, self.now)

    @rule(id=known)
    def remove(self, id: NotificationId) -> None:
        assert self.do(self.store.remove_announcement(id)) == self.model.remove_announcement(id)

    @rule(seconds=st.integers(1, 3))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def purge(self) -> None:
        self.do(self.store.purge(claimed_before=self.now, now=self.now))
        self.model.purge(self.now)

    # What must agree

    @rule(
        user=users,
        limit=limits,
        before=bounds,
        offset=st.integers(0, 4),
        unread=st.sampled_from([None, True, False]),
        archived=st.booleans(),
        type=st.none() | types,
        text=st.sampled_from([None, "GRÜN", "blau", "gr.n"]),
        top=st.none() | st.integers(0, 3),
        from_top=st.booleans(),
    )
    def page(self, user: UserId, top: int | None, **wanted: Any) -> None:
        wanted["top"] = None if top is None else self.now - timedelta(seconds=top)
        found = self.do(self.store.page(user, now=self.now, **wanted))
        assert found == self.model.page(user, now=self.now, **wanted)

    @rule(user=users, than=known, limit=limits)
    def newer(self, user: UserId, than: NotificationId, limit: int) -> None:
        found = self.do(self.store.newer(user, than=than, now=self.now, limit=limit))
        assert found == last(limit, [each for each in self.model.inbox(user, self.now) if each.id > than])

    @rule(user=users, limit=limits)
    def pending(self, user: UserId, limit: int) -> None:
        found = self.do(self.store.pending(user, now=self.now, limit=limit))
        assert found == last(limit, [e for e in self.model.inbox(user, self.now) if e.status is Status.PENDING])

    @rule(user=users, ids=ids)
    def some(self, user: UserId, ids: list[NotificationId]) -> None:
        expected = self.model.some(user, ids, self.now)
        owned = list(self.do(self.store.owned(user, ids, now=self.now)))
        assert sorted(owned) == [each.id for each in expected]
        found = (self.do(self.store.get(user, id, now=self.now)) for id in sorted(set(ids)))
        assert [each for each in found if each] == expected

    @rule(after=known, before=known, limit=limits)
    def of_all_users(self, after: NotificationId, before: NotificationId, limit: int) -> None:
        assert self.do(self.store.since(after, limit=limit)) == self.model.since(after, limit)
        overdue = self.do(self.store.overdue(after=after, before=before, limit=limit))
        assert overdue == self.model.overdue(after, before, limit)
        announced = self.do(self.store.announcements(after=after, now=self.now))
        assert announced == self.model.announcements(after, self.now)

    @rule(topic=topics, user=users)
    def subscriptions(self, topic: str, user: UserId) -> None:
        mine = sorted(topic for topic, subscriber in self.model.subscriptions if subscriber == user)
        assert self.do(self.store.topics(user)) == mine
        theirs = {subscriber for subscribed, subscriber in self.model.subscriptions if subscribed == topic}
        assert set(self.do(self.store.subscribed(topic, USERS))) == theirs
        assert self.do(self.store.subscribers(topic)) == len(theirs)

    @rule(seconds=st.integers(0, 5), limit=st.integers(1, 3))
    def expired(self, seconds: int, limit: int) -> None:
        position = start = self.now - timedelta(seconds=seconds), ""
        found: list[tuple[NotificationId, UserId | None]] = []
        while True:
            some = self.do(self.store.expired(after=position, until=self.now, limit=limit))
            found += some.items
            if some.position is None:
                break
            position = some.position
        assert found == self.model.expired(start, self.now)

    @rule(id=known)
    def find(self, id: NotificationId) -> None:
        assert self.do(self.store.find(id)) == self.model.own.get(id)

    @invariant()
    def lists_and_counts_agree(self) -> None:
        counts, found = self.do(self.lists_and_counts())
        for user, notifications in zip(USERS, found, strict=True):
            assert notifications == self.model.all(user, self.now)[::-1]
            assert counts[user] == self.model.counts(user, self.now)
            assert all(each.seen and each.delivered_at for each in notifications if each.read)
            assert not any(each.unacknowledged and (each.read or each.archived) for each in notifications)
            for each in notifications:
                before = self.statuses.get((user, each.id), Status.PENDING)
                assert ORDER.index(before) <= ORDER.index(each.status)
                self.statuses[user, each.id] = each.status

    async def lists_and_counts(self) -> tuple[Mapping[UserId, Counts], Sequence[Sequence[Notification]]]:
        found = [await self.all_of(user) for user in USERS]
        return await self.store.counts(USERS, now=self.now), found

    async def all_of(self, user: UserId) -> Sequence[Notification]:
        kinds = [await self.store.page(user, now=self.now, limit=1000, archived=which) for which in (True, False)]
        return sorted(chain(*kinds), key=lambda each: each.id, reverse=True)


def last(limit: int, notifications: Sequence[T]) -> Sequence[T]:
    return notifications[-limit:] if limit else []


def test_every_store_is_like_the_model(backend: Backend) -> None:
    with asyncio.Runner() as runner:

        class Machine(StoreMachine):
            pass

        Machine.runner, Machine.store = runner, backend.store()
        runner.run(Machine.store.open())
        examples = 30 if isinstance(backend, SqliteMemory) else 5
        run_state_machine_as_test(Machine, settings=settings(SETTINGS, max_examples=examples))
        runner.run(Machine.store.close())
