"""When an instance knows that it may have missed something."""

from __future__ import annotations

from eventide_notify.transport.redis import FORGET, INTERRUPTED, SILENCE, Hearing


def test_one_that_hears_itself_and_others_has_no_problem() -> None:
    hearing = Hearing("own", now=0)
    hearing.subscribed(now=0.1)
    hearing.heard("own", now=10)
    hearing.heard("other", now=10)
    assert hearing.problems(now=10 + SILENCE) == []


def test_silence_is_one_its_own_or_anothers() -> None:
    hearing = Hearing("own", now=0)
    hearing.heard("another-one", now=0)
    [problem] = hearing.problems(now=SILENCE + 1)
    assert problem == "this instance has not heard itself through Redis for 4 s"
    hearing.heard("own", now=SILENCE + 1)
    assert hearing.problems(now=SILENCE + 1) == ["instance another- has not been heard for 4 s"]
    hearing.left("another-one")
    assert hearing.problems(now=SILENCE + 1) == []


def test_one_that_is_gone_for_good_is_forgotten() -> None:
    hearing = Hearing("own", now=0)
    hearing.heard("other", now=0)
    hearing.heard("own", now=FORGET + 1)
    assert hearing.problems(now=FORGET + 1) == []


def test_every_subscription_but_the_first_is_the_end_of_an_interruption() -> None:
    hearing = Hearing("own", now=0)
    hearing.subscribed(now=0.1)
    assert hearing.problems(now=0.2) == []
    hearing.subscribed(now=1)
    assert hearing.problems(now=1.1) == ["Redis was interrupted until 0 s ago"]
    hearing.heard("own", now=1 + INTERRUPTED)
    assert hearing.problems(now=1 + INTERRUPTED) == []


def test_what_comes_late_is_a_problem_for_a_while() -> None:
    hearing = Hearing("own", now=0)
    hearing.interrupted(now=1)
    assert hearing.problems(now=1) == ["Redis was interrupted until 0 s ago"]
    hearing.heard("own", now=1 + INTERRUPTED)
    assert hearing.problems(now=1 + INTERRUPTED) == []
