"""The demo page: later, gone by itself, one for another, to a topic, and what must be acknowledged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from eventide_notify.models import utc_now
from eventide_notify.wire import iso

from ..curl import curl
from ..service import Service
from .demo import BackEnd, Demo, copied
from .device import Device


@pytest.fixture
def back_end(demo: Service) -> Iterator[BackEnd]:
    with demo.client() as client:
        yield BackEnd(client)


@pytest_asyncio.fixture(loop_scope="session")
async def shown(demo: Service, device: Device) -> Demo:
    """The page, with all devices live."""
    shown = Demo(await device.open(f"{demo.base_url}/client/"))
    for pane in (shown.laptop, shown.phone, shown.bob):
        await pane.is_in_state("live")
    return shown


async def send_later(shown: Demo, message: str) -> None:
    """Let this one wait for longer than ten seconds, in which a slow machine may not have looked."""

    async def later(route: Route) -> None:
        body: Any = route.request.post_data_json
        if body["message"] == message:
            body["sendAt"] = iso(utc_now() + timedelta(seconds=100))
        await route.continue_(post_data=body)

    await shown.page.route("**/v1/admin/notifications", later)


async def test_one_is_cancelled_and_one_is_sent_in_ten_seconds(shown: Demo) -> None:
    await send_later(shown, "Never sent")
    for message in ("Never sent", "Sent later"):
        await shown.write(message, to="Bob")
        await shown.page.get_by_label("In 10 seconds").check()
        await shown.send.click()
        await expect(shown.said).to_have_text("202 Accepted: it will be sent in 10 seconds.")
    waiting = shown.page.locator("#scheduled > li")
    await expect(waiting).to_contain_text(["Never sent", "Sent later"])
    await expect(waiting.first).to_contain_text(re.compile(r"in \d+ s"))
    await waiting.get_by_role("button", name="Cancel: Never sent").press("Enter")
    await expect(shown.said).to_have_text("204 No Content: “Never sent” will not be sent.")
    await expect(waiting).to_contain_text(["Sent later"])
    await expect(waiting.get_by_role("button", name="Cancel: Sent later")).to_be_focused()
    await expect(shown.bob.toast("Sent later")).to_be_visible()
    await expect(waiting).to_have_count(0)
    await expect(shown.bob.toast("Never sent")).to_have_count(0)


async def test_what_waits_is_shown_after_a_reload(shown: Demo) -> None:
    await send_later(shown, "Sent after the reload")
    await shown.write("Sent after the reload", to="Carol")
    await shown.page.get_by_label("In 10 seconds").check()
    await shown.send.click()
    await expect(shown.page.locator("#scheduled")).to_contain_text("Sent after the reload")
    await shown.page.reload()
    await shown.page.get_by_role("button", name="Cancel: Sent after the reload").click()
    await expect(shown.said).to_contain_text("204 No Content")


async def test_one_replaces_the_unread_one_before(shown: Demo) -> None:
    await shown.bob.open()
    for message in ("One like", "Two likes"):
        await shown.write(message, to="Bob")
        await shown.page.get_by_label("Replaces the unread one before").check()
        await expect(shown.page.locator("#request-text")).to_contain_text('"collapseKey": "demo"')
        await shown.send.click()
        await expect(shown.bob.row(message)).to_have_count(1)
    await expect(shown.bob.row("Two likes")).to_contain_text("+1 earlier")
    await expect(shown.bob.row("One like")).to_have_count(0)


async def test_how_many_have_acknowledged_is_shown(shown: Demo) -> None:
    await shown.page.get_by_role("checkbox", name="Everybody").check()
    await shown.page.get_by_label("Must be acknowledged").check()
    await shown.send.click()
    reach = shown.page.locator("#announced [data-part=reach]")
    await expect(reach).to_have_text(re.compile("0 have acknowledged it"))
    await shown.laptop.toast("Maintenance").get_by_role("button", name="Acknowledge").click()
    await expect(shown.phone.toast("Maintenance")).to_have_count(0)
    await expect(shown.bob.toast("Maintenance")).to_have_count(1)
    await expect(reach).to_have_text(re.compile("1 has acknowledged it"))
    await shown.page.get_by_role("button", name="Retract: Maintenance at noon").click()
    await expect(shown.bob.toast("Maintenance")).to_have_count(0)


async def test_a_topic_is_followed_and_announced_to(shown: Demo) -> None:
    follow = shown.laptop.screen.get_by_role("button", name="Follow the tides")
    await follow.click()
    following = shown.phone.screen.get_by_role("button", name="Following the tides", pressed=True)
    await expect(following).to_be_visible()
    await shown.page.get_by_role("checkbox", name="Who follows the tides").check()
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: announced to everybody who follows the tides.")
    for pane in (shown.laptop, shown.phone):
        await expect(pane.toast("Spring tide")).to_be_visible()
    await expect(shown.bob.toast("Spring tide")).to_have_count(0)
    await following.click()
    await expect(follow).to_be_visible()
    for pane in (shown.laptop, shown.phone):
        await expect(pane.toast("Spring tide")).to_have_count(0)
    await shown.page.get_by_role("button", name="Retract: Spring tide on Sunday").click()
    await expect(shown.said).to_contain_text("204")


async def test_every_way_to_send_works_as_it_is_copied(shown: Demo, back_end: BackEnd) -> None:
    made: list[str] = []
    for name, status in (("Schedule", 202), ("Expire", 201), ("Collapse", 201), ("Topic", 201), ("Acknowledge", 201)):
        await shown.page.get_by_role("tab", name=name).click()
        text = await copied(shown.page.get_by_role("button", name=f"Copy: {name}", exact=True))
        lines = text.replace(" \\\n", " ").removeprefix("curl ").split("\ncurl ")
        answer = [curl(f"curl {line}") for line in lines][-1]
        assert answer.status_code == status, answer.text
        made.append(answer.json().get("id", ""))
    for id in filter(None, made):
        back_end.delete(f"/v1/admin/announcements/{id}")
    [waiting] = back_end.call("GET", "/v1/admin/scheduled")["scheduled"]
    back_end.delete(f"/v1/admin/scheduled/{waiting['id']}")
