"""The notification centre with hundreds of notifications."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, Route, expect

from ..service import Service
from ..waiting import until
from .bell import DEADLINE, save_many
from .centre import Centre, bulk_requests, count_of, left
from .device import Device

MANY = 300


async def select_everything(centre: Centre) -> None:
    await centre.page.get_by_label("Select all").check()
    await centre.do("Select older ones, too").click()
    await expect(centre.selected).to_have_text(f"{MANY} selected")


async def opened(device: Device, service: Service, user: str) -> tuple[Centre, int]:
    """The page after it has said that the list was seen; and how many requests there were until then."""
    await save_many(service, user, MANY)
    before = bulk_requests(service)
    centre = await Centre.open(device, service, user)
    await until(lambda: bulk_requests(service) == before + 1, within=DEADLINE)
    return centre, before + 1


async def test_300_are_deleted_although_the_page_goes(service: Service, user: str, device: Device) -> None:
    centre, before = await opened(device, service, user)
    await select_everything(centre)
    await centre.do("Delete").click()
    await expect(centre.rows).to_have_count(0)
    await centre.page.reload()
    await centre.live()
    await expect(centre.note).to_contain_text("No notifications")
    assert left(service, user) == []
    await until(lambda: bulk_requests(service) > before, within=DEADLINE)
    assert bulk_requests(service) == before + 1


async def test_300_are_archived_although_the_tab_is_closed(service: Service, user: str, device: Device) -> None:
    centre, before = await opened(device, service, user)
    await select_everything(centre)
    await centre.press("Escape", "Control+a", "e")
    await expect(centre.rows).to_have_count(0)
    await centre.page.close(run_before_unload=True)
    await until(lambda: left(service, user) == [], within=DEADLINE)
    await until(lambda: bulk_requests(service) > before, within=DEADLINE)  # it is counted when it has been answered
    assert bulk_requests(service) == before + 1
    assert [len(left(service, user, archived=True, offset=offset)) for offset in (200, 300)] == [100, 0]


async def test_marking_300_is_one_request(service: Service, user: str, device: Device) -> None:
    centre, before = await opened(device, service, user)
    await select_everything(centre)
    await centre.do("Mark as read").click()
    await expect(centre.count).to_have_text("")
    await until(lambda: count_of(service, user) == 0, within=DEADLINE)
    await until(lambda: bulk_requests(service) > before, within=DEADLINE)
    assert bulk_requests(service) == before + 1
    await expect(centre.selected).to_have_text(f"{MANY} selected")
    await centre.do("Mark as unread").click()
    await expect(centre.count).to_have_text(f"{MANY} unread")
    await until(lambda: bulk_requests(service) > before + 1, within=DEADLINE)
    assert bulk_requests(service) == before + 2


async def test_all_are_read(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, MANY)
    centre = await Centre.open(device, service, user)
    await centre.do("Mark all read").click()
    await until(lambda: count_of(service, user) == 0, within=DEADLINE)
    await expect(centre.do("Mark all read")).to_be_disabled()


async def test_all_that_a_search_finds_are_read(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 40, " of apples")
    await save_many(service, user, 3, " of pears")
    centre = await Centre.open(device, service, user)
    await centre.search.fill("apples")
    await expect(centre.rows.first).to_contain_text("number 39 of apples")
    await centre.do("Mark all read").click()
    await until(lambda: count_of(service, user) == 3, within=DEADLINE)
    await expect(centre.do("Mark all read")).to_be_disabled()
    await expect(centre.count).to_have_text("3 unread")
    await centre.undo.click()
    await until(lambda: count_of(service, user) == 43, within=DEADLINE)
    await centre.search.fill("plums")
    await expect(centre.note).to_contain_text("Nothing found")
    await expect(centre.do("Mark all read")).to_be_disabled()


async def test_all_of_a_type_are_read(service: Service, user: str, device: Device) -> None:
    service.send(user, message="The report", type="REPORT")
    service.send(user, message="The invitation", type="INVITE")
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(2)
    await centre.page.get_by_label("Type").select_option("REPORT")
    await expect(centre.rows).to_have_count(1)
    await centre.do("Mark all read").click()
    await expect(centre.do("Mark all read")).to_be_disabled()
    await until(lambda: left(service, user) == [("The invitation", False), ("The report", True)], within=DEADLINE)
    await centre.page.get_by_label("Type").select_option("")
    await centre.view("Unread")
    await expect(centre.rows).to_have_count(1)
    await centre.do("Mark all read").click()
    await until(lambda: count_of(service, user) == 0, within=DEADLINE)


async def scroll_to_the_end(page: Page) -> None:
    """As a reader does who wants to see the oldest: again and again, for what is loaded makes the page longer."""
    await page.wait_for_function(
        """() => {
          scrollTo(0, document.documentElement.scrollHeight);
          return document.querySelector(".end").textContent.startsWith("There are no older");
        }""",
        polling=50,
    )


async def test_scrolling_loads_all_and_keeps_few(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, MANY)
    centre = await Centre.open(device, service, user)
    await expect(centre.row(f"number {MANY - 1}")).to_be_visible()
    await scroll_to_the_end(centre.page)
    await expect(centre.row("number 0")).to_be_in_viewport()
    await centre.total(MANY)
    assert await centre.rows.count() < 60
    await centre.press("k")  # goes on from what can be seen
    first = await centre.page.evaluate("document.activeElement.closest('.row').ariaPosInSet")
    assert int(first) > MANY - 20
    await centre.press("Home")
    await centre.has_focus(f"number {MANY - 1}")
    await centre.press("End")
    await centre.has_focus("number 0")
    await expect(centre.row("number 0")).to_be_in_viewport()
    service.send(user, message="one more meanwhile")
    await centre.total(MANY + 1)
    await centre.has_focus("number 0")
    await expect(centre.row("number 0")).to_be_in_viewport()


async def test_older_ones_that_cannot_be_loaded(service: Service, user: str, device: Device) -> None:
    device.expect("500")
    await save_many(service, user, 70)
    broken, pressed = True, asyncio.Event()
    pressed.set()

    async def answer(route: Route) -> None:
        if broken and "cursor=" in route.request.url:
            pressed.clear()  # the page tries again by itself, too, and would take the button away
            await route.fulfill(status=500, json={"detail": "Broken."})
            return
        await pressed.wait()
        await route.continue_()

    await device.context.route(re.compile(r"/v1/notifications\?"), answer)
    centre = await Centre.open(device, service, user)
    await expect(centre.row("number 69")).to_be_visible()
    await centre.press("End")
    await expect(centre.problem).to_contain_text("The notifications could not be loaded. Broken.")
    await expect(centre.problem).to_be_in_viewport()
    await centre.has_focus("number 40")
    broken = False
    await centre.problem.get_by_role("button", name="Try again").click()
    pressed.set()
    await expect(centre.problem).to_be_hidden()
    await scroll_to_the_end(centre.page)
    await centre.total(70)


async def test_others_take_the_place_of_those_deleted(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 100)
    await device.context.add_init_script(
        """new MutationObserver(() => { window.empty ||= document.querySelector(".note .lead") !== null; })
          .observe(document, { childList: true, subtree: true });"""
    )
    centre = await Centre.open(device, service, user)
    await expect(centre.row("number 99")).to_be_visible()
    await centre.press("Control+a", "#")
    await expect(centre.row("number 99")).to_have_count(0)
    await expect(centre.rows.first).to_be_visible()
    assert not await centre.page.evaluate("window.empty"), "it never looked as if nothing was left"


async def test_the_current_row_is_never_behind_the_bar(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 40)
    centre = await Centre.open(device, service, user)
    await expect(centre.row("number 39")).to_be_visible()
    await centre.press(*["j"] * 25)
    for _ in range(15):
        await centre.press("k")
        top, bottom = await centre.page.evaluate(
            """() => {
              const row = document.activeElement.closest(".row").getBoundingClientRect();
              const bar = document.querySelector(".bar").getBoundingClientRect();
              return [row.top - bar.bottom, innerHeight - row.bottom];
            }"""
        )
        assert top > -8
        assert bottom > -1


async def test_what_waits_to_be_deleted_is_not_counted(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 3)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(3)
    await centre.press("j", "#")
    await expect(centre.count).to_have_text("2 unread")
    await expect(centre.page).to_have_title("(2) Notifications")
    assert count_of(service, user) == 3, "it can be undone"
    await centre.undo.click()
    await expect(centre.count).to_have_text("3 unread")
    await centre.press("Control+a", "#")
    await expect(centre.count).to_have_text("")
    await expect(centre.do("Mark all read")).to_be_disabled()
