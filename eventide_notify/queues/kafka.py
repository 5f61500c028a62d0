"""Kafka, by consumer groups."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, TopicAlreadyExistsError, for_code

from .address import QueueAddress
from .base import BATCH, Message
from .tls import tls_context

TIMEOUT = 5.0
"""Seconds that the broker has to answer."""
LOOK_EVERY = 5.0
"""Seconds without a message after which is asked whether the topic is still there."""
SESSION = 6.0
"""Seconds after which the partitions of an instance that was killed are another's: the least a broker allows."""
POLL = 60.0
"""Seconds that an instance may have messages in hand without a `hold`, before others get its partitions."""
HANDOVER = 3.0
"""How long an instance may finish what it has in hand when partitions change hands. It is less than `SESSION`, in which
all have to be there again."""
METADATA_EVERY = 10.0
"""Seconds after which partitions that were added are known."""
STOP = 1.5
"""How long a part of the driver may take to end in order."""
PORT = 9092

# It says each of ten attempts a second, and `Consumer` says what is wrong once.
if (_theirs := logging.getLogger("aiokafka")).level == logging.NOTSET:
    _theirs.setLevel(logging.CRITICAL)

_NOBODY = TopicPartition("", -1)


class KafkaBroker(ConsumerRebalanceListener):  # type: ignore[misc]
    """A connection of its own; see `base.Broker`."""

    largest = 1_000_000  # what a broker takes by default, less what a record needs itself

    def __init__(self, address: QueueAddress) -> None:
        self._address = address
        self._producer: Any = None
        self._consumer: Any = None
        self._fetching: asyncio.Task[Mapping[Any, Any]] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._ours = False
        """Whether the partitions of the messages in hand have been this instance's ever since."""

    async def connect(self) -> None:
        self._producer = AIOKafkaProducer(
            **self._known(), acks="all", request_timeout_ms=_ms(TIMEOUT), max_request_size=2 * self.largest
        )
        await self._producer.start()

    async def subscribe(self) -> None:
        await self._make_topics()
        self._consumer = _Consumer(
            **self._known(),
            group_id=self._address.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # a group that is new takes what is there
            isolation_level="read_committed",
            session_timeout_ms=_ms(SESSION),
            heartbeat_interval_ms=_ms(SESSION / 3),
            max_poll_interval_ms=_ms(POLL),
            metadata_max_age_ms=_ms(METADATA_EVERY),
        )
        self._consumer.subscribe([self._address.name], listener=self)
        await self._consumer.start()

    async def receive(self) -> Sequence[Message]:
        # The driver waits without end while partitions change hands, and connects again by itself: look, meanwhile.
        if self._fetching is None:
            fetch = self._consumer.getmany(timeout_ms=_ms(LOOK_EVERY), max_records=BATCH)
            self._fetching = asyncio.create_task(fetch)
        done, _ = await asyncio.wait([self._fetching], timeout=LOOK_EVERY)
        came: Mapping[Any, Any] = {}
        if done:
            came, self._fetching = self._fetching.result(), None
        if not came:
            await self._look()
            return []
        self._ours = True
        self._idle.clear()
        return [_message(record) for records in came.values() for record in records]

    async def hold(self, messages: Sequence[Message]) -> None:
        async with asyncio.timeout(TIMEOUT):
            await self._consumer.getmany(_NOBODY)  # asks for nothing, and counts as a sign of life

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        behind = {TopicPartition(each.handle.topic, each.handle.partition): each.handle.offset + 1 for each in messages}
        try:
            # If they are another's by now, that one gets these messages again, and finds that they are saved.
            if self._ours:
                with contextlib.suppress(CommitFailedError):
                    async with asyncio.timeout(TIMEOUT):
                        await self._consumer.commit(behind)
        finally:
            self._idle.set()

    async def publish(self, body: bytes, headers: Mapping[str, str], *, dead: bool = False) -> None:
        async with asyncio.timeout(TIMEOUT):
            await self._producer.send_and_wait(
                self._address.dead if dead else self._address.name,
                body,
                headers=[(name.replace("ce-", "ce_", 1), value.encode()) for name, value in headers.items()],
            )

    async def close(self) -> None:
        self._idle.set()  # nobody will finish what is in hand
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        if self._consumer is not None:
            await _ended(self._consumer.stop())
            await self._consumer.close_connections()
        if self._producer is not None:
            await _ended(self._producer.stop())
            await self._producer.client.close()

    async def on_partitions_revoked(self, revoked: object) -> None:
        """Another instance came or went. The driver calls this."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), HANDOVER)
        self._ours = False

    async def on_partitions_assigned(self, assigned: object) -> None:
        """Likewise, afterwards."""

    async def _look(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            if self._address.name not in await self._consumer.topics():
                raise ConnectionError("the topic was deleted")

    async def _make_topics(self) -> None:
        wanted = {self._address.name, self._address.dead}
        admin = AIOKafkaAdminClient(**self._known(), request_timeout_ms=_ms(TIMEOUT))
        await admin.start()
        try:
            lacking = wanted - set(await admin.list_topics())
            if lacking:
                made = await admin.create_topics([_topic(name) for name in sorted(lacking)])
                for name, code, *_ in made.topic_errors:
                    if code not in (0, TopicAlreadyExistsError.errno):
                        raise for_code(code)(f"the topic {name} cannot be made")
        finally:
            await admin.close()
        for name in wanted:
            await self._producer.partitions_for(name)  # a new one is not known at once

    def _known(self) -> Mapping[str, Any]:
        """What each of the driver's parts has to know of the broker."""
        parts, options = urlsplit(self._address.url), self._address.options
        user, _, hosts = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        tls = parts.scheme == "kafkas"
        known: dict[str, Any] = {
            "bootstrap_servers": [_with_port(host) for host in unquote(hosts).split(",")],
            "client_id": "eventide-notify",
            "security_protocol": ("SASL_" if user else "") + ("SSL" if tls else "PLAINTEXT"),
            "ssl_context": tls_context(options) if tls else None,
        }
        if user:
            known["sasl_mechanism"] = options.get("mechanism", "PLAIN")
            known["sasl_plain_username"], known["sasl_plain_password"] = unquote(name), unquote(password)
        return known


class _Consumer(AIOKafkaConsumer):  # type: ignore[misc]
    async def close_connections(self) -> None:
        await self._client.close()


async def _ended(stop: Coroutine[Any, Any, None]) -> None:
    """Wait for the end of a part of the driver, which waits or fails half way where the broker is away."""
    stopping = asyncio.create_task(stop)
    await asyncio.wait([stopping], timeout=STOP)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)


def _topic(name: str) -> NewTopic:
    return NewTopic(name, -1, -1, replica_assignments={})  # with as many partitions and replicas as the broker's own


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _with_port(host: str) -> str:
    return host if urlsplit(f"//{host}").port else f"{host}:{PORT}"


def _message(record: Any) -> Message:
    return Message(dict(record.headers), record.value or b"", record)
