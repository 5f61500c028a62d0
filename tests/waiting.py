"""Waiting for conditions instead of for time.

Deadlines are for what never comes. They are generous, for the machine may be busy with other tests, or with
somebody else's work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], T], *, within: float = 15.0) -> T:
    """The condition's value once it is true; fails the test when that takes longer than `within` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while loop.time() < end:
        if value := condition():
            return value
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {within} s")


async def asked_until(ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool], *, within: float = 30.0) -> T:
    """The first answer that is wanted; fails the test when none is within `within` seconds."""
    answers: list[T] = []
    try:
        async with asyncio.timeout(within):
            while not answers or not wanted(answers[-1]):
                await asyncio.sleep(0.05)
                answers.append(await ask())
    except TimeoutError:
        raise AssertionError(f"not within {within} s; the last answers were {answers[-2:]}") from None
    return answers[-1]
