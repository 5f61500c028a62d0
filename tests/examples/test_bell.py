"""The pages that use <eventide-bell>, loaded from the service on its other origin."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, Route

from ..browser.conftest import OpenDevice
from ..browser.device import OUTAGE, Device, no_violations, screenshot
from ..waiting import until
from .building import EXAMPLES
from .stage import Stage
from .visit import PATIENCE, counts, expect

routed = pytest.mark.parametrize("example", ["angular", "react"])


async def visit(device: Device, stage: Stage) -> Page:
    """The first page, and from there the one with the bell."""
    page = await device.open(stage.site.origin)
    await page.get_by_role("link", name="Bell").click()
    await expect(bell(page)).to_be_visible()
    return page


def bell(page: Page) -> Locator:
    return page.locator("eventide-bell").get_by_role("button").first


async def rings(page: Page, unread: int) -> None:
    """Wait until the bell, and the page that hears its event, say that so many are unread."""
    # Not just unknown; and a framework may take the element away for a moment.
    known = "unread => document.querySelector('eventide-bell')?.unreadCount === unread"
    await page.wait_for_function(known, arg=unread, timeout=PATIENCE)
    name = f"Notifications, {unread} unread" if unread else "Notifications"
    await expect(bell(page)).to_have_accessible_name(name)
    await counts(page, unread)


def entry(page: Page, text: str) -> Locator:
    """A notification in the bell's open list."""
    return page.get_by_role("dialog").get_by_role("listitem").filter(has_text=text)


def fill(stage: Stage) -> None:
    """Some notifications to look at."""
    stage.send("alice", "It is on its way, and arrives on Tuesday.", title="Your order has left us", type="ORDER")
    stage.announce("Maintenance at noon: nothing is lost, it only comes a little later.")
    stage.send(
        "alice", "“That green light is the pier, is it not?”", title="Bob commented on your photo", type="COMMENT"
    )
    stage.send("alice", "October closed 4 % above September.", title="Your report is ready", type="REPORT", link="/a")


def in_reference(beginning: str) -> str:
    """The block in the bell's reference that begins like this."""
    blocks = (EXAMPLES.parent / "docs" / "frontends.md").read_text().split("```")[1::2]
    [block] = [block for block in blocks if block.startswith(beginning)]
    return block


async def test_it_counts_and_the_page_knows(stage: Stage, device: Device) -> None:
    stage.send("alice", "Before")
    page = await visit(device, stage)
    await rings(page, 1)
    stage.send("alice", "Now")
    await rings(page, 2)
    await bell(page).click()
    await expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(2)
    await page.get_by_role("button", name="Mark all read").click()
    await rings(page, 0)
    await until(lambda: set(stage.stored("alice").values()) == {"READ"}, within=30)


async def test_what_came_while_the_network_was_away_is_there_when_it_returns(stage: Stage, device: Device) -> None:
    page = await visit(device, stage)
    stage.send("alice", "First")
    await rings(page, 1)
    device.expect(OUTAGE)
    stage.link.fail("clean")
    stage.send("alice", "Second")
    await bell(page).click()
    await expect(page.get_by_role("dialog")).to_contain_text("Offline")
    stage.link.restore()
    await rings(page, 2)
    await expect(entry(page, "Second")).to_be_visible()


async def test_who_signs_in_next_has_a_bell_of_their_own(stage: Stage, device: Device) -> None:
    stage.send("alice", "For Alice")
    stage.send("bob", "For Bob")
    stage.send("bob", "For Bob, too")
    page = await visit(device, stage)
    await rings(page, 1)
    await page.get_by_label("Signed in as").select_option("bob")
    await rings(page, 2)
    await bell(page).click()
    await expect(entry(page, "For Bob")).to_have_count(2)
    await expect(entry(page, "For Alice")).to_have_count(0)


@routed
async def test_a_link_within_the_application_is_its_routers(stage: Stage, device: Device) -> None:
    stage.send("alice", "A comment", link="/posts/1#comment-9")
    stage.send("alice", "A post", link="/posts/2")
    page = await visit(device, stage)
    await rings(page, 2)
    await bell(page).click()
    await entry(page, "A post").get_by_role("link").click()
    await expect(page).to_have_url(f"{stage.site.origin}/posts/2")
    await expect(page.get_by_role("heading")).to_have_text("Post 2")
    await until(lambda: stage.stored("alice")["A post"] == "READ", within=30)
    await page.get_by_role("link", name="Back to the bell").click()
    await rings(page, 1)
    await bell(page).click()
    await entry(page, "A comment").get_by_role("link").click()
    await expect(page).to_have_url(f"{stage.site.origin}/posts/1#comment-9")
    await expect(page.get_by_role("heading")).to_have_text("Post 1")
    await expect(page.locator("main strong")).to_have_text("comment-9")
    assert stage.site.loaded == ["/index.html"]


@routed
async def test_a_link_elsewhere_is_the_browsers(stage: Stage, device: Device) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/html", body="<link rel=icon href='data:,'>Here")

    await device.context.route("https://elsewhere.example/**", answer)
    stage.send("alice", "Elsewhere", link="https://elsewhere.example/there")
    page = await visit(device, stage)
    await bell(page).click()
    async with device.context.expect_page() as opened:
        await entry(page, "Elsewhere").get_by_role("link").click()
    await expect(await opened.value).to_have_url("https://elsewhere.example/there")
    await expect(page.get_by_role("heading", name="The bell")).to_be_visible()


@pytest.mark.parametrize("example", ["plain"])
async def test_the_policy_in_its_reference_is_enough(stage: Stage, device: Device) -> None:
    service = stage.site.service
    [policy] = re.findall(
        r"```\n(script-src .+?)```", (EXAMPLES.parent / "docs" / "frontends.md").read_text(), re.DOTALL
    )
    policy = policy.replace("https://notify.example.com", service)
    policy = policy.replace("wss://notify.example.com", service.replace("http", "ws")).replace("\n", " ")
    stage.site.policy = f"default-src 'none'; style-src 'self'; {policy}"
    page = await visit(device, stage)
    await rings(page, 0)
    # Before that it may know the count, and what is sent may come as something missed, without a toast.
    await page.wait_for_function("() => document.querySelector('eventide-bell').inbox.userId")
    stage.send("alice", "Hello")
    await expect(page.locator("eventide-bell [part~=toast]")).to_be_visible()
    await bell(page).click()
    await expect(entry(page, "Hello")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_css("position", "fixed")  # its styles are in force


@pytest.mark.parametrize("example", ["plain"])
async def test_it_takes_on_the_looks_in_its_reference(stage: Stage, open_device: OpenDevice) -> None:
    fill(stage)
    page = await visit(await open_device(viewport={"width": 800, "height": 560}), stage)
    await page.evaluate(
        "[...document.styleSheets].forEach(sheet => [...sheet.cssRules].forEach((rule, at) => "
        "rule.selectorText === 'eventide-bell' && sheet.deleteRule(at)))"
    )
    await rings(page, 4)
    await bell(page).click()
    panel = page.get_by_role("dialog")
    await expect(panel).to_have_css("border-radius", "14px")
    await expect(entry(page, "Your order")).to_be_visible()
    await screenshot(page, "bell-light")
    await page.emulate_media(color_scheme="dark")
    await screenshot(page, "bell-dark")
    await page.add_style_tag(content=in_reference("css").removeprefix("css"))
    await expect(panel).to_have_css("border-radius", "4px")
    await expect(panel).to_have_css("background-color", "rgb(27, 30, 39)")
    await expect(panel).to_have_css("font-family", "Georgia, serif")
    await expect(entry(page, "Your order").locator("[part~=item]")).to_have_css("border-left-width", "3px")
    await screenshot(page, "bell-themed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_keeps_nobody_out(
    stage: Stage, open_device: OpenDevice, node_modules: None, scheme: str, example: str
) -> None:
    fill(stage)
    page = await visit(await open_device(color_scheme=scheme, viewport={"width": 800, "height": 560}), stage)
    await rings(page, 4)
    await bell(page).click()
    await entry(page, "Your order").hover()
    await entry(page, "Your order").get_by_role("button", name="Mark as read").click()
    await rings(page, 3)
    await bell(page).hover()
    await no_violations(page)
    await screenshot(page, f"{example}-bell-{scheme}")
