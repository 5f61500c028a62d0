"""Looking at one thing after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from websockets import WebSocketException

from ..verify.http import FAULTS
from . import origins, requests, sockets
from .findings import Finding, failed, skipped
from .reaching import Unreachable, reach
from .target import Plan, Target

Look = Callable[[Target], AsyncIterator[Finding]]


async def diagnose(plan: Plan) -> AsyncIterator[Finding]:
    """What there is to say of a deployment, as it is found out. What fails is no exception but a finding."""
    try:
        target = Target(plan)
    except ValueError:
        target = None
    if target is None or target.parts.scheme not in ("http", "https") or not target.host:
        yield failed("address", f"{plan.url} is not an http:// or https:// address", "give it as https://…")
        return
    try:
        async for finding in reach(target):
            yield finding
    except Unreachable as error:
        yield error.finding
        return
    looks: list[tuple[str, Look]] = [("sockets", sockets.look), ("origins", origins.look), ("requests", requests.look)]
    if plan.slow:
        looks.append(("time-outs", sockets.wait))
    for name, look in looks:
        try:
            async for finding in look(target):
                yield finding
        except (*FAULTS, WebSocketException) as error:
            said = f"broken off ({' '.join(str(error).split()) or type(error).__name__})"
            yield failed(name, said, "see the logs of the proxy and of the service")
    if not plan.slow:
        yield skipped("time-outs", "no --slow, which takes a minute")
