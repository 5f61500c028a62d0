"""PyMongo's own client while many give up waiting for a server."""

from __future__ import annotations

import asyncio

import pytest
from pymongo import lock

from eventide_notify.store.mongo_client import MongoClient

from ..waiting import until


async def test_who_is_cancelled_when_the_time_is_over_leaves_the_locks_as_they_were() -> None:
    client = MongoClient("mongodb://127.0.0.1:1/?connect=false", "pymongo")
    servers = lock._async_create_lock()
    changed = lock._async_create_condition(servers)
    over = asyncio.Event()

    async def wait() -> None:
        async with servers:
            await lock._async_cond_wait(changed, 0.5)
            over.set()

    waiting = asyncio.create_task(wait())
    await until(lambda: changed._waiters)
    async with servers:
        await until(lambda: not changed._waiters)  # its time is over, and it waits for the lock
        waiting.cancel()
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        assert servers.locked()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not over.is_set()
    assert not servers.locked()
    await client.close()
