"""The pages that use the stock socket.io-client."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Request, Route

from ..browser.conftest import OpenDevice
from ..browser.device import OUTAGE, Device, no_violations, screenshot
from ..waiting import until
from .stage import Stage
from .visit import counts, expect, is_read, live, row, shows, visit


async def test_what_is_sent_appears_and_is_marked_as_read_on_every_device(
    stage: Stage, open_device: OpenDevice
) -> None:
    stage.send("alice", "Before")
    laptop = await visit(await open_device(), stage)
    await shows(laptop, "Before")
    phone = await visit(await open_device(), stage)
    stage.send("alice", "Now")
    for page in (laptop, phone):
        await shows(page, "Now", "Before")
        await counts(page, 2)
    await row(laptop, "Now").get_by_role("button", name="Mark as read").click()
    for page in (laptop, phone):
        await is_read(page, "Now")
        await counts(page, 1)
    assert stage.stored("alice")["Now"] == "READ"
    await expect(row(laptop, "Before").get_by_role("button", name="Mark as read")).to_be_visible()
    await laptop.reload()
    await shows(laptop, "Now", "Before")
    await is_read(laptop, "Now")
    await counts(laptop, 1)


async def test_everybody_sees_an_announcement_until_it_is_retracted(stage: Stage, open_device: OpenDevice) -> None:
    alice = await visit(await open_device(), stage)
    bob = await visit(await open_device(), stage, "bob")
    stage.send("bob", "For Bob")
    await shows(bob, "For Bob")
    announcement = stage.announce("Maintenance at noon")
    await shows(alice, "Maintenance at noon")
    await shows(bob, "Maintenance at noon", "For Bob")
    await counts(bob, 2)
    stage.take_back(announcement)
    await shows(alice)
    await shows(bob, "For Bob")


async def test_what_came_while_the_network_was_away_is_there_when_it_returns(stage: Stage, device: Device) -> None:
    page = await visit(device, stage)
    stage.send("alice", "First")
    await shows(page, "First")
    device.expect(OUTAGE)
    stage.link.fail("clean")
    await expect(page.get_by_role("status")).to_contain_text("Offline")
    stage.send("alice", "Second")
    stage.send("alice", "Third")
    await shows(page, "First")
    stage.link.restore()
    await live(page)
    await shows(page, "Third", "Second", "First")
    await counts(page, 3)
    stage.send("alice", "Fourth")
    await shows(page, "Fourth", "Third", "Second", "First")
    await until(lambda: set(stage.stored("alice").values()) == {"DELIVERED"}, within=30)


async def test_after_a_restart_a_reconnect_has_a_new_token(stage: Stage, device: Device) -> None:
    page = await visit(device, stage)
    # The list that is asked for after the connect may be on its way still, and come after the restart.
    device.expect(OUTAGE, r"status of 401 .*/v1/notifications\?limit=50\)")
    stage.demo.kill()
    await expect(page.get_by_role("status")).to_contain_text("Offline")
    closed = sessions_that_are_closed(page)
    stage.demo.start()  # with another secret: the token of before is not valid any more
    await live(page)
    stage.send("alice", "Good morning")
    await shows(page, "Good morning")
    # Refused with the old token, the page closes its session while it polls: such a poll may come after the close.
    for sid in closed:
        device.expect(rf"status of 400 .*/socket\.io/\?EIO=4&transport=polling&t=\w+&sid={re.escape(sid)}\)")


def sessions_that_are_closed(page: Page) -> set[str]:
    """The ids of the sessions that the page closes from now on, over polling; filled as it does."""
    closed: set[str] = set()

    def note(request: Request) -> None:
        if request.method == "POST" and request.post_data == "1":  # Engine.IO's packet that closes
            closed.update(parse_qs(urlsplit(request.url).query)["sid"])

    page.on("request", note)
    return closed


async def test_who_is_refused_is_told_and_can_try_again(stage: Stage, device: Device) -> None:
    async def spoil(route: Route) -> None:
        answer = await route.fetch()
        users = [{**user, "token": "nonsense"} for user in (await answer.json())["users"]]
        await route.fulfill(response=answer, json={"users": users})

    await device.context.route("**/client/demo.json", spoil)
    page = await device.open(stage.site.origin)
    await expect(page.get_by_role("status")).to_have_text("Not connected")
    await expect(page.get_by_role("alert")).to_have_text("Authentication failed")
    await device.context.unroute("**/client/demo.json")
    await page.get_by_role("button", name="Try again").click()
    await live(page)
    await expect(page.get_by_text("Authentication failed")).to_have_count(0)
    await expect(page.get_by_role("button", name="Try again")).to_be_hidden()


@pytest.mark.parametrize("example", ["angular", "react"])
async def test_without_a_token_it_tries_again_later(stage: Stage, device: Device) -> None:
    tries = 0

    async def fail(route: Route) -> None:
        nonlocal tries
        tries += 1
        await route.abort()

    page = await visit(device, stage)
    device.expect(OUTAGE)
    await device.context.route("**/client/demo.json", fail)
    stage.link.fail("clean")
    await expect(page.get_by_role("status")).to_contain_text("Offline")
    stage.link.restore()
    await until(lambda: tries > 1, within=30)
    await expect(page.get_by_role("status")).to_contain_text("Offline")
    await device.context.unroute("**/client/demo.json")
    await live(page)


@pytest.mark.parametrize("example", ["react"])
async def test_after_five_attempts_it_waits_to_be_asked(stage: Stage, device: Device) -> None:
    page = await device.context.new_page()
    await page.clock.install()
    await page.goto(stage.site.origin)
    await live(page)
    device.expect(OUTAGE)
    stage.link.fail("clean")
    await expect(page.get_by_role("status")).to_contain_text("Offline")
    again = page.get_by_role("button", name="Try again")
    for _ in range(120):  # seconds of the page's own time; five attempts need at most a third of them
        if await again.is_visible():
            break
        await page.clock.run_for(1000)
    await expect(page.get_by_role("status")).to_have_text("Not connected")
    stage.send("alice", "Meanwhile")
    stage.link.restore()
    await again.click()
    await live(page)
    await shows(page, "Meanwhile")


@pytest.mark.parametrize("example", ["plain"])
async def test_what_was_missed_comes_without_being_asked_for(stage: Stage, device: Device) -> None:
    stage.send("alice", "First")
    stage.send("alice", "Second")
    await device.context.route("**/v1/notifications*", lambda route: route.abort())
    device.expect(OUTAGE)
    page = await visit(device, stage)
    await shows(page, "Second", "First")


@pytest.mark.parametrize("example", ["plain"])
async def test_one_can_be_deleted(stage: Stage, open_device: OpenDevice) -> None:
    laptop, phone = [await visit(await open_device(), stage) for _ in range(2)]
    stage.send("alice", "Keep")
    stage.send("alice", "Go")
    await shows(phone, "Go", "Keep")
    await row(laptop, "Go").get_by_role("button", name="Delete").click()
    for page in (laptop, phone):
        await shows(page, "Keep")
        await counts(page, 1)


@pytest.mark.parametrize("example", ["angular"])
async def test_a_greeting_reaches_everybody(stage: Stage, open_device: OpenDevice) -> None:
    alice = await visit(await open_device(), stage)
    bob = await visit(await open_device(), stage, "bob")
    await alice.get_by_role("textbox", name="Message").fill("Good evening")
    await alice.get_by_role("button", name="Send").click()
    for page in (alice, bob):
        await expect(page.get_by_role("log")).to_have_text("Hello from server: Good evening")


@pytest.mark.parametrize("example", ["react"])
async def test_a_link_within_the_application_is_its_routers(stage: Stage, device: Device) -> None:
    page = await visit(device, stage)
    stage.send("alice", "A comment", link="/posts/1#comment-9")
    stage.send("alice", "Elsewhere", link="https://example.com/")
    await shows(page, "Elsewhere", "A comment")
    await expect(row(page, "Elsewhere").get_by_role("link")).to_have_attribute("href", "https://example.com/")
    await row(page, "A comment").get_by_role("link", name="Open").click()
    await expect(page.get_by_role("heading")).to_have_text("Post 1")
    await expect(page.locator("main strong")).to_have_text("comment-9")
    assert stage.site.loaded == ["/index.html"]
    await until(lambda: stage.stored("alice")["A comment"] == "READ", within=30)


async def test_nothing_in_a_notification_is_markup(stage: Stage, device: Device) -> None:
    page = await visit(device, stage)
    message = "<img src=x onerror=alert(1)><b>bold</b>"
    stage.send("alice", message, title=message)
    await shows(page, message)
    await expect(page.locator(".list img, .list b")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_keeps_nobody_out(
    stage: Stage, open_device: OpenDevice, node_modules: None, scheme: str, example: str
) -> None:
    page = await visit(await open_device(color_scheme=scheme, viewport={"width": 380, "height": 700}), stage)
    stage.announce("Maintenance at noon: nothing is lost, it only comes a little later.")
    stage.send("alice", "Your order is on its way, and arrives on Tuesday.", title="Your order has left us")
    stage.send("alice", "Bob commented on your photo.", title="New comment", link="/posts/1#comment-9")
    await row(page, "Your order").get_by_role("button", name="Mark as read").click()
    await is_read(page, "Your order")
    await no_violations(page)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) == 0
    await screenshot(page, f"{example}-stock-narrow-{scheme}")
    await page.set_viewport_size({"width": 800, "height": 560})
    await screenshot(page, f"{example}-stock-{scheme}")
