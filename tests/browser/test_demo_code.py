"""What the demo page gives a visitor to paste: it works as it is copied."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from ..curl import curl
from ..service import Service
from .bell import Application, Bell
from .conftest import OpenDevice
from .demo import copied
from .device import Device


@pytest.fixture(scope="module")
def demo(application: Application) -> Iterator[Service]:
    """A demo that the application may use."""
    with Service({"EVENTIDE_CORS_ORIGINS": application.origin}, command=("demo",)) as service:
        service.start()
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def page(demo: Service, device: Device) -> Page:
    """The demo page, with one device."""
    page = await device.open(f"{demo.base_url}/client/#bob-phone")
    await expect(page.locator(".device")).to_have_attribute("data-state", "live")
    return page


async def test_the_install_line_is_copied(page: Page) -> None:
    line = await copied(page.get_by_role("button", name="Copy: Install and start it"))
    assert line == await page.locator("#install").inner_text()
    assert shlex.split(line)[:4] == ["pip", "install", ".", "&&"]


async def test_the_command_sends_what_the_form_says(page: Page) -> None:
    await page.locator("#compose [name=message]").fill("It's “from” the \\ command line")
    line = await copied(page.get_by_role("button", name="Copy: Send a notification"))
    assert "eyJ…" in await page.locator("#request-text").inner_text(), "the token itself is only copied"
    answer = curl(line.replace(" \\\n", " "))  # as a shell continues a line
    assert answer.status_code == 201
    [sent] = answer.json()["notifications"]
    assert sent["userId"] == "bob"
    toast = page.frame_locator("iframe").locator("eventide-bell [part~=toast]")
    await expect(toast).to_contain_text("It's “from” the \\ command line")


async def test_the_plain_page_has_the_bell_of_the_user_shown(
    page: Page, application: Application, open_device: OpenDevice
) -> None:
    snippet = await copied(page.get_by_role("button", name="Copy: Plain HTML"))
    other = await open_device()
    other.expect("favicon")
    bell = Bell(await other.open(application.paste(snippet)))
    await bell.state("live")
    await page.locator("#compose [name=message]").fill("For the pasted page")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(bell.toasts).to_contain_text("For the pasted page")


async def test_frameworks_are_chosen_with_arrow_keys(page: Page) -> None:
    await page.get_by_role("tab", name="Plain HTML").focus()
    for name, text in (("React", "createElement"), ("Angular", "@Component"), ("Plain HTML", "<!doctype html>")):
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tab", name=name)).to_be_focused()
        await expect(page.get_by_role("tabpanel", name=name)).to_contain_text(text)
        await expect(page.locator("#snippets [role=tabpanel]:visible")).to_have_count(1)


async def test_what_cannot_be_copied_is_said(page: Page) -> None:
    await page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error('no')))")
    button = page.get_by_role("button", name="Copy: Plain HTML")
    await button.click()
    await expect(button).to_have_text("Not copied")
    await expect(page.locator("#spoken")).to_have_text("The browser did not allow this page to copy.")


async def test_without_a_clipboard_it_is_copied_the_old_way(page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.evaluate(
        """window.clipboard = navigator.clipboard;
        Object.defineProperty(navigator, "clipboard", { value: undefined });"""
    )
    button = page.get_by_role("button", name="Copy: Install and start it")
    await button.press("Enter")
    await expect(button).to_have_text("Copied")
    await expect(button).to_be_focused()
    assert await page.evaluate("clipboard.readText()") == await page.locator("#install").inner_text()
