"""Who publishes to the brokers, as back ends do: with the brokers' own clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import aio_pika
import nats
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from nats.aio.client import Client
from redis.asyncio import Redis

from ..servers import RedisServer
from ..servers.kafka import KafkaServer
from ..servers.nats import NatsServer
from ..servers.rabbitmq import RabbitServer

PATIENCE = 30
"""Seconds in which a broker answers, if it does: their clients wait for two or five, and a busy machine may stand still
as long."""
PREFIXES = ("ce-", "ce_", "cloudEvents:", "cloudEvents_", "Ce-")


@dataclass(frozen=True)
class Sent:
    """A message to be published."""

    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Producer(Protocol):
    """Publishes to one queue, and reads what is in that for dead messages."""

    @property
    def prefixes(self) -> Sequence[str]:
        """Of CloudEvents' attributes in headers: those that the broker can carry."""
        ...

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None: ...

    async def publish_all(self, messages: Sequence[Sent]) -> None:
        """Publish these in this order, in which the broker keeps those with the same key; return when it has them
        safe. Raises if it may not have."""
        ...

    async def dead(self) -> list[dict[str, Any]]:
        """The dead messages since the last call."""
        ...

    async def delete(self) -> None:
        """Delete the queue."""
        ...


class RabbitProducer:
    prefixes = PREFIXES

    def __init__(self, channel: Any, queue: str) -> None:
        self._channel = channel
        self._queue = queue

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        given = dict(headers or {})
        message = aio_pika.Message(body, content_type=given.pop("content-type", None), headers=given, delivery_mode=2)
        await self._channel.default_exchange.publish(message, routing_key=self._queue)

    async def publish_all(self, messages: Sequence[Sent]) -> None:
        await asyncio.gather(*(self.publish(each.body, each.headers) for each in messages))

    async def dead(self) -> list[dict[str, Any]]:
        queue = await self._channel.declare_queue(f"{self._queue}.dead", passive=True)
        found = []
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            found.append(json.loads(message.body))
        return found

    async def delete(self) -> None:
        await self._channel.queue_delete(self._queue)


class RedisProducer:
    prefixes = PREFIXES

    def __init__(self, redis: Any, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._read = "0"

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        await self._redis.xadd(self._stream, {**(headers or {}), "data": body})

    async def publish_all(self, messages: Sequence[Sent]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for each in messages:
                pipeline.xadd(self._stream, {**each.headers, "data": each.body})
            await pipeline.execute()

    async def dead(self) -> list[dict[str, Any]]:
        entries = await self._redis.xrange(f"{self._stream}.dead", min=f"({self._read}")
        self._read = entries[-1][0].decode() if entries else self._read
        return [json.loads(fields[b"data"]) for _, fields in entries]

    async def delete(self) -> None:
        await self._redis.flushall()


class KafkaProducer:
    prefixes = PREFIXES

    def __init__(self, server: KafkaServer, producer: Any, topic: str) -> None:
        self._server = server
        self._producer = producer
        self._topic = topic
        self._read = 0

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        pairs = [(name, str(value).encode()) for name, value in (headers or {}).items()]
        await self._producer.send_and_wait(self._topic, body, headers=pairs)

    async def publish_all(self, messages: Sequence[Sent]) -> None:
        kept = [
            await self._producer.send(
                self._topic,
                each.body,
                key=each.key.encode(),
                headers=[(name, value.encode()) for name, value in each.headers.items()],
            )
            for each in messages
        ]
        await asyncio.gather(*kept)

    async def dead(self) -> list[dict[str, Any]]:
        partition = TopicPartition(f"{self._topic}.dead", 0)
        async with AIOKafkaConsumer(bootstrap_servers=self._server.address) as consumer:
            consumer.assign([partition])
            [end] = (await consumer.end_offsets([partition])).values()
            consumer.seek(partition, self._read)
            found = [await consumer.getone() for _ in range(self._read, end)]
        self._read = end
        return [json.loads(each.value) for each in found]

    async def delete(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._server.address)
        await admin.start()
        await admin.delete_topics([self._topic])
        await admin.close()


class NatsProducer:
    prefixes = tuple(prefix for prefix in PREFIXES if ":" not in prefix)

    def __init__(self, client: Client, subject: str) -> None:
        self._client = client
        self._stream = client.jetstream(timeout=PATIENCE)
        self._subject = subject

    async def publish(self, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        await self._stream.publish(self._subject, body, headers={**(headers or {})} or None)

    async def publish_all(self, messages: Sequence[Sent]) -> None:
        kept = [
            await self._stream.publish_async(self._subject, each.body, headers={**each.headers} or None)
            for each in messages
        ]
        await asyncio.wait_for(asyncio.gather(*kept), 5)

    async def dead(self) -> list[dict[str, Any]]:
        waiting = await self._stream.pull_subscribe(f"{self._subject}.dead", durable="reader")
        found = []
        for _ in range((await waiting.consumer_info()).num_pending or 0):
            [message] = await waiting.fetch(timeout=PATIENCE)
            await message.ack()
            found.append(json.loads(message.data))
        await waiting.unsubscribe()
        return found

    async def delete(self) -> None:
        await self._stream.delete_stream(self._subject)


@asynccontextmanager
async def rabbit_producer(server: RabbitServer, queue: str) -> AsyncIterator[RabbitProducer]:
    async with await aio_pika.connect(server.base_url) as connection:
        yield RabbitProducer(await connection.channel(), queue)


@asynccontextmanager
async def kafka_producer(server: KafkaServer, queue: str) -> AsyncIterator[KafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=server.address, max_request_size=10_000_000) as producer:
        yield KafkaProducer(server, producer, queue)


@asynccontextmanager
async def nats_producer(server: NatsServer, queue: str) -> AsyncIterator[NatsProducer]:
    async with await nats.connect(server.base_url, connect_timeout=PATIENCE) as client:
        yield NatsProducer(client, queue)


@asynccontextmanager
async def redis_producer(server: RedisServer, queue: str) -> AsyncIterator[RedisProducer]:
    async with Redis.from_url(server.url(), socket_timeout=PATIENCE) as redis:
        yield RedisProducer(redis, queue)
