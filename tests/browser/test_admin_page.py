"""The operators' page: who is let in, and what an operator sees and does."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from ..raw import RawClient, raw_client
from ..service import Service
from ..waiting import until
from .admin import NO_DEMO, Admin
from .device import Device

KEY = "evk_a_key_for_the_operators_page"
REFUSED = "status of 40[13]"
STORED = "[JSON.stringify(localStorage), document.cookie, location.href]"
"""Where a token must not be."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service of these tests' own, whose connected users they know."""
    with Service({"EVENTIDE_API_KEYS": f"ops:{hashlib.sha256(KEY.encode()).hexdigest()}"}) as service:
        service.start()
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def admin(device: Device, service: Service) -> Admin:
    """The page, signed in."""
    return await Admin.of(device, service)


@pytest_asyncio.fixture(loop_scope="session")
async def client(service: Service, user: str) -> AsyncIterator[RawClient]:
    """The user's device, connected."""
    async with raw_client(service.base_url, {"token": service.token(user)}) as client:
        await client.event("catch_up_complete")
        yield client


async def open_user(admin: Admin, user: str) -> None:
    """A user's page, by its id."""
    await admin.go("Users")
    await admin.page.get_by_label("User’s id").fill(user)  # noqa: RUF001
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name=user, exact=True)).to_be_focused()


class TestSigningIn:
    async def test_only_an_administrator_is_let_in(self, service: Service, device: Device) -> None:
        device.expect(NO_DEMO, REFUSED)
        admin = Admin(await device.open(f"{service.base_url}/admin/"))
        said = admin.page.locator("#sign-in-state")
        await expect(admin.token).to_have_attribute("type", "password")
        await admin.sign_in("")
        await expect(said).to_have_text("Paste a token or an API key.")
        await admin.sign_in("eyJhbGciOiJIUzI1NiJ9.e30.wrong")
        await expect(said).to_have_text("The token is not valid on this server.")
        await admin.sign_in(alice := service.token("alice"))
        await expect(said).to_contain_text("not an administrator")
        await expect(admin.token).to_be_focused()
        await expect(admin.token).to_have_value(alice)
        assert await admin.token.evaluate("field => field.selectionEnd - field.selectionStart === field.value.length")
        await admin.sign_in(f"Bearer {service.token('root', admin=True)}")
        await expect(admin.headline).to_have_text("All is well")
        await expect(admin.token).to_have_value("")

    async def test_the_token_is_kept_in_the_tab_and_nowhere_else(self, service: Service, admin: Admin) -> None:
        token = await admin.page.evaluate("sessionStorage.getItem('eventide.admin.token')")
        assert token
        assert not any(token in place for place in await admin.page.evaluate(STORED))
        await admin.page.reload()
        await expect(admin.headline).to_have_text("All is well")
        await admin.page.get_by_role("button", name="Log out").click()
        await expect(admin.token).to_be_focused()
        assert await admin.page.evaluate("sessionStorage.length") == 0
        assert token not in await admin.page.content()
        await admin.page.reload()
        await expect(admin.token).to_be_visible()

    async def test_after_logging_out_nothing_of_anybody_is_in_the_page(
        self, admin: Admin, service: Service, user: str
    ) -> None:
        service.send(user, title="Diagnosis", message="It is nothing serious")
        await open_user(admin, user)
        await expect(admin.page.get_by_text("Diagnosis")).to_be_visible()
        await admin.page.get_by_role("button", name="Log out").click()
        await expect(admin.token).to_be_visible()
        assert "Diagnosis" not in await admin.page.content()

    async def test_an_api_key_does_as_well(self, service: Service, device: Device) -> None:
        admin = await Admin.open(device, service.base_url, KEY)
        await expect(admin.headline).to_have_text("All is well")

    async def test_a_token_that_expires_ends_it(self, service: Service, device: Device) -> None:
        device.expect(REFUSED)
        device.expect(NO_DEMO)
        admin = Admin(await device.open(f"{service.base_url}/admin/"))
        await expect(admin.token).to_be_visible()
        life, leeway = 12, 10
        await admin.sign_in(service.token("root", admin=True, ttl=life - leeway))
        await expect(admin.page.get_by_role("button", name="Log out")).to_be_visible()
        await expect(admin.page.locator("#sign-in-state")).to_contain_text("expired", timeout=30_000)

    async def test_the_demo_has_an_administrator(self, demo: Service, device: Device) -> None:
        admin = Admin(await device.open(f"{demo.base_url}/admin/"))
        await expect(admin.headline).to_have_text("All is well")
        await admin.page.get_by_role("button", name="Log out").click()
        await admin.page.get_by_role("button", name="Use the demo").click()
        await expect(admin.headline).to_have_text("All is well")
        assert await admin.page.evaluate("sessionStorage.length") == 0


class TestWatching:
    async def test_it_counts_sockets_and_draws_them(self, admin: Admin, client: RawClient) -> None:
        tile = admin.page.get_by_role("region", name="Sockets")
        await expect(tile.locator(".value")).to_have_text("1")
        await expect(tile.locator("path.line")).to_have_attribute("d", re.compile("^M0.0 .*L240.0 "))
        await expect(admin.instances).to_have_count(1)
        await expect(admin.instances).to_contain_text("1 socket")

    async def test_what_an_instance_says_of_itself(self, admin: Admin) -> None:
        about = {"id": "4711", "since": "2026-11-20T09:00:00Z", "sockets": 3, "problems": ["database: is away"]}
        answer = {"instances": [{**about, "status": "unavailable", "host": "web-1"}]}
        await admin.page.route("**/v1/admin/instances", lambda route: route.fulfill(json=answer))
        card = admin.page.locator("[data-instance='4711']")
        await expect(card).to_contain_text("on web-1")
        await expect(card).to_contain_text("unavailable")
        await expect(card.locator(".lamp")).to_have_css("background-color", "rgb(213, 64, 76)")
        # The headline is what is wrong, and below it is what that means.
        await expect(admin.headline).to_have_text("The database is away")
        await expect(admin.troubles).to_contain_text("Requests are answered 503")
        await expect(admin.troubles).not_to_contain_text("The database is away")
        await expect(admin.troubles.locator("[data-part=since]")).to_have_attribute(
            "title", re.compile("UTC|GMT|CES?T")
        )

    async def test_while_it_is_not_seen_it_asks_nothing(self, admin: Admin) -> None:
        asked: list[str] = []
        admin.page.on("request", lambda request: asked.append(request.url))
        await turn(admin.page, hidden=True)
        await admin.page.wait_for_timeout(500)  # what was on its way
        asked.clear()
        await admin.page.wait_for_timeout(2500)
        assert asked == []
        await turn(admin.page, hidden=False)
        await until(lambda: asked)


async def turn(page: Page, *, hidden: bool) -> None:
    """Let the page believe that it can be seen, or not."""
    await page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


class TestSending:
    async def test_what_is_sent_has_a_timeline(self, admin: Admin, client: RawClient, user: str) -> None:
        await admin.go("Send")
        await admin.page.get_by_label("Users’ ids").fill(f"{user}, nobody")  # noqa: RUF001
        await admin.page.get_by_label("Title").fill("Shipped")
        await admin.page.get_by_label("Message", exact=True).fill("It is on its way")
        await admin.page.get_by_role("button", name="Send", exact=True).click()
        await expect(admin.page.get_by_text("Saved for 2 users.")).to_be_visible()
        item = await client.event("notification")
        await admin.page.locator("#send li", has_text=user).get_by_role("link").click()
        await admin.reached("created", "sent", "received")
        await expect(admin.station("received")).to_have_text(re.compile(r"Received\s*after [\d.]+ m?s"))
        await client.call("mark_read", {"notificationId": item["id"]})
        await admin.reached("created", "sent", "received", "read")
        for step in ("Created", "Sent", "Received", "Read"):
            await expect(admin.page.locator(".steps > li", has_text=step)).to_have_count(1)
        await expect(admin.page.locator(".steps")).to_contain_text("by root")

    async def test_why_it_was_not_received(self, admin: Admin, service: Service, user: str) -> None:
        [id] = service.send(user)
        await admin.go("Notifications")
        await admin.page.get_by_label("Notification’s id").fill(id)  # noqa: RUF001
        await admin.page.keyboard.press("Enter")
        await admin.reached("created")
        await expect(admin.page.locator(".steps")).to_contain_text("the user has no open session")

    async def test_one_that_does_not_exist(self, admin: Admin, device: Device) -> None:
        device.expect("status of 404")
        asked: list[str] = []
        admin.page.on("request", lambda request: asked.append(request.url))
        await admin.go("Notifications")
        await admin.page.get_by_label("Notification’s id").fill("nonsense")  # noqa: RUF001
        await admin.page.keyboard.press("Enter")
        await expect(admin.page.get_by_role("alert")).to_be_visible()
        await admin.page.wait_for_timeout(2500)
        assert sum("timeline" in url for url in asked) == 1, "nobody asks again for what is not there"

    async def test_wrong_fields_are_named(self, admin: Admin, device: Device) -> None:
        device.expect("status of 422")
        await admin.go("Send")
        press = admin.page.get_by_role("button", name="Send", exact=True)
        await press.click()
        await expect(admin.page.get_by_label("Users’ ids")).to_be_focused()  # noqa: RUF001
        await admin.page.get_by_label("Users’ ids").fill("x")  # noqa: RUF001
        await press.click()
        await expect(admin.page.get_by_text("message: ")).to_be_visible()
        await expect(admin.page.get_by_label("Message", exact=True)).to_be_focused()

    async def test_an_announcement_can_be_retracted(self, admin: Admin, client: RawClient) -> None:
        await admin.go("Send")
        await admin.page.get_by_label("Everybody").check(force=True)
        await admin.page.get_by_label("Message", exact=True).fill("Maintenance at noon")
        await admin.page.get_by_role("button", name="Send", exact=True).click()
        await admin.confirm("Announce")
        item = await client.event("announcement")
        await admin.page.get_by_role("region", name="Current announcements").get_by_role("link").click()
        await expect(admin.page.locator("[data-station=created]")).to_have_class("reached")
        await admin.go("Send")
        await admin.page.get_by_role("button", name="Retract: Maintenance at noon").click()
        await admin.confirm("Retract")
        assert (await client.event("notification_deleted"))["ids"] == [item["id"]]
        await expect(admin.page.get_by_text("There is none.")).to_be_visible()


class TestUsers:
    async def test_connected_users_are_listed_in_pages(self, admin: Admin, service: Service) -> None:
        async with AsyncExitStack() as stack:
            for number in range(52):
                token = service.token(f"page-{number:02}")
                await stack.enter_async_context(raw_client(service.base_url, {"token": token}))
            with service.client(admin=True) as client:  # those of the test before may not be gone yet
                await until(lambda: client.get("/v1/admin/online-users").json()["count"] == 52)
            await admin.go("Users")
            links = admin.page.locator(".people a")
            await expect(links).to_have_count(50)
            await admin.page.get_by_role("button", name="Next").click()
            await expect(links).to_have_text(["page-50", "page-51"])
            await expect(links.first).to_be_focused()
            await admin.page.get_by_role("button", name="Previous").click()
            await expect(links).to_have_count(50)

    async def test_sessions_and_notifications_of_one(
        self, admin: Admin, client: RawClient, service: Service, user: str
    ) -> None:
        for number in range(23):
            service.send(user, title=f"Number {number}", message="…")
        await open_user(admin, user)
        await expect(admin.page.locator(".online")).to_have_text("connected, 1 session")
        await expect(admin.page.get_by_role("table", name="Open sessions")).to_contain_text("websocket")
        rows = admin.page.get_by_role("table", name="Notifications, newest first").locator("tbody tr")
        await expect(rows).to_have_count(20)
        await admin.page.get_by_role("button", name="Load older ones").click()
        await expect(rows).to_have_count(23)
        await rows.last.get_by_role("link").click()
        await expect(admin.page.get_by_role("heading", name="Number 0")).to_be_visible()
        await admin.page.go_back()
        await expect(rows).to_have_count(20)

    async def test_an_id_may_be_any_text(self, admin: Admin, service: Service) -> None:
        odd = "a/b c?d#e%2F'<b>\"ü"
        service.send(odd, title="Odd", message="…")
        await open_user(admin, odd)
        await expect(admin.page.get_by_role("link", name="Odd")).to_be_visible()

    async def test_disconnecting(self, admin: Admin, client: RawClient, user: str) -> None:
        await open_user(admin, user)
        await admin.page.get_by_role("button", name="Disconnect").click()
        await admin.dialog.get_by_role("button", name="Cancel").click()
        assert not client.closed
        await admin.page.get_by_role("button", name="Disconnect").click()
        await admin.confirm("Disconnect")
        await client.until_closed()
        await expect(admin.page.get_by_role("alert")).to_contain_text(f"1 connection of {user} closed.")
        await expect(admin.page.locator(".online")).to_have_text("not connected")


class TestData:
    async def test_exporting(self, admin: Admin, service: Service, user: str) -> None:
        ids = [service.send(user, message=f"Number {number}")[0] for number in range(3)]
        await open_user(admin, user)
        async with admin.page.expect_download() as download:
            await admin.page.get_by_role("button", name="Export").click()
        file = await download.value
        assert file.suggested_filename == f"{user}.ndjson"
        lines = (await file.path()).read_text().splitlines()
        assert [json.loads(line)["id"] for line in lines] == ids[::-1]

    async def test_erasing(self, admin: Admin, client: RawClient, service: Service, user: str) -> None:
        service.send(user, message="Forget me")
        await open_user(admin, user)
        await expect(admin.page.get_by_role("link", name="Forget me")).to_be_visible()
        await admin.page.get_by_role("button", name="Erase").click()
        await admin.page.get_by_label("to go on").fill(f"not {user}")
        await admin.page.keyboard.press("Enter")
        await expect(admin.dialog).to_be_visible()
        await admin.page.get_by_label("to go on").fill(user)
        await admin.confirm("Erase")
        await expect(admin.page.get_by_role("alert")).to_contain_text("Erased: 1 notification,")
        await expect(admin.page.get_by_role("heading", name=user, exact=True)).to_be_focused()
        await expect(admin.page.get_by_text("No notifications.")).to_be_visible()


class TestRevoking:
    async def test_a_users_tokens(self, admin: Admin, client: RawClient, service: Service, user: str) -> None:
        old = service.token(user)
        await open_user(admin, user)
        await admin.page.get_by_role("link", name="Revoke tokens").click()
        await expect(admin.page.get_by_label("User’s id")).to_have_value(user)  # noqa: RUF001
        await admin.page.get_by_role("button", name="Revoke", exact=True).click()
        await admin.confirm("Revoke")
        await client.until_closed()
        async with raw_client(service.base_url, {"token": old}) as refused:
            assert any("token_revoked" in frame for frame in refused.frames)
        row = admin.page.get_by_role("table", name="Revocations in force").get_by_role("row", name=user)
        await row.get_by_role("button", name=f"Undo the revocation of {user}").click()
        await admin.confirm("Undo it")
        await expect(row).to_have_count(0)
        async with raw_client(service.base_url, {"token": old}) as accepted:
            await accepted.event("connected")

    async def test_one_token(self, admin: Admin) -> None:
        await admin.go("Revocations")
        await admin.page.get_by_label("One token").check(force=True)
        await admin.page.get_by_label("Token’s id").fill("4711")  # noqa: RUF001
        await admin.page.get_by_role("button", name="Revoke", exact=True).click()
        await admin.confirm("Revoke")
        await expect(admin.page.get_by_role("table", name="Revocations in force")).to_contain_text("token 4711")
