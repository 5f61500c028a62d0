"""The demo page: what it promises to show in a minute, each thing done as a visitor would."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from ..service import Altered, Service
from ..waiting import until
from .conftest import OpenDevice
from .demo import BackEnd, Demo
from .device import OUTAGE, Device, no_violations, screenshot

PATIENCE = 20_000
"""Milliseconds: a slow machine may take long for what takes none on a quick one."""
TIME = r"\d\d:\d\d:\d\d\.\d{3}"
"""How the times of timelines and frames are written."""
SHOWN = ("alice-laptop", "alice-phone", "bob-phone")
"""The devices that are on at first."""
WHOLE = ("saved", "arrived", "confirmed")

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def back_end(demo: Service) -> Iterator[BackEnd]:
    with httpx.Client(base_url=demo.base_url, timeout=30, verify=False) as client:  # no TLS here
        yield BackEnd(client)


@pytest_asyncio.fixture(loop_scope="session")
async def shown(demo: Service, device: Device) -> Demo:
    """The page with the devices that are on at first, all connected."""
    return await open_demo(demo, device)


async def open_demo(demo: Service, device: Device, devices: tuple[str, ...] = ()) -> Demo:
    page = Demo(await device.open(f"{demo.base_url}/client/{'#' if devices else ''}{','.join(devices)}"))
    for id in devices or SHOWN:
        await page.pane(id).is_in_state("live")
    return page


# The first test, because the picture should have nothing but what belongs to it.
async def test_the_picture_in_the_readme(demo: Service, open_device: OpenDevice, node_modules: None) -> None:
    page = await open_demo(demo, await open_device(viewport={"width": 1280, "height": 1000}))
    await page.send.click()
    await expect(page.said).to_contain_text("saved for Alice.")
    await page.choose("Bob")
    await page.send.click()
    await expect(page.said).to_contain_text("saved for Bob.")
    await page.laptop.open()
    await page.phone.open()
    await page.laptop.act("Dana commented", "Mark as read")
    await page.passed("alice", "Dana commented", *WHOLE, "read")
    await page.unfold("timelines-panel", "frames")
    await page.bob.cut()
    await page.choose("Alice", "Bob")
    await page.send.click()
    await page.passed("alice", "Low tide", *WHOLE)
    await expect(page.station("bob", "Low tide", "arrived")).to_contain_text("offline, not yet")
    await screenshot(page.page, "demo")
    await page.page.emulate_media(color_scheme="dark")
    await screenshot(page.page, "demo-dark")
    await no_violations(page.page)
    for frame in page.page.frames[1:]:
        await no_violations(frame)


async def test_who_presses_send_sees_it_arrive(shown: Demo) -> None:
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: saved for Alice.")
    for pane in (shown.laptop, shown.phone):
        toast = pane.toast("Dana commented")
        await expect(toast).to_contain_text("Is that green light the pier")
        await expect(toast).to_be_in_viewport()
    await expect(shown.bob.toasts).to_have_count(0)
    await shown.send.click()
    for pane in (shown.laptop, shown.phone):
        await expect(pane.toast("Dana answered you")).to_be_visible()
    await expect(shown.said).to_have_text("201 Created: saved for Alice.")
    await shown.choose("Alice", "Bob")
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: saved for Alice and Bob.")
    for pane in (shown.laptop, shown.phone, shown.bob):
        await expect(pane.toast("Low tide")).to_be_visible()


async def test_nothing_moves_and_nothing_is_cut_off_on_a_laptop(demo: Service, open_device: OpenDevice) -> None:
    page = await open_demo(demo, await open_device(viewport={"width": 1280, "height": 1000}))
    for _ in range(4):
        assert await page.page.get_by_label("Title").evaluate("input => input.scrollWidth <= input.clientWidth")
        title = await page.page.get_by_label("Title").input_value()
        await page.send.click()
        await expect(page.page.get_by_label("Title")).not_to_have_value(title)
    top = "element => element.getBoundingClientRect().top"
    timelines, frames, code = (page.page.locator(id) for id in ("#timelines-panel", "#frames", "#code"))
    before = await timelines.evaluate(top)
    await page.phone.cut()
    await page.expire_slowly(30)
    await page.bob.press("expire")
    for pane, note in ((page.phone, "still connected"), (page.bob, "gets a new token")):
        await expect(pane.root).to_contain_text(note)
    assert await timelines.evaluate(top) == before
    assert await frames.evaluate(top) == before
    await page.unfold("frames")
    assert await frames.evaluate(top) > before, "below the timelines, not beside what is empty"
    assert await frames.evaluate("element => element.clientWidth") == await code.evaluate("code => code.clientWidth")
    await page.unfold("timelines-panel")
    assert await frames.evaluate(top) == before


async def test_who_is_chosen_stays_chosen(shown: Demo) -> None:
    await shown.choose("Bob")
    await shown.send.click()
    await expect(shown.bob.toast("Dana commented")).to_be_visible()
    await shown.switch("carol-laptop").click()
    await shown.switch("bob-phone").click()
    await expect(shown.page.locator(".device")).to_have_count(3)
    await expect(shown.page.locator("#recipients :checked")).to_have_value("bob")
    await shown.send.click()
    await expect(shown.said).to_contain_text("saved for Bob. No device of Bob is on this page")
    await shown.choose("Everybody")
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: announced to everybody.")
    await expect(shown.page.get_by_label("Title")).to_have_value("Maintenance at noon")
    await shown.page.get_by_role("button", name="Retract: Maintenance at noon").click()
    await expect(shown.said).to_contain_text("204")
    await shown.choose("Alice")
    await expect(shown.page.get_by_label("Title")).to_have_value("Low tide at 19:42")


async def test_it_is_sent_to_a_user_whose_screen_is_shown(demo: Service, device: Device) -> None:
    shown = Demo(await device.open(f"{demo.base_url}/client/#bob"))
    await shown.pane("bob-laptop").is_in_state("live")
    await shown.bob.is_in_state("live")
    await expect(shown.page.locator(".device")).to_have_count(2)
    for _ in range(4):
        await expect(shown.page.get_by_role("checkbox", name="Bob")).to_be_checked()
        await expect(shown.page.get_by_role("checkbox", name="Alice")).not_to_be_checked()
        await shown.page.locator("#sent").evaluate("output => (output.textContent = '')")
        await shown.send.click()
        await expect(shown.said).to_have_text("201 Created: saved for Bob.")
    await shown.bob.open()
    for text in ("Dana commented", "Dana answered", "Low tide", "Your prints"):
        await expect(shown.bob.row(text)).not_to_have_count(0)
    await shown.switch("carol-laptop").click()
    await shown.switch("bob-phone").click()
    await shown.switch("bob-laptop").click()
    await expect(shown.page.get_by_role("checkbox", name="Carol")).to_be_checked()
    await expect(shown.page.get_by_role("checkbox", name="Bob")).not_to_be_checked()
    await shown.page.get_by_role("checkbox", name="Alice").check()
    await shown.send.click()
    await expect(shown.said).to_contain_text("No device of Alice is on this page")


async def test_the_timeline_of_a_notification_fills_in(shown: Demo, back_end: BackEnd) -> None:
    await shown.write("The way", to="Bob")
    await shown.send.click()
    await shown.passed("bob", "The way", *WHOLE)
    await shown.unfold("timelines-panel")
    server = back_end.newest("bob")
    saved = shown.station("bob", "The way", "saved")
    await expect(saved).to_contain_text(server["createdAt"][20:23])
    arrived = shown.station("bob", "The way", "arrived").locator(".lane")
    await expect(arrived).to_have_text(re.compile(rf"^phone: {TIME}, after [\d.]+ m?s$"))
    for station in ("saved", "confirmed"):
        await expect(shown.station("bob", "The way", station).locator("[data-part]")).to_have_text(
            re.compile(rf"^{TIME}$")
        )
    await shown.bob.open()
    await shown.bob.act("The way", "Mark as read")
    await shown.passed("bob", "The way", *WHOLE, "read")
    await expect(shown.station("bob", "The way", "read").locator("[data-part]")).to_have_text(re.compile(rf"^{TIME}$"))
    back_end.send("bob", message="Not from this page")
    await expect(shown.bob.row("Not from this page")).to_have_count(1)
    await shown.passed("bob", "Not from this page", *WHOLE)


async def test_both_devices_of_a_user_are_the_same(shown: Demo, back_end: BackEnd, node_modules: None) -> None:
    back_end.read_all()
    for pane in (shown.laptop, shown.phone):
        await expect(pane.badge).to_be_hidden()
        await pane.open()
    back_end.send("alice", message="To both")
    for pane in (shown.laptop, shown.phone):
        await expect(pane.row("To both").locator("[part~=item]")).to_have_class(re.compile("is-unread"))
        await expect(pane.badge).to_be_hidden()  # the open list is seen
    lanes = shown.station("alice", "To both", "arrived").locator(".lane")
    await expect(lanes).to_have_text([re.compile(rf"^laptop: {TIME}"), re.compile(rf"^phone: {TIME}")])
    await shown.phone.act("To both", "Mark as read")
    for pane in (shown.laptop, shown.phone):
        await expect(pane.row("To both").locator("[part~=item]")).not_to_have_class(re.compile("is-unread"))
        await expect(pane.badge).to_be_hidden()
    await shown.laptop.act("To both", "Delete")
    await shown.laptop.bell.evaluate("bell => bell.close()")  # what could be undone until then is done
    for pane in (shown.laptop, shown.phone):
        await expect(pane.row("To both")).to_have_count(0)
    await expect(shown.page.locator(".timeline", has_text="To both")).to_contain_text("deleted since")
    await until(lambda: back_end.connections("alice") == 2)
    await no_violations(shown.page)
    await shown.switch("alice-phone").click()
    await expect(shown.phone.root).to_have_count(0)
    await until(lambda: back_end.connections("alice") == 1)
    await shown.laptop.is_in_state("live")


async def test_a_link_stays_in_the_application_on_the_screen(shown: Demo, back_end: BackEnd) -> None:
    back_end.send("alice", message="Look at it", link="/client/photos.html#2")
    await shown.laptop.open()
    await shown.laptop.row("Look at it").get_by_role("link").click()
    await expect(shown.laptop.screen.get_by_role("listitem").filter(has_text="Low tide")).to_be_focused()
    assert len(shown.page.context.pages) == 1
    await shown.laptop.open()
    async with shown.page.context.expect_page() as opened:
        await shown.laptop.bell.get_by_role("link", name="View all").click()
    await expect(await opened.value).to_have_url(re.compile(r"/client/inbox\.html#alice$"))
    await shown.laptop.is_in_state("live")


async def test_a_device_that_is_reloaded_has_the_same(shown: Demo, back_end: BackEnd) -> None:
    back_end.send("alice", message="Still there")
    await expect(shown.laptop.toast("Still there")).to_have_count(1)
    await shown.laptop.press("reload")
    await expect(shown.laptop.toasts).to_have_count(0)
    await shown.laptop.is_in_state("live")
    await shown.laptop.open()
    await expect(shown.laptop.row("Still there")).to_have_count(1)
    await until(lambda: back_end.connections("alice") == 2)


async def test_a_device_that_was_offline_catches_up(shown: Demo, back_end: BackEnd) -> None:
    back_end.send("alice", message="Before the cut")
    await expect(shown.phone.toast("Before the cut")).to_have_count(1)
    await shown.passed("alice", "Before the cut", *WHOLE)
    for pane in (shown.laptop, shown.phone, shown.bob):
        await pane.open()
    async with shown.nobody_reconnecting():
        for pane in (shown.phone, shown.bob):
            await pane.cut()
            await expect(pane.root).to_contain_text("To the server this device is still connected")
        for message in ("First of two", "Second of two"):
            back_end.send("alice", "bob", message=message)
        for message in ("First of two", "Second of two"):
            await expect(shown.laptop.row(message)).to_have_count(1)
            for user in ("alice", "bob"):
                await expect(shown.station(user, message, "arrived")).to_contain_text("phone: offline, not yet")
        await screenshot(shown.page, "demo-cut")
        # Alice has another device, Bob has none.
        await shown.passed("alice", "Second of two", *WHOLE)
        await shown.passed("bob", "Second of two", "saved")
        assert back_end.newest("bob")["status"] == "PENDING"
        assert (back_end.connections("alice"), back_end.connections("bob")) == (2, 1)
        for pane in (shown.phone, shown.bob):
            await expect(pane.row("of two")).to_have_count(0)
            await pane.mend()
            await pane.is_in_state("reconnecting")
    for user, pane in (("alice", shown.phone), ("bob", shown.bob)):
        await expect(pane.state).to_have_text("Live · caught up with 2")
        await expect(pane.row("of two")).to_have_count(2)
        for message in ("First of two", "Second of two"):
            arrived = shown.station(user, message, "arrived")
            await expect(arrived).to_contain_text(re.compile(rf"phone: {TIME}, after [\d.]+ m?s, on reconnecting"))
        lost = shown.page.locator(f"#entries .lost[data-device={user}-phone]")
        await expect(lost.and_(shown.frames(f"{user}-phone", "notification"))).to_have_count(2)
        await expect(lost.and_(shown.frames(f"{user}-phone", "pong"))).to_have_count(0)
    await shown.passed("bob", "Second of two", *WHOLE)
    assert back_end.newest("bob")["status"] == "DELIVERED"
    # To the server the phone's old connection is still open, and it writes to both. The phone has one.
    back_end.send("alice", message="After the cut")
    await expect(shown.phone.row("After the cut")).to_have_count(1)
    await shown.passed("alice", "After the cut", *WHOLE)
    await expect(shown.frames("alice-phone", "notification").filter(has_text="After the cut")).to_have_count(1)


async def test_what_a_device_says_into_a_cut_is_lost_too(shown: Demo) -> None:
    frame = next(frame for frame in shown.page.frames if "user=bob" in frame.url)
    lost = await frame.evaluate(
        """async () => {
          const { Wiretap } = await import("/client/wiretap.js");
          const { users } = await (await fetch("/client/demo.json")).json();
          const open = async () => {
            const auth = { token: users[2].token, catchUp: "none" };
            const socket = io("/notifications", { auth, forceNew: true, transports: ["websocket"] });
            await new Promise((resolve) => socket.on("connected", resolve));
            return socket;
          };
          const [cut, whole] = await Promise.all([open(), open()]);
          const frames = [];
          new Wiretap(cut, (frame) => frames.push(frame)).cut();
          cut.emit("messageToServer", "into the cut");
          whole.emit("messageToServer", "over a whole connection");
          return frames.map(({ incoming, lost, name }) => ({ incoming, lost, name }));
        }"""
    )
    assert lost == [{"incoming": False, "lost": True, "name": "messageToServer"}]
    greetings = shown.frames("bob-phone", "messageToClient")
    await expect(greetings).to_contain_text("over a whole connection")
    await expect(greetings).to_have_count(1)


async def test_a_token_that_expires_is_renewed_without_loss(shown: Demo, back_end: BackEnd) -> None:
    messages = ["While it is valid", "After it expired", "With the next one"]
    await shown.laptop.open()
    await shown.expire_slowly(12)
    await shown.laptop.press("expire")
    # In one look, for it does not last long.
    await expect(shown.laptop.root).to_contain_text(re.compile(r"token expires in \d+ s.*the server closes", re.DOTALL))
    back_end.send("alice", message=messages[0])
    async with shown.nobody_reconnecting():
        await shown.laptop.is_in_state("reconnecting")
        await expect(shown.frames("alice-laptop", "token_expiring")).to_have_count(1)
        back_end.send("alice", message=messages[1])
    await expect(shown.laptop.state).to_contain_text("Live · ")
    back_end.send("alice", message=messages[2])
    for message in messages:
        await expect(shown.laptop.row(message)).to_have_count(1)
    late = shown.station("alice", messages[1], "arrived").locator(".lane", has_text="laptop")
    await expect(late).to_contain_text("on reconnecting")
    await shown.bob.is_in_state("live")
    # Tokens are for the server alone.
    await shown.unfold("frames")
    assert "eyJ…" in await shown.page.locator("#entries").inner_text()
    assert not re.search(r"eyJ\w", await shown.page.locator("body").inner_text())


async def test_an_announcement_reaches_everybody_and_is_retracted(shown: Demo) -> None:
    await shown.page.get_by_role("checkbox", name="Everybody").check()
    await expect(shown.page.get_by_role("checkbox", name="Alice")).not_to_be_checked()
    await expect(shown.page.get_by_label("Title")).to_have_value("Maintenance at noon")
    await expect(shown.page.locator("#request-text")).to_contain_text("/v1/admin/announcements")
    for pane in (shown.laptop, shown.bob):
        await pane.open()
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: announced to everybody.")
    for user, pane in (("alice", shown.laptop), ("bob", shown.bob)):
        await expect(pane.row("Maintenance at noon")).to_contain_text("Announcement")
        await shown.passed(user, "Maintenance at noon", *WHOLE)
    await shown.laptop.act("Maintenance at noon", "Mark as read")
    await shown.passed("alice", "Maintenance at noon", *WHOLE, "read")
    await shown.passed("bob", "Maintenance at noon", *WHOLE)
    await shown.page.get_by_role("button", name="Retract: Maintenance at noon").click()
    for pane in (shown.laptop, shown.bob):
        await expect(pane.row("Maintenance at noon")).to_have_count(0)
    await expect(shown.said).to_have_text("204 No Content: retracted, and removed from every screen.")
    await expect(
        shown.page.locator(".timeline", has_text="Maintenance").filter(has_text="deleted since")
    ).to_have_count(2)


async def test_who_comes_later_has_it_too(shown: Demo, back_end: BackEnd) -> None:
    carol = shown.pane("carol-laptop")
    back_end.send("carol", message="Waiting for Carol")
    await expect(carol.root).to_have_count(0)
    await shown.switch("carol-laptop").click()
    await carol.is_in_state("live")
    await carol.open()
    await expect(carol.row("Waiting for Carol")).to_have_count(1)
    await expect(shown.station("carol", "Waiting for Carol", "arrived")).to_contain_text("on reconnecting")
    await shown.switch("bob-phone").click()
    await expect(shown.bob.root).to_have_count(0)
    await shown.page.reload()
    for pane in (carol, shown.laptop):
        await pane.is_in_state("live")
    await expect(shown.bob.root).to_have_count(0)
    await until(lambda: back_end.connections("bob") == 0)


async def test_a_hundred_arrive_on_every_device(shown: Demo, back_end: BackEnd) -> None:
    back_end.read_all()
    for pane in (shown.laptop, shown.phone):
        await expect(pane.badge).to_be_hidden()
    await shown.write("Not this one", to="Alice")
    await shown.page.get_by_role("button", name="Send 100").click()
    await expect(shown.said).to_have_text(
        re.compile(
            r"^100 requests, 100 notifications saved in \d+\.\d s. Arrived: Alice.s laptop 100, Alice.s phone 100.$"
        ),
        timeout=60_000,
    )
    for pane in (shown.laptop, shown.phone):
        await expect(pane.badge).to_have_text("99+")
        await expect(pane.bell).to_have_js_property("unreadCount", 100)
    await expect(shown.bob.toasts).to_have_count(0)
    back_end.read_all()


@pytest.fixture
def patient() -> Iterator[Service]:
    """A demo that stops for long enough to look at all that happens meanwhile."""
    with Altered({"demo.STOP_FOR": 15}, command=("demo",)) as service:
        service.start()
        yield service


async def test_everything_catches_up_after_the_server_was_stopped(patient: Service, device: Device) -> None:
    device.expect(OUTAGE)
    shown = await open_demo(patient, device)
    for pane in (shown.laptop, shown.bob):
        await pane.open()
    await shown.write("Sent while it was stopped", to="Alice Bob")
    stop = shown.page.get_by_role("button", name="Stop the server for 5 s")
    await stop.click()
    await expect(shown.page.locator("#server")).to_have_text(
        re.compile(r"stopped, and back in \d+ s. Meanwhile this page sends")
    )
    await expect(shown.said).to_have_text(
        "The server cannot be reached. Trying again … The next can be sent after that."
    )
    await expect(shown.said).to_have_class("wrong")
    await expect(shown.send).to_have_attribute("aria-disabled", "true")
    for pane in (shown.laptop, shown.phone, shown.bob):
        await expect(pane.root).to_have_attribute("data-state", re.compile("reconnecting|offline"))
    await screenshot(shown.page, "demo-stopped")
    await expect(shown.said).to_have_text("201 Created: saved for Alice and Bob.", timeout=60_000)
    await expect(shown.said).not_to_have_class("wrong")
    await expect(shown.send).to_have_attribute("aria-disabled", "false")
    for pane in (shown.laptop, shown.phone, shown.bob):
        await pane.is_in_state("live")
    await expect(shown.page.locator("#server")).to_have_text("The server listens again, and all devices are live.")
    for pane in (shown.laptop, shown.bob):
        await expect(pane.row("Sent while it was stopped")).to_have_count(1)
    for user in ("alice", "bob"):
        await shown.passed(user, "Sent while it was stopped", *WHOLE)
    await expect(stop).to_have_attribute("aria-disabled", "false")
    await expect(shown.page.locator("#notice")).to_be_hidden()


async def test_the_log_can_be_narrowed_down_and_paused_and_does_not_grow(shown: Demo, back_end: BackEnd) -> None:
    await shown.unfold("frames")
    back_end.send("alice", "bob", message="For the log")
    for device in ("alice-laptop", "bob-phone"):
        frame = shown.frames(device, "notification").filter(has_text="For the log")
        await expect(frame).to_have_count(1)
        await expect(frame.locator("time")).to_have_text(re.compile(rf"^{TIME}$"))
        await expect(shown.frames(device, "pong")).not_to_have_count(0)
    await shown.page.get_by_role("combobox").select_option("bob-phone")
    await expect(shown.frames("alice-laptop", "notification").last).to_be_hidden()
    await expect(shown.frames("bob-phone", "notification").last).to_be_visible()
    await shown.page.get_by_role("button", name="Pause").click()
    before = await shown.log.count()
    back_end.send("bob", message="Meanwhile")
    await expect(shown.bob.toast("Meanwhile")).to_have_count(1)
    await expect(shown.page.locator("#pause")).to_have_text(re.compile(r"Resume \([1-9]\d*\)"))
    assert await shown.log.count() == before
    await shown.page.locator("#pause").click()
    await expect(shown.frames("bob-phone", "notification").filter(has_text="Meanwhile")).to_have_count(1)
    await shown.page.get_by_role("button", name="Details").click()
    await expect(shown.frames("bob-phone", "notification").last).to_contain_text('"message":"Meanwhile"')
    await shown.page.get_by_role("combobox").select_option("all devices")
    for number in range(1, 161):  # a frame each, at least, to each of two devices
        back_end.send("alice", message=f"Number {number}")
    await expect(shown.log).to_have_count(300)
    await expect(shown.frames("alice-laptop", "notification").last).to_contain_text("Number 160")
    await expect(shown.page.locator(".timeline")).to_have_count(12)
    await shown.passed("alice", "Number 160", *WHOLE)


async def test_what_is_wrong_is_said_at_its_field(shown: Demo, device: Device) -> None:
    device.expect("422")
    await shown.write("A link that leads nowhere good", to="Bob", link="javascript:alert(1)")
    await shown.page.locator("#fields > summary").click()
    await shown.send.click()
    link = shown.page.get_by_label("Link")
    await expect(link).to_have_attribute("aria-invalid", "true")
    await expect(link).to_be_focused()
    await expect(shown.said).to_have_class("wrong")
    await link.fill("")
    for name in ("Alice", "Bob"):
        await shown.page.get_by_role("checkbox", name=name).uncheck()
    for name in ("Send", "Send 100"):
        await shown.page.get_by_role("button", name=name, exact=True).click()
        await expect(shown.said).to_have_text("Choose at least one recipient.")
    await expect(link).not_to_have_attribute("aria-invalid", "true")


async def test_nothing_of_a_notification_is_ever_run(demo: Service, device: Device, back_end: BackEnd) -> None:
    shown = await open_demo(demo, device, ("carol-laptop",))  # whom no other test looks at with this in her list
    carol = shown.pane("carol-laptop")
    device.expect("404")  # the avatar
    attack = "<img src=x onerror=\"document.title = 'hacked'\"><script>document.title = 'hacked'</script>"
    fields = {"title": f"Title {attack}", "type": "<b onclick=hacked()>TYPE</b>", "link": "/client/?'onclick='hacked()"}
    avatar = "/client/nothing.png?'onload='hacked()"
    await carol.open()
    await shown.unfold("timelines-panel", "frames")
    await shown.page.get_by_role("button", name="Details").click()
    back_end.send("carol", message=f"Message {attack}", avatar=avatar, **fields)
    row = carol.row("Message <img")
    await expect(row).to_contain_text(fields["title"])
    await expect(row.locator("img")).to_have_count(0)  # it could not be loaded, and was taken away
    await shown.passed("carol", fields["title"], *WHOLE)
    await expect(shown.frames("carol-laptop", "notification")).to_contain_text("<script>")
    await shown.write(attack, to="Carol", title=attack)
    await expect(shown.page.locator("#draft")).to_have_text(attack)
    await expect(shown.page.locator("#request-text")).to_contain_text("document.title = '\\''hacked'\\''")
    await shown.send.click()
    await expect(carol.rows.first).to_contain_text(attack)
    assert await shown.page.locator("#demo :is(script, b[onclick], [onerror])").count() == 0
    assert await shown.page.title() == "Eventide Notify"


async def test_the_screens_obey_the_page_and_nobody_else(shown: Demo) -> None:
    one = shown.page.frames[1]
    await one.evaluate(
        "for (let at = 0; at < parent.length; at += 1) parent[at].postMessage({ command: 'cut' }, location.origin)"
    )
    problem = "{ name: 'problem', detail: { message: 'Not from a screen' } }"
    await shown.page.evaluate(f"postMessage({problem}, location.origin)")
    await shown.send.click()
    await expect(shown.laptop.toast("Dana commented")).to_have_count(1)
    for id in SHOWN:
        await expect(shown.pane(id).root).to_have_attribute("data-state", "live")
    await expect(shown.page.locator("#notice")).to_be_hidden()


async def test_a_narrow_window_shows_one_part_at_a_time(
    demo: Service, open_device: OpenDevice, back_end: BackEnd, node_modules: None
) -> None:
    device = await open_device(viewport={"width": 390, "height": 844}, has_touch=True)
    narrow = await open_demo(demo, device)
    back_end.read_all()
    await expect(narrow.laptop.root).to_be_visible()
    for pane in (narrow.phone, narrow.bob):
        await expect(pane.root).to_be_hidden()
    await narrow.send.click()
    await expect(narrow.laptop.toasts.first).to_be_in_viewport(ratio=0.5)
    await expect(narrow.send).to_be_in_viewport(ratio=1)
    tab = {id: narrow.page.locator(f"#tab-{id}[role=tab]") for id in SHOWN}
    await expect(tab["alice-phone"]).to_have_attribute("data-count", "1")
    await narrow.laptop.open()  # what is seen is not new any more, though it is unread
    await expect(narrow.laptop.bell).to_have_js_property("unreadCount", 1)
    for id in SHOWN[:2]:
        await expect(tab[id]).to_have_attribute("data-count", "")
    await narrow.page.keyboard.press("Escape")
    await tab["alice-laptop"].focus()
    for id in SHOWN[1:]:
        await narrow.page.keyboard.press("ArrowRight")
        await expect(tab[id]).to_be_focused()
        await expect(tab[id]).to_have_attribute("aria-selected", "true")
    await expect(narrow.laptop.root).to_be_hidden()
    await expect(narrow.page.get_by_role("checkbox", name="Bob")).to_be_checked()
    await expect(narrow.page.get_by_role("checkbox", name="Alice")).not_to_be_checked()
    await narrow.send.click()
    await expect(narrow.bob.toasts.first).to_be_in_viewport(ratio=0.5)
    await screenshot(narrow.page, "demo-narrow")
    await no_violations(narrow.page)
    for name, panel in (("Timeline", "#timelines"), ("Frames", "#log"), ("Code", "#snippet-html"), ("Try it", "#try")):
        await narrow.page.get_by_role("tab", name=name, exact=True).click()
        await expect(narrow.page.locator(panel)).to_be_visible()
        assert await narrow.page.locator("#demo > :not([role=tablist]):not([hidden])").count() == 1
        assert await narrow.page.evaluate("document.documentElement.scrollWidth") <= 390
        await screenshot(narrow.page, f"demo-narrow-{name.lower().replace(' ', '-')}")
        await no_violations(narrow.page)
    await narrow.page.set_viewport_size({"width": 1100, "height": 800})
    for pane in (narrow.laptop, narrow.phone, narrow.bob):
        await expect(pane.root).to_be_visible()
    await expect(tab["bob-phone"]).to_be_hidden()
    await expect(narrow.page.locator("#code")).to_be_visible()


async def test_everything_can_be_done_by_keyboard(shown: Demo, back_end: BackEnd) -> None:
    back_end.read_all()
    await shown.write("By keyboard", to="Alice")
    keyboard = shown.page.keyboard

    async def tab_to(wanted: Locator) -> None:
        for _ in range(80):
            await keyboard.press("Tab")
            if await wanted.evaluate("element => element === element.getRootNode().activeElement"):
                outline = await wanted.evaluate("element => getComputedStyle(element).outlineStyle")
                assert outline == "solid", "it can be seen where the focus is"
                return
        pytest.fail(f"Tab does not lead to {wanted}")

    await tab_to(shown.send)
    await keyboard.press("Enter")
    await expect(shown.laptop.badge).to_have_text("1")
    await tab_to(shown.laptop.bell.locator("[part=bell]"))
    await keyboard.press("Enter")
    row = shown.laptop.row("By keyboard")
    await expect(row.locator("[part~=item]")).to_have_class(re.compile("is-unread"))
    await keyboard.press("ArrowDown")
    await keyboard.press("Delete")
    await expect(row).to_have_count(0)
    await keyboard.press("Escape")
    await expect(shown.laptop.bell.locator("[part=bell]")).to_be_focused()
    cut = shown.laptop.control("cut")
    await shown.laptop.hold()
    await tab_to(cut)
    await keyboard.press("Enter")
    await shown.laptop.is_in_state("cut")
    await expect(cut).to_be_focused()
    await tab_to(shown.page.locator("#timelines-panel summary"))
    await keyboard.press("Enter")
    await expect(shown.page.locator("#timelines")).to_be_visible()


async def test_what_moves_stands_still_for_who_wants_that(demo: Service, open_device: OpenDevice) -> None:
    page = await open_demo(demo, await open_device(reduced_motion="no-preference"))
    await page.unfold("timelines-panel")
    await page.page.evaluate(
        """window.moved = 0;
        new MutationObserver(() => { window.moved += document.getAnimations().length; })
          .observe(document.querySelector("#timelines"), { subtree: true, childList: true });"""
    )
    await page.send.click()
    await page.passed("alice", "Dana commented", *WHOLE)
    assert await page.page.evaluate("window.moved") > 0
    await page.page.emulate_media(reduced_motion="reduce")
    await page.page.evaluate("window.moved = 0")
    await page.send.click()
    await page.passed("alice", "Dana answered you", *WHOLE)
    assert await page.page.evaluate("window.moved") == 0
    for frame in page.page.frames:
        moving = """[...document.querySelectorAll("*")].filter((element) => {
          const { animationName, transitionDuration } = getComputedStyle(element);
          return animationName !== "none" || transitionDuration !== "0s";
        }).length"""
        assert await frame.evaluate(moving) == 0


async def test_the_sun_sets_while_the_server_is_away(open_device: OpenDevice) -> None:
    device = await open_device()
    device.expect(OUTAGE, "401")
    with Service(command=("demo",)) as service:
        service.start()
        page = await open_demo(service, device)
        daylight = page.page.locator("body")
        await expect(daylight).to_have_css("--daylight", "1")
        service.stop()
        for id in SHOWN:
            await expect(page.pane(id).root).to_have_attribute("data-state", re.compile("reconnecting|offline"))
        await expect(daylight).to_have_css("--daylight", "0")
        # A screen that is opened now has nothing to show yet.
        await page.switch("carol-phone").click()
        await expect(page.pane("carol-phone").state).to_have_text(re.compile(r"^Offline since \d\d:\d\d:\d\d$"))
        service.start()  # with another secret: the tokens of before are worth nothing
        for id in (*SHOWN, "carol-phone"):
            await page.pane(id).is_in_state("live")
        await expect(daylight).to_have_css("--daylight", "1")
        await page.send.click()
        await expect(page.laptop.toast("Dana commented")).to_have_count(1)
        await expect(page.page.locator("#notice")).to_be_hidden()


async def test_without_the_demo_there_is_the_bell(
    service: Service, user: str, device: Device, node_modules: None
) -> None:
    device.expect("404", "401")  # no demo.json, which is how the page knows; and a token that is none
    page = await device.open(f"{service.base_url}/client/")
    await expect(page.get_by_role("heading", name="Sign in with a token")).to_be_visible()
    await expect(page.locator("#demo")).to_be_hidden()
    await expect(page.locator("eventide-bell")).to_have_count(0)
    token = page.get_by_label("JSON Web Token")
    await token.fill("no token at all")
    await token.press("Enter")
    await expect(page.locator("#own-state")).to_have_text("Refused: The token is not valid on this server.")
    bell = page.locator("eventide-bell")
    await bell.get_by_role("button", name="Notifications").click()
    await expect(bell.get_by_role("button", name="Mark all read")).to_have_attribute("aria-disabled", "true")
    await token.fill(f"Bearer {service.token(user)}")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator("#own-state")).to_contain_text("Live")
    await expect(page.locator("#own-help")).to_contain_text(f"--user {user}")
    service.send(user, message="For the bell")
    await expect(bell).to_have_js_property("unreadCount", 1)
    await bell.get_by_role("button", name=re.compile("Notifications")).click()
    await expect(bell.get_by_text("For the bell").first).to_be_visible()
    await no_violations(page)
    await screenshot(page, "own")
    await page.reload()
    await expect(page.locator("#own-state")).to_contain_text("Live")
    await expect(page.get_by_role("link", name="Notification centre").first).to_have_attribute("href", "inbox.html")
