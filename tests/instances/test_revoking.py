"""Revocations on two instances: at once over Redis, within seconds without it, and after a restart of everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import jwt

from eventide_notify.models import utc_now

from ..raw import RawClient, raw_client
from ..servers import RedisServer
from ..service import SECRET, Service
from ..waiting import asked_until
from .conftest import Cluster
from .test_fanout import becomes
from .test_figures import when

AT_ONCE = 20.0
"""Seconds. It takes milliseconds, and one second at most; but a busy machine may stand still for some."""
WITHOUT_REDIS = 30.0
"""Seconds. It takes one or two."""


def token(user: str, jti: str) -> str:
    now = utc_now()
    claims = {"sub": user, "jti": jti, "iat": int(now.timestamp()) - 1, "exp": now + timedelta(hours=1)}
    return jwt.encode(claims, SECRET, "HS256")


def revoke(instance: Service, **fields: Any) -> Any:
    """Revoke these tokens."""
    with instance.client(admin=True) as admin:
        return admin.post("/v1/admin/revocations", json=fields).raise_for_status().json()


def disconnect(instance: Service, user: str) -> Any:
    with instance.client(admin=True) as admin:
        return admin.post(f"/v1/admin/users/{user}/disconnect").raise_for_status().json()


@asynccontextmanager
async def connected(*sockets: tuple[Service, str]) -> AsyncIterator[list[RawClient]]:
    """Clients with these tokens at these instances."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(raw_client(instance.base_url, {"token": token}))
            for instance, token in sockets
        ]
        for client in clients:
            await client.event("catch_up_complete")
        yield clients


async def by_rest(instance: Service, token: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=instance.base_url, timeout=30, verify=False) as rest:
        return await rest.get("/v1/notifications/unread-count", headers={"Authorization": f"Bearer {token}"})


async def refused(instance: Service, token: str) -> bool:
    """Whether the instance refuses the token as revoked, over sockets and REST alike."""
    async with raw_client(instance.base_url, {"token": token}) as client:
        # Not the last one: what ends the connection may have come by now.
        by_socket = await client.frame(lambda frame: frame.startswith(("40", "44")))
    answer = await by_rest(instance, token)
    codes = {answer.json().get("code"), "token_revoked" if "token_revoked" in by_socket else None}
    assert len(codes) == 1, "one refuses it, and the other does not"
    return codes == {"token_revoked"}


async def closes(client: RawClient, within: float, order: Callable[[], object]) -> None:
    """Give the order, which closes this client's transport in time."""
    given = asyncio.create_task(asyncio.to_thread(order))
    await client.until_closed(within=within)
    assert not any(frame.startswith("41") for frame in client.frames), "after a DISCONNECT nobody comes back"
    await given


async def test_a_revoked_token_is_closed_on_the_other_instance_and_refused_after_a_restart(
    cluster: Cluster, user: str
) -> None:
    one, two = cluster
    first, second = token(user, f"{user} first"), token(user, f"{user} second")
    others = token(f"not-{user}", f"{user} third")
    async with connected((two, first), (one, second), (two, others)) as (revoked, other, stranger):
        await closes(revoked, AT_ONCE, partial(revoke, one, jti=f"{user} first"))
        assert [await refused(each, first) for each in cluster] == [True, True]
        await closes(other, AT_ONCE, partial(revoke, two, userId=user))
        assert [await refused(each, second) for each in cluster] == [True, True]
        assert (await stranger.call("get_unread_count"))["unreadCount"] == 0
    for instance in cluster:
        await asyncio.to_thread(instance.stop)
    for instance in cluster:
        await asyncio.to_thread(instance.start)
        for each in (first, second):
            assert await refused(instance, each), "from the first request on"
        assert not await refused(instance, others)
        assert not await refused(instance, instance.token(user)), "who signs in again is let in"


async def test_without_redis_it_takes_a_moment_longer(cluster: Cluster, redis: RedisServer, user: str) -> None:
    one, two = cluster
    first, second = token(user, f"{user} first"), token(user, f"{user} second")
    async with connected((two, first), (two, second)) as (revoked, disconnected):
        redis.kill()
        try:
            await closes(revoked, WITHOUT_REDIS, partial(revoke, one, jti=f"{user} first"))
            assert await refused(two, first)
            await closes(disconnected, WITHOUT_REDIS, partial(disconnect, one, user))
            async with connected((two, second)):
                pass  # it may come back
        finally:
            redis.start()
    for instance in cluster:
        await becomes(instance, (200, "ready"))
    assert await refused(two, first), "as before"


async def test_a_disconnect_counts_the_transports_on_all_instances(cluster: Cluster, user: str) -> None:
    one, two = cluster
    for instance in cluster:  # they have heard one another
        await becomes(instance, (200, "ready"))
        await when(instance, lambda found: found["eventide_channel_instances"] >= 2)
    async with connected((one, one.token(user)), (two, two.token(user)), (two, two.token(f"not-{user}"))) as clients:
        assert await asyncio.to_thread(disconnect, one, user) == {"userId": user, "connections": 2}
        for client in clients[:2]:
            await client.until_closed()
        assert (await clients[2].call("get_unread_count"))["unreadCount"] == 0


async def test_what_is_accepted_again_is_accepted_by_all(cluster: Cluster, user: str) -> None:
    one, two = cluster
    given = token(user, user)
    made = await asyncio.to_thread(revoke, one, jti=user)
    assert await refused(one, given)
    with two.client(admin=True) as admin:
        answer = await asyncio.to_thread(admin.delete, f"/v1/admin/revocations/{made['id']}")
    assert answer.status_code == 204
    assert not await refused(two, given)
    # By one way until it is accepted: it may be so after it was refused by the first way, and before it is tried by
    # the other.
    await asked_until(lambda: by_rest(one, given), lambda answer: answer.status_code == 200, within=AT_ONCE)
    assert not await refused(one, given)
