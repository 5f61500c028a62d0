"""The demo page, as a visitor sees it, and the back end that a visitor does not see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from playwright.async_api import Locator, Page, Route, expect

from ..waiting import asked_until


class BackEnd:
    """What an application's back end does, and what it can find out."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        session = client.get("/client/demo.json").json()
        self._tokens = {user["id"]: user["token"] for user in session["users"]}
        self._admin = session["adminToken"]

    def send(self, *users: str, message: str = "Hello", **fields: Any) -> list[str]:
        sent = self.call("POST", "/v1/admin/notifications", {"userIds": list(users), "message": message, **fields})
        return [item["id"] for item in sent["notifications"]]

    def connections(self, user: str) -> int:
        return int(self.call("GET", f"/v1/admin/users/{user}/online")["connections"])

    def newest(self, user: str) -> dict[str, Any]:
        """The user's newest notification, as the server has it."""
        page = self.call("GET", "/v1/notifications?limit=1", user=user)
        found: dict[str, Any] = page["notifications"][0]
        return found

    def read_all(self) -> None:
        for user in self._tokens:
            self.call("PUT", "/v1/notifications/read-all", user=user)

    def delete(self, path: str) -> None:
        bearer = {"Authorization": f"Bearer {self._admin}"}
        self._client.delete(path, headers=bearer).raise_for_status()

    def call(self, method: str, path: str, body: Any = None, *, user: str | None = None) -> Any:
        bearer = {"Authorization": f"Bearer {self._tokens[user] if user else self._admin}"}
        answer = self._client.request(method, path, json=body, headers=bearer)
        answer.raise_for_status()
        return answer.json()


HOLD = """() => {
  const { setTimeout } = window;
  window.setTimeout = (act, wait, ...rest) => {
    if (wait !== 5000) return setTimeout(act, wait, ...rest);
    window.setTimeout = setTimeout;
    window.mend = act;
  };
}"""
"""The next cut in this screen is not over after five seconds, but by `mend()`: a slow machine needs longer to look."""


class Pane:
    """One device on the page."""

    def __init__(self, page: Page, id: str) -> None:
        self.id = id
        self.root = page.locator(f".device[data-device={id}]")
        self.state = self.root.locator("[data-part=state]")
        self.screen = self.root.frame_locator("iframe")
        self.bell = self.screen.locator("eventide-bell")
        self.badge = self.bell.locator("[part=badge]")
        self.toasts = self.bell.locator("[part~=toast]")
        self.rows = self.bell.locator("[part=list] > li")

    def toast(self, text: str) -> Locator:
        return self.toasts.filter(has_text=text)

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    def control(self, action: str) -> Locator:
        return self.root.locator(f".controls [data-action={action}]")

    async def open(self) -> None:
        """Open the list."""
        await self.bell.get_by_role("button", name=re.compile("^Notifications")).click()
        await expect(self.bell.get_by_role("dialog")).to_be_visible()

    async def act(self, text: str, action: str) -> None:
        """Press the button with this title in the row with this text."""
        await self.row(text).hover()
        await self.row(text).get_by_title(action).click()

    async def press(self, action: str) -> None:
        await self.control(action).click()

    async def cut(self) -> None:
        """Cut its connection, until `mend`."""
        await self.hold()
        await self.press("cut")

    async def hold(self) -> None:
        """Let its next cut last until `mend`."""
        await self.bell.evaluate(HOLD)

    async def mend(self) -> None:
        """End the cut."""
        await self.bell.evaluate("() => window.mend()")

    async def is_in_state(self, state: str) -> None:
        await expect(self.root).to_have_attribute("data-state", state)
        if state == "live":  # and known there: what is sent before that may come as something missed, without a toast
            await asked_until(lambda: self.bell.evaluate("bell => bell.inbox?.userId"), bool)


class Demo:
    """The demo page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.laptop, self.phone, self.bob = (self.pane(id) for id in ("alice-laptop", "alice-phone", "bob-phone"))
        self.send = page.get_by_role("button", name="Send", exact=True)
        self.said = page.locator("#sent")
        self.log = page.locator("#entries > li")

    def pane(self, id: str) -> Pane:
        return Pane(self.page, id)

    def switch(self, id: str) -> Locator:
        """The switch of a device."""
        return self.page.locator(f"#switches button[value={id}]")

    async def choose(self, *names: str) -> None:
        """Send to these, and nobody else."""
        for choice in await self.page.locator("#recipients label").all():
            await choice.locator("input").set_checked((await choice.inner_text()).strip() in names)

    async def write(self, message: str, *, to: str, **fields: str) -> None:
        """Fill in the form; `to`: the names on the buttons."""
        await self.choose(*to.split())
        await self.page.locator("#fields").evaluate("details => (details.open = true)")
        if fields.keys() - {"title"}:
            await self.page.get_by_text("Type and link").click()
        for name, value in {"title": "", "message": message, **fields}.items():
            await self.page.locator(f"#compose [name={name}]").fill(value)

    async def unfold(self, *panels: str) -> None:
        """Open what is behind one click: "timelines-panel", "frames"."""
        for panel in panels:
            await self.page.locator(f"#{panel} summary").click()

    def frames(self, device: str, name: str) -> Locator:
        return self.page.locator(f"#entries > li[data-device={device}][data-name={name}]")

    def station(self, user: str, title: str, station: str) -> Locator:
        """A station of the timeline of the notification with this title (or message) to this user."""
        return self.page.locator(f".timeline[data-user={user}]", has_text=title).locator(f"[data-station={station}]")

    async def passed(self, user: str, title: str, *stations: str) -> None:
        """This timeline has come to these stations, and no further."""
        for name in ("saved", "arrived", "confirmed", "read"):
            station = self.station(user, title, name)
            await expect(station).to_have_class("reached" if name in stations else "")

    async def expire_slowly(self, seconds: int) -> None:
        """Let tokens that are to expire in some seconds last so many."""

        async def last(route: Route) -> None:
            await route.continue_(url=re.sub(r"ttl=\d+", f"ttl={seconds}", route.request.url))

        await self.page.route(re.compile(r"/client/demo\.json\?ttl="), last)

    @asynccontextmanager
    async def nobody_reconnecting(self) -> AsyncIterator[None]:
        """Devices come back only after this, however long it takes: until then they wait for a token."""
        over = asyncio.Event()

        async def wait(route: Route) -> None:
            await over.wait()
            await route.continue_()

        await self.page.route("**/client/demo.json*", wait)
        yield
        over.set()
        await self.page.unroute_all(behavior="wait")


async def copied(button: Locator) -> str:
    """What a button puts on the clipboard, when it is pressed with the keyboard."""
    page = button.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await button.press("Enter")
    await expect(button).to_have_text("Copied")
    return str(await page.evaluate("navigator.clipboard.readText()"))
