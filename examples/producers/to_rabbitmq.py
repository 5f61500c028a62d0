"""Tells a user through RabbitMQ: `python examples/producers/to_rabbitmq.py [address]`.

The service takes the messages of the queue `inbox`: EVENTIDE_QUEUES='amqp://localhost/?queue=inbox'
"""

from __future__ import annotations

import asyncio
import json
import sys

import aio_pika

EVENT = {
    "specversion": "1.0",
    "type": "eventide.notification.send",
    "source": "/shop",
    "id": "order-4711-shipped",  # with the source it names this event: sent twice, it is one notification
    "data": {"userId": "42", "title": "Shipped", "message": "Your order is on its way", "type": "ORDER"},
}


async def main(address: str = "amqp://guest:guest@localhost/") -> None:
    async with await aio_pika.connect_robust(address) as connection:
        channel = await connection.channel()  # with confirms: `publish` returns when the broker has the message
        message = aio_pika.Message(
            json.dumps(EVENT).encode(),
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        # Raises `DeliveryError` if there is no such queue; the service makes it when it starts.
        await channel.default_exchange.publish(message, routing_key="inbox")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
