"""What the service does with the messages of each broker, which is the same with all of them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ..servers.kafka import KafkaServer
from ..service import Service
from ..waiting import asked_until
from .brokers import QUEUE, Broker
from .events import event, figures, has, messages_of, readiness, structured
from .producers import Producer


async def test_messages_are_saved_in_order_and_once(taking: Service, producer: Producer, user: str) -> None:
    sent = [structured(f"{user}-{n}", userId=user, message=f"message {n}") for n in range(50)]
    for body in [*sent, *sent[:10], structured(userId=f"{user}-last", message="last")]:
        await producer.publish(body)
    await has(taking, f"{user}-last", "last")
    await has(taking, user, *(f"message {n}" for n in range(50)))


async def test_attributes_may_be_in_headers(broker: Broker, taking: Service, producer: Producer, user: str) -> None:
    whole = event(userIds=[user], message="binary")
    data = json.dumps(whole.pop("data")).encode()
    for n, prefix in enumerate(producer.prefixes):
        attributes = {f"{prefix}{name}": value for name, value in whole.items()} | {f"{prefix}id": f"{user}-{n}"}
        await producer.publish(data, {**attributes, "content-type": "application/json; charset=utf-8"})
    await has(taking, user, *["binary"] * len(producer.prefixes))


async def test_announcements_and_events_are_taken_too(taking: Service, producer: Producer, user: str) -> None:
    await producer.publish(structured(type="eventide.event.publish", event="tick", userIds=[user]))
    await producer.publish(structured(type="eventide.announcement.create", message=f"to all of {user}"))
    await has(taking, user, f"to all of {user}")
    with taking.client("admin", admin=True) as client:
        announced = client.get("/v1/admin/announcements").json()["announcements"]
        for each in announced:
            client.delete(f"/v1/admin/announcements/{each['id']}").raise_for_status()


async def dead(producer: Producer, count: int) -> list[dict[str, Any]]:
    """The next dead messages, as soon as there are so many."""
    letters: list[dict[str, Any]] = []

    async def more() -> int:
        letters.extend(await producer.dead())
        return len(letters)

    await asked_until(more, lambda there: there >= count)
    assert len(letters) == count
    return letters


def _deep(depth: int) -> bytes:
    return (
        b'{"specversion": "1.0", "id": "1", "source": "/", "type": "t", "data": ' + b"[" * depth + b"]" * depth + b"}"
    )


POISON: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "nothing": (b"", {}, "invalid_request"),
    "not JSON": (b"\xff\x00 no", {}, "invalid_request"),
    "no object": (b"[1]", {}, "invalid_request"),
    "no event": (b"{}", {}, "invalid_request"),
    "another version": (structured("1", message="x", userId="1").replace(b'"1.0"', b'"2.0"'), {}, "invalid_request"),
    "an unknown type": (structured("1", type="order.created"), {}, "invalid_request"),
    "a type that is none": (b'{"specversion": "1.0", "id": "1", "source": "/", "type": {}}', {}, "invalid_request"),
    "no data": (b'{"specversion": "1.0", "id": "1", "source": "/", "type": "eventide.notification.send"}', {},
                "invalid_request"),
    "wrong data": (structured("1", userId=["7"], message=3), {}, "invalid_request"),
    "unknown fields": (structured("1", userId="7", message="x", caller="admin", **{f"f{n}": n for n in range(5_000)}),
                       {}, "invalid_request"),
    "too deep": (_deep(100_000), {}, "invalid_request"),
    "other media": (b"<a/>", {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "t",
                              "content-type": "text/xml"}, "invalid_request"),
    "a batch": (b"[]", {"content-type": "application/cloudevents-batch+json"}, "invalid_request"),
    "NUL": (structured("a\x00b", userId="7", message="x"), {}, "invalid_request"),
}  # fmt: skip


async def test_what_cannot_be_used_is_dead_and_holds_nobody_up(taking: Service, producer: Producer, user: str) -> None:
    for body, headers, _ in POISON.values():
        await producer.publish(body, headers)
    await producer.publish(structured(userId=user, message="after"))
    await has(taking, user, "after")
    letters = await dead(producer, len(POISON))
    assert [letter["error"]["code"] for letter in letters] == [code for _, _, code in POISON.values()]
    assert all(letter["error"]["message"] and letter["queue"] == "inbox" and letter["time"] for letter in letters)
    told = dict(zip(POISON, letters, strict=True))
    assert "no body" in told["nothing"]["error"]["message"]
    assert told["unknown fields"]["event"]["data"]["caller"] == "admin"
    assert {each["field"] for each in told["wrong data"]["error"]["errors"]} >= {"userId", "message"}
    assert told["other media"]["headers"]["ce-id"] == "1"
    assert 'outcome="dead"' in await figures(taking)


async def test_the_same_id_for_another_request_is_dead(taking: Service, producer: Producer, user: str) -> None:
    await producer.publish(structured("once", source=user, userId=user, message="first"))
    await has(taking, user, "first")
    await producer.publish(structured("once", source=user, userId=user, message="second"))
    [letter] = await dead(producer, 1)
    assert letter["error"]["code"] == "conflict"
    await has(taking, user, "first")


async def test_a_huge_message_is_dead(taking: Service, producer: Producer, user: str) -> None:
    await producer.publish(structured(userId=user, message="x" * 5_000_000))
    [letter] = await dead(producer, 1)
    assert letter["error"]["code"] == "payload_too_large"
    await producer.publish(structured(userId=user, message="after"))
    await has(taking, user, "after")


async def test_thousands_of_headers_are_no_matter(taking: Service, producer: Producer, user: str) -> None:
    headers = {f"h{n}": "x" * 20 for n in range(1_500)}  # NATS takes 64 KiB of them
    await producer.publish(structured(userId=user, message="with headers"), headers)
    await producer.publish(b"dead", headers)
    await has(taking, user, "with headers")
    [letter] = await dead(producer, 1)
    assert len(letter["headers"]) <= 100


async def test_a_broker_that_is_away_is_waited_for(broker: Broker, taking: Service, queue: str, user: str) -> None:
    broker.server.kill()
    try:
        with Service({"EVENTIDE_QUEUES": broker.url(queue)}) as late:
            late.start()
            code, told = await asked_until(lambda: readiness(late), lambda said: "being" not in str(said))
            assert (code, told["status"]) == (503, "degraded")
            assert told["reasons"][0].startswith(f"queue {broker.kind}:{queue}: ")
            late.send(user, message="by REST")
            await asked_until(lambda: readiness(taking), lambda said: said[1]["status"] == "degraded")
            broker.server.start()
            for service, of in ((late, queue), (taking, QUEUE)):
                await asked_until(partial(readiness, service), lambda said: said[0] == 200, within=60)
                async with broker.producer(of) as producer:
                    await producer.publish(structured(userId=user, message="by the queue"))
            await has(late, user, "by REST", "by the queue")
            await has(taking, user, "by the queue")
            assert f'eventide_queue_connected{{queue="{broker.kind}:{queue}"}} 1.0' in await figures(late)
    finally:
        if not broker.server.running:
            broker.server.start()


async def test_a_queue_that_was_deleted_is_made_again(taking: Service, producer: Producer, user: str) -> None:
    await producer.delete()

    async def after_one_more() -> list[str]:
        with suppress(Exception):  # there may be no such queue just now
            await producer.publish(structured("one more", source=user, userId=user, message="again"))
        return await messages_of(taking, user)

    await asked_until(after_one_more, lambda found: found == ["again"], within=60)


@pytest.mark.parametrize("form", [[], ["--binary"]])
async def test_the_command_publishes_what_is_taken(
    broker: Broker, taking: Service, producer: Producer, user: str, form: list[str]
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "eventide_notify", "publish", "--queue", broker.url(), "--user", user,
         "--message", "by the command", "--id", f"{user} é", *form],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{user} é  {broker.kind}:inbox\n", "")
    await has(taking, user, "by the command")


async def test_the_command_refuses_what_would_not_be_taken() -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "eventide_notify", "publish", "--queue", "redis://127.0.0.1:1?stream=inbox&group=g",
         "--user", "42", "--message", ""],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("eventide-notify: message: ")


@pytest.mark.parametrize("away", [False, True])
async def test_the_password_is_nowhere(broker: Broker, queue: str, away: bool) -> None:
    url = re.sub(r"//(.*@)?", "//someone:hunter2@", broker.url(queue))
    if away:
        url = re.sub(r":\d+", ":1", url)
    with Service({"EVENTIDE_QUEUES": url, "EVENTIDE_LOG_LEVEL": "debug"}) as service:
        service.start()
        _, told = await asked_until(lambda: readiness(service), lambda said: "being connected" not in str(said))
        said = [str(told), await figures(service)]
        await asyncio.to_thread(service.stop)
        assert service.home
        said.append(service.home.log.read_text())
    assert not [text for text in said if "hunter2" in text]


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_messages_may_be_compressed(
    broker: Broker, taking: Service, producer: Producer, user: str, codec: str
) -> None:
    assert isinstance(broker.server, KafkaServer)
    async with AIOKafkaProducer(bootstrap_servers=broker.server.address, compression_type=codec) as compressing:
        await compressing.send_and_wait(QUEUE, structured(userId=user, message="x" * 4_000))
    await has(taking, user, "x" * 4_000)
