"""What an instance knows about what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventide_notify.channel.health import DELAY, DRIFT, FORGET, LONGEST, ChannelHealth


def begun(*, subscribed: bool = True) -> ChannelHealth:
    """An instance that takes clients from the time 0 on."""
    health = ChannelHealth("own", now=0)
    if subscribed:
        health.subscribed(now=0)
    health.began(now=0)
    return health


def well(health: ChannelHealth, *, until: float, since: float = 0, other: int | None = None) -> None:
    """Seconds in which it hears itself and, unless None, another with this last number."""
    for second in range(int(since) + 1, int(until) + 1):
        health.heard("own", 0, age=second, now=second)
        if other is not None:
            health.heard("other", other, age=second + 100, now=second)
        health.check(now=second)


def since(health: ChannelHealth) -> float | None:
    """From when on something is lacking."""
    return health.lacking_since


def deaf(health: ChannelHealth) -> bool:
    return health.deaf


class TestWhole:
    def test_while_all_are_heard_nothing_is_lacking(self) -> None:
        health = begun()
        well(health, until=10, other=0)
        assert health.received("other", 1, 3, age=110, late=False, now=10.1) == 0
        health.heard("other", 3, age=111, now=11)
        assert since(health) is None
        assert health.problems == []

    def test_what_others_sent_before_is_none_of_its_business(self) -> None:
        health = begun()
        health.heard("other", 500, age=100, now=0.5)
        assert since(health) is None

    def test_one_that_begins_later_introduces_itself(self) -> None:
        health = begun()
        well(health, until=20)
        health.heard("new", 0, age=0, now=20)
        health.received("new", 1, 1, age=0.1, late=False, now=20.1)
        assert since(health) is None

    def test_copies_are_counted_and_change_nothing(self) -> None:
        health = begun()
        assert health.received("other", 1, 3, age=1, late=False, now=1) == 0
        assert health.received("other", 2, 2, age=1, late=True, now=1) == 2
        assert health.received("other", 2, 4, age=1, late=False, now=1) == 2
        assert health.gaps == 0


class TestGaps:
    def test_an_envelope_tells_what_did_not_come_before_it(self) -> None:
        health = begun()
        health.received("another-one", 1, 1, age=1, late=False, now=1)
        health.received("another-one", 4, 1, age=2, late=False, now=2)
        assert since(health) == 1
        assert health.problems == ["2 envelope(s) of instance another- did not come"]
        assert health.gaps == 1

    def test_a_heartbeat_tells_what_did_not_come_before_it(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        health.heard("other", 8, age=106, now=6)
        assert since(health) == 5

    def test_what_was_delayed_says_nothing_about_what_was_sent_after_it(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        health.heard("other", 7, age=106, now=8)
        health.heard("other", 9, age=108, now=8.1)
        assert since(health) == pytest.approx(6, abs=0.01)

    def test_so_does_a_goodbye(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        health.left("other", 9, age=106, now=6)
        assert since(health) == 5

    def test_what_comes_late_is_lacking_once(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        health.received("other", 8, 2, age=107, late=True, now=7)
        assert since(health) == 5
        assert health.gaps == 1

    def test_what_was_held_up_on_its_way_is_lacking_too_and_nothing_is_lost(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        assert not health.delayed("other", age=105.5, now=6)
        assert health.delayed("other", age=105.5, now=5.5 + DELAY + 0.1)
        health.received("other", 8, 2, age=105.5, late=False, now=5.5 + DELAY + 0.1)
        assert since(health) == 5
        assert health.gaps == 1
        assert not health.made_good(since=5, read_at=8), "nothing has to be read again by clients"
        assert since(health) is None

    def test_it_ends_when_it_was_read_after_it_was_noticed(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        health.heard("other", 8, age=106, now=6)
        assert not health.made_good(since=5, read_at=5.9)
        assert since(health) == 5.9
        assert health.made_good(since=5.9, read_at=6.1)
        assert since(health) is None
        assert not health.made_good(since=5.9, read_at=6.2), "clients are told once"

    def test_an_older_gap_that_is_noticed_during_the_reading_is_read_as_well(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        well(health, until=7, since=5)
        health.received("third", 5, 1, age=1, late=False, now=7)
        assert since(health) == 6
        health.received("other", 9, 1, age=107, late=False, now=7.5)
        assert not health.made_good(since=6, read_at=7.2)
        assert since(health) == 5
        assert health.made_good(since=5, read_at=8)

    def test_one_that_was_not_heard_from_its_beginning_lacks_from_there(self) -> None:
        health = begun()
        well(health, until=20)
        health.heard("new", 4, age=6, now=20)
        assert since(health) == 14

    def test_without_a_subscription_at_the_start_it_lacks_from_there(self) -> None:
        health = begun(subscribed=False)
        health.subscribed(now=2)
        health.heard("other", 500, age=100, now=2.5)
        assert since(health) == 0

    def test_a_subscription_that_was_interrupted_introduces_nobody(self) -> None:
        health = begun()
        health.subscribed(now=1)
        health.heard("other", 500, age=100, now=1.5)
        assert since(health) == 0


class TestSilence:
    def test_another_instance_that_is_silent_may_have_sent_something(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        well(health, until=9, since=5)
        assert since(health) == 5
        assert health.problems == ["instance other has not been heard for 4 s"]
        assert not deaf(health)

    def test_one_that_is_heard_with_a_delay_is_not_silent(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        for second in range(6, 20):
            health.heard("own", 0, age=second, now=second)
            health.heard("other", 7, age=105 + (second - 5) / 2, now=second)
            health.check(now=second)
        assert since(health) is None

    def test_what_was_read_once_is_not_read_again(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        well(health, until=9, since=5)
        assert not health.made_good(since=5, read_at=9)
        well(health, until=10, since=9)
        assert since(health) == 9

    def test_one_that_comes_back_and_lost_nothing_needs_no_reload(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        well(health, until=9, since=5)
        well(health, until=10, since=9, other=7)
        assert not health.made_good(since=5, read_at=10.5)
        assert since(health) is None

    def test_one_that_is_gone_is_read_a_last_time(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        well(health, until=5 + FORGET + 1, since=5)
        assert health.made_good(since=5, read_at=5 + FORGET + 1)
        well(health, until=5 + FORGET + 10, since=5 + FORGET + 1)
        assert since(health) is None

    def test_one_that_was_gone_and_comes_back_lacks_from_where_it_was_heard(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        well(health, until=100, since=5)
        assert health.made_good(since=5, read_at=90)
        well(health, until=200, since=100)
        health.heard("other", 9, age=300, now=200)
        assert since(health) == 90, "until then everything has been read"

    def test_nothing_is_remembered_for_ever(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        well(health, until=100, since=5)
        health.made_good(since=5, read_at=100)
        well(health, until=2 * LONGEST, since=100)
        health.heard("other", 9, age=3 * LONGEST, now=2 * LONGEST)
        assert since(health) == LONGEST

    def test_one_that_said_goodbye_is_not_waited_for(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        health.left("other", 7, age=106, now=6)
        health.received("other", 6, 2, age=107, late=True, now=7)
        well(health, until=70, since=7)
        assert health.gaps == 0
        assert since(health) is None


class TestDeafness:
    def test_one_that_does_not_hear_itself_lacks_everything(self) -> None:
        health = begun()
        well(health, until=5)
        health.check(now=8)
        assert not deaf(health)
        health.check(now=9)
        assert deaf(health)
        assert since(health) == 5
        assert health.problems == ["this instance has not heard itself through Redis for 4 s"]

    def test_that_is_the_reason_it_tells_although_it_does_not_hear_the_others_either(self) -> None:
        health = begun()
        well(health, until=5, other=0)
        health.check(now=9)
        assert health.problems == ["this instance has not heard itself through Redis for 4 s"]

    def test_what_comes_before_it_hears_itself_again_changes_nothing(self) -> None:
        health = begun()
        well(health, until=5, other=0)
        health.check(now=9)
        health.received("other", 3, 1, age=109.5, late=True, now=9.5)
        assert health.problems == ["this instance has not heard itself through Redis for 4 s"]
        assert health.gaps == 1

    def test_it_reads_on_and_on_until_it_hears_itself(self) -> None:
        health = begun()
        for second in (2, 4, 5):
            health.check(now=second)
        assert not health.made_good(since=0, read_at=5)
        health.check(now=6)
        assert since(health) == 5
        health.heard("own", 0, age=7, now=7)
        assert health.made_good(since=5, read_at=7.1)
        assert since(health) is None

    def test_a_process_that_stood_still_listens_first(self) -> None:
        health = begun()
        well(health, until=5, other=7)
        health.check(now=60)
        assert not deaf(health)
        health.heard("own", 0, age=60, now=60)
        health.heard("other", 7, age=160, now=60)
        health.check(now=61)
        assert since(health) is None


@dataclass
class Other:
    """An instance that publishes, over a channel that loses, doubles and delays."""

    name: str
    sent: int = 0
    beats: list[tuple[int, float]] = field(default_factory=list)
    """What it has said in its heartbeats, and when."""
    lost: list[tuple[int, float]] = field(default_factory=list)
    """Numbers that did not come in time, with the times at which they were published."""

    def do(self, health: ChannelHealth, what: str, fate: str, count: int, now: float) -> None:
        """One step, and what comes of it."""
        if what == "envelopes":
            self._publish(health, fate, count, now)
        elif what == "heartbeat":
            self.beats.append((self.sent, now))
            if fate != "is lost":
                health.heard(self.name, self.sent, age=now, now=now)
        elif what == "old heartbeat" and self.beats:
            last, age = self.beats[-1]
            health.heard(self.name, last, age=age, now=now)

    def _publish(self, health: ChannelHealth, fate: str, count: int, now: float) -> None:
        first, self.sent = self.sent + 1, self.sent + count
        if fate in ("is lost", "is late"):
            self.lost += [(number, now) for number in range(first, self.sent + 1)]
        if fate != "is lost":
            health.received(self.name, first, count, age=now, late=fate == "is late", now=now)
        if fate == "comes twice":
            assert health.received(self.name, first, count, age=now, late=False, now=now) == count


STEPS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from(["envelopes", "heartbeat", "old heartbeat", "nothing"]),
    st.sampled_from(["comes", "is lost", "comes twice", "is late"]),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.1, 0.9, 2.0, 7.0, FORGET + 20]),
    st.booleans(),
)


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=40))
def test_whatever_was_lost_is_lacking_until_it_was_read(steps: list[tuple[str, str, str, int, float, bool]]) -> None:
    health, now = begun(), 0.0
    others = {name: Other(name) for name in "ab"}
    readings: list[tuple[float, float]] = []
    for name in others:
        health.heard(name, 0, age=0, now=0)
    for name, what, fate, count, pause, reads in steps:
        others[name].do(health, what, fate, count, now)
        if reads and (start := health.lacking_since) is not None:
            readings.append((start, now))
            health.made_good(since=start, read_at=now)
        now += pause
        health.heard("own", 0, age=now, now=now)
        health.check(now=now)
    for name, other in others.items():
        health.heard(name, other.sent, age=now, now=now)
    lacking = health.lacking_since
    for name, other in others.items():
        for number, published_at in other.lost:
            was_read = any(
                start <= published_at * (1 + DRIFT) and published_at <= read_at for start, read_at in readings
            )
            is_lacking = lacking is not None and lacking <= published_at * (1 + DRIFT)
            assert was_read or is_lacking, f"{number} of {name}"
