"""What a client that connects has missed, written in order and no faster than the client takes it.

All of it may be more than may wait for one transport. So each piece waits until what came before is sent; what
comes live meanwhile waits in `Session.held`, which is bounded, and follows. Who does not read is cut off by the pings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson

from .. import wire
from ..metrics import Metrics
from ..models import Notification
from ..wire import Payload
from .frames import Content, Shown
from .session import Session

BATCH_MAX = 100
BATCH_BYTES = 256 * 1024
"""Most in one `pending_notifications`: some WebSocket clients take no message of more than 1 MiB."""
AT_ONCE = 20
"""Notifications that are written before others have their turn."""


class Replay:
    """Writes to a session before it is live."""

    def __init__(self, metrics: Metrics) -> None:
        self._live, self._replayed = (metrics.sent.labels(kind) for kind in ("live", "replay"))

    async def write(self, session: Session, missed: Sequence[Notification]) -> None:
        """Write what its client has missed, oldest first, in the form that it wants."""
        if session.catch_up == "batch":
            await self._write_batches(session, missed)
        elif session.catch_up == "each":
            await self._write_each(session, missed)

    async def _write_each(self, session: Session, missed: Sequence[Notification]) -> None:
        for number, item in enumerate(missed, 1):
            await session.transport.ready()
            if session.write(Shown.of(wire.live(item, replayed=True), how="replay")):
                self._replayed.inc()
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _write_batches(self, session: Session, missed: Sequence[Notification]) -> None:
        batch: list[Payload] = []
        size = 0
        for item in missed:
            payload = wire.live(item, replayed=True)
            encoded = len(orjson.dumps(payload))
            if batch and (len(batch) == BATCH_MAX or size + encoded > BATCH_BYTES):
                await self._write_batch(session, batch)
                batch, size = [], 0
            batch.append(payload)
            size += encoded
        if batch:
            await self._write_batch(session, batch)

    async def _write_batch(self, session: Session, payloads: Sequence[Payload]) -> None:
        await session.transport.ready()
        payloads = [each for each in payloads if not session.is_gone(each["id"], wire.expires_at(each))]
        if not payloads:
            return
        receipts = [wire.receipt(session.user, payload) for payload in payloads]
        session.write_batch(wire.PENDING_NOTIFICATIONS, Content.of(payloads), receipts)
        self._replayed.inc(len(payloads))
        await asyncio.sleep(0)

    async def go_live(self, session: Session) -> None:
        """Write what has come during the replay, in order; from now on it is written as it comes."""
        number = 0
        while True:
            await session.transport.ready()  # meanwhile older ones may come
            if (shown := session.next_held()) is None:
                return
            if session.write(shown):
                self._live.inc()
            number += 1
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
