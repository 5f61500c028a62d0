"""Critical states: when each begins, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from eventide_notify.service.incidents import BEGINS_AFTER, ENDS_AFTER, Incidents, Turn

START = datetime(2026, 11, 22, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Observed:
    """Looks once a second."""

    def __init__(self) -> None:
        self.incidents = Incidents()
        self.now = START
        self.turns: list[Turn] = []

    def sees(self, span: timedelta, **problems: str) -> None:
        end = self.now + span
        while self.now < end:
            self.turns += self.incidents.observe(problems, now=self.now)
            self.now += SECOND


def test_it_begins_once_and_ends_once() -> None:
    observed = Observed()
    observed.sees(60 * SECOND)
    observed.sees(300 * SECOND, database="refuses connections")
    observed.sees(300 * SECOND)
    began, last = START + 60 * SECOND, START + 359 * SECOND
    assert observed.turns == [
        Turn("database", "refuses connections", began),
        Turn("database", "refuses connections", began, last),
    ]


def test_what_is_over_at_once_is_nothing_to_tell() -> None:
    observed = Observed()
    observed.sees(BEGINS_AFTER, redis="deaf")
    observed.sees(300 * SECOND)
    assert observed.turns == []


def test_what_comes_and_goes_is_one_incident() -> None:
    observed = Observed()
    for number in range(10):
        observed.sees(10 * SECOND, redis=f"deaf {number}")
        observed.sees(ENDS_AFTER - SECOND)
    observed.sees(60 * SECOND)
    assert [(turn.detail, turn.until is None) for turn in observed.turns] == [("deaf 0", True), ("deaf 9", False)]


def test_states_are_told_apart() -> None:
    observed = Observed()
    observed.sees(30 * SECOND, redis="deaf", database="away")
    observed.sees(60 * SECOND, redis="deaf")
    assert [(turn.state, turn.until is None) for turn in observed.turns] == [
        ("redis", True),
        ("database", True),
        ("database", False),
    ]


def test_what_was_not_looked_at_for_long_is_not_over() -> None:
    observed = Observed()
    observed.sees(30 * SECOND, database="away")
    observed.now += 60 * SECOND  # the process stood still
    observed.sees(10 * SECOND)
    observed.sees(30 * SECOND, database="away")
    assert [turn.until for turn in observed.turns] == [None]
    last = observed.now - SECOND
    observed.sees(ENDS_AFTER + 2 * SECOND)
    assert [turn.until for turn in observed.turns] == [None, last]
