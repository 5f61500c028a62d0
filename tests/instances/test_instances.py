"""The list of instances, and what they tell of themselves."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

from ..raw import raw_client
from ..servers import RedisServer, start_redis_server
from ..service import Service
from ..waiting import asked_until
from .conftest import Cluster
from .test_fanout import becomes, rest
from .test_figures import when

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


def status_of(found: list[Instance], id: str) -> str | None:
    return next((each["status"] for each in found if each["id"] == id), None)


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
        # It takes four seconds, and longer on a machine that stands still; then others may be silent for a moment, too.
        found = await asked_until(
            lambda: listed(cluster[0]), lambda found: status_of(found, new["id"]) == "silent", within=20
        )
        [silent] = [each for each in found if each["id"] == new["id"]]
        assert (silent["version"], silent["since"]) == (new["version"], new["since"])
        assert silent["lastHeard"] in silent["problems"][0]
    known = {each["id"] for each in found}
    with Service(settings) as fourth:
        await asyncio.to_thread(fourth.start)
        found = await asked_until(
            lambda: listed(cluster[0]), lambda found: bool({each["id"] for each in found} - known)
        )
        [last] = {each["id"] for each in found} - known
        await asyncio.to_thread(fourth.stop)
        await asked_until(lambda: listed(cluster[0]), lambda found: status_of(found, last) is None)


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
        for instance in cluster:  # each may miss the other one before it misses itself
            await when(instance, lambda found: found["eventide_channel_deaf"] == 1)
    finally:
        redis.start()
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    ids = {each["id"] for each in await listed(cluster[0]) if each["status"] == "ready"}

    async def warnings() -> list[dict[str, Any]]:
        told: dict[str, Any] = await asyncio.to_thread(rest, cluster[1], "GET", "/v1/admin/warnings")
        return list(told["warnings"])

    def are_of_all(told: list[dict[str, Any]]) -> bool:
        return ids <= {each["instance"] for each in told if "does not hear itself" in each["message"]}

    told = await asked_until(warnings, are_of_all)  # who does not answer within a second is left out
    assert [each["at"] for each in told] == sorted((each["at"] for each in told), reverse=True)


async def test_the_sessions_of_a_user_on_all_instances(cluster: Cluster) -> None:
    user = "a/b c"  # ids may be anything
    opened: list[str] = []

    async def sessions() -> dict[str, Any]:
        told: dict[str, Any] = await asyncio.to_thread(rest, cluster[0], "GET", "/v1/admin/users/a/b%20c/sessions")
        return told

    for instance in cluster:
        async with raw_client(instance.base_url, {"token": instance.token(user)}) as client:
            await client.event("catch_up_complete")
            # Who does not answer within a second is left out, and of one that has ended the end may not be known yet.
            told = await asked_until(
                sessions, lambda told: len(told["sessions"]) == 1 and told["sessions"][0]["instance"] not in opened
            )
            assert told["userId"] == user
            [session] = told["sessions"]
            assert (session["namespace"], session["transport"]) == ("/notifications", "websocket")
            assert session["address"] == "127.0.0.1"
            assert session["since"] <= session["lastHeard"]
            assert "websockets" in session["userAgent"]
            opened.append(session["instance"])
    assert len(set(opened)) == 2
