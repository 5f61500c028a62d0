"""NATS JetStream, by a durable consumer from which instances pull."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from nats.aio.client import Client
from nats.errors import NoServersError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError, ServiceUnavailableError

from .address import QueueAddress
from .base import BATCH, Message
from .tls import tls_context

TIMEOUT = 5.0
"""Seconds that the server has to answer."""
LOOK_EVERY = 5.0
"""Seconds without a message after which is asked whether the consumer is still there."""
ACK_WAIT = 10.0
"""Seconds without a `hold` or an acknowledgement after which a message is given to another instance."""
PING_EVERY = 5
"""Seconds; a server that has not answered two of them is gone."""
SLACK = 0.5
"""Seconds that the server may be late to take back what nobody has acknowledged."""


class NatsBroker:
    """A connection of its own; see `base.Broker`."""

    largest = 1024 * 1024  # until the server has said what it takes

    def __init__(self, address: QueueAddress) -> None:
        self._address = address
        self._client = Client()
        self._stream: JetStreamContext = self._client.jetstream(timeout=TIMEOUT)
        self._pulling: Any = None
        self._gone = asyncio.Event()
        self._error: Exception | None = None
        self._in_hand: Sequence[Message] = ()
        self._not_before = 0.0

    async def connect(self) -> None:
        url = urlsplit(self._address.url)
        known, _, hosts = url.netloc.rpartition("@")
        await self._connected(
            [f"{url.scheme}://{host}" for host in unquote(hosts).split(",")],
            **_who(known),
            name="eventide-notify",
            allow_reconnect=False,
            max_reconnect_attempts=1,  # would otherwise hold for the first connect all the same
            reconnect_time_wait=0,
            connect_timeout=int(TIMEOUT),
            ping_interval=PING_EVERY,
            closed_cb=self._closed,
            disconnected_cb=self._closed,
            error_cb=self._failed,
            tls=tls_context(self._address.options) if url.scheme == "tls" else None,
        )
        self.largest = self._client.max_payload - 1024  # headers count

    async def subscribe(self) -> None:
        name, group = self._address.options["stream"], self._address.group
        await self._make_streams(name)
        try:
            found = await self._stream.consumer_info(name, group)
        except NotFoundError:
            config = ConsumerConfig(
                durable_name=group,
                filter_subject=self._address.name,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT,
                max_deliver=-1,  # a message that cannot be used is put away by ourselves
            )
            found = await self._stream.add_consumer(name, config)
        if found.num_ack_pending:
            # Perhaps an instance was killed that had them, which the server does not know yet. They come before others.
            self._not_before = time.monotonic() + (found.config.ack_wait or ACK_WAIT) + SLACK
        self._pulling = await self._stream.pull_subscribe_bind(group, name)

    async def receive(self) -> Sequence[Message]:
        if await self._wait_for_earlier():
            return []
        came = await self._unless_gone(self._fetched())
        if not came:
            await self._pulling.consumer_info()
        self._in_hand = [Message(dict(each.headers or {}), each.data, each) for each in came]
        return self._in_hand

    async def hold(self, messages: Sequence[Message]) -> None:
        self._check()
        for each in messages:
            await each.handle.in_progress()

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        self._check()
        for each in messages:
            await each.handle.ack()
        await self._client.flush(int(TIMEOUT))
        self._in_hand = ()

    async def publish(self, body: bytes, headers: Mapping[str, str], *, dead: bool = False) -> None:
        self._check()
        await self._stream.publish(
            self._address.dead if dead else self._address.name,
            body,
            headers={name: quote(value, safe=_PRINTABLE) for name, value in headers.items()},
            timeout=TIMEOUT,
        )

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            for each in self._in_hand:
                await each.handle.nak()  # another instance gets it at once
        await self._client.close()

    async def _connected(self, servers: Sequence[str], **options: Any) -> None:
        try:
            await self._client.connect([*servers], **options)
        except NoServersError:
            raise self._error or ConnectionError("no server can be reached") from None

    async def _make_streams(self, name: str) -> None:
        try:
            await self._stream.stream_info(name)
        except NotFoundError:
            await self._stream.add_stream(name=name, subjects=[self._address.name])
        except ServiceUnavailableError as error:
            if error.code is not None:
                raise
            # nobody has answered
            raise ConnectionError(
                "the server is without JetStream, or that is not ready yet (nats-server -js)"
            ) from None
        try:
            await self._stream.find_stream_name_by_subject(self._address.dead)
        except NotFoundError:
            await self._stream.add_stream(name=f"{name}-dead", subjects=[self._address.dead])

    async def _wait_for_earlier(self) -> bool:
        """Whether there may be messages that come before all others, and nobody can have yet."""
        remaining = self._not_before - time.monotonic()
        if remaining <= 0:
            return False
        await self._unless_gone(asyncio.sleep(min(remaining, 0.25), []))
        if not (await self._pulling.consumer_info()).num_ack_pending:
            self._not_before = 0.0
        return True

    async def _fetched(self) -> Sequence[Any]:
        try:
            fetched: Sequence[Any] = await self._pulling.fetch(BATCH, LOOK_EVERY)
            return fetched
        except TimeoutError:  # nothing came; not always the driver's own kind
            return []

    async def _unless_gone(self, call: Any) -> Sequence[Any]:
        """The call's result. Raises when the connection is lost meanwhile."""
        coming, gone = asyncio.ensure_future(call), asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait([coming, gone], return_when=asyncio.FIRST_COMPLETED)
            self._check()
            result: Sequence[Any] = coming.result()
            return result
        finally:
            for each in (coming, gone):
                each.cancel()
            await asyncio.gather(coming, gone, return_exceptions=True)

    async def _failed(self, error: Exception) -> None:
        self._error = error  # calls do not say it

    async def _closed(self) -> None:
        self._gone.set()

    def _check(self) -> None:
        if self._gone.is_set():
            raise ConnectionError("the connection is lost")


def _who(known: str) -> Mapping[str, str]:
    """A name and a password, or a token, as an address has them."""
    name, colon, password = known.partition(":")
    if colon:
        return {"user": unquote(name), "password": unquote(password)}
    return {"token": unquote(name)} if name else {}


_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '%"')
