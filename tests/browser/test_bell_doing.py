"""What a reader does in the bell's list, by tabs, buttons and keys; and what their other device shows."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Route, expect

from eventide_notify.models import Draft, IdGenerator, Notification, Status, utc_now
from eventide_notify.store import create_store

from ..service import Service
from ..waiting import until
from .bell import DEADLINE, Bell
from .conftest import OpenBell, OpenDevice
from .device import Device

LIST = re.compile(r"/v1/notifications\?")
ANSWERS = [
    {"id": "yes", "label": "Accept", "style": "primary"},
    {"id": "no", "label": "Decline", "style": "secondary"},
]


@pytest_asyncio.fixture(loop_scope="session")
async def other(user: str, open_bell: OpenBell, open_device: OpenDevice) -> Bell:
    """The bell on another device of the user, connected."""
    bell = await open_bell(user, on=await open_device())
    await bell.state("live")
    return bell


async def do(bell: Bell, row: str, button: str) -> None:
    """Press the button of that row."""
    await bell.row(row).hover()
    await bell.row(row).get_by_role("button", name=button, exact=False).click()


def tab(bell: Bell, name: str) -> Locator:
    return bell.host.get_by_role("tab", name=name)


def undo(bell: Bell) -> Locator:
    return bell.host.get_by_role("button", name="Undo")


def unread(bell: Bell) -> Locator:
    return bell.host.locator("[part=list] [part~=item-unread]")


def with_focus(bell: Bell) -> Locator:
    return bell.rows.filter(has=bell.page.locator(":focus"))


# Seen and read


async def test_who_opens_the_list_has_seen_what_is_new_and_not_read_it(
    service: Service, user: str, bell: Bell, other: Bell
) -> None:
    for number in range(3):
        service.send(user, message=f"number {number}")
    for each in (bell, other):
        await expect(each.badge).to_have_text("3")
    await bell.open()
    for each in (bell, other):
        await expect(each.badge).to_be_hidden()
        await expect(each.button).to_have_accessible_name("Notifications, 3 unread")
        await expect(each.page).to_have_title("Orders")
    await expect(unread(bell)).to_have_count(3)
    service.send(user, message="while it is open")
    await expect(unread(bell)).to_have_count(4)
    await bell.page.wait_for_function("() => document.querySelector('eventide-bell').unseenCount === 0")
    await bell.page.keyboard.press("Escape")
    service.send(user, message="while it is closed")
    for each in (bell, other):
        await expect(each.badge).to_have_text("1")


async def test_a_badge_of_what_is_unread(service: Service, user: str, open_bell: OpenBell) -> None:
    service.send(user, message="one")
    bell = await open_bell(user, "badge=unread")
    await expect(bell.badge).to_have_text("1")
    await bell.open()
    await bell.page.wait_for_function("() => document.querySelector('eventide-bell').unseenCount === 0")
    await expect(bell.badge).to_have_text("1")
    await do(bell, "one", "Mark as read")
    await expect(bell.badge).to_be_hidden()


async def test_unread_again(service: Service, user: str, bell: Bell, other: Bell) -> None:
    service.send(user, message="to be done later")
    await bell.open()
    await other.open()
    await do(bell, "later", "Mark as read")
    await expect(unread(other)).to_have_count(0)
    await do(bell, "later", "Mark as unread")
    await expect(unread(other)).to_have_count(1)
    await expect(other.button).to_have_accessible_name("Notifications, 1 unread")


async def test_nothing_can_be_marked_by_somebody_who_is_not_signed_in(open_bell: OpenBell) -> None:
    bell = await open_bell(None)
    await bell.open()
    await expect(bell.host.get_by_role("button", name="Mark all read")).to_be_disabled()


# Tabs


async def test_the_tabs_of_a_list(service: Service, user: str, bell: Bell) -> None:
    for message in ("first", "second"):
        service.send(user, message=message)
    await bell.open()
    await do(bell, "first", "Mark as read")
    await expect(tab(bell, "Unread")).to_have_text("Unread1")
    await tab(bell, "Unread").click()
    await expect(tab(bell, "Unread")).to_have_attribute("aria-selected", "true")
    await expect(bell.rows).to_have_count(1)
    await expect(bell.rows).to_contain_text("second")
    await tab(bell, "Archived").click()
    await expect(bell.panel).to_contain_text("No archived notifications")
    await bell.page.keyboard.press("Home")
    await expect(tab(bell, "All")).to_be_focused()
    await expect(bell.rows).to_have_count(2)
    await bell.page.keyboard.press("ArrowRight")
    await expect(tab(bell, "Unread")).to_be_focused()
    await expect(bell.rows).to_have_count(1)


async def test_the_tabs_that_a_page_asks_for(service: Service, user: str, open_bell: OpenBell) -> None:
    service.send(user, message="a comment", type="NEW_COMMENT")
    service.send(user, message="an invoice", type="INVOICE")
    bell = await open_bell(user, 'tabs="INVOICE, all"')
    await bell.state("live")
    await bell.open()
    await expect(bell.host.get_by_role("tab")).to_have_text(["Invoice", "All"])
    await expect(bell.rows).to_contain_text(["an invoice"])
    await bell.call("bell => bell.setAttribute('tabs', 'NEW_COMMENT')")
    await expect(bell.rows).to_contain_text(["a comment"])
    await expect(bell.host.get_by_role("tablist")).to_be_hidden()
    await bell.call("bell => bell.setAttribute('tabs', '')")
    await bell.call("bell => bell.inbox.setFilter({ q: 'invoice' })")
    await expect(bell.rows).to_contain_text(["an invoice"])


async def test_days_are_headings(service: Service, user: str, open_bell: OpenBell) -> None:
    assert service.home
    store = create_store(f"sqlite:///{service.home.data / 'eventide.db'}")
    new_id, now = IdGenerator(), utc_now()
    await store.open()
    times = [now - timedelta(days=days) for days in (400, 1, 1, 0, 0)]
    await store.add(
        [
            Notification(new_id(at), user, Draft(message=f"number {number}"), at, Status.DELIVERED, at)
            for number, at in enumerate(times)
        ]
    )
    await store.close()
    bell = await open_bell(user)
    await bell.open()
    headings = bell.panel.get_by_role("heading", level=3)
    year = str(times[0].year)
    await expect(headings).to_have_text(["Today", "Yesterday", re.compile(year)])
    await expect(bell.rows.filter(has=bell.page.get_by_role("heading", name="Yesterday"))).to_contain_text("number 2")


# Archive


async def test_archiving_can_be_undone_and_is_so_on_all_devices(
    service: Service, user: str, bell: Bell, other: Bell
) -> None:
    for message in ("first", "second"):
        service.send(user, message=message)
    await bell.open()
    await other.open()
    await do(bell, "first", "Archive")
    await expect(bell.rows).to_have_count(1)
    await undo(bell).click()
    await expect(bell.rows).to_have_count(2)
    await do(bell, "first", "Archive")
    await tab(bell, "Archived").click()
    await bell.page.keyboard.press("Escape")
    await expect(other.rows).to_have_count(1)
    await bell.open()
    await expect(bell.rows).to_contain_text(["first"])
    await do(bell, "first", "Move to inbox")
    await expect(bell.panel).to_contain_text("Notification moved to inbox")
    await bell.page.keyboard.press("Escape")
    await expect(other.rows).to_have_count(2)


# Undo by key


async def test_undo_is_one_key_away(service: Service, user: str, bell: Bell) -> None:
    for number in range(5):
        service.send(user, message=f"number {number}")
    press = bell.page.keyboard.press
    await bell.open()
    await expect(bell.rows).to_have_count(5)
    for _ in range(3):
        await press("ArrowDown")
    await press("Delete")
    await expect(bell.rows).to_have_count(4)
    await expect(with_focus(bell)).to_contain_text("number 1")
    await press("Tab")
    await expect(undo(bell)).to_be_focused()
    await press("Enter")
    await expect(bell.rows).to_have_count(5)
    await expect(with_focus(bell)).to_contain_text("number 2")
    await press("e")
    await expect(bell.rows).to_have_count(4)
    await press("Control+z")
    await expect(bell.rows).to_have_count(5)
    await expect(with_focus(bell)).to_contain_text("number 2")
    await press("#")
    await expect(bell.rows).to_have_count(4)
    await bell.page.evaluate("document.activeElement.blur()")
    await press("Meta+z")
    await expect(bell.rows).to_have_count(5)


async def test_the_last_one_leaves_the_focus_to_undo(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="the only one")
    await bell.open()
    await expect(bell.rows).to_have_count(1)
    await bell.page.keyboard.press("ArrowDown")
    await bell.page.keyboard.press("Delete")
    await expect(undo(bell)).to_be_focused()


async def test_what_is_written_elsewhere_has_an_undo_of_its_own(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="goes")
    await bell.page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
    await bell.open()
    await do(bell, "goes", "Delete")
    await bell.page.locator("textarea").evaluate("area => area.focus({ preventScroll: true })")
    await bell.call("bell => bell.open()")
    await bell.page.keyboard.type("text")
    await bell.page.keyboard.press("Control+z")
    assert await bell.page.locator("textarea").input_value() == ""
    with service.client(user) as client:
        await until(lambda: client.get("/v1/notifications").json()["notifications"] == [], within=DEADLINE)


async def test_in_the_archive_nothing_is_offered_for_all(service: Service, user: str, open_bell: OpenBell) -> None:
    service.send(user, message="not archived")
    bell = await open_bell(user)
    await bell.open()
    mark_all = bell.host.get_by_role("button", name="Mark all read")
    await expect(mark_all).to_be_enabled()
    await bell.host.get_by_role("tab", name="Archived").click()
    await expect(mark_all).to_be_hidden()
    await bell.host.get_by_role("tab", name="All").click()
    await expect(mark_all).to_be_enabled()


# Keys in a row


async def test_the_buttons_of_a_row_by_keys(service: Service, user: str, open_bell: OpenBell) -> None:
    service.send(user, message="Ada asks to join", actions=ANSWERS)
    for direction, forward, back in (("ltr", "ArrowRight", "ArrowLeft"), ("rtl", "ArrowLeft", "ArrowRight")):
        bell = await open_bell(user, html=f'dir="{direction}"')
        await bell.open()
        await expect(bell.rows).to_have_count(1)
        press = bell.page.keyboard.press
        await press("ArrowDown")
        for name in ("Accept", "Decline", "Mark as read", "Archive", "Delete"):
            await press(forward)
            await expect(bell.rows.get_by_role("button", name=name, exact=False).last).to_be_focused()
        await press(back)
        await expect(bell.rows.get_by_role("button", name="Archive")).to_be_focused()
        await press("u")
        await expect(unread(bell)).to_have_count(0)
        await press("u")
        await expect(unread(bell)).to_have_count(1)


# Buttons that a notification brings with it

RECORD = """bell => {
  window.chosen = [];
  for (const type of ["action", "open"])
    bell.addEventListener(type, (event) => {
      const { action, url, notification } = event.detail;
      chosen.push([type, action?.id ?? new URL(url).pathname, notification.message]);
      if (type === "open") event.preventDefault();
    });
}"""


async def test_a_choice_is_told_to_the_page_all_devices_and_the_sender(
    service: Service, user: str, bell: Bell, other: Bell
) -> None:
    await bell.call(RECORD)
    [id] = service.send(user, message="Ada asks to join", actions=ANSWERS)
    await bell.open()
    await other.open()
    accept, decline = (bell.rows.get_by_role("button", name=name, exact=True) for name in ("Accept", "Decline"))
    held, sent = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        sent.set()
        await held.wait()
        await route.continue_()

    await bell.page.route(re.compile("/action$"), hold)
    await accept.click()
    await asyncio.wait_for(sent.wait(), DEADLINE)
    for button in (accept, decline):
        await expect(button).to_be_disabled()
    assert await bell.page.evaluate("chosen") == [], "the server does not know of it yet"
    held.set()
    for each in (bell, other):
        button = each.rows.get_by_role("button", name="Accept", exact=True)
        await expect(button).to_have_attribute("aria-pressed", "true")
        await expect(each.rows.get_by_role("button", name="Decline", exact=True)).to_be_disabled()
        await expect(unread(each)).to_have_count(0)
    await bell.page.wait_for_function("() => chosen.length === 1")
    assert await bell.page.evaluate("chosen") == [["action", "yes", "Ada asks to join"]]
    with service.client(admin=True) as client:
        assert client.get(f"/v1/admin/notifications/{id}").json()["action"]["id"] == "yes"


async def test_a_choice_that_is_refused_can_be_made_again(
    service: Service, user: str, bell: Bell, device: Device
) -> None:
    device.expect("503")
    service.send(user, message="Ada asks to join", actions=ANSWERS)
    problem = {"code": "unavailable", "detail": "Not now."}
    await bell.page.route(re.compile("/action$"), lambda route: route.fulfill(status=503, json=problem))
    await bell.open()
    accept = bell.rows.get_by_role("button", name="Accept", exact=True)
    await accept.click()
    await expect(bell.host.locator("[part=notice]")).to_contain_text("Not now.")
    await expect(accept).to_be_enabled()
    await expect(accept).to_have_attribute("aria-pressed", "false")
    await bell.page.unroute(re.compile("/action$"))
    await accept.click()
    await expect(accept).to_have_attribute("aria-pressed", "true")


async def test_the_link_of_a_choice_opens_when_the_choice_is_known(service: Service, user: str, bell: Bell) -> None:
    await bell.call(RECORD)
    service.send(user, message="Ada asks", actions=[ANSWERS[0] | {"link": "/projects/7"}])
    await bell.open()
    await bell.rows.get_by_role("button", name="Accept", exact=True).click()
    await bell.page.wait_for_function("() => chosen.length === 2")
    assert await bell.page.evaluate("chosen") == [["action", "yes", "Ada asks"], ["open", "/projects/7", "Ada asks"]]
    await expect(bell.panel).to_be_hidden()


@pytest.mark.parametrize("link", ["/projects/7", "http://example.invalid/7"])
async def test_the_link_of_a_choice_leads_there(
    service: Service, user: str, bell: Bell, device: Device, link: str
) -> None:
    device.expect("ERR_")
    service.send(user, message="Ada asks", actions=[ANSWERS[0] | {"link": link}])
    await bell.open()
    accept = bell.rows.get_by_role("button", name="Accept", exact=True)
    if link.startswith("/"):
        await accept.click()
        await expect(bell.page).to_have_url(re.compile("/projects/7$"))
        return
    async with device.context.expect_page() as opened:
        await accept.click()
    assert await (await opened.value).evaluate("opener") is None


# What goes wrong, and what is too long


async def test_a_list_that_cannot_be_loaded_again_says_so_above_its_rows(
    service: Service, user: str, bell: Bell, device: Device
) -> None:
    device.expect("500")
    service.send(user, message="was here")
    await bell.open()
    await expect(bell.rows).to_have_count(1)
    problem = {"code": "internal", "detail": "Something broke."}
    broken, pressed = True, asyncio.Event()

    async def answer(route: Route) -> None:
        if broken:
            await route.fulfill(status=500, json=problem)
            return
        await pressed.wait()  # the bell tries again by itself, too, and would take the button away
        await route.continue_()

    await device.context.route(LIST, answer)
    await bell.call("bell => void bell.inbox.refresh()")
    alert = bell.host.get_by_role("alert")
    await expect(alert).to_contain_text("Something broke.")
    service.send(user, message="came since")
    await expect(bell.rows).to_contain_text(["came since", "was here"])
    await expect(alert).to_be_visible()
    broken = False
    await bell.host.get_by_role("button", name="Try again").click()
    pressed.set()
    await expect(alert).to_be_hidden()
    await expect(bell.rows).to_have_count(2)


async def test_a_title_has_two_lines_at_most(service: Service, user: str, bell: Bell) -> None:
    long = "A title that is far longer than any title should be, and goes on and on " * 3
    service.send(user, message="m", title=long)
    service.send(user, message="m", title="short", link="/1")
    await bell.open()
    title = bell.rows.locator("[part=title]")
    await expect(title).to_have_count(2)
    heights = [await title.nth(number).evaluate("title => title.clientHeight") for number in range(2)]
    assert heights[1] == pytest.approx(2 * heights[0], abs=1)
    for row in range(2):
        await bell.rows.nth(row).locator("[part=link]").hover()
    main = bell.rows.locator("[part=link]")
    await expect(main.nth(0)).not_to_have_attribute("title", re.compile(".*"))
    await expect(main.nth(1)).to_have_attribute("title", re.compile(re.escape(long.strip())))
    await main.nth(1).click()
    assert await title.nth(1).evaluate("title => title.clientHeight") > heights[1] + 10, "all of it can be read"
