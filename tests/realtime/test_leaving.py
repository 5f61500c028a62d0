"""What is gone is not shown any more, however late a copy of it comes, and to whom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from eventide_notify import wire
from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import Announcement, Counts, Draft, Notification
from eventide_notify.realtime import leaving
from eventide_notify.realtime.replay import Replay
from eventide_notify.service.fanout import Gone

from .fakes import ROOT, START, FakeHub, FakeTransport, events
from .test_hub import messages, new_id, saved, show

SECOND = timedelta(seconds=1)


def expiring(message: str, user: str = "alice") -> Notification:
    return replace(saved(message, user), expires_at=START + SECOND)


def told(transport: FakeTransport) -> list[dict[str, Any]]:
    """What it was told to be gone."""
    found = [json.loads(event) if event.startswith("[") else None for event in events(transport)]
    return [event[1] for event in found if event is not None and event[0] == wire.NOTIFICATION_DELETED]


def replaced(*olds: Notification, by: Notification) -> Gone:
    return Gone(by.user_id, [old.id for old in olds], by.id)


async def test_its_user_is_told_with_the_counts() -> None:
    hub = FakeHub()
    alice, bob = hub.add("alice"), hub.add("bob")
    hub.counts = {"alice": Counts(3, 2)}
    old, new = saved("old"), saved("new")
    await hub.take_away("collapsed", [replaced(old, by=new), Gone("carol", ["x"], "y")])
    await hub.idle()
    counts = {"unreadCount": 3, "unseenCount": 2}
    assert told(alice) == [{"ids": [old.id], "reason": "collapsed", "replacedBy": new.id, **counts}]
    assert bob.written == []
    assert hub.changed == ["alice"]


async def test_without_a_database_the_counts_follow() -> None:
    hub = FakeHub()
    alice = hub.add("alice")

    async def unavailable(_: object) -> dict[str, Counts]:
        raise Unavailable

    hub._leaving._read_counts = unavailable
    await hub.take_away("expired", [Gone("alice", ["a", "b"])])
    await hub.idle()
    assert told(alice) == [{"ids": ["a", "b"], "reason": "expired"}]
    assert hub.changed == ["alice"]


async def test_a_live_copy_that_comes_later_is_not_shown() -> None:
    """Neither to who was told, nor to who connects in between."""
    hub = FakeHub()
    alice = hub.add("alice")
    old, new = saved("old"), saved("new")
    await show(hub, new)
    await hub.take_away("collapsed", [replaced(old, by=new)])
    late = hub.add("alice")
    replaying = hub.add("alice", live=False)
    await show(hub, old)
    await hub.idle()
    assert (messages(alice), messages(late), messages(replaying)) == (["new"], [], [])
    session = next(session for session in hub.sessions.values() if session.held is not None)
    await Replay(Metrics()).write(session, [old, new])
    await Replay(Metrics()).go_live(session)
    assert messages(replaying) == ["new"]


@pytest.mark.parametrize("how", ["each", "batch"])
async def test_a_replay_that_was_read_before_does_not_show_it(how: Any) -> None:
    hub = FakeHub()
    alice = hub.add("alice", live=False)
    [session] = hub.sessions.values()
    session.catch_up = how
    old, new, short = saved("old"), saved("new"), expiring("short")
    await hub.take_away("collapsed", [replaced(old, by=new)])
    hub.now = START + SECOND
    await Replay(Metrics()).write(session, [old, new, short])
    await Replay(Metrics()).write(session, [old])
    shown = [event for event in events(alice) if "message" in event]
    assert len(shown) == 1
    assert "new" in shown[0]


async def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "USERS_MAX", 3)
    hub = FakeHub()
    for user in "abcad":
        await hub.take_away("collapsed", [Gone(user, [f"{user}{number}" for number in range(200)], "new")])
    assert sorted(hub._leaving._gone) == ["a", "c", "d"]
    assert max(len(ids) for ids in hub._leaving._gone.values()) == leaving.IDS_MAX


async def test_what_has_expired_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub()
    alice, plain = hub.add("alice"), hub.add("alice", dialect=ROOT)
    waiting = hub.add("alice", live=False)
    [session] = [session for session in hub.sessions.values() if session.held is not None]
    await show(hub, expiring("in time"))
    hub.now = START + SECOND
    await show(hub, expiring("late"))
    await hub.show_missed([expiring("missed")])
    soon = Announcement(new_id(START), Draft(message="announced"), START, START + SECOND)
    await hub.announce(wire.announcement(soon), stored=True)
    await hub.show_missed_announcements([soon])
    await Replay(Metrics()).go_live(session)
    assert messages(alice) == messages(plain) == ["in time"]
    assert messages(waiting) == []


async def test_an_announcement_leaves_all_screens() -> None:
    hub = FakeHub()
    sessions = [hub.add("alice"), hub.add("alice"), hub.add("bob")]
    hub.counts = {"alice": Counts(1, 0)}
    id = new_id(START)
    await hub.take_away("expired", [Gone("bob", ["x"]), Gone(None, [id])])
    await hub.idle()
    nothing, one = ({"unreadCount": unread, "unseenCount": 0} for unread in (0, 1))
    assert [told(each)[-1] for each in sessions] == [
        {"ids": [id], "reason": "expired", **counts} for counts in (one, one, nothing)
    ]
    assert told(sessions[2])[0] == {"ids": ["x"], "reason": "expired", **nothing}
    assert sorted(hub.changed) == ["alice", "bob"]


async def test_a_crowd_is_told_in_portions() -> None:
    hub = FakeHub()
    crowd = [hub.add(str(number)) for number in range(600)]
    await hub.take_away("collapsed", [Gone(str(number), [f"old {number}"], f"new {number}") for number in range(600)])
    await hub.idle()
    assert [ids_of(each) for each in crowd] == [[f"old {number}"] for number in range(600)]


def ids_of(transport: FakeTransport) -> Sequence[str]:
    return [id for each in told(transport) for id in each["ids"]]
