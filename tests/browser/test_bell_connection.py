"""The bell when its connection breaks, its token ends, or the server says no."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from ..service import Service
from ..waiting import until
from .bell import Application, Bell
from .conftest import OpenBell, OpenDevice
from .device import OUTAGE, Device, no_violations, screenshot
from .test_sharing import connected, has

STATES = "bell => (window.states = [], bell.addEventListener('state', event => states.push(event.detail.state)))"
TOLD = """bell => {
  window.told = [];
  bell.addEventListener("notification", ({ detail }) => told.push([detail.notification.message, detail.replayed]));
}"""
SET_TOKEN = "(bell, token) => bell.setAttribute('token', token)"
LIFE = 15.0
"""Seconds that a short token lasts: enough to connect with it, on a slow machine too."""
IN_TIME = 30_000
"""Milliseconds: more than a stock client ever waits until it tries again."""


@pytest.fixture(scope="module")
def strict(application: Application) -> Iterator[Service]:
    """A service that allows no clock to be wrong: tokens end when they say."""
    with Service({"EVENTIDE_CORS_ORIGINS": application.origin, "EVENTIDE_JWT_LEEWAY": "0"}) as service:
        service.start()
        yield service


async def test_what_was_missed_offline_comes_without_toasts(
    service: Service, user: str, device: Device, open_device: OpenDevice, open_bell: OpenBell
) -> None:
    device.expect(OUTAGE)
    bell, elsewhere = await open_bell(user), await open_bell(user, on=await open_device())
    await bell.state("live")
    await elsewhere.state("live")
    await bell.call(TOLD)
    service.send(user, message="older")
    service.send(user, message="before")
    await has(bell, "older", "before")
    await expect(bell.badge).to_have_text("2")  # counts follow a little later
    await device.context.set_offline(True)
    await bell.state("offline", "reconnecting")
    await bell.open()
    await expect(bell.connection).to_contain_text(re.compile(r"Offline since \d+:\d\d|Reconnecting"))
    await bell.state("offline")
    await screenshot(bell.page, "bell-offline")
    await bell.page.keyboard.press("Escape")
    # Another device has received them, so the server would not send them again to one that does not say what it has.
    for number in range(3):
        service.send(user, message=f"number {number}")
    await has(elsewhere, "number 2")
    await expect(bell.badge).to_have_text("2")
    shown = await bell.toasts.count()
    await device.context.set_offline(False)
    await has(bell, "older", "before", "number 0", "number 1", "number 2")
    await bell.state("live")
    await expect(bell.badge).to_have_text("5")
    assert await bell.toasts.count() <= shown
    # "older" comes again, for it is only just older than what the bell says it has; it is not told again.
    wanted = [["older", False], ["before", False], *([f"number {number}", True] for number in range(3))]
    assert await bell.page.evaluate("told") == wanted
    service.send(user, message="live again")
    await expect(bell.toasts.filter(has_text="live again")).to_have_count(1)


async def test_the_server_is_away_for_a_while(
    application: Application, user: str, device: Device, open_bell: OpenBell
) -> None:
    device.expect(OUTAGE, "503")
    with Service({"EVENTIDE_CORS_ORIGINS": application.origin}) as service:
        service.start()
        bell, second = await open_bell(user, at=service), await open_bell(user, at=service)
        await bell.state("live")
        await second.state("live")
        service.send(user, message="before")
        for tab in (bell, second):
            await has(tab, "before")
            await expect(tab.badge).to_have_text("1")
        service.stop()
        for tab in (bell, second):
            await tab.state("offline")
            await expect(tab.badge).to_have_text("1")
        assert await bell.host.locator("[part~=lamp-offline]").is_visible()
        await bell.open()
        await bell.row("before").locator("[part=link]").click()
        await expect(bell.host.locator("[part=notice]")).to_contain_text("The server cannot be reached.")
        service.start()
        for tab in (bell, second):
            await tab.page.wait_for_function(
                "() => document.querySelector('eventide-bell').state === 'live'", timeout=IN_TIME
            )
        service.send(user, message="after")
        for tab in (bell, second):
            await has(tab, "before", "after")
            await expect(tab.host).to_have_js_property("unreadCount", 2)
        await connected(service, user, 1)


async def test_a_bell_that_starts_before_the_server(
    application: Application, user: str, device: Device, open_bell: OpenBell
) -> None:
    device.expect(OUTAGE)
    with Service({"EVENTIDE_CORS_ORIGINS": application.origin}) as service:
        service.start()
        bell = await open_bell(None, "no-sharing", at=service)
        await bell.page.clock.install()
        service.stop()
        await bell.call(SET_TOKEN, service.token(user))
        await bell.state("offline")
        await bell.open()
        await expect(bell.panel).to_contain_text("The server cannot be reached.")
        await expect(bell.host.get_by_role("button", name="Try again")).to_be_visible()
        await screenshot(bell.page, "bell-unreachable")
        # It tries again by itself, too, and would take the button away.
        await bell.page.clock.pause_at(await bell.page.evaluate("Date.now() / 1000 + 0.1"))
        service.start()
        await bell.host.get_by_role("button", name="Try again").click()
        await bell.page.clock.resume()
        await expect(bell.panel).to_contain_text("All quiet", timeout=IN_TIME)


async def test_a_new_token_is_taken_over_without_a_break(strict: Service, user: str, open_bell: OpenBell) -> None:
    asked, told = await open_bell(None, at=strict), await open_bell(None, at=strict)
    for bell in (asked, told):
        await bell.call(STATES)
    lives = iter((LIFE, 3600.0, 3600.0))
    await asked.page.expose_function("giveToken", lambda: strict.token(user, ttl=next(lives)))
    await asked.call("bell => (bell.getToken = giveToken)")
    await told.call(SET_TOKEN, strict.token(f"{user}-told", ttl=LIFE))
    end = time.time() + LIFE
    for bell in (asked, told):
        await bell.state("live")
    await told.call(SET_TOKEN, strict.token(f"{user}-told"))
    await asked.page.wait_for_function("end => Date.now() > end", arg=(end + 1) * 1000, timeout=IN_TIME)
    strict.send(user, f"{user}-told", message="still there")
    for bell in (asked, told):
        await has(bell, "still there")
        assert await bell.page.evaluate("states") == ["connecting", "live"]
    assert len(list(lives)) == 1, "it was asked for the second"


async def test_a_callback_that_fails_is_asked_again(
    strict: Service, user: str, device: Device, open_bell: OpenBell
) -> None:
    device.expect("401")
    bell = await open_bell(None, at=strict)
    lives: float | None = None
    failures = 0

    def give() -> str:
        nonlocal failures
        if lives is None:
            failures += 1
            raise RuntimeError("the application's own server is away")
        return strict.token(user, ttl=lives)

    await bell.page.expose_function("giveToken", give)
    await bell.call("bell => (bell.getToken = giveToken)")
    await until(lambda: failures >= 2, within=IN_TIME / 1000)
    await bell.state("offline")
    lives = LIFE
    await bell.state("live")
    lives, before = None, failures
    await until(lambda: failures >= before + 3, within=2 * LIFE + IN_TIME / 1000)
    lives = 3600
    await bell.state("live")
    strict.send(user, message="still there")
    await has(bell, "still there")


async def test_whose_token_is_revoked_is_told_to_sign_in_again(
    service: Service, user: str, device: Device, open_bell: OpenBell, node_modules: None
) -> None:
    device.expect("401", OUTAGE)
    bell = await open_bell(None, at=service)
    await bell.call(SET_TOKEN, service.token(user))
    await bell.state("live")
    with service.client(admin=True) as admin:
        await asyncio.to_thread(admin.post, "/v1/admin/revocations", json={"userId": user})
    await bell.state("refused")
    assert await bell.call("bell => bell.inbox.code") == "token_revoked"
    await bell.open()
    await expect(bell.panel).to_contain_text("Your session was ended: sign in again.")
    await bell.call(SET_TOKEN, service.token(user))
    await bell.state("live")


async def test_a_token_that_ends_is_refused_until_there_is_another(
    strict: Service, user: str, device: Device, open_bell: OpenBell, node_modules: None
) -> None:
    device.expect("401", OUTAGE)
    strict.send(user, message="before")
    bell = await open_bell(None, at=strict)
    await bell.call(SET_TOKEN, strict.token(user, ttl=LIFE))
    await bell.state("live")
    await bell.call(STATES)
    await has(bell, "before")
    await bell.state("refused", within=LIFE + IN_TIME / 1000)
    assert await bell.call("bell => bell.inbox.code") == "token_expired"
    await bell.open()
    await expect(bell.panel).to_contain_text("Your session has expired.")
    await no_violations(bell.page)
    await screenshot(bell.page, "bell-refused")
    await bell.host.get_by_role("button", name="Try again").click()
    await bell.page.wait_for_function("() => states.filter(state => state === 'refused').length >= 2", timeout=IN_TIME)
    strict.send(user, message="meanwhile")
    await bell.call(SET_TOKEN, strict.token(user))
    await bell.state("live")
    await has(bell, "before", "meanwhile")
    await expect(bell.button).to_have_accessible_name("Notifications, 2 unread")
    await expect(bell.rows).to_have_count(2)


async def test_a_token_of_nobody(user: str, device: Device, open_bell: OpenBell) -> None:
    device.expect("401")
    bell = await open_bell(user, token="nonsense")
    await bell.state("refused")
    await bell.open()
    await expect(bell.panel).to_contain_text("Your session is not valid here.")


async def test_without_a_token_it_waits(service: Service, user: str, open_bell: OpenBell) -> None:
    bell = await open_bell(None)
    await bell.state("closed")
    await bell.open()
    await expect(bell.panel).to_contain_text("Not connected")
    await bell.call("(bell, token) => (bell.getToken = () => token)", service.token(user))
    await bell.state("live")
    await expect(bell.panel).to_contain_text("All quiet")
    await bell.call("bell => (bell.getToken = null)")
    await bell.state("closed")
    await connected(service, user, 0)


async def test_counts_are_the_servers(service: Service, user: str, bell: Bell) -> None:
    """The bell is told of changes that it cannot have counted, and shown something that does not count."""
    counts = (
        "bell => (window.counts = [], bell.addEventListener('unread', event => counts.push(event.detail.unreadCount)))"
    )
    await bell.call(counts)
    ids = [service.send(user, message=f"number {number}")[0] for number in range(40)]
    await expect(bell.badge).to_have_text("40")
    with service.client(user) as client:
        for id in ids[:5]:
            client.delete(f"/v1/notifications/{id}").raise_for_status()
        client.put("/v1/notifications/read-all", json={"upTo": ids[20]}).raise_for_status()
        await expect(bell.badge).to_have_text("19")
        wanted = client.get("/v1/notifications/unread-count").json()["unreadCount"]
    assert wanted == 19
    assert await bell.page.evaluate("counts.at(-1)") == 19
    before = await bell.page.evaluate("counts.length")
    with service.client(admin=True) as admin:
        passing = {"message": "not kept", "audience": "connected"}
        admin.post("/v1/admin/announcements", json=passing).raise_for_status()
    await has(bell, "not kept")
    service.send(user, message="one that counts")
    await expect(bell.badge).to_have_text("20")
    assert await bell.page.evaluate("counts.slice(-1)") == [20]
    assert await bell.page.evaluate("counts.length") == before + 1


@pytest.mark.parametrize(
    "path", ["/client/eventide-bell.js", "/client/vendor/integrity.json", "/socket.io/socket.io.min.js"]
)
async def test_other_origins_may_load_it(service: Service, application: Application, path: str) -> None:
    with service.client() as client:
        answer = client.get(path, headers={"Origin": application.origin})
        assert answer.headers["access-control-allow-origin"] == application.origin
        assert "origin" in answer.headers["vary"].lower()
        # A copy that a cache took without an origin must not be given to a page that needs the header.
        assert "origin" in client.get(path).headers["vary"].lower()
        assert "access-control-allow-origin" not in client.get(path, headers={"Origin": "http://evil.example"}).headers
