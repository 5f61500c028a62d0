"""Chromium for tests, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from .require import missing

OFF = (
    # Two pages of its own in each window, for suggestions nobody sees: half of what a new window costs.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    # This list takes the place of Playwright's own: what of that changes pages, or asks servers elsewhere, is off too.
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose"),
    *("HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AimEnabled", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints"),
    "PreconnectToSearch",
)
"""Features of Chromium that these tests do without."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The one that is on PATH, running; skips the test if there is none."""
    program = shutil.which("chromium")
    if program is None:
        missing("chromium is not on PATH")
    # No sandbox: it does not work for root, in containers. Nothing but our own pages is opened.
    arguments = ["--no-sandbox", f"--disable-features={','.join(OFF)}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()
