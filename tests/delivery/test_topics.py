"""Topics, as Python code has them: the limits, and what is told to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from eventide_notify import wire
from eventide_notify.errors import Conflict, InvalidRequest, OutcomeUnknown, Unavailable
from eventide_notify.models import Announcement, Change, Notification
from eventide_notify.service import topics as service_topics
from eventide_notify.service.fanout import Gone
from eventide_notify.service.topics import Topics
from eventide_notify.store import Store, create_store
from eventide_notify.wire import Reason

from ..store.samples import NOW, announcement


class Told:
    """What is told to the users' sockets."""

    def __init__(self) -> None:
        self.removed: dict[str, list[str]] = {}
        self.reloaded: list[str] = []
        self.counted: list[str] = []
        self.known: set[str] = set()

    async def deliver(self, notifications: Sequence[Notification], *, late: bool = False) -> None: ...
    async def announce(self, announcement: Announcement) -> None: ...
    async def retract(self, id: str) -> None: ...

    async def take_away(self, reason: Reason | None, gone: Sequence[Gone]) -> None:
        assert reason == "unsubscribed"
        self.removed |= {user or "": list(ids) for user, ids, _ in gone}

    async def emit(self, event: str, payload: Any, users: Sequence[str] | None) -> None:
        assert (event, payload) == (wire.RELOAD, {})
        self.reloaded += users or ()

    async def counts_changed(self, users: Collection[str]) -> None:
        self.counted += users

    def met(self, users: Iterable[str]) -> None:
        self.known.update(users)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = create_store("sqlite://")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def topics(store: Store, told: Told) -> Topics:
    return Topics(store, told, clock=lambda: NOW, counts_changed=told.counts_changed, met=told.met)


async def test_only_those_for_whom_something_changes_are_told(store: Store, told: Told, topics: Topics) -> None:
    assert await topics.subscribe("quiet", ["1", 2]) == 2
    await store.add_announcement(saved := replace(announcement(), topic="news"))
    assert await topics.subscribe("news", [1, "2"]) == 2
    assert await topics.subscribe("news", ["2", "3"]) == 1
    assert told.known == {"1", "2", "3"}
    assert told.reloaded == told.counted == ["1", "2", "3"]
    await store.change("3", Change.READ, [saved.id], now=NOW)
    assert await topics.unsubscribe("quiet", ["1"]) == 1
    assert await topics.unsubscribe("news", ["2", "3", "4"]) == 2
    assert told.removed == {"2": [saved.id]}


async def test_when_it_is_not_known_what_became_of_it_all_read_again(
    told: Told, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks again finds it done, and tells nobody."""
    for error in (Unavailable, OutcomeUnknown):

        async def fail(*_: Any, error: type[Exception] = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(topics._store, "unsubscribe", fail)
        with pytest.raises(error):
            await topics.unsubscribe("news", ["1", "2"])
        assert told.reloaded == told.counted == (["1", "2"] if error is OutcomeUnknown else [])


async def test_users_subscribe_themselves_to_so_many(
    store: Store, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_topics, "OWN_MAX", 3)
    for topic in "abc":
        await topics.follow("1", topic)
    with pytest.raises(Conflict):
        await topics.follow("1", "d")
    await topics.follow("1", "a")  # which is there
    await topics.subscribe("d", ["1"])  # a back end knows what it does
    assert await topics.of("1") == ["a", "b", "c", "d"]
    assert await topics.subscribers("d") == 1


@pytest.mark.parametrize("topic", ["", "x" * 129, "a\x00", "\ud800", 42, None])
async def test_what_is_no_topic(topics: Topics, topic: Any) -> None:
    for call in (topics.subscribe(topic, ["1"]), topics.unsubscribe(topic, ["1"]), topics.follow("1", topic)):
        with pytest.raises(InvalidRequest, match="topic"):
            await call
    with pytest.raises(InvalidRequest, match="topic"):
        await topics.subscribers(topic)


async def test_who_is_no_user(topics: Topics) -> None:
    with pytest.raises(InvalidRequest, match="userIds"):
        await topics.subscribe("news", [])
    with pytest.raises(InvalidRequest, match="userIds"):
        await topics.of("")
