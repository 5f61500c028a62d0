"""Tells a user through NATS JetStream: `python examples/producers/to_nats.py [address]`.

The service takes the messages of the subject `inbox`: EVENTIDE_QUEUES='nats://localhost:4222?stream=inbox&subject=inbox'
"""

from __future__ import annotations

import asyncio
import json
import sys

import nats

EVENT = {
    "specversion": "1.0",
    "type": "eventide.notification.send",
    "source": "/shop",
    "id": "order-4711-shipped",  # with the source it names this event: sent twice, it is one notification
    "data": {"userId": "42", "title": "Shipped", "message": "Your order is on its way", "type": "ORDER"},
}


async def main(address: str = "nats://localhost:4222") -> None:
    async with await nats.connect(address) as client:
        # Through JetStream, which answers when it has saved the message: `client.publish` would not say.
        headers = {"Content-Type": "application/cloudevents+json"}
        await client.jetstream().publish("inbox", json.dumps(EVENT).encode(), headers=headers)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
