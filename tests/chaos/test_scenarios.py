"""Every scenario: all that was created is received, once, in order, confirmed then and not earlier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from .backends import DatabaseServers, Deployment, deploy
from .front import in_front
from .network import transports
from .report import Row
from .scenarios import SCENARIOS, Scenario
from .stock import SwarmLoad
from .verifying import run_verify

pytestmark = pytest.mark.chaos


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
async def test_nothing_is_lost(scenario: Scenario, servers: DatabaseServers, rows: list[Row]) -> None:
    with deploy(scenario.backend, servers) as deployment, in_front(scenario.front, deployment) as front:
        await deployment.all_ready()
        outcome = await carry_out(scenario, deployment, front.urls)
        row = Row(scenario.name, scenario.backend.database, scenario.backend.instances, outcome, deployment.journal)
        rows.append(row)
        found = problems(outcome, deployment)
        if scenario.drops != "none" and not outcome["drops"]:
            found.append("no network has failed")
        users = range(deployment.size.users if scenario.load == "stock" else 0)
        found += await front.problems(
            [transports(number, scenario.drops) for number in users],
            instances=scenario.backend.instances,
            # Where answers are lost, a client closes its transport, and may have the server asked to do so again.
            undisturbed=scenario.fault is None and scenario.drops != "lost answers",
        )
        assert not found, "\n".join([*found, "", deployment.logs()])


async def carry_out(scenario: Scenario, deployment: Deployment, urls: Sequence[str]) -> dict[str, Any]:
    if scenario.load == "stock":
        return await SwarmLoad(deployment, urls, scenario.drops, scenario.fault).run()
    transport = "polling" if "polling" in scenario.load else "websocket"
    return await run_verify(deployment, urls, scenario.drops, scenario.fault, transport)


def problems(outcome: dict[str, Any], deployment: Deployment) -> list[str]:
    """What is not as it was promised, in words."""
    found = []
    for name, count in outcome["faults"].items():
        if count:
            found += [f"{count} {name}:", *outcome["examples"].get(name, ())]
    for name in ("created", "received", "delivered"):
        if outcome[name] != deployment.size.notifications:
            found.append(f"{outcome[name]} of {deployment.size.notifications} {name}")
    if outcome["copies"] != outcome["replayed_copies"]:
        found.append(f"of {outcome['copies']} copies only {outcome['replayed_copies']} are marked replayed")
    found += outcome.get("not_replaced", ())
    found += outcome.get("not_acknowledged", ())
    if outcome["sent_away"]:
        found.append(f"clients that stay away: {outcome['sent_away']}")
    found += [f"without a reason: {failure}" for failure in deployment.journal.surprises()]
    if tracebacks := deployment.tracebacks():
        found.append(f"{tracebacks} tracebacks in the logs")
    return found
