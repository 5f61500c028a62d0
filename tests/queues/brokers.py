"""The brokers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from ..servers import Server, start_redis_server
from ..servers.kafka import start_kafka_server
from ..servers.nats import start_nats_server
from ..servers.rabbitmq import start_rabbitmq_server
from .producers import Producer, kafka_producer, nats_producer, rabbit_producer, redis_producer

QUEUE = "inbox"


@dataclass(frozen=True)
class Kind:
    """A broker, and how its queues are named and filled."""

    start: Callable[[], Server]
    options: str
    producer: Callable[[Any, str], AbstractAsyncContextManager[Producer]]


KINDS = {
    "rabbitmq": Kind(start_rabbitmq_server, "queue={}", rabbit_producer),
    "kafka": Kind(start_kafka_server, "topic={}", kafka_producer),
    "nats": Kind(start_nats_server, "stream={0}&subject={0}", nats_producer),
    "redis": Kind(start_redis_server, "stream={}", redis_producer),
}


class Broker:
    """A running one."""

    def __init__(self, kind: str, server: Server) -> None:
        self.kind = kind
        self.server = server

    def url(self, queue: str = QUEUE) -> str:
        return f"{self.server.base_url}?{KINDS[self.kind].options.format(queue)}"

    def producer(self, queue: str = QUEUE) -> AbstractAsyncContextManager[Producer]:
        return KINDS[self.kind].producer(self.server, queue)
