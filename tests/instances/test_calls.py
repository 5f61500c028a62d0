"""Calls between instances: all carry out an order, and all answer a question."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from eventide_notify.channel.calls import Calls


class Instances:
    """Some instances on a channel that delivers at once."""

    def __init__(self, *ids: str) -> None:
        self.calls: dict[str, Calls] = {id: Calls(id, self.publish, others=self.all) for id in ids}
        self.lost: set[str] = set()

    def all(self) -> set[str]:
        return set(self.calls)

    async def publish(self, envelope: dict[str, Any]) -> None:
        for id, calls in self.calls.items():
            if id not in self.lost:
                await calls.opened(orjson.loads(orjson.dumps(envelope)))


async def test_an_order_is_carried_out_by_all() -> None:
    done = []
    instances = Instances("one", "two")
    for id, calls in instances.calls.items():

        async def note(arguments: Mapping[str, Any], id: str = id) -> None:
            done.append((id, arguments["user"]))

        calls.handle("disconnect", note)
    await instances.calls["two"].order("disconnect", user="alice")
    assert done == [("one", "alice"), ("two", "alice")]


async def sum_of(arguments: Mapping[str, Any]) -> Any:
    return {"sum": arguments["a"] + arguments["b"]}


async def test_a_question_is_answered_by_all_and_nobody_waits_longer() -> None:
    instances = Instances("one", "two", "three")
    for calls in instances.calls.values():
        calls.handle("sum", sum_of)
    async with asyncio.timeout(20):
        answers = await instances.calls["one"].ask("sum", within=60, a=2, b=3)
    assert answers == {id: {"sum": 5} for id in ("one", "two", "three")}


async def test_who_does_not_answer_in_time_is_left_out() -> None:
    instances = Instances("one", "two", "three")
    for calls in instances.calls.values():
        calls.handle("sum", sum_of)
    instances.lost.add("three")
    answers = await instances.calls["one"].ask("sum", within=0.2, a=2, b=3)
    assert answers == {id: {"sum": 5} for id in ("one", "two")}


async def test_a_question_that_cannot_be_answered_does_not_end_anything() -> None:
    instances = Instances("one", "two")

    async def fails(arguments: Mapping[str, Any]) -> Any:
        raise RuntimeError("for the test")

    instances.calls["one"].handle("sum", sum_of)
    instances.calls["two"].handle("sum", fails)
    assert await instances.calls["one"].ask("sum", within=0.2, a=2, b=3) == {"one": {"sum": 5}}


async def test_a_call_of_a_later_version_is_passed_over() -> None:
    instances = Instances("one", "two")
    await instances.calls["one"].order("something new")
    assert await instances.calls["one"].ask("something new", within=5) == {"one": None, "two": None}
