"""One connection for all tabs of a browser, whatever happens to the tab that has it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from ..service import Service
from ..waiting import asked_until, until
from .bell import Application, Bell, markup
from .conftest import OpenBell, OpenDevice
from .device import Device

HIDE = """Object.defineProperty(document, "visibilityState", { get: () => (window.isHidden ? "hidden" : "visible") })"""
NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"
LISTEN = """
if (navigator.locks) { // not in an empty page
window.said = [];
const { BroadcastChannel: Channel } = window;
window.BroadcastChannel = class extends Channel {
  constructor(name) { super(name); said.push(name); }
  postMessage(message) { said.push(JSON.stringify(message)); super.postMessage(message); }
};
const request = navigator.locks.request.bind(navigator.locks);
navigator.locks.request = (name, ...others) => (said.push(name), request(name, ...others));
}
"""
IN_TIME = 30.0
"""Seconds: far more than it takes a visible tab to find out that nobody answers, on a machine that is busy."""


def connections(service: Service, user: str) -> int:
    with service.client(admin=True) as admin:
        return int(admin.get(f"/v1/admin/users/{user}/online").json()["connections"])


async def connected(service: Service, user: str, count: int) -> None:
    await until(lambda: connections(service, user) == count, within=IN_TIME)


async def tabs(open_bell: OpenBell, user: str, count: int, **options: Any) -> list[Bell]:
    """The first of them leads."""
    opened = []
    for _ in range(count):
        bell = await open_bell(user, **options)
        await bell.state("live")
        opened.append(bell)
    return opened


async def toasts(bells: list[Bell], message: str) -> int:
    """In how many places the message was a toast, once it is in the list of each tab."""
    for bell in bells:
        await has(bell, message)
    counts = [await bell.toasts.filter(has_text=message).count() for bell in bells]
    return sum(counts)


async def has(bell: Bell, *messages: str) -> None:
    """Wait until the tab has each of these messages, once."""
    await bell.page.wait_for_function(
        """wanted => {
          const has = document.querySelector('eventide-bell').inbox.items.map(item => item.message);
          return wanted.every(each => has.filter(message => message === each).length === 1);
        }""",
        arg=list(messages),
        timeout=IN_TIME * 1000,
    )


async def test_four_tabs_have_one_connection(service: Service, user: str, open_bell: OpenBell) -> None:
    bells = await tabs(open_bell, user, 4)
    assert connections(service, user) == 1
    service.send(user, message="for all tabs")
    for bell in bells:
        await expect(bell.badge).to_have_text("1")
        await expect(bell.page).to_have_title("(1) Orders")
    await until_toasted(bells, "for all tabs")
    assert await toasts(bells, "for all tabs") == 1


async def until_toasted(bells: list[Bell], message: str) -> None:
    async def shown() -> bool:
        return any([await bell.toasts.filter(has_text=message).count() for bell in bells])

    await asked_until(shown, bool)


async def test_the_leader_is_closed_and_nothing_is_lost(service: Service, user: str, open_bell: OpenBell) -> None:
    leader, *others = await tabs(open_bell, user, 4)
    service.send(user, message="before")
    await has(leader, "before")
    await leader.page.close()
    service.send(user, message="meanwhile")
    await until_toasted(others, "meanwhile")
    for bell in others:
        await bell.state("live")
    await connected(service, user, 1)
    service.send(user, message="after")
    for bell in others:
        await has(bell, "before", "meanwhile", "after")
        await expect(bell.badge).to_have_text("3")
    await until_toasted(others, "after")
    for message in ("meanwhile", "after"):
        assert await toasts(others, message) == 1
    assert connections(service, user) == 1


async def test_the_leader_crashes(service: Service, user: str, open_bell: OpenBell) -> None:
    leader, other = await tabs(open_bell, user, 2)
    await crash(leader.page)
    service.send(user, message="after the crash")
    await has(other, "after the crash")
    await other.state("live")


async def crash(page: Page) -> None:
    session = await page.context.new_cdp_session(page)
    async with page.expect_event("crash"):
        crashing = asyncio.ensure_future(session.send("Page.crash"))
    crashing.cancel()
    await asyncio.gather(crashing, return_exceptions=True)


async def test_the_leader_hangs_without_a_word(service: Service, user: str, open_bell: OpenBell) -> None:
    leader, other = await tabs(open_bell, user, 2)
    session = await leader.page.context.new_cdp_session(leader.page)
    await session.send("Debugger.enable")
    async with asyncio.timeout(IN_TIME):
        paused = asyncio.get_running_loop().create_future()
        session.once("Debugger.paused", lambda event: paused.set_result(event))  # noqa: PLW0108 - Playwright marks it
        await session.send("Debugger.pause")
        service.send(user, message="meanwhile")
        await paused
    await has(other, "meanwhile")
    await session.send("Debugger.resume")
    await has(leader, "meanwhile")
    service.send(user, message="after")
    await has(leader, "after")
    await has(other, "after")
    await connected(service, user, 1)


@pytest.mark.parametrize(("leave", "come_back"), [("pagehide", "pageshow"), ("freeze", "resume")])
async def test_a_page_that_is_frozen_lets_go_and_comes_back(
    service: Service, user: str, open_bell: OpenBell, leave: str, come_back: str
) -> None:
    """The events are made here: Chromium freezes only what is really in the background, and no page of Playwright's."""
    leader, other = await tabs(open_bell, user, 2)
    tell = """type => type.startsWith("page")
      ? dispatchEvent(new PageTransitionEvent(type, { persisted: true }))
      : document.dispatchEvent(new Event(type))"""
    await leader.page.evaluate(tell, leave)
    service.send(user, message="meanwhile")
    await has(other, "meanwhile")
    assert await leader.call("bell => bell.inbox.items.length") == 0
    await leader.page.evaluate(tell, come_back)
    await has(leader, "meanwhile")
    await leader.state("live")
    await connected(service, user, 1)
    service.send(user, message="after")
    await has(leader, "after")
    await has(other, "after")


async def test_what_one_tab_does_shows_in_all(service: Service, user: str, open_bell: OpenBell) -> None:
    service.send(user, message="one")
    service.send(user, message="two")
    bells = await tabs(open_bell, user, 3)
    for bell in bells:
        await has(bell, "one", "two")
    await bells[2].open()
    await bells[2].row("one").get_by_role("button", name="Mark as read").click(force=True)
    for bell in bells:
        await expect(bell.button).to_have_accessible_name("Notifications, 1 unread")
        await expect(bell.badge).to_be_hidden()  # whoever opened the list has seen both
    await bells[1].call("(bell, id) => bell.inbox.remove([bell.inbox.items[0].id])")
    for bell in bells:
        await expect(bell.button).to_have_accessible_name("Notifications")
        await bell.page.wait_for_function("() => document.querySelector('eventide-bell').inbox.items.length === 1")


async def test_two_users_never_share(service: Service, open_bell: OpenBell) -> None:
    mine, yours = await open_bell("sharing-me"), await open_bell("sharing-you")
    for bell in (mine, yours):
        await bell.state("live")
    service.send("sharing-me", message="mine")
    service.send("sharing-you", message="yours")
    await has(mine, "mine")
    await has(yours, "yours")
    assert await mine.call("bell => bell.inbox.items.length") == 1
    assert connections(service, "sharing-me") == connections(service, "sharing-you") == 1


async def test_a_number_and_its_text_are_one_user_by_the_server_only(service: Service, open_bell: OpenBell) -> None:
    """Their tokens differ, so they do not share; each works all the same."""
    first, second = await open_bell(4711), await open_bell("4711")
    service.send("4711", message="for both")
    await has(first, "for both")
    await has(second, "for both")
    assert connections(service, "4711") == 2


async def test_renewed_tokens_share(service: Service, user: str, open_bell: OpenBell) -> None:
    for ttl in (600, 1200, 1800):
        bell = await open_bell(user, token=service.token(user, ttl=ttl))
        await bell.state("live")
    assert connections(service, user) == 1


async def test_another_user_in_the_same_tab(service: Service, open_bell: OpenBell) -> None:
    service.send("login-first", message="first's")
    service.send("login-second", message="second's")
    bell, other = await tabs(open_bell, "login-first", 2)
    await has(bell, "first's")
    await bell.host.evaluate("(bell, token) => bell.setAttribute('token', token)", service.token("login-second"))
    await has(bell, "second's")
    await bell.state("live")
    assert await bell.call("bell => bell.inbox.items.length") == 1
    service.send("login-first", message="first's next")
    service.send("login-second", message="second's next")
    await has(bell, "second's next")
    await has(other, "first's next")
    assert await bell.call("bell => bell.inbox.items.map(item => item.userId)") == ["login-second"] * 2
    for each in ("login-first", "login-second"):
        await connected(service, each, 1)


async def test_another_callback_is_asked_at_once(service: Service, open_bell: OpenBell) -> None:
    service.send("callback-first", message="first's")
    service.send("callback-second", message="second's")
    bell = await open_bell(None)
    give = "(bell, token) => (bell.getToken = () => token)"
    await bell.call(give, service.token("callback-first"))
    await has(bell, "first's")
    await bell.call(give, service.token("callback-second"))
    await has(bell, "second's")
    assert await bell.call("bell => bell.inbox.items.length") == 1
    await connected(service, "callback-first", 0)


async def test_tokens_stay_in_their_tab(service: Service, user: str, device: Device, open_bell: OpenBell) -> None:
    await device.context.add_init_script(LISTEN)
    bells = await tabs(open_bell, user, 2)
    service.send(user, message="said")
    await has(bells[1], "said")
    said = [text for bell in bells for text in await bell.page.evaluate("said")]
    assert any("said" in text for text in said)
    for bell in bells:
        token = str(await bell.host.get_attribute("token"))
        assert not any(part in text for text in said for part in token.split("."))
    names = [text for text in said if text.startswith("eventide:")]
    assert names
    assert not any(user in name for name in names)


async def test_a_tab_that_is_refused_lets_the_others_try(
    service: Service, user: str, device: Device, open_bell: OpenBell
) -> None:
    device.expect("401")
    refused = await open_bell(user, token=service.token(user, ttl=-60))
    await refused.state("refused")
    other = await open_bell(user)
    await other.state("live")
    await refused.state("live")
    service.send(user, message="for both")
    await has(refused, "for both")
    assert connections(service, user) == 1
    await other.page.close()
    await connected(service, user, 0)
    await refused.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # it is looked at
    await refused.state("refused")


async def test_only_a_visible_tab_shows_toasts(
    service: Service, user: str, device: Device, open_bell: OpenBell
) -> None:
    await device.context.add_init_script(HIDE)
    leader, other = await tabs(open_bell, user, 2)
    await leader.page.evaluate("window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))")
    for number in range(3):
        service.send(user, message=f"number {number}")
        await expect(other.toasts.filter(has_text=f"number {number}")).to_have_count(1)
    await has(leader, "number 2")
    assert await leader.toasts.count() == 0
    await expect(leader.badge).to_have_text("3")


@pytest.mark.parametrize("without", ["attribute", "locks"])
async def test_without_sharing_each_tab_has_its_own(
    service: Service, user: str, open_device: OpenDevice, open_bell: OpenBell, without: str
) -> None:
    device = await open_device()
    if without == "locks":
        await device.context.add_init_script(NO_LOCKS)
    attributes = "no-sharing" if without == "attribute" else ""
    bells = [await open_bell(user, attributes, on=device) for _ in range(2)]
    for bell in bells:
        await bell.state("live")
    assert connections(service, user) == 2
    service.send(user, message="for both")
    for bell in bells:
        await expect(bell.toasts).to_have_count(1)
        await expect(bell.badge).to_have_text("1")


async def test_bells_of_one_page_share_an_inbox(
    application: Application, service: Service, user: str, device: Device
) -> None:
    token = service.token(user)
    bell = Bell(await device.open(application.page(service, bells=markup(token) * 2)))
    await bell.state("live")
    assert await bell.page.evaluate(
        "(([one, other]) => one.inbox === other.inbox)(document.querySelectorAll('eventide-bell'))"
    )
    service.send(user, message="once")
    await expect(bell.page.locator("[part~=toast]")).to_have_count(1)
    await expect(bell.page.locator("[part=badge]")).to_have_text(["1", "1"])
    assert connections(service, user) == 1
    await bell.page.evaluate("document.querySelector('eventide-bell').remove()")
    service.send(user, message="twice")
    await has(bell, "once", "twice")
    await bell.page.evaluate("document.querySelector('eventide-bell').remove()")
    await connected(service, user, 0)


async def test_devices_do_not_share(service: Service, user: str, open_device: OpenDevice, open_bell: OpenBell) -> None:
    bells = [await open_bell(user, on=await open_device()) for _ in range(2)]
    for bell in bells:
        await bell.state("live")
    service.send(user, message="on both")
    for bell in bells:
        await expect(bell.toasts).to_have_count(1)
    assert connections(service, user) == 2
