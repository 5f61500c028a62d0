"""One contract over every presence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.presence import MemoryPresence, Presence
from eventide_notify.presence import redis as redis_presence
from eventide_notify.presence.redis import RedisPresence

from ..servers import RedisServer, start_redis_server


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


async def test_at_first_nobody_is_there(presence: Presence) -> None:
    assert list(await presence.online()) == []
    assert await presence.connections("alice") == 0


async def test_a_user_is_online_while_a_connection_is_open(presence: Presence) -> None:
    await presence.connected("alice", "a1")
    await presence.connected("alice", "a2")
    await presence.connected("bob", "b1")
    assert list(await presence.online()) == ["alice", "bob"]
    assert await presence.connections("alice") == 2
    await presence.disconnected("alice", "a1")
    assert list(await presence.online()) == ["alice", "bob"]
    await presence.disconnected("alice", "a2")
    assert list(await presence.online()) == ["bob"]
    assert await presence.connections("alice") == 0


async def test_repetitions_and_unknown_connections_change_nothing(presence: Presence) -> None:
    await presence.connected("alice", "a1")
    await presence.connected("alice", "a1")
    await presence.disconnected("alice", "never seen")
    await presence.disconnected("carol", "a1")
    assert await presence.connections("alice") == 1
    await presence.disconnected("alice", "a1")
    await presence.disconnected("alice", "a1")
    assert list(await presence.online()) == []


async def test_users_have_any_name(presence: Presence) -> None:
    names = ["é:*?[]", "a\nb", "x" * 128, "user:42", "日本"]
    for name in names:
        await presence.connected(name, f"of {name}")
    assert list(await presence.online()) == sorted(names)
    assert [await presence.connections(name) for name in names] == [1] * len(names)


class TestOverInstances:
    async def test_they_see_each_others_users(self, redis: RedisServer) -> None:
        one, other = RedisPresence(redis.url()), RedisPresence(redis.url())
        await one.connected("alice", "a1")
        await other.connected("alice", "a2")
        await one.flush()
        await other.flush()
        assert await one.connections("alice") == 2
        await one.close()
        assert await other.connections("alice") == 1
        assert list(await other.online()) == ["alice"]
        await other.close()

    async def test_what_a_killed_instance_left_is_forgotten(
        self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_presence, "LIFETIME", 1)
        killed, alive = RedisPresence(redis.url()), RedisPresence(redis.url())
        await killed.connected("alice", "a1")
        await killed.flush()
        await killed.abandon()
        await alive.connected("bob", "b1")
        assert list(await alive.online()) == ["alice", "bob"]
        online: list[str] = []
        while online != ["bob"]:  # the test's own time limit is the bound
            await alive.refresh()
            online = list(await alive.online())
        assert await alive.connections("alice") == 0
        await alive.close()

    async def test_without_redis_nothing_waits_and_all_is_written_later(self, redis: RedisServer) -> None:
        presence = RedisPresence(redis.url())
        await presence.connected("alice", "a1")
        await presence.flush()
        redis.kill()
        await presence.connected("bob", "b1")
        await presence.disconnected("alice", "a1")
        with pytest.raises(Unavailable):
            await presence.online()
        redis.start()
        await presence.refresh()
        assert list(await presence.online()) == ["bob"]
        await presence.close()
