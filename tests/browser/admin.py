"""The operators' page in a tab, and what an operator does with it."""

from __future__ import annotations

import time
from re import Pattern

from playwright.async_api import Locator, Page, expect

from ..service import Service
from .device import Device

NO_DEMO = "demo.json"
"""The page asks for the demo's tokens, and where there is no demo that is an error on the console."""


class Admin:
    """A tab with the operators' page in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.headline = page.locator("#headline")
        self.troubles = page.locator("#troubles > li")
        self.instances = page.locator("#instances > li")
        self.happenings = page.locator("#happenings > li")
        self.token = page.locator("#token")
        self.dialog = page.get_by_role("dialog")

    @classmethod
    async def open(cls, device: Device, address: str, token: str, view: str = "overview") -> Admin:
        """The page, with a token that was pasted."""
        device.expect(NO_DEMO)
        admin = cls(await device.open(f"{address}/admin/#{view}"))
        await admin.sign_in(token)
        await expect(admin.page.get_by_role("button", name="Log out")).to_be_visible()
        return admin

    @classmethod
    async def of(cls, device: Device, service: Service, view: str = "overview") -> Admin:
        """Likewise, as an administrator of this service."""
        return await cls.open(device, service.base_url, service.token("root", admin=True), view)

    async def sign_in(self, token: str) -> None:
        await self.token.fill(token)
        await self.page.get_by_role("button", name="Sign in").click()

    async def go(self, view: str) -> None:
        """To a part of the page, by its link."""
        await self.page.get_by_role("navigation", name="Parts of this page").get_by_role("link", name=view).click()

    async def confirm(self, name: str) -> None:
        """Press the button of this name in the dialog that asks."""
        await self.dialog.get_by_role("button", name=name, exact=True).click()
        await expect(self.dialog).to_have_count(0)

    def station(self, name: str) -> Locator:
        """A station of the timeline that is shown."""
        return self.page.locator(f".stations [data-station={name}]")

    async def reached(self, *names: str) -> None:
        """The notification has come so far, and no further."""
        for name in ("created", "sent", "received", "read"):
            await expect(self.station(name)).to_have_class("reached" if name in names else "")

    async def says(self, text: str | Pattern[str], *, since: float, within: float) -> float:
        """Seconds from `since` until the page's headline says this; fails if that takes longer than `within`."""
        await expect(self.headline).to_have_text(text, timeout=within * 1000)
        return time.monotonic() - since
