"""The notification centre as it is seen and heard: by anybody, on any screen, in a product's colours."""

from __future__ import annotations

import asyncio
import base64

import pytest
from playwright.async_api import Route, expect

from ..service import Service
from .bell import save_many
from .centre import Centre
from .conftest import OpenDevice
from .device import Device, no_violations, screenshot

SOME = (
    {"message": "Low tide at 19:42", "type": "REMINDER"},
    {
        "message": "October closed 4 % above September. The full report has the figures of each region, and what the "
        "finance team says about them at some length.",
        "title": "Your report is ready",
        "type": "REPORT",
        "link": "/reports/10",
    },
    {
        "message": "That green light is the pier",
        "title": "Bob commented on your photo",
        "type": "NEW_COMMENT",
        "link": "https://photos.example.com/1",
    },
    {
        "message": "Carol would like to join the project Harbour.",
        "title": "Request to join",
        "type": "INVITE",
        "actions": [
            {"id": "yes", "label": "Accept", "style": "primary"},
            {"id": "no", "label": "Decline", "style": "secondary"},
        ],
    },
)

LINES = """async (picture) => {
  const bytes = Uint8Array.from(atob(picture), (each) => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const drawn = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  drawn.drawImage(bitmap, 0, 0);
  return [...document.querySelectorAll(".row")].map((row) => {
    const { data } = drawn.getImageData(2, Math.round(row.getBoundingClientRect().bottom) - 2, 1, 4);
    return [0, 4, 8, 12].filter((at) => data.slice(at, at + 3).join() === "223,227,233").length;
  });
}"""
"""Of each row, how high the line below it is."""

WIDER = "document.documentElement.scrollWidth > innerWidth"


async def with_some(device: Device, service: Service, user: str) -> Centre:
    for draft in SOME:
        service.send(user, **draft)
    centre = await Centre.open(device, service, user, app_url="https://harbour.example/", app_name="Harbour")
    await expect(centre.rows).to_have_count(len(SOME))
    return centre


async def busy(centre: Centre) -> None:
    """One of them is read, two are selected, and one has the keyboard, while the last deletion can be undone."""
    await centre.press("j", "u", "End", "#")
    await expect(centre.undo).to_be_visible()
    await centre.press("x", "Shift+K")
    await expect(centre.selected).to_have_text("2 selected")


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out(service: Service, user: str, open_device: OpenDevice, scheme: str) -> None:
    device = await open_device(color_scheme=scheme)
    centre = await Centre.open(device, service, user)
    await expect(centre.note).to_contain_text("No notifications")
    await no_violations(centre.page)
    await screenshot(centre.page, f"inbox-{scheme}-empty")
    await centre.page.close()
    centre = await with_some(device, service, user)
    await screenshot(centre.page, f"inbox-{scheme}")
    await no_violations(centre.page)
    await busy(centre)
    await no_violations(centre.page)
    await screenshot(centre.page, f"inbox-{scheme}-busy")
    await centre.press("?")
    await no_violations(centre.page)
    await screenshot(centre.page, f"inbox-{scheme}-keys")
    await centre.press("Escape")
    await centre.search.fill("report")
    await expect(centre.page.locator("mark")).to_have_count(2)
    await no_violations(centre.page)
    await screenshot(centre.page, f"inbox-{scheme}-search")


async def test_high_contrast(service: Service, user: str, open_device: OpenDevice) -> None:
    centre = await with_some(await open_device(forced_colors="active"), service, user)
    await busy(centre)
    await screenshot(centre.page, "inbox-contrast")
    edges = await centre.page.evaluate(
        """() => [".row.is-unread", ".row:not(.is-unread)"].map((row) =>
          getComputedStyle(document.querySelector(row), "::before").borderTopWidth)"""
    )
    assert edges[0] != edges[1], "the mark of what is unread is no mere colour"


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_on_a_phone(service: Service, user: str, open_device: OpenDevice, direction: str) -> None:
    device = await open_device(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    centre = await with_some(device, service, user)
    await centre.page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
    assert not await centre.page.evaluate(WIDER)
    await no_violations(centre.page)
    await screenshot(centre.page, f"inbox-phone-{direction}")
    button = centre.page.get_by_role("button", name="Delete: Request to join")
    box = await button.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 40
    await button.tap()
    await expect(centre.rows).to_have_count(3)
    await centre.box("Low tide at 19:42").tap()
    await expect(centre.selected).to_have_text("1 selected")
    assert not await centre.page.evaluate(WIDER)
    await screenshot(centre.page, f"inbox-phone-{direction}-busy")
    await centre.undo.tap()
    await expect(centre.rows).to_have_count(4)


async def test_there_is_a_line_below_each_row(service: Service, user: str, open_device: OpenDevice) -> None:
    device = await open_device(viewport={"width": 390, "height": 1200})
    for words in (1, 30, 2, 1, 15, 40, 1):
        service.send(user, title="Dana commented on your photo", message="green light " * words)
    centre = await Centre.open(device, service, user)
    await expect(centre.rows).to_have_count(7)
    for offset in ("0", "0.25px", "0.5px", "0.75px"):
        await centre.page.evaluate("offset => { document.body.style.paddingTop = offset; }", offset)
        picture = base64.b64encode(await centre.page.screenshot()).decode()
        assert await centre.page.evaluate(LINES, picture) == [1] * 7


@pytest.mark.usefixtures("node_modules")
async def test_twice_as_large(service: Service, user: str, open_device: OpenDevice) -> None:
    # Chromium's zoom is the same as half the window, at twice the density.
    device = await open_device(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    centre = await with_some(device, service, user)
    await busy(centre)
    assert not await centre.page.evaluate(WIDER)
    await no_violations(centre.page)
    await screenshot(centre.page, "inbox-zoom")
    await centre.page.set_viewport_size({"width": 320, "height": 256})  # 400 %, which WCAG asks for
    assert not await centre.page.evaluate(WIDER)
    await screenshot(centre.page, "inbox-zoom-400")


async def test_from_right_to_left(service: Service, user: str, device: Device) -> None:
    service.send(user, title="تقريرك جاهز", message="أغلق أكتوبر أعلى من سبتمبر (4 %).", link="/r")
    service.send(user, title="Your report is ready", message="It says: 4 % more.")
    centre = await Centre.open(device, service, user)
    await centre.page.evaluate("document.documentElement.dir = 'rtl'")
    await expect(centre.rows).to_have_count(2)
    edges = await centre.page.evaluate(
        """[...document.querySelectorAll('.title bdi')].map((text) =>
          Math.round(text.closest('.main').getBoundingClientRect().right - text.getBoundingClientRect().right))"""
    )
    assert edges == [0, 0], "each text begins where the page's lines begin"
    pick, tools = [
        await centre.row("It says").locator(each).bounding_box() for each in (".pick input", ".tools button >> nth=0")
    ]
    assert pick
    assert tools
    assert pick["x"] > tools["x"]
    await screenshot(centre.page, "inbox-rtl")


async def test_in_the_colours_of_a_product(service: Service, user: str, device: Device) -> None:
    centre = await with_some(device, service, user)
    await centre.page.add_style_tag(
        content=""":root {
          --eventide-accent: #7a2e8e; --eventide-unread: #f8eefb; --eventide-surface: #fffdf8;
          --eventide-radius: 2px; --eventide-font: Georgia, "Liberation Serif", serif;
        }"""
    )
    looks = await centre.page.evaluate(
        """() => {
          const style = (selector) => getComputedStyle(document.querySelector(selector));
          return [style(".count").color, style(".is-unread").backgroundColor, style("body").backgroundColor,
            style("h1").fontFamily.split(",")[0], style(".bar button").borderRadius];
        }"""
    )
    assert looks == ["rgb(122, 46, 142)", "rgb(248, 238, 251)", "rgb(255, 253, 248)", "Georgia", "2px"]
    await screenshot(centre.page, "inbox-themed")


async def test_while_it_loads(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 3)
    answer = asyncio.Event()

    async def held(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await device.context.route("**/v1/notifications?*", held)
    centre = await Centre.open(device, service, user)
    await expect(centre.note).to_have_attribute("aria-busy", "true")
    await expect(centre.note.get_by_role("status")).to_have_text("Loading …")
    await screenshot(centre.page, "inbox-loading")
    answer.set()
    await expect(centre.rows).to_have_count(3)
    await expect(centre.note).to_be_empty()
