"""Announcements that must be acknowledged, in the bell: by pointer, keys and screen reader, on all of the devices."""

from __future__ import annotations

from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from ..service import Service
from ..waiting import until
from .bell import Bell, save_many
from .conftest import Announce, OpenBell, OpenDevice
from .device import OUTAGE, Device, no_violations, screenshot


def button(of: Bell, text: str) -> Locator:
    return of.row(text).get_by_role("button", name="Acknowledge")


def with_focus(bell: Bell) -> Locator:
    return bell.rows.filter(has=bell.page.locator(":focus"))


def acknowledged(service: Service, user: str, id: str) -> bool:
    with service.client(user) as client:
        return "acknowledgedAt" in client.get(f"/v1/notifications/{id}").json()


async def test_it_is_on_top_and_nothing_else_is_offered(
    service: Service, user: str, bell: Bell, announce: Announce
) -> None:
    announce("The gate is closed")
    service.send(user, message="Newer")
    await bell.open()
    await expect(bell.rows).to_contain_text(["The gate is closed", "Newer"])
    await expect(bell.rows.locator("[part=day]").first).to_have_text("To be acknowledged")
    await bell.row("The gate is closed").hover()
    await expect(bell.row("The gate is closed").get_by_role("button")).to_have_count(2)  # itself, and Acknowledge
    await bell.row("Newer").hover()
    await expect(bell.row("Newer").get_by_role("button", name="Delete")).to_be_visible()
    await bell.host.get_by_role("button", name="Mark all read").click()
    await expect(bell.row("Newer").locator("[part~=item-unread]")).to_have_count(0)
    await expect(bell.row("The gate is closed").locator("[part~=item-unread]")).to_have_count(1)
    await expect(bell.host.get_by_role("button", name="Mark all read")).to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize("key", ["Delete", "e", "u"])
async def test_a_key_says_what_comes_first(bell: Bell, announce: Announce, key: str) -> None:
    announce("The gate is closed")
    await bell.open()
    await expect(bell.rows).to_have_count(1)
    await bell.page.keyboard.press("ArrowDown")
    await expect(with_focus(bell)).to_contain_text("The gate is closed")
    await bell.page.keyboard.press(key)
    await expect(bell.host.locator("[part=notice]")).to_have_text("It must be acknowledged first.")
    await expect(bell.host.locator("[aria-live=polite]")).to_have_text("It must be acknowledged first.")
    await expect(bell.row("The gate is closed")).to_be_visible()


async def test_keys_alone_acknowledge_it_and_the_focus_takes_its_place(
    service: Service, user: str, bell: Bell, announce: Announce
) -> None:
    ids = [announce(message) for message in ("The gate is closed", "The lift is out of order")]
    service.send(user, message="Newer")
    await bell.open()
    await expect(bell.rows).to_contain_text(["The lift", "The gate", "Newer"])
    for key in ("ArrowDown", "ArrowRight"):
        await bell.page.keyboard.press(key)
    await expect(button(bell, "The lift")).to_be_focused()
    await expect(button(bell, "The lift")).to_have_accessible_name("Acknowledge: The lift is out of order")
    await bell.page.keyboard.press("Enter")
    await expect(bell.rows).to_contain_text(["The gate", "Newer", "The lift"])
    await expect(with_focus(bell)).to_contain_text("The gate")
    await expect(button(bell, "The gate")).not_to_be_focused()
    await expect(bell.host.locator("[aria-live=polite]")).to_have_text("Acknowledged")
    await bell.page.keyboard.press("ArrowRight")
    await bell.page.keyboard.press("Enter")
    await expect(bell.rows).to_contain_text(["Newer", "The lift", "The gate"])
    await expect(with_focus(bell)).to_contain_text("Newer")
    await until(lambda: all(acknowledged(service, user, id) for id in ids))
    await expect(bell.rows.locator("[part=day]:visible")).to_have_text(["Today"])


async def test_the_only_one_keeps_the_focus(service: Service, user: str, bell: Bell, announce: Announce) -> None:
    id = announce("The gate is closed")
    await bell.open()
    await button(bell, "The gate").click()
    await expect(with_focus(bell)).to_contain_text("The gate is closed")
    await expect(bell.row("The gate").get_by_role("button", name="Delete")).to_be_visible()
    await until(lambda: acknowledged(service, user, id))


@pytest_asyncio.fixture(loop_scope="session")
async def other(user: str, open_bell: OpenBell, open_device: OpenDevice) -> Bell:
    """The bell on another device of the user, of a small window."""
    return await open_bell(user, on=await open_device(viewport={"width": 320, "height": 480}))


async def test_another_device_shows_it_and_keeps_its_focus(
    service: Service, user: str, bell: Bell, other: Bell, announce: Announce
) -> None:
    announce("The gate is closed")
    service.send(user, message="Newer")
    for each in (bell, other):
        await each.state("live")
        await each.open()
        await expect(each.rows).to_contain_text(["The gate", "Newer"])
    await other.page.keyboard.press("ArrowDown")
    await expect(with_focus(other)).to_contain_text("The gate")
    await button(bell, "The gate").click()
    await expect(other.rows).to_contain_text(["Newer", "The gate"])
    await expect(with_focus(other)).to_contain_text("The gate")  # where the reader was
    await expect(other.host.get_by_role("tab", name="Unread 1")).to_be_visible()


async def test_what_the_reader_looks_at_stays_when_one_leaves_the_top(
    service: Service, user: str, open_bell: OpenBell, announce: Announce
) -> None:
    announce("The gate is closed")
    leaves = announce("The lift is out of order")
    await save_many(service, user, 40)
    bell = await open_bell(user)
    await bell.state("live")
    await bell.open()
    await expect(bell.rows).to_contain_text(["The lift", "The gate", "number 39"])
    await bell.host.locator("[part=scroll]").evaluate("scroll => (scroll.scrollTop = 110)")
    gate = bell.row("The gate").locator("[part~=item]")
    before = await gate.evaluate("row => row.getBoundingClientRect().top")
    with service.client(user) as client:
        client.post(f"/v1/notifications/{leaves}/acknowledge").raise_for_status()
    await expect(button(bell, "The lift")).to_have_count(0)
    assert abs(await gate.evaluate("row => row.getBoundingClientRect().top") - before) < 40  # a heading


async def test_a_toast_of_it_stays_and_can_acknowledge(
    service: Service, user: str, bell: Bell, announce: Announce
) -> None:
    await bell.page.clock.install()
    id = announce("The gate is closed")
    service.send(user, message="Goes by itself")
    await expect(bell.toasts).to_have_count(2)
    await bell.page.clock.run_for(10_000)
    await expect(bell.toasts).to_have_count(1)
    await bell.toasts.get_by_role("button", name="Acknowledge").click()
    await expect(bell.toasts).to_have_count(0)
    await until(lambda: acknowledged(service, user, id))


async def test_what_could_not_be_acknowledged_is_said_and_stays(device: Device, bell: Bell, announce: Announce) -> None:
    device.expect(OUTAGE)
    announce("The gate is closed")
    await expect(bell.toasts).to_have_count(1)
    await bell.page.route("**/acknowledge", lambda route: route.abort())
    await bell.toasts.get_by_role("button", name="Acknowledge").click()
    await expect(bell.host.locator("[part=notice]")).to_have_text("The server cannot be reached.")
    await expect(button(bell, "The gate")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("node_modules")
async def test_everybody_can_use_it(
    service: Service, user: str, other: Bell, announce: Announce, scheme: Literal["light", "dark"]
) -> None:
    await other.page.emulate_media(color_scheme=scheme)
    await other.state("live")
    service.send(user, message="An order has been shipped", title="Order 4711")
    title = "The gate is closed from Saturday to Sunday"
    announce("Use the other entrance, please, and tell your visitors.", title=title, type="FACILITY")
    await expect(other.toasts).to_have_count(2)
    await screenshot(other.page, f"acknowledge-toast-{scheme}")
    await other.open()
    await expect(button(other, title)).to_be_visible()
    await no_violations(other.page)
    await screenshot(other.page, f"acknowledge-{scheme}")
