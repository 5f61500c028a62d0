"""The AsyncAPI document says what stock clients see: all of it, and nothing that nobody ever sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from eventide_notify import Settings, create_app, wire
from eventide_notify.app import Application
from eventide_notify.models import utc_now

from ..service import SECRET, issuer
from ..serving import serving
from ..waiting import until
from .described import Channel
from .helpers import CONTENT
from .page import A, B, Browser, FrontEnd, Page

NAMESPACES = {A: "/notifications", B: "/"}
EARLIEST = "00000000-0000-7000-8000-000000000000"
ACTIONS = [{"id": "yes", "label": "Yes", "style": "primary", "link": "/yes"}, {"id": "no", "label": "No"}]


@dataclass
class Stage:
    """A service in this process, with greetings, and its administrator."""

    app: Application
    address: str
    admin: httpx.AsyncClient

    async def post(self, what: str, **body: Any) -> Any:
        return (await self.admin.post(f"/v1/admin/{what}", json=body)).raise_for_status().json()

    async def send(self, user: str, **content: Any) -> str:
        sent = await self.post("notifications", userIds=[user], **({"message": "Hello"} | content))
        return str(sent["notifications"][0]["id"])


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    settings = Settings(jwt_secret=SecretStr(SECRET), database_url=SecretStr("sqlite://"))
    app = create_app(settings, demo=True)
    headers = {"Authorization": f"Bearer {token('admin', admin=True)}"}
    patient: dict[str, Any] = {"timeout": 30, "verify": False}
    async with serving(app) as address, httpx.AsyncClient(base_url=address, headers=headers, **patient) as admin:
        yield Stage(app, address, admin)


def token(user: str, **claims: Any) -> str:
    return issuer().issue(user, now=utc_now(), **({"ttl": 3600} | claims))


class Client:
    """A page whose every event is held against the document."""

    def __init__(self, page: Page, channel: Channel) -> None:
        self.page = page
        self._channel = channel

    async def call(self, event: str, *args: Any) -> Any:
        answer = await self.page.call(event, *args)
        self._channel.asked(event, args[0] if args else None, answer)
        return answer

    def note(self) -> None:
        """Hold against the document all that it has received."""
        for line in self.page.lines:
            if line.what == "event":
                self._channel.received(line.name, line.data)
            elif line.what == "connect_error":
                self._channel.received("connect_error", {"message": line.name, "data": line.data})


@pytest.mark.parametrize("front_end", NAMESPACES, ids=str)
async def test_all_that_a_client_sees_is_described_and_the_other_way_round(
    stage: Stage, browser: Browser, front_end: FrontEnd
) -> None:
    channel = Channel((await stage.admin.get("/asyncapi.json")).json(), NAMESPACES[front_end])
    clients: list[Client] = []
    with ExitStack() as stack:  # while a page is connected, the server does not end

        def open_page(token: str, **auth: Any) -> Client:
            page = browser.open(front_end, stage.address, token, {"auth": auth})
            stack.callback(page.do, "disconnect")
            clients.append(Client(page, channel))
            return clients[-1]

        await missed(stage)
        alice, other = [open_page(token("alice"), catchUp=form) for form in ("each", "batch")]
        await alice.page.ready()
        await other.page.ready()
        await live(stage, alice)
        await changes(stage, alice)
        await topics(stage, alice)
        await acknowledging(stage, alice)
        await leaving(stage, alice)
        await open_page(token("alice"), catchUp="each", since=EARLIEST).page.ready()
        await tokens(stage, alice)
        await open_page("nonsense").page.line("connect_error")
        await gone(stage, alice)
    for client in clients:
        client.note()
    assert sorted(channel.variants - channel.seen) == []


async def missed(stage: Stage) -> None:
    await stage.send("alice", **CONTENT, actions=ACTIONS)
    await stage.post("announcements", **CONTENT)


async def live(stage: Stage, alice: Client) -> None:
    await stage.send("alice", **CONTENT, actions=ACTIONS)
    announced = (await stage.post("announcements", **CONTENT, actions=ACTIONS))["id"]
    await stage.post("announcements", message="Live", audience="connected")
    await stage.post("events", everyone=True, event="own: a price", payload={"EUR": 1.17})
    await alice.page.event("own: a price")
    await alice.call("notification_action", {"notificationId": announced, "actionId": "yes"})
    assert await alice.call("messageToServer", "Hello") == "Hello from server"
    await alice.page.event("messageToClient")
    await stage.app._parts.hub.reload()
    await alice.page.event("reload")


async def changes(stage: Stage, alice: Client) -> None:
    one, other, pressed = [await stage.send("alice", **CONTENT, actions=ACTIONS) for _ in range(3)]
    for event in ("mark_seen", "mark_read", "mark_unread", "archive", "unarchive"):
        for named in ({"notificationId": one}, {"notificationIds": [one, other]}):
            assert (await alice.call(event, named))["success"] is True
    await alice.call("notification_action", {"notificationId": pressed, "actionId": "yes"})
    page = await alice.call("get_notifications", {"limit": 1})
    asked = {
        "limit": 2,
        "cursor": page["nextCursor"],
        "offset": 0,
        "unread": True,
        "archived": False,
        "type": "A",
        "q": "b",
    }
    await alice.call("get_notifications", asked)
    await alice.call("get_notifications")
    await alice.call("get_unread_count")
    await alice.call("get_unread_count", None)
    await alice.call("get_unread_count", {})
    await alice.call("notification_ack", {"ids": [one, other]})
    await alice.call("mark_seen", {"all": True, "upTo": one})
    await alice.call("mark_all_read")
    await alice.call("mark_all_read", {"upTo": one})
    await alice.call("delete_notification", {"notificationId": one})
    assert (await alice.call("delete_notification", {"notificationId": one}))["success"] is False
    alice.page.emit("delete_notification", {"notificationId": one})
    await alice.page.event("exception")


async def topics(stage: Stage, alice: Client) -> None:
    assert (await alice.call("subscribe", {"topic": "ships"}))["success"] is True
    await stage.post("announcements", message="A ship has come", topic="ships")
    name = alice.page.front_end.announcement
    await until(lambda: any(payload.get("topic") == "ships" for payload in alice.page.events(name)))
    assert (await alice.call("unsubscribe", {"topic": "ships"}))["success"] is True
    await until(lambda: any(payload.get("reason") for payload in alice.page.events("notification_deleted")))


async def acknowledging(stage: Stage, alice: Client) -> None:
    id = (await stage.post("announcements", message="Read this", requireAck=True, remindAfter=1))["id"]
    name = alice.page.front_end.announcement
    await until(lambda: any(payload["id"] == id for payload in alice.page.events(name)))
    assert (await alice.call("mark_read", {"notificationId": id}))["error"]["code"] == "conflict"
    await until(lambda: any(payload.get("reminder") for payload in alice.page.events(name)))
    assert (await alice.call("acknowledge", {"notificationId": id}))["success"] is True


async def leaving(stage: Stage, alice: Client) -> None:
    for _ in range(2):
        await stage.send("alice", collapseKey="chat")
    await stage.send("alice", expiresAt=wire.iso(utc_now() + timedelta(seconds=10)))

    def reasons() -> set[str]:
        return {payload.get("reason", "") for payload in alice.page.events("notification_deleted")}

    await until(lambda: reasons() >= {"collapsed", "expired"}, within=30)


async def tokens(stage: Stage, alice: Client) -> None:
    await alice.call("refresh_token", {"token": token("alice", ttl=50)})
    await alice.page.event("token_expiring")


async def gone(stage: Stage, alice: Client) -> None:
    (await stage.admin.delete("/v1/admin/users/alice")).raise_for_status()
    await until(lambda: any(payload.get("all") for payload in alice.page.events("notification_deleted")))
