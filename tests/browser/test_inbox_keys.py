"""The notification centre without a mouse."""

from __future__ import annotations

from playwright.async_api import expect

from ..service import Service
from ..waiting import until
from .bell import DEADLINE, save_many
from .centre import Centre, count_of, left
from .device import Device


async def test_moving_selecting_and_acting(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 6)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(6)
    await centre.press("j")
    await centre.has_focus("number 5")
    await centre.press("ArrowDown", "j", "k")
    await centre.has_focus("number 4")
    await centre.press("Shift+ArrowDown", "Shift+J")
    await expect(centre.selected).to_have_text("3 selected")
    await centre.press("x")
    await expect(centre.selected).to_have_text("2 selected")
    await centre.press("#")
    await expect(centre.rows).to_have_count(4)
    await centre.has_focus("number 2")
    await centre.press("Home", "Delete")
    await expect(centre.rows).to_have_count(3)
    await centre.has_focus("number 2")
    await centre.press("z")
    await expect(centre.rows).to_have_count(4)
    await centre.press("Control+z")
    await expect(centre.rows).to_have_count(6)
    await expect(centre.undo).to_be_hidden()
    await centre.press("Control+a")
    await expect(centre.selected).to_have_text("6 selected")
    await centre.press("Escape")
    await expect(centre.selected).to_have_text("Select all")
    assert [message for message, _ in left(service, user)] == [f"number {number}" for number in (5, 4, 3, 2, 1, 0)]


async def test_reading_and_archiving(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 3)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(3)
    await centre.press("j", "u")
    await expect(centre.count).to_have_text("2 unread")
    await centre.press("u")
    await expect(centre.count).to_have_text("3 unread")
    await centre.press("Control+a", "u")
    await expect(centre.count).to_have_text("")
    await centre.press("z")
    await expect(centre.count).to_have_text("3 unread")
    await centre.press("Escape", "End", "e")
    await expect(centre.rows).to_have_count(2)
    await centre.has_focus("number 1")
    await centre.press("o")  # there is no link, so all of it is shown
    await expect(centre.main("number 1")).to_have_attribute("aria-expanded", "true")
    await centre.view("Archived")
    await expect(centre.row("number 0")).to_be_visible()
    await centre.press("z")
    await expect(centre.note).to_contain_text("The archive is empty")
    await centre.view("All")
    await expect(centre.rows).to_have_count(3)
    await centre.press("j", "e")
    await expect(centre.rows).to_have_count(2)
    await centre.press("z")
    await expect(centre.rows).to_have_count(3)
    await expect(centre.rows.first).to_contain_text("number 2")


async def test_undo_is_the_next_stop(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 40)
    centre = await Centre.open(device, service, user)
    await expect(centre.row("number 39")).to_be_visible()
    await centre.press("j", "j", "#")
    await expect(centre.undo).to_be_visible()
    stops = 0
    while not await centre.undo.evaluate("button => button === document.activeElement"):
        await centre.press("Tab")
        stops += 1
        assert stops < 10
    await centre.press("Enter")
    await expect(centre.row("number 38")).to_be_visible()
    await expect(centre.undo).to_be_hidden()
    assert await centre.page.evaluate("document.activeElement.matches('.row .main')"), "the keys go on"


async def test_searching(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 12)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(12)
    await centre.press("/")
    await expect(centre.search).to_be_focused()
    await centre.page.keyboard.type("number 1")  # no shortcut among these letters
    await expect(centre.rows).to_have_count(3)
    await centre.press("ArrowDown")
    await centre.has_focus("number 11")
    await centre.press("/", "Backspace", "Escape")
    await expect(centre.rows).to_have_count(12)
    await centre.press("Escape")
    await centre.press("j")
    await expect(centre.rows.locator(".main:focus")).to_have_count(1)


async def test_the_sheet_of_shortcuts(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 3)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(3)
    await centre.press("j", "?")
    await expect(centre.help).to_be_visible()
    for _ in range(6):
        await centre.press("Tab")
        assert await centre.page.evaluate("document.activeElement.closest('dialog') !== null || !document.hasFocus()")
    await centre.press("#")  # behind the sheet nothing hears it
    await centre.press("Escape")
    await expect(centre.help).to_be_hidden()
    await centre.has_focus("number 2")
    await expect(centre.rows).to_have_count(3)
    await centre.press("?")
    await centre.help.get_by_role("checkbox").uncheck()
    await centre.help.get_by_role("button", name="Close").click()
    await centre.press("#", "x", "z", "?")
    await expect(centre.selected).to_have_text("Select all")
    await expect(centre.rows).to_have_count(3)
    await centre.press("ArrowDown", "Delete")  # keys that are no text still do what they say
    await expect(centre.rows).to_have_count(2)
    await centre.page.reload()
    await centre.live()
    await until(lambda: len(left(service, user)) == 2, within=DEADLINE)
    await centre.press("?")
    await expect(centre.help).to_be_hidden()


async def test_the_focus_is_never_lost(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 3)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(3)
    await centre.press("j")
    await centre.row("number 2").get_by_role("button", name="Delete").focus()
    await centre.press("Enter")
    await centre.has_focus("number 1")
    await centre.page.get_by_label("Select all").check()
    await centre.do("Delete").focus()
    await centre.press("Enter")
    await expect(centre.rows).to_have_count(0)
    assert await centre.page.evaluate("document.activeElement !== document.body")
    await centre.press("z")
    await expect(centre.rows).to_have_count(2)


async def test_a_row_that_another_device_removes(service: Service, user: str, device: Device) -> None:
    ids = [service.send(user, message=f"number {number}")[0] for number in range(3)]
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(3)
    await centre.press("j", "j", "x")
    await centre.has_focus("number 1")
    with service.client(user) as client:
        client.delete(f"/v1/notifications/{ids[1]}").raise_for_status()
    await expect(centre.rows).to_have_count(2)
    await centre.has_focus("number 0")
    await expect(centre.selected).to_have_text("Select all")
    assert count_of(service, user) == 2
