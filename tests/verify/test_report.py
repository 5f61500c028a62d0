"""The report: what people and programs read."""

from __future__ import annotations

import json
from collections import Counter

from eventide_notify.verify import Outcome, Plan, as_json, as_text, progress
from eventide_notify.verify.ledger import Ledger
from eventide_notify.verify.plan import Network

PLAN = Plan(urls=["http://one", "http://two"], event="notification", drops="silent")


def outcome(*, lost: bool, network: Network) -> Outcome:
    ledger = Ledger()
    ledger.created("a", "user", at=0)
    ledger.created("b", "user", at=0)
    for id in ["a"] if lost else ["a", "b"]:
        ledger.arrived(("user", 1), id, replayed=False, at=1)
        ledger.audited(id, "user", "DELIVERED", created_at=0, delivered_at=2)
    return Outcome(PLAN, "verify-1", ledger.figures(), network, left=())


def test_a_fault_is_marked_with_examples_and_summed_up() -> None:
    text = as_text(outcome(lost=True, network=Network()))
    assert "30 users over websocket, 600 notifications in 20 s, silent drops of 2 s, 2 s apart" in text
    assert "http://one, http://two" in text
    assert "FAIL  lost                     1  created, and never received\n" + " " * 35 + "b of user\n" in text
    assert text.endswith("FAILED: 1 of 2 received (50.000 %); 1 lost")


def test_what_the_network_did_is_told() -> None:
    network = Network(
        drops=Counter({"silent": 3, "clean": 2}),
        reconnects=5,
        send_errors=Counter({"503": 4}),
        cut_short=1,
        sent_away={"user": "unavailable"},
    )
    told = outcome(lost=False, network=network)
    text = as_text(told)
    assert "after 4 attempts that failed: 4 503" in text
    assert "3 silent, 2 clean" in text
    assert "connects with more to replay than EVENTIDE_CATCH_UP_LIMIT" in text
    assert "refused for good: 1 unavailable" in text
    assert text.endswith("PASSED: 2 of 2 received (100.000 %), each shown once, in order, none falsely confirmed")

    document = json.loads(as_json(told))
    assert document["passed"] is True
    assert document["late"] == {"p50": 1, "p99": 1, "max": 1}
    assert document["drops"] == {"silent": 3, "clean": 2}
    assert document["sent_away"] == {"user": "unavailable"}


def test_the_progress_bar_takes_any_counts() -> None:
    with progress(PLAN, shown=True) as watch:
        watch(0, 1)
        watch(601, 600)
