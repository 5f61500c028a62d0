"""The producers in `examples/` tell a user through each broker, once however often they run."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from ..service import Service
from ..waiting import asked_until
from .brokers import Broker
from .events import figures, has
from .producers import Producer

PRODUCERS = Path(__file__).parents[2] / "examples" / "producers"
USER, MESSAGE = "42", "Your order is on its way"


async def test_a_producer_tells_a_user_once(broker: Broker, taking: Service, producer: Producer) -> None:
    before = await taken(taking)
    for _ in range(2):
        await asyncio.to_thread(produce, broker)
    await has(taking, USER, MESSAGE)
    await asked_until(lambda: taken(taking), lambda count: count == before + 2)
    await has(taking, USER, MESSAGE)


def produce(broker: Broker) -> None:
    address = broker.server.base_url.removeprefix("kafka://")
    run = [sys.executable, str(PRODUCERS / f"to_{broker.kind}.py"), address]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def taken(service: Service) -> int:
    """How many messages it has taken."""
    found = re.findall(
        r'^eventide_queue_messages_total\{.*outcome="taken".*\} (\d+)', await figures(service), re.MULTILINE
    )
    return sum(map(int, found))
