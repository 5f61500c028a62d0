"""What only the demo has: front end A's greeting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..service import Service
from .helpers import OpenPage, client_of, own_transport, service_with
from .page import A, B, Page

TEXT = "Good evening"


@pytest.fixture(scope="module")
def demo() -> Iterator[Service]:
    with service_with("demo") as service:
        yield service


async def test_a_greeting_is_answered_and_reaches_everybody(open_page: OpenPage, transport: str, demo: Service) -> None:
    async with client_of(demo, "nobody yet") as rest:
        users = (await rest.get("/client/demo.json")).json()["users"]
    tokens = {user["id"]: user["token"] for user in users}
    assert tokens.keys() == {"alice", "bob", "carol"}
    alice = open_page(A, "alice", transport, at=demo, token=tokens["alice"])
    bob = open_page(A, "bob", transport, at=demo, token=tokens["bob"])
    carol = open_page(B, "carol", transport, at=demo, token=tokens["carol"])
    for page in (alice, bob, carol):
        await page.ready()
    assert await alice.call("messageToServer", TEXT) == "Hello from server"
    for page in (alice, bob, carol):
        assert await page.event("messageToClient") == f"Hello from server: {TEXT}"
    assert (await bob.line("shown", "messageToClient")).data == f"Hello from server: {TEXT}"
    alice.emit("messageToServer", TEXT)
    await bob.event("messageToClient", nth=2)


@own_transport
async def test_elsewhere_there_is_no_such_event(page: Page) -> None:
    answer = await page.call("messageToServer", TEXT)
    assert answer["success"] is False
    assert answer["error"]["code"] == "invalid_request"
    page.emit("messageToServer", TEXT)
    assert (await page.event("exception"))["code"] == "invalid_request"
    assert page.events("messageToClient") == []
