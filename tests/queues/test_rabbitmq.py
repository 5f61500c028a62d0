"""RabbitMQ: what the service does with messages in a real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aio_pika
import httpx
import pytest

from ..servers.rabbitmq import RabbitServer
from ..service import Service
from ..waiting import asked_until

_numbers = count(1)


@pytest.fixture
def queue() -> str:
    """A queue that no other test has."""
    return f"inbox-{next(_numbers)}"


def event(id: str, *, type: str = "eventide.notification.send", source: str = "/shop", **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": source, "type": type, "data": data}


@asynccontextmanager
async def channel(server: RabbitServer) -> AsyncIterator[Any]:
    async with await aio_pika.connect(server.base_url) as connection:
        yield await connection.channel()


async def publish(channel: Any, queue: str, *bodies: Any, headers: dict[str, Any] | None = None) -> None:
    for body in bodies:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = aio_pika.Message(text, headers=headers, delivery_mode=2)
        await channel.default_exchange.publish(message, routing_key=queue)


async def messages_of(service: Service, user: str) -> list[str]:
    """Oldest first."""
    async with httpx.AsyncClient(base_url=service.base_url, headers=service.bearer(user), verify=False) as client:
        answer = await client.get("/v1/notifications", params={"limit": 100})
    return [item["message"] for item in reversed(answer.json()["notifications"])]


async def ready(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.base_url, verify=False) as client:

        async def ask() -> int:
            return (await client.get("/readyz")).status_code

        await asked_until(ask, lambda status: status == 200)


@pytest.fixture
def taking(rabbitmq: RabbitServer, queue: str) -> Iterator[Service]:
    with Service({"EVENTIDE_QUEUES": f"{rabbitmq.base_url}?queue={queue}"}) as service:
        service.start()
        yield service


async def test_messages_are_saved_in_order_and_once(rabbitmq: RabbitServer, queue: str, taking: Service) -> None:
    await ready(taking)
    async with channel(rabbitmq) as producer:
        events = [event(str(n), userId="42", message=f"message {n}") for n in range(50)]
        await publish(producer, queue, *events, *events[:10])
        found = await asked_until(lambda: messages_of(taking, "42"), lambda found: len(found) >= 50)
        await publish(producer, queue, event("last", userId="43", message="last"))
        await asked_until(lambda: messages_of(taking, "43"), lambda found: found == ["last"])
    assert found == [f"message {n}" for n in range(50)]
    assert await messages_of(taking, "42") == found


async def test_what_cannot_be_used_goes_to_the_dead_queue(rabbitmq: RabbitServer, queue: str, taking: Service) -> None:
    await ready(taking)
    async with channel(rabbitmq) as producer:
        await publish(producer, queue, b"not JSON", event("1", userId="42"), event("2", userId="42", message="after"))
        await asked_until(lambda: messages_of(taking, "42"), lambda found: found == ["after"])
        dead = await producer.declare_queue(f"{queue}.dead", passive=True)
        letters: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            while len(letters) < 2:
                message = await dead.get(no_ack=True, fail=False)
                letters += [json.loads(message.body)] if message else []
    assert {letter["error"]["code"] for letter in letters} == {"invalid_request"}
    assert sorted(letter.get("event", {}).get("id", "") for letter in letters) == ["", "1"]
