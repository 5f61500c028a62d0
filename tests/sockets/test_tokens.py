"""Tokens on open sockets: the warning, the refresh, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventide_notify.models import Principal
from eventide_notify.realtime import expiry
from eventide_notify.realtime.expiry import ExpiryWatch
from eventide_notify.realtime.session import Session
from eventide_notify.service.journal import Journal

from ..raw import raw_client
from ..service import Service
from ..waiting import until


@pytest.fixture(scope="module")
def strict() -> Iterator[Service]:
    with Service({"EVENTIDE_JWT_LEEWAY": "0"}) as service:
        service.start()
        yield service


async def test_a_token_with_less_than_a_minute_left_is_warned_of_at_once(strict: Service, user: str) -> None:
    async with raw_client(strict.base_url, {"token": strict.token(user, ttl=50)}) as client:
        warning = await client.event("token_expiring")
        left = datetime.fromisoformat(warning["expiresAt"]) - datetime.now(UTC)
        assert timedelta(seconds=40) < left <= timedelta(seconds=50)


async def test_a_token_with_more_left_is_not(strict: Service, user: str) -> None:
    async with raw_client(strict.base_url, {"token": strict.token(user, ttl=90)}) as client:
        await client.event("catch_up_complete")
        assert client.events("token_expiring") == []


async def test_at_its_end_the_transport_is_closed_and_the_token_refused(strict: Service, user: str) -> None:
    token = strict.token(user, ttl=8)
    async with raw_client(strict.base_url, {"token": token}) as client:
        await client.until_closed(within=30)
        assert not any(frame.startswith("41") for frame in client.frames), "after a DISCONNECT nobody comes back"
    async with raw_client(strict.base_url, {"token": token}) as again:
        assert "token_expired" in await again.frame(lambda frame: frame.startswith("44"))


async def test_a_new_token_keeps_the_connection(strict: Service, user: str) -> None:
    async with raw_client(strict.base_url, {"token": strict.token(user, ttl=8)}) as client:
        await client.event("token_expiring")
        answer = await client.call("refresh_token", {"token": strict.token(user, ttl=600)})
        assert answer["success"] is True
        assert datetime.fromisoformat(answer["expiresAt"]) > datetime.now(UTC) + timedelta(seconds=500)
        async with raw_client(strict.base_url, {"token": strict.token(user, ttl=8)}) as witness:
            await witness.until_closed(within=30)  # by now the first one would have been closed too
        assert await client.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}


@pytest.mark.parametrize(
    ("whose", "code"), [("another", "forbidden"), ("expired", "token_expired"), ("nonsense", "unauthorized")]
)
async def test_only_a_good_token_of_the_same_user_is_taken(strict: Service, user: str, whose: str, code: str) -> None:
    tokens = {
        "another": strict.token("somebody-else"),
        "expired": strict.token(user, ttl=-5),
        "nonsense": "nonsense",
    }
    async with raw_client(strict.base_url, {"token": strict.token(user)}) as client:
        answer = await client.call("refresh_token", {"token": tokens[whose]})
        assert answer["success"] is False
        assert answer["error"]["code"] == code
        assert await client.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}


class TestExpiryWatch:
    """Far ends, and the leeway, without waiting for them."""

    async def test_an_end_far_away_is_looked_at_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(expiry, "LONGEST_TIMER", 0.01)
        await self._ends(ends_in=0.1, leeway=0)

    async def test_a_token_in_its_leeway_lasts_until_that_ends(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        now = datetime.now(UTC)
        await self._ends(ends_in=-0.1, leeway=0.3, now=now)
        assert loop.time() - began >= 0.15

    async def _ends(self, *, ends_in: float, leeway: float, now: datetime | None = None) -> None:
        ended: list[Session] = []

        def warn(session: Session) -> None:
            pass

        def end(session: Session) -> None:
            ended.append(session)

        expires_at = (now or datetime.now(UTC)) + timedelta(seconds=ends_in)
        principal = Principal("user", "user", admin=False, expires_at=expires_at)
        nothing: Any = None  # that the watch does not look at
        session = Session(
            "sid", nothing, nothing, principal, catch_up="each", since=None, opened_at=expires_at, journal=Journal()
        )
        watch = ExpiryWatch(clock=lambda: datetime.now(UTC), leeway=leeway, warn=warn, end=end)
        watch.start(session)
        await until(lambda: ended == [session])
