"""What is published leaves over a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from ..errors import Unavailable
from ..realtime.codec import Json
from ..redis_client import TIMEOUT, connect

CHANNEL = "socketio"


class Publisher:
    """A connection to Redis that does nothing but PUBLISH, at half of what it costs through the driver's client."""

    def __init__(self, url: str, channel: str) -> None:
        self._client = connect(url)
        self._connection = self._client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        self._channel = channel

    async def publish(self, messages: Sequence[bytes]) -> None:
        """Publish these, in one write."""
        connection = self._connection
        if not connection.is_connected:
            await connection.connect()  # which asks the Sentinels, if there are any; what writes only does not
        commands = [part for message in messages for part in connection.pack_command("PUBLISH", self._channel, message)]
        await connection.send_packed_command(b"".join(commands), check_health=False)
        for _ in messages:
            await connection.read_response()

    async def aclose(self) -> None:
        await self._connection.disconnect()
        await self._client.aclose()


async def probe(url: str) -> None:
    """Return when something that was published has come back; raises `Unavailable`."""
    nobodys = Json.dumps({"method": "probe", "host_id": uuid4().hex}).encode()
    redis, publisher = connect(url), Publisher(url, CHANNEL)
    pubsub = redis.pubsub()
    try:
        async with asyncio.timeout(2 * TIMEOUT):
            await pubsub.subscribe(CHANNEL)
            await publisher.publish([nobodys])
            while (message := await pubsub.get_message(timeout=TIMEOUT)) is None or message["data"] != nobodys:
                pass
    except Exception as error:  # each driver has its own
        raise Unavailable("Published messages do not arrive through Redis.") from error
    finally:
        for each in (pubsub, redis, publisher):
            await close(each)


async def close(client: Any) -> None:
    """Close any client, in a moment, whatever it says."""
    if client is not None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await client.aclose()
