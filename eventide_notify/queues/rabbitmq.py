"""RabbitMQ, by AMQP 0.9.1."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity

from .address import QueueAddress
from .base import BATCH, Message

TIMEOUT = 5.0
"""Seconds that the broker has to answer."""
HEARTBEAT = "10"
"""Seconds; a broker or a network that is silent for three times as long is gone."""
LOOK_EVERY = 5.0
"""Seconds without a message after which is asked whether the queue is still there."""
_PREFIX = "cloudEvents:"

# It logs each failed attempt, and tracebacks of connections that end; `Consumer` says what is wrong once.
if (_theirs := logging.getLogger("aiormq")).level == logging.NOTSET:
    _theirs.setLevel(logging.CRITICAL)


class RabbitBroker:
    """A connection of its own; see `base.Broker`."""

    largest = 16 * 1024 * 1024  # what RabbitMQ 4 takes by default; earlier ones took more

    def __init__(self, address: QueueAddress) -> None:
        self._address = address
        self._inbox: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._gone = asyncio.Event()
        known = {"heartbeat": HEARTBEAT, **address.options}
        del known["queue"]
        self._url = f"{address.url}?{urlencode(known)}"
        self._connection: Any = None
        self._channel: Any = None

    async def connect(self) -> None:
        # Not the driver's robust one: that comes back by itself, with messages that nobody could acknowledge any more.
        self._connection = await aio_pika.connect(self._url, timeout=TIMEOUT)
        self._connection.close_callbacks.add(self._closed)
        self._channel = await self._connection.channel(on_return_raises=True)
        self._channel.close_callbacks.add(self._closed)

    async def subscribe(self) -> None:
        # Asked for first, and made only if they are not there: whoever else makes them may have given them arguments.
        for name in (self._address.name, self._address.dead):
            if not await self._is_there(name):
                await self._channel.declare_queue(name, durable=True, timeout=TIMEOUT)
        await self._channel.set_qos(prefetch_count=2 * BATCH, timeout=TIMEOUT)
        queue = await self._channel.get_queue(self._address.name, ensure=False)
        await queue.consume(self._came, timeout=TIMEOUT)

    async def receive(self) -> Sequence[Message]:
        first = await self._next()
        if first is None:
            if not await self._is_there(self._address.name):
                raise ConnectionError("the queue was deleted")
            return []
        came = [first]
        while len(came) < BATCH and not self._inbox.empty():
            came.append(self._inbox.get_nowait())
        return [_message(each) for each in came]

    async def hold(self, messages: Sequence[Message]) -> None:
        self._check()

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        self._check()
        await messages[-1].handle.ack(multiple=True)

    async def publish(self, body: bytes, headers: Mapping[str, str], *, dead: bool = False) -> None:
        self._check()
        attributes = {
            name.replace("ce-", _PREFIX, 1): value for name, value in headers.items() if name != "content-type"
        }
        message = aio_pika.Message(
            body,
            headers=dict(attributes),
            content_type=headers["content-type"],
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        queue = self._address.dead if dead else self._address.name
        await self._channel.default_exchange.publish(message, routing_key=queue, timeout=TIMEOUT)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _came(self, message: AbstractIncomingMessage) -> None:
        self._inbox.put_nowait(message)

    async def _next(self) -> AbstractIncomingMessage | None:
        """The next message; None if there is none for a while. Raises when the connection is lost."""
        coming, gone = asyncio.ensure_future(self._inbox.get()), asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait([coming, gone], timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
            self._check()
            return coming.result() if coming.done() else None
        finally:
            for each in (coming, gone):
                each.cancel()

    async def _is_there(self, queue: str) -> bool:
        # On a channel of its own, for the broker closes it if there is no such queue.
        async with asyncio.timeout(TIMEOUT):
            channel = await self._connection.channel()
            try:
                await channel.declare_queue(queue, passive=True)
            except ChannelNotFoundEntity:
                return False
            await channel.close()
            return True

    def _closed(self, *_: object) -> None:
        self._gone.set()

    def _check(self) -> None:
        if self._gone.is_set():
            raise ConnectionError("the connection is lost")


def _message(message: AbstractIncomingMessage) -> Message:
    headers: dict[str, object] = {**message.headers}
    if message.content_type:
        headers["content-type"] = message.content_type
    return Message(headers, message.body, message)
