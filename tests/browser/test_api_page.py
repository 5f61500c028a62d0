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


async def test_socket_events_and_messages_of_queues_are_beside_it(
    demo: Service, device: Device, node_modules: None
) -> None:
    page = await device.open(f"{demo.base_url}/docs")
    for id, shown in (
        ("emit mark_read", ('socket.emit("mark_read"', "/notifications", "notificationIds", "unseenCount", "success")),
        ("on notification_updated", ('socket.on("notification_updated"', "SomeUpdated", "AllUpdated", "upTo")),
        ("queue eventide.notification.send", ('"specversion"', "ce-source", "data.userIds", "NewNotification")),
        ("dead dead", ('"error"', "bodyBase64")),
    ):
        event = page.locator(f"[id='{id}']")
        await event.locator("summary").first.click()
        for schema in await event.locator(".schema").all():
            await schema.locator("summary").click()
        for text in shown:
            await expect(event).to_contain_text(text)
    assert "`" not in await page.locator("#messages").inner_text()
    await no_violations(page)
