"""Waiting for conditions instead of for time.

Deadlines are for what never comes. They are generous, for the machine may be busy with other tests, or with
somebody else's work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
