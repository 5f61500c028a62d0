"""A long list of which only what can be seen is in the page, as the bell has it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Locator, expect

from ..service import Service
from .bell import Bell, save_many
from .conftest import OpenBell

MANY = 300
SCROLL = "bell => bell.shadowRoot.querySelector('[part=scroll]')"
PLACE = "row => row.getBoundingClientRect().top"


@pytest_asyncio.fixture(loop_scope="session")
async def long(service: Service, user: str, open_bell: OpenBell) -> AsyncIterator[Bell]:
    """An open bell with many rows, all of them loaded, and scrolled to its beginning."""
    await save_many(service, user, MANY)
    bell = await open_bell(user)
    await bell.state("live")
    await bell.open()
    await expect(bell.rows.first).to_contain_text(f"number {MANY - 1}")
    await bell.call(
        "async bell => { while (bell.inbox.items.length < %d) await bell.inbox.loadOlder(); }" % MANY  # noqa: UP031
    )
    await until_there(bell, MANY)
    yield bell


async def scroll_to(bell: Bell, pixels: int) -> None:
    await bell.call(
        f"""async (bell, pixels) => {{
          ({SCROLL})(bell).scrollTop = pixels;
          for (const _ of "12") await new Promise(requestAnimationFrame);
        }}""",
        pixels,
    )


async def in_view(bell: Bell) -> Locator:
    """The first row that can be seen whole."""
    position = await bell.call(
        """bell => {
          const root = bell.shadowRoot;
          const { top } = root.querySelector("[part=scroll]").getBoundingClientRect();
          return [...root.querySelectorAll("[part=list] > li")].findIndex(
            (row) => row.getBoundingClientRect().top >= top);
        }"""
    )
    text = await bell.rows.nth(position).locator("[part=message]").inner_text()
    return bell.rows.filter(has=bell.page.get_by_text(text, exact=True))


async def test_what_arrives_does_not_move_what_is_looked_at(service: Service, user: str, long: Bell) -> None:
    await scroll_to(long, 4000)
    row = await in_view(long)
    before = await row.evaluate(PLACE)
    for number in range(3):
        service.send(user, message=f"new {number}: " + "a longer text that needs more than one line " * number)
    await until_there(long, MANY + 3)
    assert abs(await row.evaluate(PLACE) - before) < 2
    await scroll_to(long, 0)
    await expect(long.rows.first).to_contain_text("new 2")


async def test_a_row_that_changes_its_height_moves_only_those_below(long: Bell) -> None:
    await scroll_to(long, 4000)
    row = await in_view(long)
    before = await row.evaluate(PLACE)
    above = row.locator("xpath=preceding-sibling::li[1]")
    await above.evaluate("row => row.style.blockSize = '300px'")
    await scroll_to(long, await long.call(f"bell => ({SCROLL})(bell).scrollTop + 400"))
    await scroll_to(long, await long.call(f"bell => ({SCROLL})(bell).scrollTop - 400"))
    assert await row.evaluate(PLACE) > before, "it was measured"
    size = await long.call(f"bell => ({SCROLL})(bell).scrollHeight")
    for pixels in (size, 0, size // 2, size):
        await scroll_to(long, pixels)
    await expect(long.rows.last).to_contain_text("number 0")
    gap = "row => row.closest('[part=scroll]').getBoundingClientRect().bottom - row.getBoundingClientRect().bottom"
    assert 0 <= await long.rows.last.evaluate(gap) < 100, "the end of the list is the end of its last row"


async def test_the_focus_stays_in_its_row_however_far_the_list_is_scrolled(long: Bell) -> None:
    press = long.page.keyboard.press
    await press("ArrowDown")
    await press("ArrowDown")
    focused = long.rows.filter(has=long.page.locator(":focus"))
    await expect(focused).to_contain_text(f"number {MANY - 2}")
    await scroll_to(long, 10_000)
    await expect(focused).to_contain_text(f"number {MANY - 2}")
    assert await long.rows.count() < 40
    await press("ArrowDown")
    await expect(focused).to_contain_text(f"number {MANY - 3}")
    await expect(focused).to_be_in_viewport()
    await press("End")
    await expect(focused).to_contain_text("number 0")
    await expect(focused).to_be_in_viewport()
    await press("Home")
    await expect(focused).to_contain_text(f"number {MANY - 1}")
    await expect(focused).to_have_attribute("aria-posinset", "1")
    await expect(focused).to_be_in_viewport()


async def test_the_last_row_is_deleted_by_the_keyboard_and_the_one_before_gets_the_focus(long: Bell) -> None:
    await long.page.keyboard.press("End")
    await long.page.keyboard.press("Delete")
    await until_there(long, MANY - 1)
    await expect(long.rows.filter(has=long.page.locator(":focus"))).to_contain_text("number 1")


async def until_there(bell: Bell, count: int) -> None:
    """Wait until the model has so many, and the frame after."""
    await bell.page.wait_for_function(
        "count => document.querySelector('eventide-bell').inbox.items.length === count", arg=count
    )
    await bell.call("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
