"""The page in Vue, which has the bell alone, as a component."""

from __future__ import annotations

import pytest
from playwright.async_api import Route

from ..browser.device import Device
from .stage import Stage
from .test_bell import bell, entry, rings
from .visit import expect

pytestmark = pytest.mark.parametrize("example", ["vue"])


async def test_its_component_passes_on_notifications_events_and_another_users_token(
    stage: Stage, device: Device
) -> None:
    stage.send("alice", "For Alice")
    stage.send("bob", "For Bob")
    page = await device.open(stage.site.origin)
    await rings(page, 1)  # also in the page, which hears the event "unread"
    stage.send("alice", "For Alice, now")
    await rings(page, 2)
    await bell(page).click()
    await expect(entry(page, "For Alice")).to_have_count(2)
    await page.keyboard.press("Escape")
    await page.get_by_label("Signed in as").select_option("bob")
    await rings(page, 1)
    await bell(page).click()
    await expect(entry(page, "For Bob")).to_have_count(1)
    await expect(entry(page, "For Alice")).to_have_count(0)


async def test_its_page_is_told_that_the_bell_cannot_be_loaded(stage: Stage, device: Device) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503)

    await device.context.route("**/client/eventide-bell.js", refuse)
    device.expect("503")
    page = await device.open(stage.site.origin)
    await expect(page.get_by_role("alert")).to_have_text(f"The bell could not be loaded from {stage.site.service}.")
