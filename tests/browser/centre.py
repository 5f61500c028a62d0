"""The notification centre in a tab, and what a reader does with it."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import httpx
from playwright.async_api import Locator, Page, expect

from ..service import Service
from .device import Device

ACTIONS = re.compile(
    r'^eventide_http_request_seconds_count\{method="POST",route="/v1/notifications/actions",status="(\d+)"\} (\S+)$',
    re.MULTILINE,
)


class Centre:
    """A tab with the notification centre in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = page.locator(".list > .row")
        self.count = page.locator(".count")
        self.selected = page.locator(".bar .all")
        self.note = page.locator(".note")
        self.problem = page.locator(".problem")
        self.undo = page.get_by_role("button", name="Undo")
        self.search = page.get_by_role("searchbox")
        self.help = page.get_by_role("dialog")
        self.bar = page.get_by_role("toolbar")

    @classmethod
    async def open(cls, device: Device, service: Service, user: str, **parameters: str) -> Centre:
        """The page, with a token that was pasted; `parameters`: of its address, with `_` for `-`."""
        device.expect("demo.json")  # the page asks for it, and there is none
        query = urlencode({name.replace("_", "-"): value for name, value in parameters.items()})
        page = await device.open(f"{service.base_url}/client/inbox.html?{query}")
        await page.get_by_label("JSON Web Token").fill(service.token(user))
        await page.get_by_role("button", name="Use it").click()
        centre = cls(page)
        await centre.live()
        return centre

    async def live(self) -> None:
        await expect(self.page.locator(".state")).to_have_text("Live")

    def row(self, text: str) -> Locator:
        """The row with this text, where a number ends."""
        # Of the whole row's text the time would be a part: "number 2" and "8s ago" are "number 28s ago".
        return self.rows.filter(has=self.page.get_by_text(re.compile(rf"{re.escape(text)}(?!\d)")))

    def main(self, text: str) -> Locator:
        return self.row(text).locator(".main")

    def box(self, text: str) -> Locator:
        return self.row(text).get_by_role("checkbox")

    def do(self, name: str) -> Locator:
        """What can be done with the selected ones."""
        return self.bar.get_by_role("button", name=name, exact=True)

    async def view(self, name: str) -> None:
        await self.page.get_by_label(name, exact=True).check(force=True)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def has_focus(self, text: str) -> None:
        await expect(self.main(text)).to_be_focused()

    async def total(self, number: int) -> None:
        """So many have been loaded, and there are no more."""
        await expect(self.rows.first).to_have_attribute("aria-setsize", str(number))

    async def messages(self) -> list[str]:
        return await self.rows.locator(".message").all_text_contents()


def left(service: Service, user: str, **query: str | int | bool) -> list[tuple[str, bool]]:
    """The user's notifications, newest first, and whether they are read: as the server has them."""
    with service.client(user) as client:
        answer = client.get("/v1/notifications", params={"limit": 100, **query})
    return [(item["message"], item["read"]) for item in answer.raise_for_status().json()["notifications"]]


def count_of(service: Service, user: str, name: str = "unreadCount") -> int:
    with service.client(user) as client:
        return int(client.get("/v1/notifications/unread-count").raise_for_status().json()[name])


def bulk_requests(service: Service) -> int:
    """How many `POST /v1/notifications/actions` the service has answered: what leaves with a page, too."""
    metrics = httpx.get(f"{service.base_url}/metrics", timeout=30, verify=False).text
    return int(sum(float(number) for _, number in ACTIONS.findall(metrics)))
