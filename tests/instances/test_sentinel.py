"""Redis behind a Sentinel: one address, for who is connected and for what is published alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import socketio

from eventide_notify.channel import envelopes
from eventide_notify.channel.publisher import probe
from eventide_notify.channel.redis import RedisChannel
from eventide_notify.errors import Unavailable
from eventide_notify.metrics import Metrics
from eventide_notify.presence.redis import RedisPresence
from eventide_notify.redis_client import sentinel_address

from ..realtime.fakes import FakeHub, events
from ..require import missing
from ..servers import RedisServer, SentinelServer
from ..waiting import until


@pytest.fixture
def sentinel(redis: RedisServer) -> Iterator[str]:
    """The URL of a Redis behind a Sentinel, without the service."""
    if not redis.controllable:
        missing("there is no Redis of our own")
    with SentinelServer(redis) as server:
        server.start()
        yield server.base_url


@pytest.mark.parametrize("path", ["/eventide/0", "/eventide", "/0/eventide"])
async def test_everything_goes_to_the_service_that_is_named(sentinel: str, path: str) -> None:
    url = sentinel + path
    await probe(url)
    presence, elsewhere = RedisPresence(url), RedisPresence(url)
    await presence.connected("alice", "a1")
    await presence.flush()
    assert await elsewhere.sessions("alice") == 1
    for each in (presence, elsewhere):
        await each.close()
    here, there = (RedisChannel(url, FakeHub(), Metrics()) for _ in range(2))
    assert isinstance(there.hub, FakeHub)
    bob = there.hub.add("bob")
    for channel in (here, there):
        socketio.AsyncServer(client_manager=channel, async_mode="asgi")
        await channel.start()
        await until(channel._subscribed.is_set, within=30)  # which a start waits for only for a moment
    await here.publish(envelopes.event("prices", {}, None))
    await until(lambda: events(bob) == ['["prices",{}]'])
    for channel in (here, there):
        await channel.stop()


async def test_a_service_that_sentinels_do_not_know_is_unavailable(sentinel: str) -> None:
    with pytest.raises(Unavailable):
        await probe(f"{sentinel}/another/0")
    presence = RedisPresence(f"{sentinel}/another/0")
    with pytest.raises(Unavailable):
        await presence.probe()
    await presence.abandon()


def test_an_address_has_several_sentinels_and_what_the_master_asks_for() -> None:
    address = sentinel_address("redis+sentinel://me:p%2Fw@one:1,[::1]:2,three/eventide/4")
    assert address.sentinels == [("one", 1), ("::1", 2), ("three", 26379)]
    assert (address.username, address.password) == ("me", "p/w")
    assert (address.service, address.database) == ("eventide", 4)
