"""What the sessions of one instance are shown: in order, in one write each, and without holding up others."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from eventide_notify import wire
from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.models import (
    Announcement,
    Change,
    Counts,
    Draft,
    IdGenerator,
    Notification,
    NotificationId,
    Status,
)
from eventide_notify.realtime import hub as hub_module
from eventide_notify.realtime import leaving
from eventide_notify.realtime import session as session_module
from eventide_notify.realtime.frames import Content
from eventide_notify.realtime.replay import Replay
from eventide_notify.realtime.session import Session
from eventide_notify.realtime.writer import AT_ONCE

from .fakes import ROOT, START, FakeCarrier, FakeHub, FakeTransport, carried_by, events

_generators: defaultdict[datetime, IdGenerator] = defaultdict(IdGenerator)


def new_id(at: datetime) -> NotificationId:
    """Ids of one time grow; those of an earlier time are smaller, whenever they are made."""
    return _generators[at](at)


def saved(message: str, user: str = "alice", *, at: datetime = START, status: Status = Status.PENDING) -> Notification:
    return Notification(new_id(at), user, Draft(message=message), at, status=status)


async def show(hub: FakeHub, *items: Notification, late: bool = False) -> None:
    content = wire.live(items[0])
    del content["id"], content["userId"]
    await hub.show(content, [(item.id, item.user_id) for item in items], late=late)


def messages(transport: FakeTransport) -> list[str]:
    """The texts of the notifications that were written, in order."""
    return [event.partition('"message":"')[2].partition('"')[0] for event in events(transport) if '"message":' in event]


class TestWrites:
    async def test_a_notification_is_one_write_under_all_its_names(self) -> None:
        hub = FakeHub()
        alice, plain = hub.add("alice"), hub.add("alice", dialect=ROOT)
        item = saved("Hello")
        await show(hub, item)
        [packets] = alice.written
        assert [packet.partition(",")[0] for packet in packets] == ["42/notifications"] * 2
        assert ['"notification"' in packets[0], '"newNotification"' in packets[1]] == [True, True]
        assert [packet.split(",")[0] for [packet] in plain.written] == ['42["new_notification"']
        assert [receipt.notification_id for receipt in alice.receipts] == [item.id]

    async def test_the_ping_that_asks_for_the_receipt_leaves_with_it(self) -> None:
        hub, carrier = FakeHub(), FakeCarrier()
        transport = carried_by(carrier)
        hub.add("alice").send = transport.send  # type: ignore[method-assign]
        await show(hub, saved("Hello"))
        [written] = carrier.written
        assert written.count(b"Hello") == 2
        assert written.endswith(b"\x81\x012")

    async def test_what_is_not_stored_asks_for_no_receipt(self) -> None:
        hub, carrier = FakeHub(), FakeCarrier()
        alice = hub.add("alice")
        transport = carried_by(carrier)
        alice.send = transport.send  # type: ignore[method-assign]
        await hub.announce(wire.announcement(Announcement(new_id(START), Draft(message="Now"), START)), stored=False)
        await hub.emit("prices", {}, None)
        assert len(carrier.written) == 2
        assert not any(written.endswith(b"\x81\x012") for written in carrier.written)
        assert alice.receipts == []
        assert hub.changed == []

    async def test_nobody_is_shown_one_twice(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        item = saved("Hello")
        for _ in range(2):
            await show(hub, item)
        assert messages(alice) == ["Hello"]

    async def test_many_with_the_same_count_get_the_same_frame(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hub = FakeHub()
        transports = [hub.add(f"user {number}") for number in range(100)]
        encoded: list[Any] = []
        of = Content.of

        def note(payload: Any) -> Content:
            encoded.append(payload)
            return of(payload)

        monkeypatch.setattr(Content, "of", note)
        await hub.tell_counts({f"user {number}": Counts(number % 3, 0) for number in range(100)})
        assert sorted(payload["unreadCount"] for payload in encoded) == [0, 1, 2]
        assert events(transports[4]) == ['["unread_count",{"unreadCount":1,"unseenCount":0}]']


class TestCrowd:
    """The counts of many leave with what has changed them."""

    CROWD = tuple(f"user {number}" for number in range(hub_module.CROWD))

    async def test_notification_count_and_ping_are_one_write(self) -> None:
        hub, carrier = FakeHub(), FakeCarrier()
        transports = [hub.add(user) for user in self.CROWD]
        transports[0].send = carried_by(carrier).send  # type: ignore[method-assign]
        hub.counts = dict.fromkeys(self.CROWD, Counts(3, 1))
        await show(hub, *[saved("Hello", user) for user in self.CROWD])
        [written] = carrier.written
        assert written.count(b"Hello") == 2
        assert written.index(b"Hello") < written.index(b'["unread_count",{"unreadCount":3,"unseenCount":1}]')
        assert written.endswith(b"\x81\x012")
        assert [len(packets) for [packets] in (transport.written for transport in transports[1:])] == [3] * 99
        assert hub.changed == []

    async def test_who_has_no_count_yet_is_told_it_later(self) -> None:
        hub = FakeHub()
        transports = [hub.add(user) for user in self.CROWD]
        hub.counts = {"user 7": Counts(3, 1)}
        await show(hub, *[saved("Hello", user) for user in self.CROWD])
        assert [len(transport.written[0]) for transport in transports[6:9]] == [2, 3, 2]
        assert hub.changed == [user for user in self.CROWD if user != "user 7"]

    async def test_a_few_do_not_wait_for_counts(self) -> None:
        hub = FakeHub()
        hub.asked = asyncio.Event()
        alice = hub.add("alice")
        await show(hub, saved("Hello"))
        assert messages(alice) == ["Hello"]
        assert hub.changed == ["alice"]

    async def test_who_is_being_welcomed_is_told_the_count_at_once_and_the_notification_after_the_replay(self) -> None:
        hub = FakeHub()
        transports = [hub.add(user, live=user != "user 7") for user in self.CROWD]
        hub.counts = dict.fromkeys(self.CROWD, Counts(3, 1))
        await show(hub, *[saved("Hello", user) for user in self.CROWD])
        assert events(transports[7]) == ['["unread_count",{"unreadCount":3,"unseenCount":1}]']
        [session] = hub.of_user("user 7")
        await Replay(Metrics()).go_live(session)
        assert [len(packets) for packets in transports[7].written] == [1, 2]

    async def test_it_is_shown_also_when_its_caller_does_not_wait_for_the_counts(self) -> None:
        hub = FakeHub()
        hub.asked = asyncio.Event()
        transports = [hub.add(user) for user in self.CROWD]
        showing = asyncio.create_task(show(hub, *[saved("Hello", user) for user in self.CROWD]))
        await asyncio.sleep(0)
        assert not showing.done()
        assert transports[0].written == []
        showing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await showing
        assert [messages(transport) for transport in transports] == [["Hello"]] * len(transports)

    async def test_a_count_does_not_wait_with_what_has_to_wait_for_the_store(self) -> None:
        hub = FakeHub()
        hub.asked = asyncio.Event()
        hub.counts = dict.fromkeys(self.CROWD, Counts(3, 1))
        transports = [hub.add(user) for user in self.CROWD]
        showing = asyncio.create_task(show(hub, *[saved("Hello", user) for user in self.CROWD]))
        await asyncio.sleep(0)
        hub.begin_to_hold()
        hub.asked.set()
        await showing
        assert hub.changed == list(self.CROWD)
        await hub.release()
        assert [len(packets) for [packets] in (transport.written for transport in transports)] == [2] * len(transports)


class TestTurns:
    async def test_the_loop_is_not_held_by_a_broadcast(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counted, not timed: nowhere are more than `AT_ONCE` sessions written to without a turn for others."""
        hub = FakeHub()
        transports = [hub.add(f"user {number}") for number in range(10_000)]
        withdrawn: list[str] = []

        def withdraw(session: Session, ids: Iterable[NotificationId]) -> None:
            withdrawn.append(session.sid)

        monkeypatch.setattr(Session, "withdraw", withdraw)
        payload = wire.announcement(Announcement(new_id(START), Draft(message="Noon"), START))
        for broadcast in (
            hub.announce(payload, stored=True),
            hub.emit("prices", {}, None),
            hub.tell_counts({f"user {number}": Counts(1, 1) for number in range(10_000)}),
            hub.show_missed_announcements([Announcement(new_id(START), Draft(message="Lost"), START)]),
            hub.reload(),
        ):
            assert max(await turns(broadcast, transports)) <= AT_ONCE
        assert {len(transport.written) for transport in transports} == {5}
        assert max(await turns(hub.retract(new_id(START)), lambda: len(withdrawn))) <= AT_ONCE
        assert max(await turns(hub.idle(), transports)) <= AT_ONCE
        assert {len(transport.written) for transport in transports} == {6}

    async def test_nor_by_looking_for_sessions_that_are_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hub = FakeHub()
        looked: list[str] = []

        def of_user(user: str) -> list[Session]:
            looked.append(user)
            return []

        monkeypatch.setattr(hub, "of_user", of_user)
        telling = hub.tell_counts({f"user {number}": Counts(1, 1) for number in range(10_000)})
        assert max(await turns(telling, lambda: len(looked))) <= AT_ONCE + 1
        assert len(looked) == 10_000

    async def test_nor_by_many_small_ones_that_have_waited(self) -> None:
        hub = FakeHub()
        transports = [hub.add(f"user {number}") for number in range(2_000)]
        hub.begin_to_hold()
        for number in range(2_000):
            await show(hub, saved("Hello", f"user {number}"))
        assert max(await turns(hub.release(), transports)) <= AT_ONCE

    async def test_what_comes_during_a_broadcast_comes_after_it(self) -> None:
        hub = FakeHub()
        transports = [hub.add(f"user {number}") for number in range(AT_ONCE * 3)]
        noon = wire.announcement(Announcement(new_id(START), Draft(message="Noon"), START))
        await asyncio.gather(
            hub.announce(noon, stored=True),
            show(hub, saved("one", f"user {AT_ONCE * 2}")),
            show(hub, saved("two", f"user {AT_ONCE * 2}")),
            hub.emit("closed", {}, None),
        )
        assert messages(transports[AT_ONCE * 2]) == ["Noon", "one", "two"]
        assert events(transports[AT_ONCE * 2])[-1] == '["closed",{}]'

    async def test_a_caller_that_goes_away_does_not_end_it(self) -> None:
        hub = FakeHub()
        transports = [hub.add(f"user {number}") for number in range(AT_ONCE * 3)]
        broadcast = asyncio.create_task(hub.emit("closed", {}, None))
        waiting = asyncio.create_task(show(hub, saved("Hello", "user 1")))
        await asyncio.sleep(0)
        broadcast.cancel()
        waiting.cancel()
        await asyncio.gather(broadcast, waiting, return_exceptions=True)
        await hub.idle()
        assert all('["closed",{}]' in events(transport) for transport in transports)
        assert messages(transports[1]) == ["Hello"]

    async def test_what_fails_is_told_to_its_caller_and_stops_nobody_else(self) -> None:
        hub = FakeHub()
        transports = [hub.add("alice") for _ in range(AT_ONCE + 1)]
        transports[-1].send = None  # type: ignore[assignment, method-assign]
        broken, fine = await asyncio.gather(
            hub.emit("closed", {}, None), hub.emit("prices", {}, ["nobody"]), return_exceptions=True
        )
        assert isinstance(broken, TypeError)
        assert fine is None
        del transports[-1].send
        await hub.emit("closed", {}, None)
        assert events(transports[-1]) == ['["closed",{}]']

    async def test_it_can_be_ended(self) -> None:
        hub = FakeHub()
        transports = [hub.add("alice") for _ in range(AT_ONCE + 1)]
        calls = [asyncio.create_task(hub.emit("closed", {}, None)) for _ in range(2)]
        await asyncio.sleep(0)
        await hub.close()
        await asyncio.gather(*calls, return_exceptions=True)
        assert all(call.cancelled() for call in calls)
        assert not any(transport.written for transport in transports)


class TestHolding:
    async def test_what_is_stored_waits_and_nothing_else(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        hub.begin_to_hold()
        await show(hub, saved("one"))
        noon = wire.announcement(Announcement(new_id(START), Draft(message="noon"), START, START + timedelta(days=1)))
        await hub.announce(noon, stored=True)
        assert alice.written == []
        await hub.announce({**noon, "id": new_id(START), "message": "now"}, stored=False)
        await hub.emit("prices", {}, ["alice"])
        assert messages(alice) == ["now"]
        assert await hub.release()
        assert messages(alice) == ["now", "one", "noon"]
        await show(hub, saved("two"))
        assert messages(alice)[-1] == "two"

    async def test_what_was_read_comes_before_what_has_waited_and_nothing_twice(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice", opened_at=START - timedelta(minutes=1))
        lost, waited, both = saved("lost"), saved("waited"), saved("both")
        hub.begin_to_hold()
        await show(hub, waited)
        await show(hub, both)
        held = hub.hold()
        newer = saved("newer")
        await show(hub, newer)
        archived = replace(saved("archived"), status=Status.DELIVERED, archived_at=START)
        await hub.show_missed([lost, archived, waited, both])
        await hub.show_held(held)
        assert messages(alice) == ["lost", "waited", "both"]
        await hub.release()
        assert messages(alice) == ["lost", "waited", "both", "newer"]

    async def test_who_has_left_is_shown_nothing(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        hub.begin_to_hold()
        await show(hub, saved("one"))
        hub.leave("session 0")
        await hub.release()
        assert alice.written == []

    @pytest.mark.parametrize(("bound", "most"), [("HELD_MAX", 2), ("HELD_CHARACTERS", 300)])
    async def test_too_much_is_dropped_and_said(self, bound: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hub_module, bound, most)
        hub = FakeHub()
        alice = hub.add("alice")
        hub.begin_to_hold()
        for number in range(3):
            await show(hub, saved(str(number)))
        assert not await hub.release()
        assert messages(alice) == ["0", "1"]
        hub.begin_to_hold()
        assert await hub.release()

    async def test_what_was_deleted_meanwhile_does_not_come(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        deleted, retracted = saved("deleted"), new_id(START)
        hub.begin_to_hold()
        await show(hub, deleted)
        noon = wire.announcement(Announcement(retracted, Draft(message="noon"), START, START + timedelta(days=1)))
        await hub.announce(noon, stored=True)
        await hub.emit(wire.NOTIFICATION_DELETED, wire.changed([deleted.id], Counts(0, 0)), ["alice"])
        await hub.retract(retracted)
        await hub.release()
        await hub.idle()
        assert messages(alice) == []
        assert hub.changed.count("alice") >= 3

    @pytest.mark.parametrize("replaying", [True, False])
    async def test_what_was_taken_away_meanwhile_does_not_come(self, replaying: bool) -> None:
        hub = FakeHub()
        alice = hub.add("alice", live=not replaying)
        archived, one, two, later = (saved(message) for message in ("archived", "one", "two", "later"))
        [session] = hub.of_user("alice")
        hub.begin_to_hold()
        if not replaying:
            await show(hub, archived, one, two)
        changes = {"changes": wire.changes(Change.ARCHIVE, START)}
        await hub.emit(wire.NOTIFICATION_UPDATED, wire.changed([archived.id], Counts(2, 2)) | changes, ["alice"])
        await hub.emit(wire.NOTIFICATION_DELETED, {"all": True, "upTo": two.id}, ["alice"])
        await show(hub, later)
        if replaying:
            await Replay(Metrics()).write(session, [archived, one, two])
            await Replay(Metrics()).go_live(session)
        await hub.release()
        assert messages(alice) == ["later"]

    async def test_what_is_saved_late_comes_although_all_were_deleted(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        late = saved("late")
        await hub.emit(wire.NOTIFICATION_DELETED, {"all": True, "upTo": new_id(START)}, ["alice"])
        await hub.show_missed([late])
        assert messages(alice) == ["late"]

    @pytest.mark.parametrize("fault", ["fails", "hangs"])
    async def test_a_retraction_does_not_wait_for_counts_that_cannot_be_read(
        self, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leaving, "COUNTS_WITHIN", 0.01)
        hub = FakeHub()
        alice = hub.add("alice")

        async def read(users: Collection[str]) -> Mapping[str, int]:
            if fault == "hangs":
                await asyncio.Event().wait()
            raise Unavailable("The database is away.")

        monkeypatch.setattr(hub._leaving, "_read_counts", read)
        retracted = saved("retracted")
        await hub.retract(retracted.id)
        await hub.idle()
        assert events(alice) == [f'["notification_deleted",{{"ids":["{retracted.id}"]}}]']
        assert hub.changed == ["alice"], "the counts follow when they can be read"
        await show(hub, retracted)
        assert messages(alice) == [], "it does not come any more"


class TestLate:
    """What was saved long after its id was made, by a request that was interrupted and came again."""

    async def test_it_is_shown_unless_something_newer_was(self) -> None:
        hub = FakeHub()
        alice, bob = (hub.add(user, opened_at=START - timedelta(minutes=1)) for user in ("alice", "bob"))
        old, bobs = saved("old"), saved("old", "bob")
        await show(hub, saved("newer"))
        await show(hub, old, bobs, late=True)
        assert messages(alice) == ["newer"]
        assert (alice.closed, bob.closed) == (True, False), "on a new connection it comes in its place"
        assert messages(bob) == ["old"]
        assert not any("replayed" in event for event in events(bob))
        assert hub.changed == ["alice", "alice", "bob"]

    async def test_who_has_it_is_left_alone(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        old = saved("old")
        for item, late in ((old, False), (saved("newer"), False), (old, True)):
            await show(hub, item, late=late)
        assert messages(alice) == ["old", "newer"]
        assert not alice.closed

    async def test_a_session_that_was_opened_after_it_was_made_may_get_a_copy_and_is_told(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice", opened_at=START + timedelta(minutes=1))
        await show(hub, saved("old"), late=True)
        [shown] = events(alice)
        assert '"replayed":true' in shown

    async def test_during_a_replay_it_waits_and_does_not_come_after_newer_ones(self) -> None:
        hub = FakeHub()
        alice, bob = (hub.add(user, live=False) for user in ("alice", "bob"))
        old, newer = saved("old"), saved("newer")
        await show(hub, old, late=True)
        await show(hub, saved("old", "bob"), late=True)
        replay = Replay(Metrics())
        await replay.write(hub.sessions["session 0"], [newer])
        for sid in ("session 0", "session 1"):
            await replay.go_live(hub.sessions[sid])
        assert messages(alice) == ["newer"]
        assert messages(bob) == ["old"]
        assert (alice.closed, bob.closed) == (True, False)

    async def test_a_client_that_wants_no_replay_gets_it_late(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        hub.sessions["session 0"].catch_up = "none"
        old = saved("old")
        await show(hub, saved("newer"))
        await show(hub, old, late=True)
        assert messages(alice) == ["newer", "old"]

    async def test_what_has_waited_is_still_late(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice")
        old = saved("old")
        await show(hub, saved("newer"))
        hub.begin_to_hold()
        await show(hub, old, late=True)
        await hub.release()
        assert messages(alice) == ["newer"]
        assert alice.closed


class TestMissed:
    async def test_what_is_older_than_what_was_shown_comes_in_its_place_on_a_new_connection(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice", opened_at=START - timedelta(minutes=1))
        older, newer = saved("older"), saved("newer")
        await show(hub, newer)
        await hub.show_missed([older])
        assert messages(alice) == ["newer"]
        assert alice.closed

    async def test_what_another_device_has_comes_late(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice", opened_at=START - timedelta(minutes=1))
        older, newer = saved("older", status=Status.DELIVERED), saved("newer")
        await show(hub, newer)
        await hub.show_missed([older])
        assert messages(alice) == ["newer", "older"]
        assert not alice.closed
        assert hub.changed == ["alice", "alice"]

    async def test_what_the_replay_had_is_passed_over(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice", opened_at=START)
        await hub.show_missed([saved("long ago", at=START - timedelta(minutes=1))])
        await hub.show_missed([saved("before", at=START - timedelta(seconds=1), status=Status.DELIVERED)])
        assert alice.written == []
        await hub.show_missed([saved("at once", at=START + timedelta(seconds=1))])
        [shown] = events(alice)
        assert '"replayed":true' in shown

    async def test_what_comes_during_the_replay_waits_for_its_end(self) -> None:
        hub = FakeHub()
        alice = hub.add("alice", live=False)
        late, early = saved("late", at=START + timedelta(minutes=2)), saved("early", at=START + timedelta(minutes=1))
        await show(hub, late)
        await hub.show_missed([early, late])
        assert alice.written == []
        await Replay(Metrics()).go_live(hub.sessions["session 0"])
        assert messages(alice) == ["early", "late"]

    @pytest.mark.parametrize("bound", ["BACKLOG_PACKETS", "BACKLOG_BYTES"])
    async def test_what_waits_for_a_replay_is_bounded_and_comes_on_a_new_connection(
        self, bound: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session_module, bound, 3 if bound == "BACKLOG_PACKETS" else 700)
        hub = FakeHub()
        alice = hub.add("alice", live=False)
        [session] = hub.of_user("alice")
        for number in range(3):
            await show(hub, saved(str(number)))
        assert session.held is not None
        assert len(session.held) == 3
        before = alice.closed
        for number in range(3):
            await show(hub, saved(f"one more {number}"))
        assert (before, alice.closed) == (False, True)
        assert session.held == []
        await Replay(Metrics()).go_live(session)
        assert messages(alice) == []

    async def test_reload_is_told_to_all_with_their_counts(self) -> None:
        hub = FakeHub()
        alice, bob = hub.add("alice"), hub.add("bob", dialect=ROOT)
        await hub.reload()
        assert [events(transport) for transport in (alice, bob)] == [['["reload",{}]'], ["{}]"]]
        assert bob.written == [('42["reload",{}]',)]
        assert hub.changed == ["alice", "bob"]


async def turns(work: Any, steps: Sequence[FakeTransport] | Callable[[], int]) -> list[int]:
    """How many steps, which are writes to these transports, there were between two turns of another task."""
    counts = [0]

    def made() -> int:
        return steps() if callable(steps) else sum(len(transport.written) for transport in steps)

    async def watch() -> None:
        before = made()
        while True:
            await asyncio.sleep(0)
            now = made()
            counts.append(now - before)
            before = now

    before = made()
    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await work
    watcher.cancel()
    assert sum(counts) <= made() - before
    counts.append(made() - before - sum(counts))
    return counts
