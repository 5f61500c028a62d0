"""Tells a user through Kafka: `python examples/producers/to_kafka.py [host:port]`.

The service takes the messages of the topic `inbox`: EVENTIDE_QUEUES='kafka://localhost:9092?topic=inbox'
"""

from __future__ import annotations

import asyncio
import json
import sys

from aiokafka import AIOKafkaProducer

EVENT = {
    "specversion": "1.0",
    "type": "eventide.notification.send",
    "source": "/shop",
    "id": "order-4711-shipped",  # with the source it names this event: sent twice, it is one notification
    "data": {"userId": "42", "title": "Shipped", "message": "Your order is on its way", "type": "ORDER"},
}


async def main(address: str = "localhost:9092") -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True) as producer:
        # The user as the key: all of a user's messages are in one partition, and so in their order.
        headers = [("content-type", b"application/cloudevents+json")]
        await producer.send_and_wait("inbox", json.dumps(EVENT).encode(), key=b"42", headers=headers)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
