"""The list of instances, and what they tell of themselves."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import Any

from ..raw import raw_client
from ..servers import RedisServer, start_redis_server
from ..service import Service
from ..waiting import asked_until
from .conftest import Cluster
from .test_fanout import becomes, rest

Instance = dict[str, Any]


async def listed(instance: Service) -> list[Instance]:
    told = await asyncio.to_thread(rest, instance, "GET", "/v1/admin/instances")
    found: list[Instance] = told["instances"]
    return found


async def until_listed(instance: Service, *statuses: str) -> list[Instance]:
    """The list once it has instances of these statuses, whatever their order."""
    return await asked_until(
        lambda: listed(instance), lambda found: sorted(each["status"] for each in found) == sorted(statuses)
    )


def has_silent(found: list[Instance]) -> bool:
    return "silent" in [each["status"] for each in found]


async def test_a_killed_instance_is_silent_within_seconds_and_one_that_ends_in_order_is_gone(
    cluster: Cluster, settings: dict[str, str], user: str
) -> None:
    before = await until_listed(cluster[0], "ready", "ready")
    with Service(settings) as third:
        await asyncio.to_thread(third.start)
        async with raw_client(third.base_url, {"token": third.token(user)}):
            found = await until_listed(cluster[0], "ready", "ready", "ready")
        [new] = [each for each in found if each["id"] not in {each["id"] for each in before}]
        assert new["version"]
        assert new["since"] > before[0]["since"]
        assert set(new["figures"]) == {
            *("createdPerSecond", "sentPerSecond", "receivedPerSecond", "latencyP50", "latencyP99", "loopLag")
        }
        third.kill()
        killed_at = time.monotonic()
        found = await asked_until(lambda: listed(cluster[0]), has_silent)
        assert time.monotonic() - killed_at < 5
        [silent] = [each for each in found if each["status"] == "silent"]
        assert (silent["id"], silent["version"], silent["since"]) == (new["id"], new["version"], new["since"])
        assert silent["lastHeard"] in silent["problems"][0]
    with Service(settings) as fourth:
        await asyncio.to_thread(fourth.start)
        await asked_until(lambda: listed(cluster[0]), lambda found: len(found) == 4)
        fourth.stop()
        await asked_until(lambda: listed(cluster[0]), lambda found: len(found) == 3)


async def test_while_redis_is_away_an_instance_tells_of_itself_and_whom_it_does_not_hear(
    settings: dict[str, str],
) -> None:
    with ExitStack() as stack:
        redis = stack.enter_context(start_redis_server())  # the instances of other tests do not hear these two
        alone = settings | {"EVENTIDE_REDIS_URL": redis.url()}
        one, other = (stack.enter_context(Service(alone)) for _ in range(2))
        await asyncio.gather(*(asyncio.to_thread(instance.start) for instance in (one, other)))
        before = await until_listed(one, "ready", "ready")
        redis.kill()
        await becomes(one, (503, "degraded"))
        found = await until_listed(one, "degraded", "silent")
        [own] = [each for each in found if each["status"] == "degraded"]
        assert own["problems"][0].startswith("redis: ")
        assert own["figures"]["createdPerSecond"] == 0
        assert {each["id"] for each in found} == {each["id"] for each in before}
        redis.start()
        await becomes(one, (200, "ready"))


async def test_warnings_of_all_instances(cluster: Cluster, redis: RedisServer) -> None:
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    redis.kill()
    try:
        for instance in cluster:
            await becomes(instance, (503, "degraded"))
    finally:
        redis.start()
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    ids = {each["id"] for each in await listed(cluster[0]) if each["status"] == "ready"}
    told = (await asyncio.to_thread(rest, cluster[1], "GET", "/v1/admin/warnings"))["warnings"]
    assert ids <= {each["instance"] for each in told if "does not hear itself" in each["message"]}
    assert [each["at"] for each in told] == sorted((each["at"] for each in told), reverse=True)


async def test_the_sessions_of_a_user_on_all_instances(cluster: Cluster) -> None:
    user = "a/b c"  # ids may be anything
    opened = []
    for instance in cluster:
        async with raw_client(instance.base_url, {"token": instance.token(user)}) as client:
            await client.event("catch_up_complete")
            told = await asyncio.to_thread(rest, cluster[0], "GET", "/v1/admin/users/a/b%20c/sessions")
            assert told["userId"] == user
            [session] = told["sessions"]
            assert (session["namespace"], session["transport"]) == ("/notifications", "websocket")
            assert session["address"] == "127.0.0.1"
            assert session["since"] <= session["lastHeard"]
            assert "websockets" in session["userAgent"]
            opened.append(session["instance"])
    assert len(set(opened)) == 2
