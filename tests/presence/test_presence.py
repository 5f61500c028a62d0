"""One contract over every presence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack

import pytest
from redis import Redis

from eventide_notify import Settings, create_app, redis_client
from eventide_notify.errors import Unavailable
from eventide_notify.models import utc_now
from eventide_notify.presence import MemoryPresence, Presence
from eventide_notify.presence import redis as redis_presence
from eventide_notify.presence.redis import RedisPresence

from ..raw import raw_client
from ..servers import RedisServer, start_redis_server
from ..service import SECRET, issuer
from ..serving import serving
from ..waiting import until


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis may be slow on this machine; that it is away is noticed all the same."""
    for module in (redis_presence, redis_client):
        monkeypatch.setattr(module, "TIMEOUT", 15.0)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with start_redis_server() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def presence(request: pytest.FixtureRequest) -> AsyncIterator[Presence]:
    if request.param == "memory":
        yield MemoryPresence()
        return
    presence = RedisPresence(request.getfixturevalue("redis").url())
    yield presence
    await presence.close()


async def online(presence: Presence) -> list[str]:
    """All connected users."""
    found = await presence.online(limit=100)
    assert (found.count, found.more) == (len(found.users), False)
    return list(found.users)


async def test_at_first_nobody_is_there(presence: Presence) -> None:
    assert await online(presence) == []
    assert await presence.sessions("alice") == 0


async def test_a_user_is_online_while_a_connection_is_open(presence: Presence) -> None:
    await presence.connected("alice", "a1")
    await presence.connected("alice", "a2")
    await presence.connected("bob", "b1")
    assert await online(presence) == ["alice", "bob"]
    assert await presence.sessions("alice") == 2
    await presence.disconnected("alice", "a1")
    assert await online(presence) == ["alice", "bob"]
    await presence.disconnected("alice", "a2")
    assert await online(presence) == ["bob"]
    assert await presence.sessions("alice") == 0


async def test_repetitions_and_unknown_connections_change_nothing(presence: Presence) -> None:
    await presence.connected("alice", "a1")
    await presence.connected("alice", "a1")
    await presence.disconnected("alice", "never seen")
    await presence.disconnected("carol", "a1")
    assert await presence.sessions("alice") == 1
    await presence.disconnected("alice", "a1")
    await presence.disconnected("alice", "a1")
    assert await online(presence) == []


async def test_users_have_any_name(presence: Presence) -> None:
    names = ["é:*?[]", "a\nb", "x" * 128, "user:42", "日本"]
    for name in names:
        await presence.connected(name, f"of {name}")
    assert await online(presence) == sorted(names)
    assert [await presence.sessions(name) for name in names] == [1] * len(names)


async def test_many_are_read_piece_by_piece(presence: Presence) -> None:
    names = [*"abcde", "ä", "日"]
    for name in reversed(names):
        await presence.connected(name, f"of {name}")
    found = await presence.online(limit=3)
    assert (list(found.users), found.count, found.more) == (["a", "b", "c"], 7, True)
    await presence.disconnected("c", "of c")
    found = await presence.online(limit=3, after="c")
    assert (list(found.users), found.count, found.more) == (["d", "e", "ä"], 6, True)
    found = await presence.online(limit=3, after="ä")
    assert (list(found.users), found.count, found.more) == (["日"], 6, False)


class TestOverInstances:
    async def test_writings_do_not_overtake_one_another(
        self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        presence = RedisPresence(redis.url())
        write, hold, begun = RedisPresence._write, asyncio.Event(), 0

        async def held_up(self: RedisPresence, changed: Collection[tuple[str, str]]) -> None:
            nonlocal begun
            begun += 1
            await write(self, changed)
            if begun == 1:
                await hold.wait()

        monkeypatch.setattr(RedisPresence, "_write", held_up)
        await presence.connected("alice", "a1")
        first = asyncio.create_task(presence.flush())
        await until(lambda: begun)
        await presence.disconnected("alice", "a1")
        second = asyncio.create_task(presence.flush())
        await asyncio.sleep(0)
        assert begun == 1, "it waits for the first one"
        hold.set()
        await asyncio.gather(first, second)
        assert await online(presence) == []
        await presence.close()

    async def test_what_was_not_written_is_not_forgotten(self, redis: RedisServer) -> None:
        presence, other = RedisPresence(redis.url()), RedisPresence(redis.url())
        await presence.connected("alice", "a1")
        await presence.flush()
        await presence.connected("bob", "b1")
        redis.freeze()
        flush = asyncio.create_task(presence.flush())
        await asyncio.sleep(0.05)
        flush.cancel()
        await asyncio.gather(flush, return_exceptions=True)
        redis.thaw()
        await presence.flush()
        assert await online(other) == ["alice", "bob"]
        for each in (presence, other):
            await each.close()

    async def test_after_redis_lost_everything_it_is_there_again(self, redis: RedisServer) -> None:
        one, other = RedisPresence(redis.url()), RedisPresence(redis.url())
        await one.connected("alice", "a1")
        await other.connected("bob", "b1")
        await one.flush()
        await other.flush()
        with Redis.from_url(redis.url()) as client:
            client.flushall()
        assert await online(one) == ["alice"], "its own it knows"
        await other.restore()  # within a second
        assert await online(one) == ["alice", "bob"]
        assert await one.sessions("alice") == 1
        for each in (one, other):
            await each.close()
        with Redis.from_url(redis.url()) as client:
            assert client.keys() == []

    async def test_many_are_written_in_portions(self, redis: RedisServer) -> None:
        presence = RedisPresence(redis.url())
        count = redis_presence.AT_ONCE * 2 + 1
        for number in range(count):
            await presence.connected(f"user {number}", "x")
        found = await presence.online(limit=1)
        assert (found.count, found.more) == (count, True)
        await presence.close()

    async def test_they_see_each_others_users(self, redis: RedisServer) -> None:
        one, other = RedisPresence(redis.url()), RedisPresence(redis.url())
        await one.connected("alice", "a1")
        await other.connected("alice", "a2")
        await one.flush()
        await other.flush()
        assert await one.sessions("alice") == 2
        await one.close()
        assert await other.sessions("alice") == 1
        assert await online(other) == ["alice"]
        await other.close()

    async def test_what_a_killed_instance_left_is_forgotten(
        self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_presence, "LIFETIME", 6)
        killed, alive = RedisPresence(redis.url()), RedisPresence(redis.url())
        await killed.connected("alice", "a1")
        await killed.flush()
        await killed.abandon()
        await alive.connected("bob", "b1")
        assert await online(alive) == ["alice", "bob"]
        found: list[str] = []
        while found != ["bob"]:  # the test's own time limit is the bound
            await asyncio.sleep(0.05)
            await alive.refresh()
            found = await online(alive)
        assert await alive.sessions("alice") == 0
        await alive.close()

    async def test_without_redis_nothing_waits_and_all_is_written_later(self, redis: RedisServer) -> None:
        presence = RedisPresence(redis.url())
        await presence.connected("alice", "a1")
        await presence.flush()
        redis.kill()
        await presence.connected("bob", "b1")
        await presence.disconnected("alice", "a1")
        with pytest.raises(Unavailable):
            await online(presence)
        redis.start()
        await presence.refresh()
        assert await online(presence) == ["bob"]
        await presence.close()


async def test_it_is_closed_when_nobody_uses_it_any_more(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings(jwt_secret=SECRET, database_url="sqlite://", redis_url=redis.url(), _env_file=None))
    close = RedisPresence.close
    users: list[tuple[int, int]] = []

    async def note_and_close(self: RedisPresence) -> None:
        users.append((len(app._parts.background._tasks), len(app._parts.hub.sessions)))
        await close(self)

    monkeypatch.setattr(RedisPresence, "close", note_and_close)
    async with AsyncExitStack() as stack, serving(app) as url:
        token = issuer().issue("alice", ttl=60, now=utc_now())
        client = await stack.enter_async_context(raw_client(url, {"token": token}))
        await client.event("catch_up_complete")
        assert await app.notifications.sessions("alice") == 1
    assert users == [(0, 0)]
    with Redis.from_url(redis.url()) as left:
        assert left.keys() == []
