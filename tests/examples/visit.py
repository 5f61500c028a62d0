"""What somebody does and sees in the examples' pages, which are alike."""

from __future__ import annotations

import re

from playwright.async_api import Expect, Locator, Page

from ..browser.device import Device
from .stage import Stage

PATIENCE = 30_000
"""Milliseconds for what waits for a reconnect, whose pauses grow up to 5 s, on a machine that is busy."""

expect = Expect()
"""Playwright's, with patience."""
expect.set_options(timeout=PATIENCE)


async def visit(device: Device, stage: Stage, user: str = "alice") -> Page:
    """The page with the stock client, connected, for one of the demo's users."""
    page = await device.open(stage.site.origin)
    if user != "alice":  # the first, who is signed in already
        await page.get_by_label("Signed in as").select_option(user)
    await live(page)
    return page


async def live(page: Page) -> None:
    await expect(page.get_by_role("status")).to_have_text("Live")


def row(page: Page, message: str) -> Locator:
    """The notification that says this."""
    return page.get_by_role("listitem").filter(has_text=message)


async def shows(page: Page, *messages: str) -> None:
    """Wait until these and no others are listed, newest first."""
    await expect(page.locator(".list .message")).to_have_text(list(messages))


async def counts(page: Page, unread: int) -> None:
    """Wait until so many are said to be unread."""
    badge = page.get_by_test_id("count")
    if unread:
        await expect(badge).to_have_text(f"{unread} unread")
    else:
        await expect(badge).to_be_hidden()


async def is_read(page: Page, message: str) -> None:
    await expect(row(page, message).get_by_role("button", name="Read", exact=True)).to_be_visible()
    await expect(row(page, message)).not_to_have_class(re.compile("unread"))
