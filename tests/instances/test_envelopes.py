"""What goes between instances: the content once, and everything that was put in comes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson

from eventide_notify import wire
from eventide_notify.channel import envelopes
from eventide_notify.channel.envelopes import Envelope, is_found_in_store
from eventide_notify.channel.fanout import ENVELOPE_SIZE, ChannelFanout
from eventide_notify.channel.local import LocalChannel
from eventide_notify.models import Announcement, Counts, Draft, IdGenerator, Notification

from ..realtime.fakes import FakeHub, events

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
new_id = IdGenerator()


def sent_to(*users: str) -> list[Notification]:
    draft = Draft(message="a text that is there once", data={"post": 7})
    return [Notification(new_id(NOW), user, draft, NOW) for user in users]


async def opened(envelope: Envelope, hub: FakeHub) -> None:
    """As another instance opens it."""
    await LocalChannel(hub).publish(orjson.loads(orjson.dumps(envelope)))


def test_the_content_is_there_once() -> None:
    envelope = envelopes.notification(sent_to(*(f"user {number}" for number in range(500))))
    text = orjson.dumps(envelope)
    assert text.count(b"a text that is there once") == 1
    assert len(text) < 40_000


async def test_a_notification_is_shown_as_its_instance_shows_it() -> None:
    hub = FakeHub()
    alice, bob = hub.add("alice"), hub.add('b"ob')
    hub.add("carol")
    items = sent_to("alice", 'b"ob', "nobody here")
    await opened(envelopes.notification(items), hub)
    for transport, item in zip((alice, bob), items, strict=False):
        [shown] = events(transport)
        assert orjson.loads(shown) == ["notification", wire.live(item)]
    assert hub.changed == ["alice", 'b"ob']


async def test_an_announcement_says_whether_it_is_stored() -> None:
    hub = FakeHub()
    alice = hub.add("alice")
    for stored in (False, True):  # which of them expire says nothing about that
        item = Announcement(new_id(NOW), Draft(message="Noon"), NOW, NOW + timedelta(days=1), stored)
        envelope = envelopes.announcement(item)
        assert is_found_in_store(envelope) == stored
        await opened(envelope, hub)
        shown = orjson.loads(events(alice)[-1])
        assert shown == ["announcement", wire.announcement(item)]
        assert shown[1].get("stored", True) == stored
        assert [receipt.notification_id for receipt in alice.receipts] == ([item.id] if stored else [])


async def test_a_retraction_has_each_users_count() -> None:
    hub = FakeHub()
    hub.counts = {"alice": Counts(3, 2)}
    alice, bob = hub.add("alice"), hub.add("bob")
    await opened(envelopes.retraction("some id"), hub)
    await hub.idle()
    assert events(alice) == ['["notification_deleted",{"ids":["some id"],"unreadCount":3,"unseenCount":2}]']
    assert events(bob) == ['["notification_deleted",{"ids":["some id"],"unreadCount":0,"unseenCount":0}]']


async def test_an_event_is_for_some_or_for_all() -> None:
    hub = FakeHub()
    alice, bob = hub.add("alice"), hub.add("bob")
    await opened(envelopes.event("prices", {"EUR": 1}, ["bob", "nobody here"]), hub)
    await opened(envelopes.event("closed", None, None), hub)
    assert events(alice) == ['["closed",null]']
    assert events(bob) == ['["prices",{"EUR":1}]', '["closed",null]']


async def test_what_was_saved_late_is_said_to_be_so_and_need_not_be_found_in_the_store() -> None:
    hub = FakeHub()
    alice = hub.add("alice")
    [old, newer] = sent_to("alice", "alice")
    late = envelopes.notification([old], late=True)
    assert [is_found_in_store(envelope) for envelope in (late, envelopes.notification([newer]))] == [False, True]
    await opened(envelopes.notification([newer]), hub)
    await opened(late, hub)
    assert len(events(alice)) == 1
    assert alice.closed


class Recorder:
    """A channel that reaches everybody but one."""

    def __init__(self) -> None:
        self.published: list[Envelope] = []

    async def publish(self, envelope: Envelope) -> None:
        self.published.append(envelope)
        if envelope["kind"] == "retraction":
            raise RuntimeError("a channel that fails")

    def may_reach(self, user: str) -> bool:
        return user != "unreachable"


async def test_many_users_are_several_envelopes_in_order() -> None:
    channel = Recorder()
    items = sent_to("unreachable", *(f"user {number}" for number in range(ENVELOPE_SIZE + 1)))
    await ChannelFanout(channel).deliver(items, late=True)
    assert [len(envelope["to"]) for envelope in channel.published] == [ENVELOPE_SIZE, 1]
    assert [to for envelope in channel.published for to in envelope["to"]] == [
        (item.id, item.user_id) for item in items[1:]
    ]
    assert all(envelope["late"] for envelope in channel.published)


async def test_a_fan_out_never_raises() -> None:
    await ChannelFanout(Recorder()).retract("some id")
