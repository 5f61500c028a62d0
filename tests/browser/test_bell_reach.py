"""What leaves and what takes its place, in the bell: expiry, collapse, topics and reminders."""

from __future__ import annotations

import time
from datetime import timedelta

from playwright.async_api import expect

from eventide_notify.models import utc_now
from eventide_notify.wire import iso

from ..service import Service
from ..waiting import until
from .bell import Bell
from .conftest import OpenBell, OpenDevice
from .device import OUTAGE, Device, screenshot

WATCH = """host => {
  const root = host.shadowRoot;
  window.most = window.none = 0;
  const toasts = () => root.querySelectorAll("[part~=toast]").length;
  new MutationObserver(() => {
    window.most = Math.max(window.most, toasts());
    if (!toasts()) window.none += 1;
  }).observe(root, { childList: true, subtree: true });
}"""
"""How many toasts there were at most, and whether there was a moment without any."""


NOTIFICATIONS = """count => {
  if (window.told === undefined) {
    window.told = 0;
    document.querySelector("eventide-bell").addEventListener("notification", ({ detail }) => {
      if (detail.reminder) window.told += 1;
    });
  }
  return window.told >= count;
}"""
"""Whether there were so many reminders since this was asked first."""


def in_seconds(seconds: float) -> str:
    return iso(utc_now() + timedelta(seconds=seconds))


async def test_one_that_replaces_another_takes_its_place(
    service: Service, user: str, bell: Bell, open_bell: OpenBell, open_device: OpenDevice
) -> None:
    clock = bell.page.clock
    await clock.install()
    service.send(user, message="one like", collapseKey="likes")
    await expect(bell.toasts).to_contain_text(["one like"])
    await bell.call(WATCH)
    # What comes and what it replaces are told one after the other, and the bell waits for the second for a moment only.
    await clock.pause_at(time.time() + 2)
    for number, text in enumerate(("two likes", "three likes"), 1):
        await clock.run_for(500)
        service.send(user, message=text, collapseKey="likes")
        await expect(bell.toasts).to_contain_text([text])
        await expect(bell.toasts.locator("[part=earlier]")).to_have_text(f"+{number} earlier")
    await clock.resume()
    assert await bell.page.evaluate("[most, none]") == [1, 0]
    await expect(bell.badge).to_have_text("1")
    await screenshot(bell.page, "collapsed")
    other = await open_bell(user, on=await open_device())
    for each in (bell, other):
        await each.open()
        await expect(each.rows).to_have_count(1)
        await expect(each.rows).to_contain_text("three likes")
        await expect(each.rows.locator("[part=meta]")).to_contain_text("System · +2 earlier")
    service.send(user, message="four likes", collapseKey="likes")
    for each in (bell, other):
        await expect(each.rows).to_contain_text(["four likes"])


async def test_keyboard_and_toast_go_on_with_the_one_that_replaces(service: Service, user: str, bell: Bell) -> None:
    clock = bell.page.clock
    await clock.install()
    service.send(user, message="one like", collapseKey="likes")
    await bell.toasts.locator("[part=link]").focus()
    await clock.pause_at(time.time() + 2)
    service.send(user, message="two likes", collapseKey="likes")
    await expect(bell.toasts).to_contain_text(["two likes"])
    await expect(bell.toasts.locator("[part=link]")).to_be_focused()


async def test_what_expires_leaves_list_toast_and_badge(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="stays")
    service.send(user, message="your code is 4711", expiresAt=in_seconds(12))
    await expect(bell.toasts).to_have_count(2)
    await bell.toasts.first.hover()
    await expect(bell.toasts).to_contain_text(["stays"], timeout=30_000)
    await bell.open()
    await expect(bell.rows).to_contain_text(["stays"])
    await expect(bell.host.get_by_role("tab", name="Unread 1")).to_be_visible()


async def test_what_expires_while_offline_is_gone_after_that(
    service: Service, user: str, device: Device, bell: Bell
) -> None:
    device.expect(OUTAGE)
    service.send(user, message="stays")
    service.send(user, message="your code is 4711", expiresAt=in_seconds(12))
    await bell.open()
    await expect(bell.rows).to_have_count(2)
    await bell.page.context.set_offline(True)
    await bell.call("bell => bell.inbox.close()")
    with service.client(user) as client:
        await until(lambda: len(client.get("/v1/notifications").json()["notifications"]) == 1, within=30)
    await expect(bell.rows).to_have_count(2)
    await bell.page.context.set_offline(False)
    await bell.call("bell => bell.inbox.start()")
    await expect(bell.rows).to_contain_text(["stays"])


async def test_a_topic_that_is_left_takes_its_announcements_along_and_brings_them_back(
    service: Service, user: str, bell: Bell
) -> None:
    topic = f"tides of {user}"
    with service.client(user) as client, service.client(admin=True) as admin:
        client.put(f"/v1/topics/{topic}").raise_for_status()
        draft = {"message": "Low tide at noon", "topic": topic}
        admin.post("/v1/admin/announcements", json=draft).raise_for_status()
        await expect(bell.toasts).to_contain_text(["Low tide"])
        client.delete(f"/v1/topics/{topic}").raise_for_status()
        await expect(bell.toasts).to_have_count(0)
        await bell.open()
        await expect(bell.rows).to_have_count(0)
        client.put(f"/v1/topics/{topic}").raise_for_status()
        await expect(bell.rows).to_contain_text(["Low tide"])


async def test_a_reminder_is_shown_again_until_it_is_acknowledged(service: Service, bell: Bell) -> None:
    draft = {"message": "The gate is closed", "requireAck": True, "remindAfter": 1}
    with service.client(admin=True) as admin:
        id = admin.post("/v1/admin/announcements", json=draft).raise_for_status().json()["id"]
        for _ in range(3):
            await expect(bell.toasts).to_contain_text(["The gate"])
            await bell.toasts.get_by_role("button", name="Dismiss").click()
        await expect(bell.host.locator("[aria-live=polite]")).to_contain_text("Reminder: The gate is closed")
        await bell.page.wait_for_function(NOTIFICATIONS, arg=3)
        await expect(bell.toasts).to_have_count(1)
        await bell.open()
        await expect(bell.rows).to_have_count(1)
        await bell.rows.get_by_role("button", name="Acknowledge").click()
        await bell.button.click()
        await expect(bell.panel).to_be_hidden()
        told = await bell.page.evaluate("window.told")
        await bell.page.wait_for_timeout(3_000)
        assert await bell.page.evaluate("window.told") == told
        admin.delete(f"/v1/admin/announcements/{id}").raise_for_status()
