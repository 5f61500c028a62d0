"""RabbitMQ, by AMQP 0.9.1."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aio_pika.exceptions import ChannelNotFoundEntity
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitMessage, RabbitQueue
from faststream.rabbit import RabbitBroker as Driver

from .address import QueueAddress
from .base import BATCH, Message

TIMEOUT = 5.0
"""Seconds that the broker has to answer."""
HEARTBEAT = "10"
"""Seconds; a broker or a network that is silent for three times as long is gone."""
LOOK_EVERY = 5.0
"""Seconds without a message after which is asked whether the queue is still there."""
_PREFIX = "cloudEvents:"


class RabbitBroker:
    """A connection of its own; see `base.Broker`."""

    largest = 16 * 1024 * 1024  # what RabbitMQ 4 takes by default; earlier ones took more

    def __init__(self, address: QueueAddress) -> None:
        self._address = address
        self._inbox: asyncio.Queue[RabbitMessage] = asyncio.Queue()
        self._gone = asyncio.Event()
        known = {"heartbeat": HEARTBEAT, **address.options}
        del known["queue"]
        self._driver = Driver(
            f"{address.url}?{urlencode(known)}",
            timeout=TIMEOUT,
            on_close=[self._closed],
            default_channel=Channel(on_return_raises=True),
            ack_policy=AckPolicy.MANUAL,
            graceful_timeout=0,
            apply_types=False,
            logger=None,
            app_id=None,
        )
        self._connection: Any = None

    async def connect(self) -> None:
        self._connection = await self._driver.connect()

    async def subscribe(self) -> None:
        # Asked for first, and made only if they are not there: whoever else makes them may have given them arguments.
        for name in (self._address.name, self._address.dead):
            if not await self._is_there(name):
                await self._driver.declare_queue(RabbitQueue(name, durable=True))
        there = RabbitQueue(self._address.name, declare=False)
        subscriber = self._driver.subscriber(
            there, channel=Channel(prefetch_count=2 * BATCH), decoder=_as_it_is, no_reply=True
        )
        subscriber(self._came)
        await self._driver.start()

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
        await self._driver.publish(
            body,
            routing_key=self._address.dead if dead else self._address.name,
            persist=True,
            content_type=headers["content-type"],
            headers={
                name.replace("ce-", _PREFIX, 1): value for name, value in headers.items() if name != "content-type"
            },
            timeout=TIMEOUT,
        )

    async def close(self) -> None:
        await self._driver.stop()

    async def _came(self, message: RabbitMessage) -> None:
        self._inbox.put_nowait(message)

    async def _next(self) -> RabbitMessage | None:
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
        channel = await self._connection.channel()
        try:
            async with asyncio.timeout(TIMEOUT):
                await channel.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return False
        finally:
            if not channel.is_closed:
                await channel.close()
        return True

    def _closed(self, *_: object) -> None:
        # The driver would connect again by itself, and its messages could no longer be acknowledged.
        self._gone.set()

    def _check(self) -> None:
        if self._gone.is_set():
            raise ConnectionError("the connection is lost")


async def _as_it_is(message: RabbitMessage) -> RabbitMessage:
    """What the driver hands over as the content: all of it, and nothing decoded."""
    return message


def _message(message: RabbitMessage) -> Message:
    headers: dict[str, object] = {**message.headers}
    if message.content_type:
        headers["content-type"] = message.content_type
    return Message(headers, message.body, message)
