"""The notification centre, `/client/inbox.html`."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from ..service import Service
from ..waiting import until
from .bell import DEADLINE, save_many
from .conftest import OpenDevice
from .device import Device, no_violations, screenshot

KINDS = ("NEW_COMMENT", "REPORT", "NEW_COMMENT", "PAYMENT")


def rows(page: Page) -> Locator:
    return page.locator("#list > li")


def row(page: Page, text: str) -> Locator:
    return rows(page).filter(has_text=re.compile(rf"{re.escape(text)}(?!\d)"))


def box(page: Page, text: str) -> Locator:
    return row(page, text).get_by_role("checkbox")


async def open_inbox(device: Device, service: Service, user: str) -> Page:
    """The page, with a token that was pasted."""
    device.expect("demo.json")  # the page asks for it, and there is none
    page = await device.open(f"{service.base_url}/client/inbox.html")
    await expect(page.locator("#nothing-lead")).to_have_text("Who are you?")
    await page.get_by_label("JSON Web Token").fill(service.token(user))
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#state")).to_have_text("Live")
    return page


def left(service: Service, user: str) -> list[tuple[str, bool]]:
    """The user's notifications, newest first, and whether they are read: as the server has them."""
    with service.client(user) as client:
        items = client.get("/v1/notifications?limit=100").json()["notifications"]
    return [(item["message"], item["read"]) for item in items]


async def test_in_the_demo_one_is_anybody(demo: Service, device: Device) -> None:
    with demo.client() as client:
        token = client.get("/client/demo.json").json()["adminToken"]
        headers = {"Authorization": f"Bearer {token}"}
        page = await device.open(f"{demo.base_url}/client/inbox.html#bob")
        await expect(page.get_by_role("button", name="Bob")).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("#state")).to_have_text("Live")
        draft = {"userIds": ["bob", "carol"], "message": "for Bob and Carol", "title": "Both"}
        client.post("/v1/admin/notifications", json=draft, headers=headers).raise_for_status()
    await expect(rows(page)).to_have_count(1)
    await expect(page).to_have_title(re.compile(r"^\(1\) "))
    await page.get_by_role("button", name="Alice").click()
    await expect(page.locator("#nothing")).to_contain_text("All quiet")
    await page.get_by_role("button", name="Carol").click()
    await expect(rows(page)).to_contain_text(["for Bob and Carol"])
    assert page.url.endswith("#carol")


async def test_filters(service: Service, user: str, device: Device) -> None:
    for number, kind in enumerate(KINDS):
        service.send(user, message=f"number {number}", type=kind)
    page = await open_inbox(device, service, user)
    await expect(rows(page)).to_have_count(4)
    await box(page, "number 0").check()
    await page.get_by_role("button", name="Mark as read").click()
    await expect(page.locator("#count")).to_have_text("3 unread")
    await page.get_by_label("Unread").check(force=True)
    await expect(rows(page)).to_have_count(3)
    await page.get_by_label("Type").select_option("New comment")
    await expect(rows(page)).to_have_count(1)
    service.send(user, message="another comment", type="NEW_COMMENT")
    service.send(user, message="another report", type="REPORT")
    await expect(page.locator("#count")).to_have_text("5 unread")
    await expect(rows(page)).to_have_count(2)
    await page.get_by_label("All", exact=True).check(force=True)
    await expect(rows(page)).to_have_count(3)
    await page.get_by_label("Type").select_option("Payment")
    await expect(rows(page)).to_have_count(1)
    await box(page, "number 3").check()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.locator("#nothing")).to_contain_text("None of this type")


async def test_selecting_many_with_the_mouse(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 6)
    page = await open_inbox(device, service, user)
    await box(page, "number 4").click()
    await box(page, "number 2").click(modifiers=["Shift"])
    await expect(page.locator("#selected")).to_have_text("3 selected")
    await page.get_by_role("button", name="Mark as read").click()
    await expect(page.locator("#count")).to_have_text("3 unread")
    await page.get_by_role("button", name="Delete").click()
    await expect(rows(page)).to_have_count(3)
    await page.get_by_role("button", name="Undo").click()
    await expect(rows(page)).to_have_count(6)
    await page.locator("#all").check()
    await expect(page.locator("#selected")).to_have_text("6 selected")
    await page.get_by_role("button", name="Delete").click()
    await expect(page.locator("#nothing")).to_contain_text("All quiet")
    await page.goto("about:blank")
    await until(lambda: left(service, user) == [], within=DEADLINE)


async def test_the_keyboard_alone(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 6)
    page = await open_inbox(device, service, user)
    await expect(rows(page)).to_have_count(6)
    press = page.keyboard.press
    await page.locator("#all").focus()
    while not await page.evaluate("Boolean(document.activeElement.closest('#list li'))"):
        await press("Tab")
    assert await box(page, "number 5").evaluate("box => box === document.activeElement")
    await press("ArrowDown")
    await press("Shift+ArrowDown")
    await press("Shift+ArrowDown")
    await expect(page.locator("#selected")).to_have_text("3 selected")
    await press("Space")
    await expect(page.locator("#selected")).to_have_text("2 selected")
    await press("Delete")
    await expect(rows(page)).to_have_count(4)
    assert await box(page, "number 2").evaluate("box => box === document.activeElement")
    await press("Home")
    await press("Delete")
    await expect(rows(page)).to_have_count(3)
    assert await box(page, "number 2").evaluate("box => box === document.activeElement"), "the next one"
    await press("Control+a")
    await expect(page.locator("#selected")).to_have_text("3 selected")
    await press("Escape")
    await expect(page.locator("#selected")).to_have_text("Select all")
    await page.get_by_role("button", name="Undo").focus()
    await press("Enter")
    await expect(rows(page)).to_have_count(4)
    assert [message for message, _ in left(service, user)] == [f"number {number}" for number in (5, 2, 1, 0)]


async def test_pages(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 70)
    page = await open_inbox(device, service, user)
    await expect(rows(page)).to_have_count(30)
    older = page.get_by_role("button", name="Load older")
    await older.click()
    await expect(rows(page)).to_have_count(60)
    service.send(user, message="one more meanwhile")
    await expect(rows(page)).to_have_count(61)
    await older.click()
    await expect(rows(page)).to_have_count(71)
    await expect(older).to_be_hidden()
    await expect(page.locator("#shown")).to_have_text("71 shown, that is all")
    messages = await page.locator("#list .message").all_text_contents()
    assert messages == ["one more meanwhile", *(f"number {number}" for number in reversed(range(70)))]


async def test_a_token_that_is_refused(service: Service, user: str, device: Device) -> None:
    device.expect("demo.json", "401")
    page = await device.open(f"{service.base_url}/client/inbox.html")
    await page.get_by_label("JSON Web Token").fill("nonsense")
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#notice")).to_contain_text("The token is not valid on this server.")
    await page.get_by_label("JSON Web Token").fill(service.token(user))
    await page.get_by_role("button", name="Use it").click()
    await expect(page.locator("#state")).to_have_text("Live")
    await expect(page.locator("#notice")).to_be_hidden()
    await page.reload()
    await expect(page.locator("#state")).to_have_text("Live")


async def test_text_is_text(service: Service, user: str, device: Device) -> None:
    hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    service.send(user, message=hostile, title=hostile, type=hostile[:50], link="https://example.com/?<script>")
    page = await open_inbox(device, service, user)
    await expect(page.locator("#list .message")).to_have_text(hostile)
    await expect(page.locator("#list h2")).to_have_text(hostile)
    assert await page.evaluate("typeof hacked") == "undefined"


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out(service: Service, user: str, open_device: OpenDevice, scheme: str) -> None:
    device = await open_device(color_scheme=scheme)
    page = await open_inbox(device, service, user)
    await no_violations(page)
    service.send(
        user, message="October closed 4 % above September.", title="Your report is ready", type="REPORT", link="/r"
    )
    service.send(user, message="Low tide at 19:42", type="REMINDER")
    service.send(user, message="That green light is the pier", title="Bob commented on your photo", type="NEW_COMMENT")
    await expect(rows(page)).to_have_count(3)
    await box(page, "Low tide at 19:42").check()
    await page.get_by_role("button", name="Mark as read").click()
    await expect(page.locator("#count")).to_have_text("2 unread")
    await page.get_by_role("button", name="Delete").click()
    await box(page, "Your report").check()
    await no_violations(page)
    await screenshot(page, f"inbox-{scheme}")
    await page.set_viewport_size({"width": 360, "height": 640})
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    await no_violations(page)
    await screenshot(page, f"inbox-{scheme}-360")
