"""Toasts, sounds and notifications on the desktop: what tells a reader who is not looking at the list."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from ..service import Service
from ..waiting import asked_until
from .bell import Bell
from .conftest import OpenBell, OpenDevice
from .device import Device


async def pause_toasts(bell: Bell) -> None:
    """They stay while the pointer is on them: nothing goes for another reason than what is tested."""
    await bell.toasts.first.hover()


@pytest.mark.parametrize("how", ["read", "delete", "archive"])
async def test_a_toast_goes_when_its_notification_needs_no_attention_any_more(
    service: Service, user: str, bell: Bell, how: str
) -> None:
    ids = [service.send(user, message=message)[0] for message in ("stays", "goes")]
    await expect(bell.toasts).to_have_count(2)
    await pause_toasts(bell)
    with service.client(user) as client:
        client.post("/v1/notifications/actions", json={"action": how, "ids": ids[1:]}).raise_for_status()
    await expect(bell.toasts).to_have_count(1)
    await expect(bell.toasts).to_contain_text("stays")


async def test_a_toast_of_an_announcement_goes_when_that_is_retracted(service: Service, bell: Bell) -> None:
    with service.client(admin=True) as client:
        draft = {"message": "All systems down", "audience": "everyone"}
        answer = client.post("/v1/admin/announcements", json=draft).raise_for_status().json()
        toast = bell.toasts.filter(has_text="All systems down")
        await expect(toast).to_be_visible()
        await toast.hover()
        client.delete(f"/v1/admin/announcements/{answer['id']}").raise_for_status()
    await expect(toast).to_be_hidden()


async def test_when_many_arrive_the_rest_is_a_number(service: Service, user: str, open_bell: OpenBell) -> None:
    bell = await open_bell(user, "toasts=2")
    await bell.state("live")
    ids = [service.send(user, message=f"number {number}")[0] for number in range(5)]
    more = bell.host.locator("[part=toasts-more]")
    await expect(more).to_have_text("+3 more")
    await expect(bell.toasts).to_contain_text(["number 4", "number 3"])
    await pause_toasts(bell)
    with service.client(user) as client:
        client.post("/v1/notifications/actions", json={"action": "read", "ids": ids[:1]}).raise_for_status()
    await expect(more).to_have_text("+2 more")
    await more.click()
    await expect(bell.panel).to_be_visible()
    await expect(bell.toasts).to_have_count(0)
    await expect(more).to_be_hidden()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_where_toasts_are(service: Service, user: str, open_bell: OpenBell, direction: str) -> None:
    bell = await open_bell(user, html=f'dir="{direction}"')
    await bell.state("live")
    size = bell.page.viewport_size
    assert size
    for block in ("top", "bottom"):
        for inline in ("start", "center", "end"):
            await bell.call("(bell, place) => bell.setAttribute('toasts', place)", f"{block}-{inline}")
            service.send(user, message=f"{block} {inline}")
            await expect(bell.toasts.first).to_contain_text(f"{block} {inline}")
            box = await bell.host.locator("[part=toasts]").bounding_box()
            assert box
            middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            side = {"start": -1, "center": 0, "end": 1}[inline] * (1 if direction == "ltr" else -1)
            assert sign(middle[0] - size["width"] / 2) == side
            assert (box["y"] == 16) if block == "top" else (box["y"] + box["height"] == size["height"] - 16)
            await bell.call("bell => (bell.open(), bell.close())")
    await bell.call("bell => bell.setAttribute('toasts', 'none')")
    service.send(user, message="none")
    await expect(bell.button).to_have_accessible_name(re.compile("7 unread"))
    assert await bell.toasts.count() == 0


def sign(number: float) -> int:
    return 0 if abs(number) < 1 else 1 if number > 0 else -1


# Sound

LISTEN = """() => {
  // Whatever Playwright evaluates counts as something that the reader has done.
  Object.defineProperty(navigator, "userActivation", { value: { hasBeenActive: false } });
  window.tones = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
}"""


async def test_a_sound_for_those_who_asked_for_it_and_use_the_page(service: Service, user: str, bell: Bell) -> None:
    await bell.page.evaluate(LISTEN)
    await bell.call("bell => bell.setAttribute('sound', '')")
    service.send(user, message="before the reader has done anything")
    await expect(bell.toasts).to_have_count(1)
    assert await bell.page.evaluate("tones") == 0
    await bell.page.evaluate("() => { navigator.userActivation.hasBeenActive = true }")
    service.send(user, message="after")
    await bell.page.wait_for_function("() => tones === 2")
    await bell.call("bell => bell.removeAttribute('sound')")
    service.send(user, message="without")
    await expect(bell.toasts).to_have_count(3)
    assert await bell.page.evaluate("tones") == 2


# The desktop

DESKTOP = """() => {
  window.desktop = [];
  window.Notification = class {
    static permission = "default";
    static async requestPermission() {
      desktop.push(["asked", navigator.userActivation.isActive]);
      return (this.permission = "granted");
    }
    constructor(title, options) { desktop.push(["shown", title, options.tag]); this.id = options.tag; }
    close() { desktop.push(["closed", this.id]); }
  };
}"""
HIDE = "() => Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })"


async def opened_hidden(bell: Bell) -> Page:
    await bell.state("live")
    await bell.page.evaluate(HIDE)
    return bell.page


async def test_the_desktop_is_asked_for_on_a_click_and_used_while_nobody_sees_the_page(
    service: Service, user: str, open_device: OpenDevice, open_bell: OpenBell
) -> None:
    device = await open_device()
    await device.context.add_init_script(f"({DESKTOP})()")
    first = await open_bell(user, "desktop", on=device)
    await first.state("live")
    assert await first.page.evaluate("desktop") == []
    await first.open()
    ask = first.host.get_by_role("button", name="Show new notifications on the desktop")
    await ask.click()
    await expect(ask).to_be_hidden()
    assert await first.page.evaluate("desktop") == [["asked", True]]
    await first.page.keyboard.press("Escape")
    second = await open_bell(user, "desktop", on=device)
    await second.page.evaluate("() => { Notification.permission = 'granted' }")
    for bell in (first, second):
        await opened_hidden(bell)
    [id] = service.send(user, message="one for both", title="Here")
    shown = "() => desktop.filter(([what]) => what === 'shown').length"
    await first.page.wait_for_function("() => document.querySelector('eventide-bell').unreadCount === 1")
    await asked_until(lambda: both(first.page, second.page, shown), bool)
    await until_shown(first.page, second.page)
    assert await both(first.page, second.page, shown) == 1
    with service.client(user) as client:
        client.put(f"/v1/notifications/{id}/read").raise_for_status()
    where = first.page if await first.page.evaluate(shown) else second.page
    await where.wait_for_function("id => desktop.some(([what, which]) => what === 'closed' && which === id)", arg=id)
    # One tab can be seen again: it shows a toast, and nobody anything on the desktop.
    await second.page.evaluate("() => { delete document.visibilityState }")
    service.send(user, message="for who looks")
    await expect(second.toasts).to_have_count(1)
    await first.page.wait_for_timeout(800)  # longer than one that is hidden lets the others go first
    assert await both(first.page, second.page, shown) == 1


async def both(first: Page, second: Page, count: str) -> int:
    """The sum of what both pages count."""
    return int(await first.evaluate(count)) + int(await second.evaluate(count))


async def until_shown(*pages: Page) -> None:
    for page in pages:
        await page.wait_for_timeout(1_000)  # longer than one that is hidden lets the others go first


async def test_who_has_not_asked_for_it_gets_nothing_on_the_desktop(
    service: Service, user: str, device: Device, open_bell: OpenBell
) -> None:
    await device.context.add_init_script(f"({DESKTOP})()")
    bell = await open_bell(user)
    await bell.open()
    await expect(bell.host.locator("[part=desktop]")).to_be_hidden()
