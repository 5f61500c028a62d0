"""Somebody's browser: a context of its own in Chromium, and what goes wrong in its pages."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Frame, Locator, Page, WebError

from ..frontends.page import JS

UNHURRIED = """(() => {
  const { setTimeout } = window;
  window.setTimeout = (act, wait, ...rest) => setTimeout(act, [7000, 8000].includes(wait) ? 90000 : wait, ...rest);
})()"""
"""Toasts go, and what was done can be undone, not after 7 or 8 seconds: a slow machine needs longer to look."""
OUTAGE = r"net::ERR_|WebSocket connection to"
"""What Chromium itself writes to the console while a server is away."""


class Device:
    """One browser of one person. Its pages are tabs: they share storage, locks and channels, and no other device's.

    Every error in a page, every error on its console and every violation of its Content-Security-Policy fails the
    test at the end, unless it was announced with `expect`.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self._problems: list[str] = []
        self._expected: list[str] = []
        context.on("weberror", self._error)
        context.on("console", self._message)

    @classmethod
    async def start(cls, browser: Browser, **options: Any) -> Device:
        """`options`: Playwright's for a context. Without animations, so that what is looked at stands still."""
        context = await browser.new_context(**{"reduced_motion": "reduce", **options})
        await context.add_init_script(UNHURRIED)
        return cls(context)

    async def open(self, url: str) -> Page:
        """A new tab at this address."""
        page = await self.context.new_page()
        await page.goto(url)
        return page

    def expect(self, *patterns: str) -> None:
        """Errors that match one of these regular expressions belong to the test."""
        self._expected += patterns

    @property
    def problems(self) -> list[str]:
        """What went wrong unexpectedly."""
        return [problem for problem in self._problems if not any(re.search(each, problem) for each in self._expected)]

    def _error(self, error: WebError) -> None:
        self._problems.append(f"{error.page and error.page.url}: {error.error}")

    def _message(self, message: ConsoleMessage) -> None:
        # A violated Content-Security-Policy, a script that could not be loaded and a 404 are errors here, too.
        if message.type == "error" or "Content Security Policy" in message.text:
            self._problems.append(
                f"{message.page and message.page.url}: {message.text} ({message.location.get('url')})"
            )


async def no_violations(page: Page | Frame, within: str | None = None) -> None:
    """Fail if axe-core finds anything in the page (or in what the selector `within` finds) that keeps people out.

    Needs the fixture `node_modules`.
    """
    # Not by a <script>, which the page's policy would not run.
    await page.evaluate((JS / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found = await page.evaluate("within => axe.run(within ?? document)", within)
    violations = [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    assert not violations, "\n".join(violations)
    assert found["passes"], "nothing was looked at"


async def screenshot(shown: Page | Locator, name: str) -> None:
    """Write `name`.png into the folder that EVENTIDE_TEST_SCREENSHOTS names; does nothing without one."""
    if folder := os.environ.get("EVENTIDE_TEST_SCREENSHOTS"):
        await shown.screenshot(path=Path(folder) / f"{name}.png")
