"""Stock JavaScript clients: in Node as `frontends.page.Page`s, and in Chromium as tabs that tell the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any

from playwright.async_api import Browser as Chromium
from playwright.async_api import Page as BrowserPage

from ..frontends.page import SHORT_PAUSES, C, Line, Page

TAB = """
({ url, token, options }) => {
  const socket = io(`${url}/notifications`, { ...options, auth: { token } });
  window.socket = socket;
  const print = (what, name, data) => happened({ at: Date.now(), what, name, data });
  socket.io.on("open", () => {
    socket.io.engine.on("upgrade", (transport) => print("upgrade", transport.name));
  });
  socket.on("connect", () => print("connect", socket.io.engine.transport.name));
  socket.on("connect_error", (error) => print("connect_error", error.message, error.data));
  socket.on("disconnect", (reason) => print("disconnect", reason));
  socket.onAny((name, payload) => print("event", name, payload));
  window.burst = ({ id, event, times }) => {
    for (let n = 0; n < times; n += 1) socket.emit(event, (answer) => print("answer", id, answer));
  };
}
"""


class Tab(Page):
    """A page in Chromium with the stock client that the service serves."""

    def __init__(self, page: BrowserPage) -> None:
        self.front_end = C
        self.lines = []
        self._page = page
        self._ids = count(1)
        self._commands: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, browser: Chromium, url: str, token: str, options: Mapping[str, Any]) -> Tab:
        """Open one at the service at this address, with options of socket.io-client."""
        page = await browser.new_page(
            bypass_csp=True
        )  # it is an answer of the service, and stands for a product's page
        tab = cls(page)
        await page.goto(f"{url}/healthz")
        await page.expose_function("happened", lambda line: tab.lines.append(Line(**line)))
        await page.add_script_tag(url="/socket.io/socket.io.js")
        await page.evaluate(TAB, {"url": url, "token": token, "options": {**SHORT_PAUSES, **options}})
        return tab

    def do(self, what: str, **command: Any) -> int:
        id = next(self._ids)
        if what == "burst":
            run = self._page.evaluate("command => window.burst(command)", {"id": id, **command})
        else:
            raise NotImplementedError(what)
        task = asyncio.ensure_future(run)
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)
        return id
