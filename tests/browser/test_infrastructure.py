"""What the other tests here rely on: that errors are seen, and that tabs and devices are what they say."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from ..service import Service
from ..waiting import until
from .device import Device, no_violations, screenshot


async def test_the_demo_page_connects(demo: Service, page: Page, node_modules: None) -> None:
    await page.goto(f"{demo.base_url}/client/#bob-phone")
    await expect(page.locator(".device [data-part=state]")).to_contain_text("Live")
    await screenshot(page, "infrastructure")


async def test_what_goes_wrong_is_seen(demo: Service, device: Device) -> None:
    page = await device.open(f"{demo.base_url}/client/docs.html")
    async with page.expect_event("console", lambda message: "Content Security Policy" in message.text):
        await page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=nothing.png onerror=\"document.title = 1\">')"
        )
    async with device.context.expect_event("weberror"):
        await page.evaluate("void setTimeout(() => { throw new Error('thrown') })")
    went_wrong = ("Content Security Policy", "404", "thrown")
    await until(lambda: all(any(what in problem for problem in device.problems) for what in went_wrong))
    device.expect(*went_wrong)
    assert device.problems == []


async def test_axe_finds_what_keeps_people_out(page: Page, node_modules: None) -> None:
    await page.set_content("<html lang=en><title>t</title><main><h1>Fine</h1></main>")
    await no_violations(page)
    await page.set_content("<html lang=en><title>t</title><main><h1>Not</h1><button></button></main>")
    with pytest.raises(AssertionError, match="button-name"):
        await no_violations(page)
