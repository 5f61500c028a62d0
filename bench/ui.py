"""`make bench-ui`: frames a second of the bell and of the notification centre, in a Chromium four times slowed down.

A user has 1,000 notifications, and all of them have been loaded. Then the list is scrolled from its top to its end at
a constant speed, and a burst of 200 notifications arrives while it is open, and while the bell is closed. Frames are
counted by `requestAnimationFrame`: a frame that the page was too busy for is missing. Chromium shows at most 60.

The same is done with a plain list of the same texts, which is nothing but paragraphs: what that needs says how fast the
machine is, and how busy.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
from playwright.async_api import Browser, CDPSession, Page

from tests.browser.bell import Application, save_many
from tests.chromium import chromium
from tests.service import Service

ROWS = 1_000
BURST = 200
PER_SECOND = 100
"""Of a burst, so that there is the same to do in the same time wherever it is measured."""
SLOWER = 4
SECONDS = 8
"""How long the list is scrolled."""
GOAL = 30
"""Frames a second."""
DEADLINE = 120_000
"""Milliseconds in which a list must have been loaded, or a burst arrived."""

USER = "reader"
BELL = "document.querySelector('eventide-bell').shadowRoot"
COUNT = """() => {
  const times = (window.frameTimes = []);
  const next = (time) => { if (window.frameTimes === times) { times.push(time); requestAnimationFrame(next); } };
  requestAnimationFrame(next);
}"""
COUNTED = "() => { const times = window.frameTimes; window.frameTimes = null; return times; }"
SCROLL = """([element, seconds]) => new Promise((done) => {
  const start = performance.now();
  const next = (now) => {
    const part = Math.max(0, Math.min(1, (now - start) / seconds / 1000));
    element.scrollTop = part * (element.scrollHeight - element.clientHeight);
    if (part < 1) requestAnimationFrame(next);
    else done();
  };
  requestAnimationFrame(next);
})"""
WORDS = " of the first, with a text that needs two lines in most lists"
PLAIN_PAGE = """<style>div { block-size: 36rem; inline-size: 25rem; overflow: auto; font: 14px system-ui }</style>
<div></div>"""
FILL = """([element, rows, words]) => {
  for (let number = rows; number--;) {
    const row = document.createElement("p");
    row.textContent = `number ${number}${words}`;
    element.append(row);
  }
}"""
FEED = """([element, count, perSecond]) => new Promise((done) => {
  let number = 0;
  const timer = setInterval(() => {
    const row = document.createElement("p");
    row.textContent = `Burst ${number} of ${count}`;
    element.prepend(row);
    if (++number < count) return;
    clearInterval(timer);
    requestAnimationFrame(done);
  }, 1000 / perSecond);
})"""
LOAD = """async ([element, root, last]) => {
  while (!root.textContent.includes(last)) {
    element.scrollTop = element.scrollHeight;
    await new Promise((next) => setTimeout(next, 20));
  }
  element.scrollTop = 0;
}"""


@dataclass(frozen=True)
class View:
    """A list on a page: the JavaScript expressions of what scrolls, of what holds the rows, and of what has them."""

    scrolls: str
    root: str
    rows: str


PANEL = View(f"{BELL}.querySelector('[part=scroll]')", BELL, f"{BELL}.querySelectorAll('[part=list] [part~=item]')")
PLAIN = View("document.querySelector('div')", "document.body", "document.querySelectorAll('p')")
CENTRE = View("document.scrollingElement", "document.body", "document.querySelectorAll('.list > .row')")


@dataclass(frozen=True)
class Figure:
    """What came of one case."""

    case: str
    frames: float
    longest: float
    """Milliseconds from one frame to the next, at most."""
    work: float
    """Milliseconds of processor time, slowed down, that the page's main thread took for one frame.

    Above 33 there cannot be 30 a second. Below it, there are fewer only if the machine is busy with something else."""
    rows: int
    """That are in the page."""


class Measurement:
    """One run: a service, an application with a bell, and a browser."""

    def __init__(self, service: Service, application: Application, browser: Browser) -> None:
        self.service = service
        self.application = application
        self.browser = browser
        self.figures: list[Figure] = []

    async def bell(self) -> None:
        async with self._page(self.application.page(self.service, self.service.token(USER))) as page:
            await page.wait_for_function("() => document.querySelector('eventide-bell').state === 'live'")
            await self._count(page, "bell, closed: burst", self._burst(page, PANEL, "closed"), PANEL)
            await page.evaluate("document.querySelector('eventide-bell').open()")
            await self._list(page, "bell", PANEL)

    async def centre(self) -> None:
        async with self._page(f"{self.service.base_url}/client/inbox.html") as page:
            await page.fill("#token", self.service.token(USER))
            await page.locator("#token").press("Enter")
            await self._list(page, "centre", CENTRE)

    async def plain(self) -> None:
        async with self._page("about:blank") as page:
            await page.set_content(PLAIN_PAGE)
            await page.evaluate(f"() => ({FILL})([{PLAIN.scrolls}, {ROWS}, '{WORDS}'])")
            scroll = page.evaluate(f"() => ({SCROLL})([{PLAIN.scrolls}, {SECONDS}])")
            await self._count(page, f"plain list: scrolling {ROWS:,} rows", scroll, PLAIN)
            await page.evaluate(f"{PLAIN.scrolls}.scrollTop = 0")
            feed = page.evaluate(f"() => ({FEED})([{PLAIN.scrolls}, {BURST}, {PER_SECOND}])")
            await self._count(page, "plain list: burst", feed, PLAIN)

    async def _list(self, page: Page, name: str, view: View) -> None:
        await page.wait_for_function(f"() => {view.rows}.length > 10")
        page.set_default_timeout(DEADLINE)
        await page.evaluate(f"() => ({LOAD})([{view.scrolls}, {view.root}, 'number 0 '])")
        scroll = page.evaluate(f"() => ({SCROLL})([{view.scrolls}, {SECONDS}])")
        await self._count(page, f"{name}: scrolling {ROWS:,} rows", scroll, view)
        await page.evaluate(f"{view.scrolls}.scrollTop = 0")
        await self._count(page, f"{name}, open: burst", self._burst(page, view, "open"), view)

    async def _count(self, page: Page, case: str, doing: Awaitable[Any], view: View) -> None:
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        await page.evaluate(COUNT)
        before = await _metrics(devtools)
        await doing
        after = await _metrics(devtools)
        times: list[float] = await page.evaluate(COUNTED)
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        gaps = [end - start for start, end in pairwise(times)]
        frames = len(gaps) / sum(gaps) * 1_000
        work = (after["TaskDuration"] - before["TaskDuration"]) / len(gaps) * 1_000
        self.figures.append(Figure(case, frames, max(gaps), work, await page.evaluate(f"{view.rows}.length")))
        spent = {name: round(after[name] - before[name], 2) for name in after if name.endswith("Duration")}
        print(f"{case}: {frames:.1f}; seconds: {spent}", file=sys.stderr)

    async def _burst(self, page: Page, view: View, name: str) -> None:
        """Until the last of them is to be seen."""
        async with httpx.AsyncClient(base_url=self.service.base_url, verify=False) as client:
            client.headers.update(self.service.bearer(admin=True))
            start = time.monotonic()
            for number in range(BURST):
                await asyncio.sleep(start + number / PER_SECOND - time.monotonic())
                draft = {"userIds": [USER], "title": "Burst", "message": f"{name} {number} of {BURST}"}
                (await client.post("/v1/admin/notifications", json=draft)).raise_for_status()
        await page.wait_for_function(
            f"() => {view.root}.textContent.includes('{name} {BURST - 1} of')", timeout=DEADLINE
        )

    @asynccontextmanager
    async def _page(self, url: str) -> AsyncIterator[Page]:
        context = await self.browser.new_context(viewport={"width": 1_280, "height": 800})
        try:
            page = await context.new_page()
            await page.goto(url)
            yield page
        finally:
            await context.close()


async def _metrics(devtools: CDPSession) -> dict[str, float]:
    answer = await devtools.send("Performance.getMetrics")
    return {each["name"]: each["value"] for each in answer["metrics"]}


async def measure(views: Sequence[str]) -> list[Figure]:
    """The figures of these: `plain`, `bell`, `centre`."""
    figures: list[Figure] = []
    for view in views:
        with Application() as application, Service({"EVENTIDE_CORS_ORIGINS": application.origin}) as service:
            service.start()
            await save_many(service, USER, ROWS, words=WORDS)
            async with chromium() as browser:
                run = Measurement(service, application, browser)
                await getattr(run, view)()
        figures += run.figures
    return figures


def table(figures: Sequence[Figure]) -> str:
    """As Markdown."""
    plain = {_is_burst(each): each.work for each in figures if each.case.startswith("plain")}
    lines = [
        "| case | frames a second | longest frame, ms | work for one, ms | plain list = 1 | rows in the page | "
        f"above {GOAL} |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for each in figures:
        times = f"{each.work / plain[_is_burst(each)]:.1f}" if plain else ""
        cells = f"{each.frames:.1f} | {each.longest:.0f} | {each.work:.1f} | {times} | {each.rows}"
        lines.append(f"| {each.case} | {cells} | {'yes' if each.frames > GOAL else 'NO'} |")
    return "\n".join(lines)


def _is_burst(figure: Figure) -> bool:
    return "burst" in figure.case


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if everything was measured, whatever came of it."""
    parser = argparse.ArgumentParser(prog="bench-ui", description=__doc__)
    parser.add_argument("views", nargs="*", metavar="plain, bell, centre", help="default: all")
    views = parser.parse_args(arguments).views or ["plain", "bell", "centre"]
    print(table(asyncio.run(measure(views))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
