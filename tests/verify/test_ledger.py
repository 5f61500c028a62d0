"""The ledger: every fault is found, and what is no fault is not taken for one."""

from __future__ import annotations

import pytest

from eventide_notify.verify.ledger import CLOCK_SLACK, FAULTS, Delay, Ledger

URL = "http://one"
USER = "user"


class Story:
    """What happens to the notifications of one user, at the times that are told."""

    def __init__(self) -> None:
        self.ledger = Ledger()

    def created(self, *ids: str, at: float = 0) -> Story:
        for id in ids:
            self.ledger.created(id, USER, at=at, by=URL)
        return self

    def arrived(self, *ids: str, connection: int = 1, replayed: bool = False, at: float = 1) -> Story:
        for id in ids:
            self.ledger.arrived((USER, connection), id, replayed=replayed, at=at)
        return self

    def audited(
        self, *ids: str, status: str = "DELIVERED", created_at: float = 0, delivered_at: float | None = None
    ) -> Story:
        for id in ids:
            self.ledger.audited(id, USER, status, created_at=created_at, delivered_at=delivered_at)
        return self

    @property
    def faults(self) -> dict[str, int]:
        """Those that there are."""
        return {name: count for name, count in self.ledger.figures().faults.items() if count}


@pytest.fixture
def story() -> Story:
    return Story()


def test_all_is_well(story: Story) -> None:
    story.created("a", "b").arrived("a", "b").audited("a", "b", delivered_at=2)
    assert story.faults == {}
    figures = story.ledger.figures()
    assert (figures.created, figures.received, figures.copies, figures.delivered) == (2, 2, 0, 2)
    assert set(figures.faults) == set(FAULTS)
    assert story.ledger.is_settled(USER)


def test_nothing_has_no_delay(story: Story) -> None:
    assert story.ledger.figures().late is None


def test_what_never_arrives_is_lost(story: Story) -> None:
    story.created("a", "b").arrived("b").audited("a", status="PENDING").audited("b")
    assert story.faults == {"lost": 1}
    assert story.ledger.figures().examples == {"lost": ["a of user"]}
    assert story.ledger.is_waiting(USER)
    assert not story.ledger.is_settled(USER)


def test_it_may_arrive_before_its_201(story: Story) -> None:
    story.arrived("a", at=1).created("a", at=2).audited("a")
    assert story.faults == {}
    assert story.ledger.figures().late == Delay(0, 0, 0)
    assert not story.ledger.is_waiting(USER)


def test_a_copy_that_is_marked_is_counted(story: Story) -> None:
    story.created("a").arrived("a").arrived("a", connection=2, replayed=True).audited("a")
    assert story.faults == {}
    figures = story.ledger.figures()
    assert (figures.received, figures.copies, figures.replayed_copies) == (1, 1, 1)


def test_a_copy_that_is_not_marked_is_a_fault(story: Story) -> None:
    story.created("a").arrived("a").arrived("a", connection=2).audited("a")
    assert story.faults == {"unmarked_copies": 1}
    assert story.ledger.figures().replayed_copies == 0


def test_a_first_receipt_need_not_be_marked(story: Story) -> None:
    story.created("a", "b").arrived("a", replayed=True).arrived("b").audited("a", "b")
    assert story.faults == {}


def test_the_same_again_on_one_connection_is_a_fault(story: Story) -> None:
    story.created("a").arrived("a").arrived("a", replayed=True).audited("a")
    assert story.faults == {"sent_twice": 1}


def test_older_after_newer_is_out_of_order(story: Story) -> None:
    story.created("a", "b", "c").arrived("a", "c", "b").audited("a", "b", "c")
    assert story.faults == {"out_of_order": 1}
    assert story.ledger.figures().examples == {"out_of_order": ["b on connection 1 of user, after c"]}


def test_replay_after_live_is_out_of_order(story: Story) -> None:
    story.created("a", "b").arrived("b").arrived("a", replayed=True).audited("a", "b")
    assert story.faults == {"out_of_order": 1}


def test_another_connection_begins_anew(story: Story) -> None:
    story.created("a", "b").arrived("b").arrived("a", "b", connection=2, replayed=True).audited("a", "b")
    assert story.faults == {}


def test_a_client_that_shows_twice_is_found(story: Story) -> None:
    story.created("a", "b").arrived("a", "b").audited("a", "b")
    story.ledger.shown(["a", "b", "a"])
    assert story.faults == {"shown_twice": 1}


@pytest.mark.parametrize("status", ["DELIVERED", "READ"])
def test_a_receipt_before_the_client_has_it_is_false(story: Story, status: str) -> None:
    story.created("a").audited("a", status=status).arrived("a")
    assert story.faults == {"falsely_delivered": 1}


def test_pending_claims_nothing(story: Story) -> None:
    story.created("a").audited("a", status="PENDING").arrived("a").audited("a")
    assert story.faults == {}


def test_a_delivered_at_before_the_receipt_is_false(story: Story) -> None:
    story.created("a", at=0.01).arrived("a", at=3).audited("a", delivered_at=0.005)
    assert story.faults == {"falsely_delivered": 1}


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
def test_the_clocks_may_differ(story: Story, ahead: float) -> None:
    # The server's clock is `ahead`; the answer took 10 ms.
    story.created("a", "b", at=0.01).arrived("a", "b", at=3)
    story.audited("a", created_at=ahead, delivered_at=ahead + 3.01)
    assert "falsely_delivered" not in story.faults
    story.audited("b", created_at=ahead, delivered_at=ahead + 2.9 - CLOCK_SLACK)
    assert story.faults["falsely_delivered"] == 1


def test_a_slow_answer_does_not_make_a_receipt_false(story: Story) -> None:
    story.created("a", at=5).arrived("a", at=5.1).audited("a", created_at=0, delivered_at=0.2)
    assert story.faults == {}


def test_what_is_received_and_never_confirmed(story: Story) -> None:
    story.created("a", "b").arrived("a", "b").audited("a", status="PENDING")
    assert story.faults == {"unconfirmed": 2}  # of one the server was not even heard
    assert not story.ledger.is_settled(USER)
    assert not story.ledger.is_waiting(USER)


def test_what_was_given_up_may_be_there_all_the_same(story: Story) -> None:
    story.ledger.not_created("number 1")
    story.arrived("a").audited("a")
    assert story.faults == {"not_created": 1}


def test_a_repeated_request_that_was_carried_out_twice(story: Story) -> None:
    story.arrived("a").created("b").arrived("b").audited("a", "b")
    assert story.faults == {"created_twice": 1}


def test_delays_are_told_with_the_part_in_which_the_client_was_connected(story: Story) -> None:
    for number in range(100):
        id = f"{number:02}"
        story.ledger.created(id, USER, at=10, online=3)
        story.ledger.arrived((USER, 1), id, replayed=False, at=10 + number, online=3 + number / 2)
    figures = story.ledger.figures()
    assert figures.late == Delay(p50=49, p99=98, max=99)
    assert figures.late_online == Delay(p50=24.5, p99=49, max=49.5)
