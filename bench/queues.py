"""The row about messages that come through a broker: published with its own client, saved, and received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count

from tests.queues.brokers import KINDS, QUEUE, Broker
from tests.queues.producers import Sent
from tests.servers import ServerError

from .measure import Bench, Task
from .payload import CONTENT
from .peers import RATE, Done, Peer
from .processes import cores, on

AT_ONCE = 500
"""Messages after which the producer waits until the broker has them safe."""
NAMES = {"rabbitmq": "RabbitMQ", "kafka": "Kafka", "nats": "NATS JetStream", "redis": "Redis Streams"}
"""The series of their figures."""
RATE_ROW = "-rate"
_ids = count(1)


def queue(bench: Bench) -> None:
    """Ours takes messages of all brokers that there are; they come from one after the other."""
    with ExitStack() as stack:
        brokers = list(_brokers(bench, stack))
        ours = bench.ours(stack, settings={"EVENTIDE_QUEUES": ",".join(broker.url() for broker in brokers)})
        for broker in brokers:
            ours.until(f'eventide_queue_connected{{queue="{broker.kind}:{QUEUE}"}}', 1)
        ours.connect(bench.size.users)
        work = partial(_through, ours, bench.size.sends)
        tasks = [Task(NAMES[broker.kind], [ours.process], partial(work, broker), ours.stores) for broker in brokers]
        bench.measure("queue", tasks)
        for task in tasks:
            bench.figures[f"queue{RATE_ROW}", task.series] = bench.beside["queue", task.series, RATE]


def _brokers(bench: Bench, stack: ExitStack) -> Iterator[Broker]:
    for kind in KINDS:
        try:
            with on(cores()[1]):
                yield Broker(kind, stack.enter_context(KINDS[kind].start()))
        except ServerError as error:
            bench.tell(f"  there is no {NAMES[kind]}: {error}")


def _through(peer: Peer, amount: int, broker: Broker) -> Done:
    messages = [_message(f"u{number % peer.sockets}") for number in range(amount)]
    return peer.messages(amount, lambda: asyncio.run(_publish(broker, messages)))


def _message(user: str) -> Sent:
    attributes = {"specversion": "1.0", "id": str(next(_ids)), "source": "/bench", "type": "eventide.notification.send"}
    return Sent(user, json.dumps({**attributes, "data": {"userId": user, **CONTENT}}).encode())


async def _publish(broker: Broker, messages: Sequence[Sent]) -> None:
    async with broker.producer() as producer:
        for start in range(0, len(messages), AT_ONCE):
            await producer.publish_all(messages[start : start + AT_ONCE])
