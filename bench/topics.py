"""`python -m bench.topics`: what a topic costs the store, with 1,000 subscribers and with 1,000,000.

Beside them there are a thousand topics, each user is subscribed to one of these, and each has ten current
announcements; ten are for everybody. The shortest of the repetitions counts, in milliseconds, seen by the caller.
With `--plans` the plans of the database for reading are printed as well.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from eventide_notify.models import Announcement, Draft, IdGenerator, utc_now
from eventide_notify.store import Store, create_store
from eventide_notify.store.tables import announcements, from_announcement
from tests.servers import ServerError, start_postgres_server
from tests.store.roundtrips import commands
from tests.store.test_cost import plan

from .payload import CONTENT

NEWS = "news"
OTHERS = 1_000
"""Other topics."""
EACH = 10
"""Current announcements of each topic, and for everybody."""
CONNECTED = 10_000
"""Users of one instance, among whom the subscribers are looked for, and users in one request."""
PORTION = 50_000
"""Subscriptions that are saved in one transaction."""
NUMBERS = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) "
    "SELECT n FROM s) AS numbers",
    "postgresql": "generate_series({first}::bigint, {last}::bigint) AS numbers(n)",
}
SUBSCRIBE = """
INSERT INTO subscriptions (user_id, topic)
SELECT 'user ' || n, '{news}' FROM {numbers} UNION ALL SELECT 'user ' || n, 'topic ' || (n % {others}) FROM {numbers}
"""

_new_id = IdGenerator()
Call = Callable[[int], Awaitable[object]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if it was measured."""
    parser = argparse.ArgumentParser(prog="bench.topics", description=__doc__)
    parser.add_argument("--stores", default="postgresql,sqlite", help="default: %(default)s")
    parser.add_argument("--subscribers", default="1000,1000000", help="default: %(default)s")
    parser.add_argument("--plans", action="store_true", help="print the plans of the queries that read")
    options = parser.parse_args(arguments)
    numbers = [int(number) for number in options.subscribers.split(",")]
    try:
        with ExitStack() as stack:
            figures = {
                (name, number): asyncio.run(_measure(_url(stack, name, number), number, plans=options.plans))
                for name in options.stores.split(",")
                for number in numbers
            }
    except ServerError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _tell(figures)
    return 0


def _url(stack: ExitStack, name: str, number: int) -> str:
    if name == "sqlite":
        return f"sqlite:///{Path(stack.enter_context(TemporaryDirectory())) / 'notifications.db'}"
    return stack.enter_context(start_postgres_server()).create_database(f"topics_{number}")


async def _measure(url: str, subscribers: int, *, plans: bool) -> dict[str, float]:
    store: Any = create_store(url)
    await store.open()
    try:
        start = time.monotonic()
        await _fill(store, subscribers)
        print(
            f"{url.partition(':')[0]}: {subscribers:,} subscribers after {time.monotonic() - start:.0f} s", flush=True
        )
        calls = _calls(store, subscribers)
        if plans:
            for what in (
                "list 20",
                "counts of one user",
                "counts of 1,000 users",
                f"which of {CONNECTED:,} are subscribed",
            ):
                await _tell_plans(store, what, calls[what][1])
        return {what: await _milliseconds(call, times) for what, (times, call) in calls.items()}
    finally:
        await store.close()


async def _fill(store: Any, subscribers: int) -> None:
    kind = "sqlite" if store._database.one_writer else "postgresql"
    for first in range(0, subscribers, PORTION):
        numbers = NUMBERS[kind].format(first=first, last=min(first + PORTION, subscribers) - 1)
        text = SUBSCRIBE.format(news=NEWS, others=OTHERS, numbers=numbers)
        await store._database.write(lambda connection, text=text: connection.exec_driver_sql(text))
    made = [_announcement(f"topic {number % OTHERS}") for number in range(OTHERS * EACH)]
    made += [_announcement(topic) for topic in (NEWS, None) for _ in range(EACH)]
    rows = [from_announcement(each) for each in made]
    await store._database.write(lambda connection: connection.execute(sa.insert(announcements), rows))
    if kind == "postgresql":  # which does so later by itself
        await store._database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))


def _announcement(topic: str | None) -> Announcement:
    now = utc_now()
    made = Announcement(_new_id(now), Draft(message=str(CONTENT["message"])), now, now + timedelta(days=30))
    return replace(made, topic=topic)


def _calls(store: Store, subscribers: int) -> dict[str, tuple[int, Call]]:
    """What is measured, how often, and with the number of the repetition."""

    def user(number: int) -> str:
        return f"user {number * 7919 % subscribers}"

    now = utc_now()
    connected = [user(number) if number % 2 else f"stranger {number}" for number in range(CONNECTED)]

    def others(turn: int) -> list[str]:
        return [f"new user {turn} {number}" for number in range(CONNECTED)]

    async def subscribe(turn: int) -> None:
        await store.subscribe(NEWS, others(turn), now=now)

    async def unsubscribe(turn: int) -> None:
        await store.unsubscribe(NEWS, others(turn), now=now)

    return {
        "announce": (50, lambda _: store.add_announcement(_announcement(NEWS))),
        "list 20": (100, lambda turn: store.page(user(turn), now=now, limit=20)),
        "pending": (100, lambda turn: store.pending(user(turn), now=now, limit=200)),
        "counts of one user": (100, lambda turn: store.counts([user(turn)], now=now)),
        "counts of 1,000 users": (
            20, lambda turn: store.counts([user(turn * 1_000 + each) for each in range(1_000)], now=now),
        ),
        f"which of {CONNECTED:,} are subscribed": (20, lambda _: store.subscribed(NEWS, connected)),
        "how many are subscribed": (10, lambda _: store.subscribers(NEWS)),
        f"subscribe {CONNECTED:,}": (5, subscribe),
        f"unsubscribe {CONNECTED:,}": (5, unsubscribe),
    }  # fmt: skip


async def _milliseconds(call: Call, times: int) -> float:
    found = []
    for turn in range(times):
        start = time.perf_counter()
        await call(turn)
        found.append(time.perf_counter() - start)
    return min(found) * 1_000


async def _tell_plans(store: Any, what: str, call: Call) -> None:
    with commands() as sent:
        await call(1)
    for statement, parameters in sent:
        print(f"-- {what}")
        print("\n".join(await plan(store, statement, parameters)), flush=True)


def _tell(figures: dict[tuple[str, int], dict[str, float]]) -> None:
    print(f"| milliseconds | {' | '.join(f'{name}, {number:,}' for name, number in figures)} |")
    print(f"|---|{'---:|' * len(figures)}")
    for what in next(iter(figures.values())):
        print(f"| {what} | {' | '.join(f'{found[what]:.1f}' for found in figures.values())} |")


if __name__ == "__main__":
    sys.exit(main())
