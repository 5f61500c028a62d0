"""Who gets in, and what those who do not are told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

import pytest

from eventide_notify.models import utc_now

from ..service import Service
from .helpers import OpenPage, ids, own_transport, service_with
from .page import A, B, C, FrontEnd


async def test_it_is_told_who_it_is_and_what_is_unread(
    start: OpenPage, front_end: FrontEnd, transport: str, user: int, service: Service
) -> None:
    service.send(user)
    page = start()
    assert await page.event("connected") == {
        "message": "Connected to notification service",
        "userId": front_end.user(user),  # a number stays one
        "unreadCount": 1,
        "unseenCount": 1,
    }
    if transport == "upgrade":
        assert (await page.line("upgrade")).name == "websocket"
    else:
        assert (await page.line("connect")).name == transport
        assert page.find("upgrade") == []


async def test_a_refused_one_is_told_why_and_gets_in_with_a_valid_token(
    start: OpenPage, front_end: FrontEnd, user: int, service: Service
) -> None:
    valid = service.token(front_end.user(user))
    expired = service.token(front_end.user(user), ttl=-3600)
    forged = valid[:-4] + ("AAAA" if valid[-4:] != "AAAA" else "BBBB")
    page = start(token=None)
    refused = await page.line("connect_error")
    assert (refused.name, refused.data) == ("Authentication failed", {"code": "token_missing"})
    wrong = (expired, "token_expired"), (forged, "token_invalid"), ("gibberish", "token_invalid")
    for nth, (token, code) in enumerate(wrong, 2):
        page.connect(token)
        refused = await page.line("connect_error", nth=nth)
        assert (refused.name, refused.data) == ("Authentication failed", {"code": code})
    page.connect(valid)
    assert (await page.event("connected"))["userId"] == front_end.user(user)
    assert len(page.find("connect")) == 1


@own_transport
async def test_one_whose_token_is_revoked_is_told_why_and_gets_in_with_another(
    start: OpenPage, front_end: FrontEnd, user: int, service: Service
) -> None:
    page = start()
    await page.ready()
    with service.client(admin=True) as admin:
        await asyncio.to_thread(admin.post, "/v1/admin/revocations", json={"userId": user})
    await page.line("disconnect")  # the transport is closed; it comes back by itself, and is refused
    refused = await page.line("connect_error")
    assert (refused.name, refused.data) == ("Authentication failed", {"code": "token_revoked"})
    page.connect(service.token(front_end.user(user)))
    await page.line("connect", nth=2)


@pytest.mark.parametrize("scheme", ["", "bearer "])
async def test_the_header_has_the_token_raw_or_as_bearer(
    open_page: OpenPage, transport: str, user: int, service: Service, scheme: str
) -> None:
    header = {"Authorization": scheme + service.token(str(user))}
    page = open_page(B, user, transport, token=None, extraHeaders=header)
    assert (await page.event("connected"))["userId"] == str(user)


async def test_the_token_in_auth_comes_before_the_header(open_page: OpenPage, user: int, service: Service) -> None:
    page = open_page(B, user, auth={"token": service.token("somebody else")})
    assert (await page.event("connected"))["userId"] == "somebody else"
    refused = open_page(B, user, auth={"token": "gibberish"})
    assert (await refused.line("connect_error")).data == {"code": "token_invalid"}


async def test_an_empty_token_in_auth_is_none(open_page: OpenPage, user: int, service: Service) -> None:
    header = {"Authorization": f"Bearer {service.token(str(user))}"}
    page = open_page(B, user, auth={"token": ""}, extraHeaders=header)
    assert (await page.event("connected"))["userId"] == str(user)


async def test_a_number_and_its_decimal_string_are_one_user(open_page: OpenPage, user: int, service: Service) -> None:
    pages = [open_page(C, user), open_page(A, user)]
    for page in pages:
        await page.ready()
    sent = service.send(user) + service.send(str(user))
    for page in pages:
        await page.live(nth=2)
        assert ids(page.received()) == sent
        assert {item["userId"] for item in page.received()} == {str(user)}


LIFE = 12.0
"""Seconds that a short token lasts: enough to connect with it, and to take the next one, on a slow machine too."""


@pytest.fixture(scope="module")
def strict() -> Iterator[Service]:
    """A service that takes `exp` to the second."""
    with service_with(JWT_LEEWAY="0") as service:
        yield service


async def test_when_their_token_expires_they_come_back_with_the_next_one(
    open_page: OpenPage, user: int, strict: Service
) -> None:
    token = strict.token(user, ttl=LIFE)
    pages = [
        open_page(front_end, user, transport, at=strict, token=token)
        for front_end, transport in ((A, "websocket"), (B, "upgrade"), (C, "polling"))
    ]
    for page in pages:
        await page.event("token_expiring")
        page.authorize(strict.token(user))
    for page in pages:
        assert (await page.line("disconnect")).name in ("transport close", "transport error")
        assert utc_now() >= datetime.fromisoformat(page.events("token_expiring")[0]["expiresAt"])
        await page.line("connect", nth=2)  # by itself


async def test_with_a_refreshed_token_it_stays(open_page: OpenPage, user: int, stranger: int, strict: Service) -> None:
    page, forgetful = [open_page(C, user, at=strict, token=strict.token(user, ttl=LIFE)) for _ in range(2)]
    warning = await page.event("token_expiring")
    refused = await page.call("refresh_token", {"token": strict.token(stranger)})
    assert refused["success"] is False
    assert refused["error"]["code"] == "forbidden"
    refreshed = await page.call("refresh_token", {"token": strict.token(user)})
    assert refreshed["success"] is True
    assert refreshed["expiresAt"] > warning["expiresAt"]
    await forgetful.line("disconnect")
    assert (await forgetful.line("connect_error")).data == {"code": "token_expired"}
    assert await page.call("get_unread_count") == {"unreadCount": 0, "unseenCount": 0}
    assert page.find("disconnect") == []
