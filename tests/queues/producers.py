"""Who publishes to the brokers, as back ends do: with the brokers' own clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aio_pika
from redis.asyncio import Redis

from ..servers import RedisServer
from ..servers.rabbitmq import RabbitServer


class Producer(Protocol):
    """Publishes to one queue, and reads what is in that for dead messages."""

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None: ...

    async def dead(self) -> list[dict[str, Any]]:
        """The dead messages since the last call."""
        ...

    async def delete(self) -> None:
        """Delete the queue."""
        ...


class RabbitProducer:
    prefix = "cloudEvents:"

    def __init__(self, channel: Any, queue: str) -> None:
        self._channel = channel
        self._queue = queue

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        given = dict(headers or {})
        message = aio_pika.Message(body, content_type=given.pop("content-type", None), headers=given, delivery_mode=2)
        await self._channel.default_exchange.publish(message, routing_key=self._queue)

    async def dead(self) -> list[dict[str, Any]]:
        queue = await self._channel.declare_queue(f"{self._queue}.dead", passive=True)
        found = []
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            found.append(json.loads(message.body))
        return found

    async def delete(self) -> None:
        await self._channel.queue_delete(self._queue)


class RedisProducer:
    prefix = "ce_"

    def __init__(self, redis: Any, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._read = "0"

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        await self._redis.xadd(self._stream, {**(headers or {}), "data": body})

    async def dead(self) -> list[dict[str, Any]]:
        entries = await self._redis.xrange(f"{self._stream}.dead", min=f"({self._read}")
        self._read = entries[-1][0].decode() if entries else self._read
        return [json.loads(fields[b"data"]) for _, fields in entries]

    async def delete(self) -> None:
        await self._redis.flushall()


@asynccontextmanager
async def rabbit_producer(server: RabbitServer, queue: str) -> AsyncIterator[RabbitProducer]:
    async with await aio_pika.connect(server.base_url) as connection:
        yield RabbitProducer(await connection.channel(), queue)


@asynccontextmanager
async def redis_producer(server: RedisServer, queue: str) -> AsyncIterator[RedisProducer]:
    async with Redis.from_url(server.url()) as redis:
        yield RedisProducer(redis, queue)
