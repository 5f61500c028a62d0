"""Announcements that must be acknowledged, in the notification centre."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from ..service import Service
from ..waiting import until
from .bell import DEADLINE, save_many
from .centre import Centre, left
from .conftest import Announce
from .device import Device, no_violations, screenshot


def button(centre: Centre, text: str) -> Locator:
    return centre.row(text).get_by_role("button", name="Acknowledge")


async def test_keys_and_selection_pass_over_it_until_it_is_acknowledged(
    service: Service, user: str, device: Device, announce: Announce
) -> None:
    announce("The gate is closed")
    await save_many(service, user, 3)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_contain_text(["The gate", "number 2", "number 1", "number 0"])
    await centre.press("j")
    await centre.has_focus("The gate is closed")
    for key in ("u", "e", "#"):
        await centre.press(key)
        await expect(centre.page.locator("[aria-live=polite]")).to_contain_text("It must be acknowledged first.")
    await expect(centre.row("The gate").locator("input")).to_be_disabled()
    await centre.press("Control+a")
    await expect(centre.selected).to_have_text("3 selected")
    await centre.do("Archive").click()
    await expect(centre.rows).to_have_count(1)
    await expect(button(centre, "The gate")).to_be_visible()
    await until(lambda: left(service, user) == [("The gate is closed", False)], within=DEADLINE)


async def test_all_read_is_without_it(service: Service, user: str, device: Device, announce: Announce) -> None:
    announce("The gate is closed")
    await save_many(service, user, 2)
    centre = await Centre.open(device, service, user)
    await expect(centre.count).to_have_text("3 unread")
    await centre.do("Mark all read").click()
    await expect(centre.count).to_have_text("1 unread")
    await expect(centre.do("Mark all read")).to_have_attribute("aria-disabled", "true")


async def test_the_focus_goes_to_what_takes_its_place(
    service: Service, user: str, device: Device, announce: Announce
) -> None:
    announce("The gate is closed")
    announce("The lift is out of order")
    await save_many(service, user, 3)
    centre = await Centre.open(device, service, user)
    await expect(button(centre, "The lift")).to_be_visible()
    await centre.press("j")
    await centre.has_focus("The lift")
    await expect(button(centre, "The lift")).to_have_attribute("tabindex", "0")
    await centre.press("Tab")
    await expect(button(centre, "The lift")).to_be_focused()
    await centre.press("Enter")
    await centre.has_focus("The gate is closed")
    await expect(centre.page.locator("[aria-live=polite]")).to_contain_text("Acknowledged")
    await expect(centre.rows).to_contain_text(["The gate", "number 2", "number 1", "number 0", "The lift"])
    await centre.press("j", "k")
    await centre.has_focus("The gate is closed")


@pytest.mark.usefixtures("node_modules")
async def test_everybody_can_use_it(service: Service, user: str, device: Device, announce: Announce) -> None:
    title = "The gate is closed from Saturday to Sunday"
    announce("Use the other entrance, please, and tell your visitors.", title=title)
    await save_many(service, user, 2)
    centre = await Centre.open(device, service, user)
    for width, scheme in ((1000, "light"), (320, "dark")):
        await centre.page.set_viewport_size({"width": width, "height": 700})
        await centre.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await expect(button(centre, title)).to_be_visible()
        await no_violations(centre.page)
        await screenshot(centre.page, f"inbox-acknowledge-{scheme}")
