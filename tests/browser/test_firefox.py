"""The bell in Firefox: that it works there at all, its looks from right to left, and undo by key."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ..firefox import ARROW_DOWN, CONTROL, DELETE, ESCAPE, Firefox
from ..firefox import firefox as running_firefox
from ..service import Service
from ..waiting import until
from .bell import Application, save_many
from .device import UNHURRIED

BELL = "document.querySelector('eventide-bell')"
LIVE = f"{BELL}.state === 'live' && {BELL}.inbox.userId !== undefined"
"""What is sent before that may come as something missed, without a toast."""
ROOT = f"{BELL}.shadowRoot"
ROWS = f"[...{ROOT}.querySelectorAll('[part=list] > li')]"
TEXTS = f"{ROWS}.map(row => row.querySelector('[part=message]').textContent)"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def firefox() -> AsyncIterator[Firefox]:
    """The one Firefox of these tests."""
    async with running_firefox() as browser:
        yield browser


async def open_list(firefox: Firefox, url: str) -> None:
    await firefox.open(url)
    await firefox.wait_for(LIVE)
    await firefox.evaluate(f"{BELL}.open()")


def keep(name: str, image: bytes) -> None:
    """Write it into the folder that EVENTIDE_TEST_SCREENSHOTS names, if there is one."""
    if folder := os.environ.get("EVENTIDE_TEST_SCREENSHOTS"):
        Path(folder, f"{name}.png").write_bytes(image)


def box(selector: str) -> str:
    """The expression of where something is."""
    return f"(({{left, right, top, bottom}}) => ({{left, right, top, bottom}}))({selector}.getBoundingClientRect())"


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_texts_are_beside_their_picture_whatever_their_language(
    firefox: Firefox, service: Service, application: Application, user: str, direction: str
) -> None:
    service.send(user, message="ended", title="From left to right")
    service.send(user, message="مرحبا بكم", title="أهلا", type="WELCOME")
    await open_list(firefox, application.page(service, service.token(user), html=f'dir="{direction}"'))
    await firefox.wait_for(f"{ROWS}.length === 2")
    keep(f"bell-firefox-{direction}", await firefox.screenshot())
    for row in range(2):
        glyph = await firefox.evaluate(box(f"{ROWS}[{row}].querySelector('[part=glyph]')"))
        title = f"{ROWS}[{row}].querySelector('[part=title]')"
        # What the text itself covers: a range has no more than that.
        covered = f"(range => (range.selectNodeContents({title}), range))(document.createRange())"
        text = await firefox.evaluate(box(covered))
        gap = text["left"] - glyph["right"] if direction == "ltr" else glyph["left"] - text["right"]
        assert 0 < gap < 20
    panel = await firefox.evaluate(box(f"{ROOT}.querySelector('[part=panel]')"))
    assert panel["left"] >= 0
    assert panel["right"] <= 900


async def test_a_toast_a_choice_and_undo_by_key(
    firefox: Firefox, service: Service, application: Application, user: str
) -> None:
    await firefox.open(application.page(service, service.token(user), 'toasts="top-start"'))
    await firefox.evaluate(UNHURRIED)
    await firefox.wait_for(LIVE)
    choices = [{"id": "yes", "label": "Accept", "style": "primary"}]
    [id] = service.send(user, message="Ada asks to join", title="Join", actions=choices)
    service.send(user, message="second")
    toasts = f"{ROOT}.querySelectorAll('[part~=toast]').length"
    await firefox.wait_for(f"{toasts} === 2")
    toast = await firefox.evaluate(box(f"{ROOT}.querySelector('[part=toasts]')"))
    assert (toast["left"], toast["top"]) == (16, 16)
    choice = await firefox.evaluate(box(f"{ROOT}.querySelector('[part~=choice]')"))
    await firefox.click((choice["left"] + choice["right"]) / 2, (choice["top"] + choice["bottom"]) / 2)
    await firefox.wait_for(f"{toasts} === 1")
    with service.client(admin=True) as client:
        await until(lambda: "action" in client.get(f"/v1/admin/notifications/{id}").json())
    await firefox.evaluate(f"{BELL}.open()")
    await firefox.press(ARROW_DOWN)
    await firefox.press(DELETE)
    await firefox.wait_for(f"{TEXTS}.join() === 'Ada asks to join'")
    await firefox.press(CONTROL, "z")
    await firefox.wait_for(f"{TEXTS}.join() === 'second,Ada asks to join'")
    assert "second" in await firefox.evaluate(f"{ROOT}.activeElement.textContent"), "the focus is where it was"


async def test_a_long_list(firefox: Firefox, service: Service, application: Application, user: str) -> None:
    await save_many(service, user, 200)
    await open_list(firefox, application.page(service, service.token(user)))
    await firefox.wait_for(f"{ROWS}.length > 5")
    seen = await firefox.evaluate(
        f"""(async () => {{
          const scroll = {ROOT}.querySelector("[part=scroll]");
          const seen = new Set();
          while (!seen.has("number 0")) {{
            for (const text of {TEXTS}) seen.add(text);
            scroll.scrollBy(0, scroll.clientHeight);
            await new Promise(requestAnimationFrame);
          }}
          return [...seen];
        }})()"""
    )
    assert seen == [f"number {number}" for number in reversed(range(200))]
    assert await firefox.evaluate(f"{ROWS}.length") < 40


CENTRE_ROWS = "[...document.querySelectorAll('.eventide-inbox .row')]"
MESSAGES = f"{CENTRE_ROWS}.map(row => row.querySelector('.message').textContent)"
COUNT = "document.querySelector('.eventide-inbox .count').textContent"


async def open_centre(firefox: Firefox, service: Service, user: str) -> None:
    await firefox.open(f"{service.base_url}/client/inbox.html")
    await firefox.evaluate(UNHURRIED)
    token = service.token(user)
    await firefox.evaluate(f"void (document.querySelector('#token').value = {token!r})")
    await firefox.evaluate("document.querySelector('#token-form').requestSubmit()")
    await firefox.wait_for("document.querySelector('.eventide-inbox')?.dataset.state === 'live'")


async def test_the_notification_centre_by_key(firefox: Firefox, service: Service, user: str) -> None:
    await save_many(service, user, 4)
    await open_centre(firefox, service, user)
    await firefox.wait_for(f"{CENTRE_ROWS}.length === 4")
    for key in ("j", "j", "u"):
        await firefox.press(key)
    await firefox.wait_for(f"{COUNT} === '3 unread'")
    await firefox.press("#")
    await firefox.wait_for(f"{MESSAGES}.join() === 'number 3,number 1,number 0'")
    await firefox.press(CONTROL, "z")
    await firefox.wait_for(f"{MESSAGES}.join() === 'number 3,number 2,number 1,number 0'")
    await firefox.press("?")
    await firefox.wait_for("document.querySelector('dialog').open")
    await firefox.press(ESCAPE)
    await firefox.wait_for("!document.querySelector('dialog').open")
    await firefox.press("/")
    for key in "ber 2":
        await firefox.press(key)
    await firefox.wait_for(f"{MESSAGES}.join() === 'number 2'")
    assert await firefox.evaluate("document.querySelector('mark').textContent") == "ber 2"


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_the_notification_centre_with_many(firefox: Firefox, service: Service, user: str, direction: str) -> None:
    await save_many(service, user, 200)
    service.send(user, message="It says: 4 % more.", title="تقريرك جاهز", link="/r")
    await open_centre(firefox, service, user)
    await firefox.evaluate(f"(document.documentElement.dir = {direction!r})")
    await firefox.wait_for(f"{CENTRE_ROWS}.length > 5")
    side = "left" if direction == "ltr" else "right"
    edges = await firefox.evaluate(
        f"""['.title bdi', '.message bdi', '.meta'].map((selector) =>
          {CENTRE_ROWS}[0].querySelector(selector).getBoundingClientRect().{side})"""
    )
    assert max(edges) - min(edges) < 2
    keep(f"inbox-firefox-{direction}", await firefox.screenshot())
    await firefox.wait_for(f"(scrollTo(0, 1e6), {MESSAGES}.includes('number 0'))")
    assert await firefox.evaluate(f"{CENTRE_ROWS}.length") < 60
