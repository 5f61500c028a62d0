"""Redis Streams, with a consumer group: the entry's field `data` is the body, and its other fields are headers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from socket import gethostname
from typing import Any
from uuid import uuid4

from ..redis_client import connect
from .address import QueueAddress
from .base import BATCH, HOLD_EVERY, Message

BLOCK = 1_000
"""Milliseconds that Redis waits for a message; less than our client waits for an answer."""
IDLE = 4 * HOLD_EVERY
"""Seconds after which what an instance does not say it has in hand is another's."""
LOOK_EVERY = HOLD_EVERY
"""Seconds between two looks for what is another's no more."""
FORGOTTEN = 3_600_000
"""Milliseconds after which a consumer that has nothing in hand is one of an instance that is no more."""
_DATA = b"data"

_CONSUMER = f"{gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
"""This process. A queue whose consumer is started again finds what it had in hand."""


class RedisBroker:
    """A connection of its own; see `base.Broker`."""

    largest = 64 * 1024 * 1024

    def __init__(self, address: QueueAddress) -> None:
        self._stream, self._dead, self._group = address.name, address.dead, address.group
        self._redis: Any = connect(address.url)
        self._has_own = True
        """Whether there may be something that this process had in hand before."""
        self._earlier: tuple[int, ...] | None = None
        """The last one that others had in hand at the start, while we wait for that."""
        self._earlier_until = 0.0
        self._looked = float("-inf")
        self._in_hand: Sequence[bytes] = ()

    async def connect(self) -> None:
        await self._redis.ping()

    async def subscribe(self) -> None:
        if not await self._is_there():
            await self._create_group()
        await self._forget_consumers()
        self._earlier = _position((await self._pending())["max"])
        self._earlier_until = time.monotonic() + 2 * IDLE

    async def receive(self) -> Sequence[Message]:
        if self._has_own:
            if own := await self._read("0"):
                return own
            self._has_own = False
        if time.monotonic() >= self._looked + LOOK_EVERY:
            if taken := await self._take_over():
                return taken
            self._looked = time.monotonic()
        if self._earlier and await self._earlier_are_in_hand():
            await asyncio.sleep(BLOCK / 1_000)
            return []
        return await self._read(">")

    async def hold(self, messages: Sequence[Message]) -> None:
        await self._claim(idle=0)

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        await self._redis.xack(self._stream, self._group, *self._in_hand)
        self._in_hand = ()

    async def publish(self, body: bytes, headers: Mapping[str, str], *, dead: bool = False) -> None:
        fields: Mapping[Any, Any] = {**headers, _DATA: body}
        await self._redis.xadd(self._dead if dead else self._stream, fields)

    async def close(self) -> None:
        try:
            if self._in_hand:
                await self._claim(idle=int(IDLE * 1_000))  # nobody has to wait for us
        finally:
            await self._redis.aclose()

    async def _is_there(self) -> bool:
        if not await self._redis.exists(self._stream):
            return False
        groups = await self._redis.xinfo_groups(self._stream)
        return self._group in {group["name"].decode() for group in groups}

    async def _create_group(self) -> None:
        # From the beginning: what was published before the first start is meant for us too.
        try:
            await self._redis.xgroup_create(self._stream, self._group, id="0", mkstream=True)
        except Exception:
            if not await self._is_there():  # another instance was faster
                raise

    async def _forget_consumers(self) -> None:
        for consumer in await self._redis.xinfo_consumers(self._stream, self._group):
            if not consumer["pending"] and consumer["idle"] > FORGOTTEN:
                await self._redis.xgroup_delconsumer(self._stream, self._group, consumer["name"])

    async def _read(self, after: str) -> Sequence[Message]:
        block = BLOCK if after == ">" else None
        found = await self._redis.xreadgroup(self._group, _CONSUMER, {self._stream: after}, count=BATCH, block=block)
        return await self._taken(_entries(found))

    async def _take_over(self) -> Sequence[Message]:
        """What instances had in hand that say so no more, as those that were killed."""
        found = await self._redis.xautoclaim(
            self._stream, self._group, _CONSUMER, min_idle_time=int(IDLE * 1_000), start_id="0-0", count=BATCH
        )
        return await self._taken(found[1])

    async def _earlier_are_in_hand(self) -> bool:
        """Whether others still have something from before our start in hand: it comes before what nobody has had."""
        first = _position((await self._pending())["min"])
        if first and self._earlier and first <= self._earlier and time.monotonic() < self._earlier_until:
            return True
        self._earlier = None
        return False

    async def _pending(self) -> Mapping[str, Any]:
        return await self._redis.xpending(self._stream, self._group)  # type: ignore[no-any-return]

    async def _taken(self, entries: Sequence[tuple[bytes, Any]]) -> Sequence[Message]:
        if gone := [id for id, fields in entries if not fields]:  # they were trimmed from the stream meanwhile
            await self._redis.xack(self._stream, self._group, *gone)
        there = [(id, fields) for id, fields in entries if fields]
        self._in_hand = [id for id, _ in there]
        return [_message(fields) for _, fields in there]

    async def _claim(self, *, idle: int) -> None:
        if self._in_hand:
            await self._redis.xclaim(
                self._stream, self._group, _CONSUMER, 0, list(self._in_hand), idle=idle, justid=True
            )


def _entries(found: Any) -> Sequence[tuple[bytes, Any]]:
    """The entries of the one stream in an answer, which is a list or a mapping, as the protocol's version has it."""
    if not found:
        return []
    if isinstance(found, Mapping):
        [entries] = found.values()
        return entries[0] if entries and isinstance(entries[0], list) else entries
    return found[0][1]  # type: ignore[no-any-return]


def _position(id: bytes | None) -> tuple[int, ...] | None:
    return tuple(map(int, id.split(b"-"))) if id else None


def _message(fields: Mapping[bytes, bytes]) -> Message:
    headers = {name.decode(errors="replace"): value for name, value in fields.items() if name != _DATA}
    return Message(headers, fields.get(_DATA, b""))
