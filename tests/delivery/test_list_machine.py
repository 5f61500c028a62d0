"""Lists that are read page by page while what is in them changes: nothing is doubled, and nothing is lost.

The service and the store are real (SQLite in memory). Time passes with every step: what happens in the very
millisecond in which a list is first read may be on two pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from eventide_notify.errors import Conflict, NotFound
from eventide_notify.metrics import Metrics
from eventide_notify.models import WITHHELD, Change, Counts, Draft, Receipt
from eventide_notify.presence import MemoryPresence
from eventide_notify.service import Inbox, NotificationService
from eventide_notify.service.journal import Journal
from eventide_notify.store import Store, create_store

from .test_state_machine import Network

USERS = ("alice", "bob")
T = TypeVar("T")


class Reading:
    """A list of a user, read up to some page."""

    def __init__(self, user: str, limit: int, there: Iterable[str], top: Iterable[str]) -> None:
        self.user = user
        self.limit = limit
        self.stay = set(there)
        """What is in the list all the while."""
        self.top = set(top)
        """What had to be acknowledged when it began."""
        self.found: list[str] = []
        self.cursor: str | None = None


class ListMachine(RuleBasedStateMachine):
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = datetime(2026, 11, 20, 9, tzinfo=UTC)
        self.store: Store = create_store("sqlite://")
        network, journal = Network([]), Journal()
        self.service = NotificationService(
            self.store,
            network,
            MemoryPresence(),
            clock=self.clock,
            metrics=Metrics(),
            journal=journal,
            announcement_lifetime=timedelta(days=1),
        )
        self.inbox = Inbox(self.store, network, journal=journal, clock=self.clock, received=self.received)
        self.run(self.store.open())
        self.there: dict[str, set[str]] = {user: set() for user in USERS}
        """What is in each user's list."""
        self.had: dict[str, set[str]] = {user: set() for user in USERS}
        """And what is archived, too."""
        self.must: set[str] = set()
        self.acknowledged: dict[str, set[str]] = {user: set() for user in USERS}
        self.acknowledged_at: dict[tuple[str, str], datetime] = {}
        self.readings: list[Reading] = []

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def received(self, receipts: Iterable[Receipt]) -> None:
        """Nothing depends on them here."""

    def run(self, action: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(action)

    def waiting(self, user: str) -> set[str]:
        """What the user has to acknowledge."""
        return (self.must & self.there[user]) - self.acknowledged[user]

    def gone(self, user: str, ids: Iterable[str]) -> None:
        for reading in self.readings:
            if reading.user == user:
                reading.stay.difference_update(ids)

    @rule(target=ids, user=st.sampled_from(USERS))
    def send(self, user: str) -> str:
        [item] = self.run(self.service.send([user], Draft(message="Hello")))
        self.there[user].add(item.id)
        self.had[user].add(item.id)
        return item.id

    @rule(target=ids, must=st.booleans())
    def announce(self, must: bool) -> str:
        made = self.run(self.service.announce(Draft(message="Hello"), require_ack=must))
        for user in USERS:
            self.there[user].add(made.id)
            self.had[user].add(made.id)
        self.must |= {made.id} if must else set()
        return made.id

    @initialize(target=ids)
    def there_is_something(self) -> Any:
        return multiple(*(self.announce(must) for must in (True, False, True)), self.send("alice"))

    @rule(number=st.integers(0, 5), which=st.integers(0, 5))
    def acknowledge_what_was_read(self, number: int, which: int) -> None:
        if self.readings:
            reading = self.readings[number % len(self.readings)]
            self.acknowledge(reading.found[which % len(reading.found)], reading.user)

    @rule(id=ids)
    def retract(self, id: str) -> None:
        try:
            self.run(self.service.retract(id))
        except NotFound:
            return
        for user in USERS:
            self.there[user].discard(id)
            self.had[user].discard(id)
            self.gone(user, [id])

    @rule(id=ids, user=st.sampled_from(USERS))
    def acknowledge(self, id: str, user: str) -> None:
        try:
            item, counts = self.run(self.inbox.acknowledge(user, id))
        except NotFound:
            assert id not in self.had[user]
        except Conflict:
            assert id not in self.must
        else:
            assert item.read
            assert item.acknowledged_at is not None
            first = self.acknowledged_at.setdefault((user, id), item.acknowledged_at)
            assert item.acknowledged_at == first
            self.acknowledged[user].add(id)
            assert counts == self.run(self.inbox.counts(user))

    @rule(some=st.lists(ids, min_size=1, max_size=3), user=st.sampled_from(USERS), change=st.sampled_from(Change))
    def change(self, some: list[str], user: str, change: Change) -> None:
        has = self.had[user].intersection(some)
        withheld = has & self.waiting(user) if change in WITHHELD else set()
        try:
            done = self.run(self.inbox.change(user, change, some))
        except NotFound:
            assert not has
        except Conflict:
            assert has
            assert has == withheld
        else:
            assert set(done.owned) == has - withheld
            self.apply(user, change, done.changed)

    @rule(user=st.sampled_from(USERS), change=st.sampled_from(Change))
    def change_all(self, user: str, change: Change) -> None:
        done = self.run(self.inbox.change_all(user, change))
        if change in WITHHELD:
            assert not self.waiting(user).intersection(done.changed)
        self.apply(user, change, done.changed)

    def apply(self, user: str, change: Change, changed: Iterable[str]) -> None:
        if change in (Change.ARCHIVE, Change.DELETE):
            self.there[user].difference_update(changed)
            self.gone(user, changed)
        if change is Change.DELETE:
            self.had[user].difference_update(changed)
        if change is Change.UNARCHIVE:
            self.there[user].update(changed)

    @rule(user=st.sampled_from(USERS), limit=st.integers(1, 2))
    def begin_to_read(self, user: str, limit: int) -> None:
        reading = Reading(user, limit, self.there[user], self.waiting(user))
        self.readings.append(reading)
        self.read_on(reading)

    @rule(number=st.integers(0, 5))
    def read_another_page(self, number: int) -> None:
        if self.readings:
            self.read_on(self.readings[number % len(self.readings)])

    def read_on(self, reading: Reading) -> None:
        page = self.run(self.inbox.page(reading.user, limit=reading.limit, cursor=reading.cursor))
        found = [item.id for item in page.notifications]
        assert len(found) <= reading.limit
        assert len(found) == reading.limit or page.next_cursor is None
        reading.found += found
        reading.cursor = page.next_cursor
        if page.next_cursor is None:
            self.readings.remove(reading)
            assert len(reading.found) == len(set(reading.found)), "doubled"
            assert reading.stay <= set(reading.found), "lost"
            on_top = [id in reading.top for id in reading.found]
            assert on_top == sorted(on_top, reverse=True)
            for part in (True, False):
                ids = [id for id in reading.found if (id in reading.top) is part]
                assert ids == sorted(ids, reverse=True)

    @invariant()
    def what_must_be_acknowledged_is_unread(self) -> None:
        for user in USERS:
            unread = self.run(self.inbox.page(user, limit=100, unread=True)).notifications
            assert {item.id for item in unread if item.unacknowledged} == self.waiting(user)
            seen = sum(item.seen for item in unread)
            assert self.run(self.inbox.counts(user)) == Counts(len(unread), len(unread) - seen)

    def teardown(self) -> None:
        while self.readings:
            self.read_on(self.readings[0])
        self.run(self.store.close())
        self.loop.close()


TestLists = ListMachine.TestCase
TestLists.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # it is this machine that may be
)
