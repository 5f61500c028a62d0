"""Tells a user through a Redis stream: `python examples/producers/to_redis.py [address]`.

The service takes the entries of the stream `inbox`: EVENTIDE_QUEUES='redis://localhost:6379?stream=inbox'
The same by hand: redis-cli XADD inbox '*' data '{"specversion": "1.0", …}'
"""

from __future__ import annotations

import json
import sys

from redis import Redis

EVENT = {
    "specversion": "1.0",
    "type": "eventide.notification.send",
    "source": "/shop",
    "id": "order-4711-shipped",  # with the source it names this event: sent twice, it is one notification
    "data": {"userId": "42", "title": "Shipped", "message": "Your order is on its way", "type": "ORDER"},
}


def main(address: str = "redis://localhost:6379") -> None:
    with Redis.from_url(address) as redis:
        # A stream keeps what was taken: this keeps it from growing. It must hold more than ever waits.
        redis.xadd("inbox", {"data": json.dumps(EVENT)}, maxlen=100_000, approximate=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
