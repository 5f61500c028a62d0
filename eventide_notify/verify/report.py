"""The ledger for people and for programs, and the progress bar."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .ledger import FAULTS, Delay, Figures
from .plan import Outcome, Plan
from .run import Watch

Row = tuple[str, object, str]
"""What, how many, and a remark."""


def as_text(outcome: Outcome) -> str:
    """A table with a line for each figure; what must not be is marked `ok` or `FAIL`."""
    return "\n".join([_headline(outcome.plan), "", *_table(outcome), "", *_verdict(outcome)])


def as_json(outcome: Outcome) -> str:
    """The same as one JSON object."""
    figures, network = outcome.figures, outcome.network
    document: dict[str, Any] = {
        "passed": outcome.passed,
        "run": outcome.run,
        "plan": asdict(outcome.plan),
        **asdict(figures),
        "drops": dict(network.drops),
        "reconnects": network.reconnects,
        "send_errors": dict(network.send_errors),
        "checks": network.checks,
        "cut_short": network.cut_short,
        "sent_away": dict(network.sent_away),
        "not_deleted": list(outcome.left),
    }
    return json.dumps(document, indent=2)


@contextmanager
def progress(plan: Plan, *, shown: bool) -> Iterator[Watch]:
    """A progress bar on standard error, if it is a terminal; what is yielded takes how many are created, received."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bars:
        created = bars.add_task("created", total=plan.notifications)
        received = bars.add_task("received", total=plan.notifications)

        def watch(created_count: int, received_count: int) -> None:
            bars.update(created, completed=created_count)
            bars.update(received, completed=received_count)

        yield watch


def _headline(plan: Plan) -> str:
    faults = "no drops"
    if plan.drops != "none":
        faults = f"{plan.drops} drops of {plan.drop_for:g} s, {plan.drop_every:g} s apart"
    return (
        f"{plan.users} users over {plan.transport}, {plan.notifications} notifications in {plan.seconds:g} s, {faults}"
        f"\n{', '.join(plan.urls)}"
    )


def _table(outcome: Outcome) -> Iterator[str]:
    figures = outcome.figures
    for name, value, remark in _rows(outcome):
        mark = "" if name not in FAULTS else "FAIL" if value else "ok"
        yield f"{mark:<4}  {_label(name):<18} {value:>7}  {remark}".rstrip()
        for example in figures.examples.get(name, ()):
            yield f"{'':35}{example}"


def _rows(outcome: Outcome) -> Iterator[Row]:
    figures, network = outcome.figures, outcome.network
    errors = network.send_errors
    yield (
        "created",
        figures.created,
        f"after {errors.total()} attempts that failed: {_listed(errors)}" if errors else "",
    )
    yield from _faults(figures, "not_created", "created_twice")
    yield "received", figures.received, _delay("after the 201", figures.late)
    yield "", "", _delay("of that, while connected", figures.late_online)
    yield from _faults(figures, "lost", "shown_twice")
    yield "copies", figures.copies, f"{figures.replayed_copies} of them marked replayed"
    yield from _faults(figures, "unmarked_copies", "sent_twice", "out_of_order")
    yield "delivered", figures.delivered, f"status asked {network.checks} times while a user's network was cut"
    yield from _faults(figures, "falsely_delivered", "unconfirmed")
    yield "drops", network.drops.total(), _listed(network.drops)
    yield "reconnects", network.reconnects, ""
    if network.cut_short:
        yield "cut_short", network.cut_short, "connects with more to replay than EVENTIDE_CATCH_UP_LIMIT"
    if network.sent_away:
        reasons = _listed(Counter(network.sent_away.values()))
        yield "sent_away", len(network.sent_away), f"clients that the server refused for good: {reasons}"


def _faults(figures: Figures, *names: str) -> Iterator[Row]:
    for name in names:
        yield name, figures.faults[name], FAULTS[name]


def _delay(name: str, delay: Delay | None) -> str:
    if delay is None:
        return ""
    return f"{name}: p50 {delay.p50:.3f} s, p99 {delay.p99:.3f} s, at most {delay.max:.3f} s"


def _listed(counts: Counter[Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common() if count)


def _verdict(outcome: Outcome) -> Iterator[str]:
    figures = outcome.figures
    if outcome.left:
        yield f"NOT DELETED: what was created for {', '.join(outcome.left)}"
    received = f"{figures.received} of {figures.created} received ({_percent(figures.received, figures.created)})"
    if outcome.passed:
        yield f"PASSED: {received}, each shown once, in order, none falsely confirmed"
    else:
        found = ", ".join(f"{count} {_label(name)}" for name, count in figures.faults.items() if count)
        yield f"FAILED: {received}; {found}"


def _percent(part: int, whole: int) -> str:
    """Rounded down: 100.000 % is all."""
    return f"{part * 100_000 // whole / 1000:.3f} %" if whole else "nothing"


def _label(name: str) -> str:
    return name.replace("_", " ").replace("delivered", "DELIVERED")
