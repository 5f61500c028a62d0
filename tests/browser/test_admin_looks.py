"""The operators' page as it is seen and heard: by anybody, on any screen, and by who has no mouse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from playwright.async_api import Locator, expect

from ..raw import raw_client
from ..service import Service
from .admin import Admin
from .conftest import OpenDevice
from .device import Device, no_violations, screenshot

VIEWS = ("overview", "users", "users/alice", "notifications", "send", "revocations")
WIDER = "document.documentElement.scrollWidth > innerWidth"
PEOPLE = ("alice", "bob", "carol", "dana", "erik")
SOME = (
    {"title": "Shipped", "message": "Your order is on its way.", "type": "ORDER"},
    {"title": "تقريرك جاهز", "message": "أغلق أكتوبر أعلى من سبتمبر (4 %).", "type": "REPORT"},
    {"message": "W" * 300},
)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service of these tests' own."""
    with Service() as service:
        service.start()
        yield service


@asynccontextmanager
async def busy(service: Service) -> AsyncIterator[str]:
    """Some users are connected, and have notifications; the id of one that was received."""
    async with AsyncExitStack() as stack:
        for user in PEOPLE:
            client = await stack.enter_async_context(raw_client(service.base_url, {"token": service.token(user)}))
            await client.event("catch_up_complete")
        for draft in SOME:
            service.send("alice", **draft)
        [id, *_] = service.send(*PEOPLE, title="Low tide", message="At 19:42")
        yield id


async def show(admin: Admin, view: str) -> None:
    """Go there by the address, and wait until what it shows has been loaded."""
    await admin.page.evaluate("view => { location.hash = view; }", view)
    await expect(admin.page.locator(f"#{view.partition('/')[0]}")).to_be_visible()
    await expect(admin.page.get_by_text("Looking …")).to_have_count(0)
    await admin.page.wait_for_load_state("networkidle")


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out(service: Service, open_device: OpenDevice, scheme: str) -> None:
    device = await open_device(color_scheme=scheme)
    async with busy(service) as id:
        admin = await Admin.of(device, service)
        for view in (*VIEWS, f"notifications/{id}"):
            await show(admin, view)
            await no_violations(admin.page)
            await screenshot(admin.page, f"admin-{scheme}-{view.replace('/', '-')[:16]}")
        await show(admin, "users/alice")
        await admin.page.get_by_role("button", name="Disconnect").click()
        await no_violations(admin.page)
        await admin.page.keyboard.press("Escape")
        await admin.page.get_by_role("button", name="Log out").click()
        await no_violations(admin.page)
        await screenshot(admin.page, f"admin-{scheme}-sign-in")


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("width", [390, 640, 320], ids=["phone", "twice as large", "four times as large"])
async def test_nothing_is_cut_off(service: Service, open_device: OpenDevice, direction: str, width: int) -> None:
    # Chromium's zoom is the same as a smaller window.
    device = await open_device(viewport={"width": width, "height": 640})
    async with busy(service) as id:
        admin = await Admin.of(device, service)
        await admin.page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
        for view in (*VIEWS, f"notifications/{id}"):
            await show(admin, view)
            assert not await admin.page.evaluate(WIDER), view
            await screenshot(admin.page, f"admin-{width}-{direction}-{view.replace('/', '-')[:16]}")
        await no_violations(admin.page)


async def top(shown: Locator) -> float:
    """How far below the top of the page this begins."""
    place = await shown.bounding_box()
    assert place
    return place["y"]


async def test_on_a_phone_the_instances_come_first(service: Service, open_device: OpenDevice) -> None:
    device = await open_device(viewport={"width": 390, "height": 844})
    admin = await Admin.of(device, service)
    await expect(admin.instances).to_have_count(1)
    lag = admin.page.get_by_role("region", name="Event loop lag")
    await expect(lag.locator(".value")).not_to_have_text("–")  # noqa: RUF001
    instances, first, second, happenings = [
        await top(admin.page.locator(each))
        for each in ("#instances", ".tile >> nth=0", ".tile >> nth=1", "#happenings")
    ]
    assert instances < first == second < happenings
    line_height = 40
    assert await lag.locator(".value").evaluate("element => element.offsetHeight") < line_height
    await screenshot(admin.page, "admin-phone")


async def test_without_a_mouse(service: Service, device: Device) -> None:
    """From signing in to a timeline, and a user disconnected, with Tab, Enter, Space and Escape."""
    page = (admin := await Admin.of(device, service)).page

    async def tab_to(name: str) -> None:
        for _ in range(60):
            await page.keyboard.press("Tab")
            if name == await page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText"):
                return
        raise AssertionError(f"Tab does not lead to {name}")

    async with raw_client(service.base_url, {"token": service.token("fay")}) as client:
        await client.event("catch_up_complete")
        await tab_to("Send")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Send", exact=True)).to_be_focused()
        await page.keyboard.press("Tab")  # to whom
        await page.keyboard.press("Tab")
        await page.keyboard.type("fay")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Hello")
        await tab_to("Send")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Saved for 1 user.")).to_be_visible()
        await tab_to("Hello")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Notifications", exact=True)).to_be_focused()
        await admin.reached("created", "sent", "received")
        await tab_to("fay")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="fay", exact=True)).to_be_focused()
        await tab_to("Disconnect")
        await page.keyboard.press("Enter")
        await expect(admin.dialog.get_by_role("button", name="Disconnect")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Disconnect")).to_be_focused()
        assert not client.closed
        await page.keyboard.press("Space")
        await page.keyboard.press("Enter")
        await client.until_closed()
