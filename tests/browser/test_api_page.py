"""The page to try the API, `/docs`."""

from __future__ import annotations

import json

from playwright.async_api import expect

from ..service import Service
from .device import Device, no_violations


async def test_a_request_with_the_token_of_a_demo_user_shows_its_response(
    demo: Service, device: Device, node_modules: None
) -> None:
    page = await device.open(f"{demo.base_url}/docs")
    await page.get_by_role("button", name="Alice").click()
    operation = page.locator("[id='get/v1/notifications']")
    await operation.locator("summary").first.click()
    limit = operation.get_by_label("limit")
    await limit.fill("1")
    await expect(operation.get_by_role("region", name="As a curl command")).to_contain_text("limit=1")
    await operation.get_by_role("button", name="Send").click()
    await expect(operation.locator("[data-part=status]")).to_contain_text("200")
    body = await operation.get_by_role("region", name="Response body").inner_text()
    assert "unreadCount" in json.loads(body)
    await no_violations(page)


async def test_names_in_descriptions_are_shown_as_code(demo: Service, device: Device) -> None:
    page = await device.open(f"{demo.base_url}/docs")
    operation = page.locator("[id='get/v1/notifications']")
    await operation.locator("summary").first.click()
    await expect(operation.locator(".parameters code", has_text="nextCursor")).to_be_visible()
    assert "`" not in await operation.inner_text()


async def test_a_request_without_a_response_says_so(demo: Service, device: Device) -> None:
    page = await device.open(f"{demo.base_url}/docs")
    operation = page.locator("[id='get/v1/notifications']")
    await operation.locator("summary").first.click()
    await device.context.route("**/v1/notifications", lambda route: route.abort())
    device.expect("ERR_FAILED")
    await operation.get_by_role("button", name="Send").click()
    await expect(operation.locator("[data-part=status]")).to_contain_text("No response")
