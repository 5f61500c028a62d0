"""Announcements to a topic on their way to this instance's sessions: who is subscribed is asked of the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import orjson
import pytest

from eventide_notify import wire
from eventide_notify.models import Announcement, Counts
from eventide_notify.realtime import lookups
from eventide_notify.service.fanout import Gone

from ..store.samples import announcement
from ..waiting import until
from .fakes import FakeHub, FakeTransport, events


def to(topic: str) -> Announcement:
    return replace(announcement(), topic=topic)


def shown(transport: FakeTransport) -> list[str]:
    """The ids of what was announced to it."""
    told = [orjson.loads(event) for event in events(transport)]
    return [payload["id"] for name, payload in told if name == "announcement"]


async def announce(hub: FakeHub, item: Announcement, *, stored: bool = True) -> None:
    await hub.announce(wire.announcement(item), stored=stored, patient=True)
    await hub.idle()


@pytest.fixture
def hub() -> FakeHub:
    hub = FakeHub()
    hub.subscribed = {"news": {"alice", "nobody here"}}
    return hub


async def test_it_is_shown_to_the_subscribers(hub: FakeHub) -> None:
    alice, other, bob = hub.add("alice"), hub.add("alice"), hub.add("bob")
    await announce(hub, first := to("news"))
    await announce(hub, second := to("news"), stored=False)
    await announce(hub, to("nobody's"))
    assert shown(alice) == shown(other) == [first.id, second.id]
    assert events(bob) == []
    assert hub.changed == ["alice"]
    await hub.close()


async def test_many_are_asked_about_in_portions(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "AT_ONCE", 10)
    asked: list[int] = []
    subscribed = hub._subscribed

    async def count(topic: str, users: Collection[str]) -> Collection[str]:
        asked.append(len(users))
        return await subscribed(topic, users)

    monkeypatch.setattr(hub._lookups, "_subscribed", count)
    hub.subscribed["news"] = {str(number) for number in range(0, 25, 2)}
    transports = [hub.add(str(number)) for number in range(25)]
    await announce(hub, item := to("news"))
    assert [shown(transport) for transport in transports] == [
        [item.id] if number % 2 == 0 else [] for number in range(25)
    ]
    assert asked == [10, 10, 5]


async def test_while_the_store_is_away_it_waits_in_order_and_holds_up_nobody(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "RETRY", 0.05)
    alice = hub.add("alice")
    hub.store_is_away = True
    items = [to("news") for _ in range(3)]
    for item in items:
        await announce(hub, item)
    assert shown(alice) == []
    await hub.announce(wire.announcement(everyones := announcement()), stored=True)
    assert shown(alice) == [everyones.id]
    hub.store_is_away = False
    await until(lambda: shown(alice) == [everyones.id, *(item.id for item in items)])


async def test_what_was_retracted_meanwhile_is_shown_to_nobody(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "RETRY", 0.05)
    alice = hub.add("alice")
    hub.store_is_away = True
    gone, stays = to("news"), to("news")
    await announce(hub, gone)
    await announce(hub, stays)
    await hub.retract(gone.id)
    late = hub.add("alice")
    hub.store_is_away = False
    await until(lambda: shown(alice) == shown(late) == [stays.id])


async def test_beyond_all_measure_they_are_read_again(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "RETRY", 0.05)
    monkeypatch.setattr(lookups, "WAITING_MAX", 2)
    alice = hub.add("alice")
    hub.store_is_away = True
    items = [to("news") for _ in range(4)]
    for item in items:
        await announce(hub, item)
    hub.store_is_away = False
    await until(lambda: any("reload" in event for event in events(alice)))
    assert shown(alice) == [item.id for item in items[:2]]


async def test_it_waits_for_what_is_read_from_the_store(hub: FakeHub) -> None:
    alice, bob = hub.add("alice"), hub.add("bob")
    hub.begin_to_hold()
    await announce(hub, stored := to("news"))
    await announce(hub, said := to("news"), stored=False)
    assert shown(alice) == [said.id]
    assert await hub.release()
    assert shown(alice) == [said.id, stored.id]
    assert shown(bob) == []


async def test_what_was_missed_is_shown_to_the_subscribers(hub: FakeHub) -> None:
    items = [to("news"), announcement(), to("another")]
    alice, bob = hub.add("alice", opened_at=items[0].created_at), hub.add("bob", opened_at=items[0].created_at)
    await hub.show_missed_announcements(items)
    assert shown(alice) == [items[0].id, items[1].id]
    assert shown(bob) == [items[1].id]


async def test_what_users_do_not_have_any_more_leaves_their_screens(hub: FakeHub) -> None:
    alice, bob, carol = (hub.add(user) for user in ("alice", "bob", "carol"))
    hub.counts = {"alice": Counts(1, 2)}
    await hub.take_away(
        "unsubscribed", [Gone("alice", ["a", "b"]), Gone("nobody here", ["a", "b"]), Gone("bob", ["b"])]
    )
    await hub.idle()
    deleted = "notification_deleted"
    assert [orjson.loads(event) for event in events(alice)] == [
        [deleted, {"ids": ["a", "b"], "reason": "unsubscribed", "unreadCount": 1, "unseenCount": 2}]
    ]
    assert [orjson.loads(event) for event in events(bob)] == [
        [deleted, {"ids": ["b"], "reason": "unsubscribed", "unreadCount": 0, "unseenCount": 0}]
    ]
    assert events(carol) == []
    assert sorted(hub.changed) == ["alice", "bob"]
