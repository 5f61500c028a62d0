"""The demo page: what it promises to show in a minute, each thing done as a visitor would."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect

from ..service import Service
from ..waiting import until
from .conftest import OpenDevice
from .device import OUTAGE, Device, no_violations, screenshot

PATIENCE = 20_000
"""Milliseconds: a slow machine may take long for what takes none on a quick one."""
TIME = re.compile(r"^\+\d+(\.\d)? (ms|s)$")

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def demo() -> Iterator[Service]:
    """A demo of these tests' own, whose users have what these tests sent them."""
    with Service(command=("demo",)) as service:
        service.start()
        yield service


class BackEnd:
    """What an application's back end does, and what it can find out."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        session = client.get("/client/demo.json").json()
        self._tokens = {user["id"]: user["token"] for user in session["users"]}
        self._admin = session["adminToken"]

    def send(self, *users: str, message: str = "Hello", **fields: Any) -> list[str]:
        sent = self.call("POST", "/v1/admin/notifications", {"userIds": list(users), "message": message, **fields})
        return [item["id"] for item in sent["notifications"]]

    def connections(self, user: str) -> int:
        return int(self.call("GET", f"/v1/admin/users/{user}/online")["connections"])

    def newest(self, user: str) -> dict[str, Any]:
        """The user's newest notification, as the server has it."""
        page = self.call("GET", "/v1/notifications?limit=1", user=user)
        found: dict[str, Any] = page["notifications"][0]
        return found

    def read_all(self) -> None:
        for user in self._tokens:
            self.call("PUT", "/v1/notifications/read-all", user=user)

    def call(self, method: str, path: str, body: Any = None, *, user: str | None = None) -> Any:
        bearer = {"Authorization": f"Bearer {self._tokens[user] if user else self._admin}"}
        answer = self._client.request(method, path, json=body, headers=bearer)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="module")
def back_end(demo: Service) -> Iterator[BackEnd]:
    with httpx.Client(base_url=demo.base_url, timeout=30, verify=False) as client:  # no TLS here
        yield BackEnd(client)


class Pane:
    """One device on the page."""

    def __init__(self, page: Page, user: str, kind: str = "laptop") -> None:
        self.root = page.locator(f".device[data-device={user}-{kind}]")
        self.state = self.root.locator("[data-part=state]")
        self.note = self.root.locator("[data-part=note]")
        self.count = self.root.locator("[data-part=count]")
        self.rows = self.root.locator("[data-part=list] > li")

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    async def was_replayed(self, text: str, *, count: int = 1) -> None:
        """So many notifications with this text came later than they were sent, and say so."""
        await expect(self.row(text).locator("[data-part=replayed]:not([hidden])")).to_have_count(count)

    async def press(self, action: str) -> None:
        await self.root.locator(f".controls [data-action={action}]").click()

    async def is_in_state(self, state: str) -> None:
        await expect(self.root).to_have_attribute("data-state", state)


class Demo:
    """The demo page, as a visitor sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.alice, self.bob, self.carol = (Pane(page, user) for user in ("alice", "bob", "carol"))
        self.send = page.get_by_role("button", name="Send", exact=True)
        self.said = page.locator("#sent")
        self.log = page.locator("#entries > li")

    def phone(self, user: str) -> Pane:
        return Pane(self.page, user, "phone")

    async def open_phone(self, user: str) -> Pane:
        await Pane(self.page, user).press("second")
        phone = self.phone(user)
        await phone.is_in_state("live")
        return phone

    async def write(self, message: str, *, to: str, **fields: str) -> None:
        """Fill in the form; `to`: the names on the buttons."""
        for choice in await self.page.locator("#recipients label").all():
            await choice.locator("input").set_checked((await choice.inner_text()).strip() in to.split())
        if fields.keys() - {"title"}:
            await self.page.get_by_text("Type and link").click()
        for name, value in {"title": "", "message": message, **fields}.items():
            await self.page.locator(f"#compose [name={name}]").fill(value)

    def frames(self, device: str, name: str) -> Locator:
        return self.page.locator(f"#entries > li[data-device={device}][data-name={name}]")

    def station(self, user: str, title: str, station: str) -> Locator:
        """A station on the way of the notification with this title (or message) to this user."""
        return self.page.locator(f".timeline[data-user={user}]", has_text=title).locator(f"[data-station={station}]")

    @asynccontextmanager
    async def nobody_reconnecting(self) -> AsyncIterator[None]:
        """Devices come back only after this, however long it takes: until then they wait for a token."""
        over = asyncio.Event()

        async def wait(route: Route) -> None:
            await over.wait()
            await route.continue_()

        await self.page.route("**/client/demo.json*", wait)
        yield
        over.set()
        await self.page.unroute_all(behavior="wait")

    async def passed(self, user: str, title: str, *stations: str) -> None:
        """This way went through these stations, and no further."""
        for name in ("saved", "sent", "received", "read"):
            station = self.station(user, title, name)
            await expect(station).to_have_class("reached" if name in stations else "")


@pytest_asyncio.fixture(loop_scope="session")
async def shown(demo: Service, device: Device) -> Demo:
    """The page with Alice's and Bob's laptops, both connected."""
    return await open_demo(demo, device)


async def open_demo(demo: Service, device: Device, users: str = "") -> Demo:
    page = Demo(await device.open(f"{demo.base_url}/client/{users}"))
    for pane in [page.alice, page.bob] if not users else []:
        await pane.is_in_state("live")
    return page


# The first test, because the picture should have nothing but what belongs to it.
async def test_the_picture_in_the_readme(demo: Service, open_device: OpenDevice, node_modules: None) -> None:
    page = await open_demo(demo, await open_device(viewport={"width": 1280, "height": 1100}))
    for _ in range(2):
        await page.send.click()
        await expect(page.said).to_contain_text("201")
    await page.alice.row("Bob commented").get_by_title("Mark as read").click()
    await page.passed("alice", "Bob commented", "saved", "sent", "received", "read")
    await page.bob.press("cut")
    await page.send.click()
    await page.passed("alice", "Low tide", "saved", "sent", "received")
    await expect(page.station("bob", "Low tide", "sent")).to_contain_text("lost")
    await screenshot(page.page, "demo")
    await page.page.emulate_media(color_scheme="dark")
    await screenshot(page.page, "demo-dark")
    await no_violations(page.page)


async def test_who_presses_send_sees_it_arrive(shown: Demo) -> None:
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: saved for Alice.")
    arrived = shown.alice.rows.first
    await expect(arrived).to_contain_text("Bob commented on your photo")
    await expect(arrived).to_contain_text("That green light is the pier")
    await expect(arrived).to_be_in_viewport()
    await expect(arrived.get_by_text("Unread")).to_be_visible()
    await expect(shown.bob.row("Bob commented")).to_have_count(0)
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: saved for Bob.")
    await expect(shown.bob.rows.first).to_contain_text("Alice answered you")
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: saved for Alice and Bob.")
    for pane in (shown.alice, shown.bob):
        await expect(pane.rows.first).to_contain_text("Low tide")


async def test_the_way_of_a_notification_fills_in(shown: Demo, back_end: BackEnd) -> None:
    await shown.write("The way", to="Alice")
    request = 'POST /v1/admin/notifications\n{\n  "userIds": ["alice"],\n  "message": "The way",'
    await expect(shown.page.locator("#request-text")).to_contain_text(request)
    await shown.send.click()
    await shown.passed("alice", "The way", "saved", "sent", "received")
    server = back_end.newest("alice")
    saved = shown.station("alice", "The way", "saved")
    await expect(saved).to_contain_text(server["createdAt"][20:23])
    await expect(shown.station("alice", "The way", "sent").locator(".lane")).to_have_text(
        re.compile(r"^laptop: \+\d+ ms$")
    )
    await expect(shown.station("alice", "The way", "received").locator("[data-part]")).to_have_text(TIME)
    await shown.alice.row("The way").get_by_title("Mark as read").click()
    await shown.passed("alice", "The way", "saved", "sent", "received", "read")
    await expect(shown.station("alice", "The way", "read").locator("[data-part]")).to_have_text(TIME)
    back_end.send("bob", message="Not from this page")
    await expect(shown.bob.row("Not from this page")).to_have_count(1)
    await shown.passed("bob", "Not from this page", "saved", "sent", "received")


async def test_both_devices_of_a_user_are_the_same(shown: Demo, back_end: BackEnd, node_modules: None) -> None:
    back_end.read_all()
    phone = await shown.open_phone("alice")
    back_end.send("alice", message="To both")
    for pane in (shown.alice, phone):
        await expect(pane.row("To both")).to_have_class(re.compile("unread"))
        await expect(pane.count).to_have_text("1 unread")
    lanes = shown.station("alice", "To both", "sent").locator(".lane")
    await expect(lanes).to_have_text([re.compile(r"^laptop: \+"), re.compile(r"^phone: \+")])
    await phone.row("To both").get_by_title("Mark as read").click()
    for pane in (shown.alice, phone):
        await expect(pane.row("To both")).not_to_have_class(re.compile("unread"))
        await expect(pane.count).to_have_text("0 unread")
    await shown.alice.row("To both").get_by_title("Delete").click()
    for pane in (shown.alice, phone):
        await expect(pane.row("To both")).to_have_count(0)
    await expect(shown.page.locator(".timeline", has_text="To both")).to_contain_text("deleted since")
    await until(lambda: back_end.connections("alice") == 2)
    await shown.page.get_by_text("What the four steps mean").click()
    await no_violations(shown.page)
    await shown.alice.press("second")
    await expect(phone.root).to_have_count(0)
    await expect(shown.alice.root).to_have_attribute("data-state", "live")


async def test_a_device_that_was_cut_off_catches_up(shown: Demo, back_end: BackEnd) -> None:
    phone = await shown.open_phone("alice")
    back_end.send("alice", message="Before the cut")
    await expect(phone.row("Before the cut")).to_have_count(1)
    await shown.passed("alice", "Before the cut", "saved", "sent", "received")
    async with shown.nobody_reconnecting():
        for pane in (phone, shown.bob):
            await pane.press("cut")
            await expect(pane.root).to_contain_text("The server still takes this device for connected")
        for message in ("First of two", "Second of two"):
            back_end.send("alice", "bob", message=message)
        for message in ("First of two", "Second of two"):
            await expect(shown.alice.row(message)).to_have_count(1)
            await expect(shown.station("alice", message, "sent")).to_contain_text("phone: lost")
            await expect(shown.station("bob", message, "sent")).to_contain_text("laptop: lost")
        await screenshot(shown.page, "demo-cut")
        # Alice has another device, Bob has none.
        await shown.passed("alice", "Second of two", "saved", "sent", "received")
        await shown.passed("bob", "Second of two", "saved")
        assert back_end.newest("bob")["status"] == "PENDING"
        assert (back_end.connections("alice"), back_end.connections("bob")) == (2, 1)
        for pane in (phone, shown.bob):
            await expect(pane.row("of two")).to_have_count(0)
            await pane.is_in_state("reconnecting")
    for user, pane, name in (("alice", phone, "phone"), ("bob", shown.bob, "laptop")):
        await expect(pane.state).to_have_text("Live · caught up with 2")
        await expect(pane.row("of two")).to_have_count(2)
        await pane.was_replayed("of two", count=2)
        for message in ("First of two", "Second of two"):
            sent = shown.station(user, message, "sent")
            await expect(sent).to_contain_text(re.compile(rf"{name}: \+\d+\.\d s, replayed"))
        lost = shown.page.locator(f"#entries .lost[data-device={user}-{name}]")
        await expect(lost.and_(shown.frames(f"{user}-{name}", "notification"))).to_have_count(2)
        await expect(lost.and_(shown.frames(f"{user}-{name}", "pong"))).to_have_count(0)
    await shown.passed("bob", "Second of two", "saved", "sent", "received")
    assert back_end.newest("bob")["status"] == "DELIVERED"
    await expect(phone.row("Before the cut")).to_have_count(1)
    await expect(shown.alice.row("of two")).to_have_count(2)
    await shown.alice.was_replayed("of two", count=0)
    # To the server the phone's old connection is still open, and it writes to both. The phone has one.
    back_end.send("alice", message="After the cut")
    await expect(phone.row("After the cut")).to_have_count(1)
    await shown.passed("alice", "After the cut", "saved", "sent", "received")
    await expect(shown.frames("alice-phone", "notification").filter(has_text="After the cut")).to_have_count(1)


async def test_what_a_device_says_into_a_cut_is_lost_too(shown: Demo, back_end: BackEnd) -> None:
    lost = await shown.page.evaluate(
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
    greetings = shown.frames("bob-laptop", "messageToClient")
    await expect(greetings).to_contain_text("over a whole connection")
    await expect(greetings).to_have_count(1)


async def test_a_token_that_expires_is_renewed_without_loss(shown: Demo, back_end: BackEnd) -> None:
    messages = ["While it lives", "After its end", "With the next one"]
    await shown.alice.press("expire")
    # In one look, for it does not last long.
    await expect(shown.alice.root).to_contain_text(re.compile("token ends in . s.*the server closes", re.DOTALL))
    back_end.send("alice", message=messages[0])
    async with shown.nobody_reconnecting():
        await shown.alice.is_in_state("reconnecting")
        await expect(shown.frames("alice-laptop", "token_expiring")).to_have_count(1)
        back_end.send("alice", message=messages[1])
    await expect(shown.alice.state).to_have_text("Live · with a new token")
    back_end.send("alice", message=messages[2])
    for message in messages:
        await expect(shown.alice.row(message)).to_have_count(1)
    await shown.alice.was_replayed(messages[1])
    await shown.alice.was_replayed(messages[2], count=0)
    await shown.bob.is_in_state("live")
    # Tokens are for the server alone.
    assert "eyJ…" in await shown.page.locator("#entries").inner_text()
    assert not re.search(r"eyJ\w", await shown.page.locator("body").inner_text())


async def test_an_announcement_reaches_everybody_and_is_retracted(shown: Demo) -> None:
    await shown.page.get_by_role("checkbox", name="Everybody").check()
    await expect(shown.page.get_by_role("checkbox", name="Alice")).not_to_be_checked()
    await expect(shown.page.get_by_label("Title")).to_have_value("Maintenance at noon")
    await expect(shown.page.locator("#request-text")).to_contain_text("POST /v1/admin/announcements")
    await shown.send.click()
    await expect(shown.said).to_have_text("201 Created: announced to everybody.")
    for user, pane in (("alice", shown.alice), ("bob", shown.bob)):
        await expect(pane.row("Maintenance at noon")).to_contain_text("Announcement")
        await shown.passed(user, "Maintenance at noon", "saved", "sent", "received")
    await shown.alice.row("Maintenance at noon").get_by_title("Mark as read").click()
    await shown.passed("alice", "Maintenance at noon", "saved", "sent", "received", "read")
    await shown.passed("bob", "Maintenance at noon", "saved", "sent", "received")
    await shown.page.get_by_role("button", name="Retract: Maintenance at noon").click()
    for pane in (shown.alice, shown.bob):
        await expect(pane.row("Maintenance at noon")).to_have_count(0)
    await expect(shown.said).to_have_text("204 No Content: retracted, and removed from every screen.")
    await expect(
        shown.page.locator(".timeline", has_text="Maintenance").filter(has_text="deleted since")
    ).to_have_count(2)


async def test_who_comes_later_has_it_too(shown: Demo, back_end: BackEnd) -> None:
    back_end.send("carol", message="Waiting for Carol")
    await expect(shown.carol.root).to_have_count(0)
    await shown.page.get_by_role("button", name="Carol", exact=True).click()
    await shown.carol.is_in_state("live")
    await shown.carol.was_replayed("Waiting for Carol")
    await shown.passed("carol", "Waiting for Carol", "saved", "sent", "received")
    await shown.page.get_by_role("button", name="Bob", exact=True).click()
    await expect(shown.bob.root).to_have_count(0)
    await shown.page.reload()
    await shown.carol.is_in_state("live")
    await shown.alice.is_in_state("live")
    await expect(shown.bob.root).to_have_count(0)
    await until(lambda: back_end.connections("bob") == 0)


async def test_the_log_can_be_narrowed_down_and_paused_and_does_not_grow(shown: Demo, back_end: BackEnd) -> None:
    back_end.send("alice", "bob", message="For the log")
    for device in ("alice-laptop", "bob-laptop"):
        frame = shown.frames(device, "notification")
        await expect(frame).to_contain_text("For the log")
        await expect(shown.frames(device, "pong")).not_to_have_count(0)
    await shown.page.get_by_role("combobox").select_option("bob-laptop")
    await expect(shown.frames("alice-laptop", "notification")).to_be_hidden()
    await expect(shown.frames("bob-laptop", "notification")).to_be_visible()
    await shown.page.get_by_role("button", name="Pause").click()
    before = await shown.log.count()
    back_end.send("bob", message="Meanwhile")
    await expect(shown.bob.row("Meanwhile")).to_have_count(1)
    await expect(shown.page.locator("#pause")).to_have_text(re.compile(r"Resume \([1-9]\d*\)"))
    assert await shown.log.count() == before
    await shown.page.locator("#pause").click()
    await expect(shown.frames("bob-laptop", "notification")).to_have_count(2)
    await shown.page.get_by_role("button", name="Unfold").click()
    await expect(shown.frames("bob-laptop", "notification").last).to_contain_text('"message":"Meanwhile"')
    await shown.page.get_by_role("combobox").select_option("all devices")
    for number in range(1, 161):  # two frames each, at least
        back_end.send("alice", message=f"Number {number}")
    await expect(shown.log).to_have_count(300)
    await expect(shown.frames("alice-laptop", "notification").last).to_contain_text("Number 160")
    await expect(shown.alice.rows.first).to_contain_text("Number 160")
    await expect(shown.alice.rows).to_have_count(20)
    await expect(shown.alice.root.get_by_role("link", name="All notifications of Alice")).to_be_visible()
    await expect(shown.page.locator(".timeline")).to_have_count(12)
    await shown.passed("alice", "Number 160", "saved", "sent", "received")


async def test_what_is_wrong_is_said_at_its_field(shown: Demo, device: Device) -> None:
    device.expect("422")
    await shown.write("A link that leads nowhere good", to="Bob", link="javascript:alert(1)")
    await shown.page.get_by_text("Type and link").click()
    await shown.send.click()
    link = shown.page.get_by_label("Link")
    await expect(link).to_have_attribute("aria-invalid", "true")
    await expect(link).to_be_focused()
    await expect(shown.said).to_have_class("wrong")
    await link.fill("")
    for name in ("Alice", "Bob"):
        await shown.page.get_by_role("checkbox", name=name).uncheck()
    await shown.send.click()
    await expect(shown.said).to_have_text("Choose at least one recipient.")
    await expect(link).not_to_have_attribute("aria-invalid", "true")


async def test_nothing_of_a_notification_is_ever_run(demo: Service, device: Device, back_end: BackEnd) -> None:
    shown = await open_demo(demo, device, "#carol")  # whom no other test looks at with this in her list
    await shown.carol.is_in_state("live")
    device.expect("404")  # the avatar
    attack = "<img src=x onerror=\"document.title = 'hacked'\"><script>document.title = 'hacked'</script>"
    fields = {"title": f"Title {attack}", "type": "<b onclick=hacked()>TYPE</b>", "link": "/client/?'onclick='hacked()"}
    avatar = "/client/nothing.png?'onload='hacked()"
    await shown.page.get_by_role("button", name="Unfold").click()
    back_end.send("carol", message=f"Message {attack}", avatar=avatar, **fields)
    row = shown.carol.row("Message <img")
    await expect(row).to_have_count(1)
    await expect(row.locator("[data-part=title]")).to_have_text(fields["title"])
    await expect(row.locator("[data-part=message]")).to_have_text(f"Message {attack}")
    await expect(row.locator("[data-part=type]")).to_have_text("<b onclick=hacked()>type</b>")
    await expect(row.locator("img")).to_have_count(0)  # it could not be loaded, and was taken away
    await shown.passed("carol", fields["title"], "saved", "sent", "received")
    await expect(shown.frames("carol-laptop", "notification")).to_contain_text("<script>")
    await shown.write(attack, to="Carol", title=attack)
    await shown.send.click()
    await expect(shown.carol.rows.first.locator("[data-part=message]")).to_have_text(attack)
    assert await shown.page.locator("#demo :is(script, b[onclick], [onerror])").count() == 0
    assert await shown.page.title() == "Eventide Notify"
    # The server lets none of these through. If one did, it still would lead nowhere.
    links = [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:x",
        "https://a.example/",
    ]
    found = await shown.page.evaluate(
        """async (links) => {
          const { NotificationList } = await import("/client/notification-list.js");
          const list = document.createElement("ol");
          const item = { type: "T", title: "", message: "m", createdAt: "2026-01-01T00:00:00.000Z", status: "READ" };
          new NotificationList(list).render(links.map((link, id) => ({ ...item, id: `${id}`, link })), new Set());
          return [...list.querySelectorAll("a")].map((each) => each.href);
        }""",
        links,
    )
    assert found == ["https://a.example/"]


async def test_a_narrow_window_has_tabs(
    demo: Service, open_device: OpenDevice, back_end: BackEnd, node_modules: None
) -> None:
    device = await open_device(viewport={"width": 390, "height": 844})
    narrow = await open_demo(demo, device)
    back_end.read_all()
    await expect(narrow.bob.root).to_be_hidden()
    await narrow.write("Seen at once", to="Alice Bob")
    await narrow.send.click()
    await expect(narrow.alice.row("Seen at once")).to_be_in_viewport(ratio=0.5)
    alice, bob = (narrow.page.get_by_role("tab", name=name) for name in ("Alice", "Bob"))
    await expect(bob).to_have_attribute("data-unread", "1")
    await alice.focus()
    await narrow.page.keyboard.press("ArrowRight")
    await expect(bob).to_be_focused()
    await expect(bob).to_have_attribute("aria-selected", "true")
    await expect(narrow.alice.root).to_be_hidden()
    await expect(narrow.bob.row("Seen at once")).to_be_visible()
    await narrow.open_phone("bob")
    await expect(narrow.page.get_by_role("tabpanel")).to_have_count(1)
    assert await narrow.page.evaluate("document.documentElement.scrollWidth") <= 390
    await screenshot(narrow.page, "demo-narrow")
    await no_violations(narrow.page)
    await narrow.page.set_viewport_size({"width": 1100, "height": 800})
    for pane in (narrow.alice, narrow.bob):
        await expect(pane.root).to_be_visible()
    await expect(narrow.page.get_by_role("tab")).to_have_count(0)


async def test_everything_can_be_done_by_keyboard(shown: Demo, back_end: BackEnd) -> None:
    back_end.read_all()
    await shown.write("By keyboard", to="Alice")
    keyboard = shown.page.keyboard

    async def tab_to(wanted: Locator) -> None:
        for _ in range(60):
            await keyboard.press("Tab")
            if await wanted.evaluate("element => element === document.activeElement"):
                outline = await wanted.evaluate("element => getComputedStyle(element).outlineStyle")
                assert outline == "solid", "it can be seen where the focus is"
                return
        pytest.fail(f"Tab does not lead to {wanted}")

    await tab_to(shown.send)
    await keyboard.press("Enter")
    row = shown.alice.row("By keyboard")
    await expect(row).to_have_class(re.compile("unread"))
    await tab_to(row.get_by_title("Mark as read"))
    await keyboard.press("Enter")
    await expect(row).not_to_have_class(re.compile("unread"))
    await expect(row.get_by_title("Delete")).to_be_focused()
    await keyboard.press("Enter")
    await expect(row).to_have_count(0)
    assert await shown.page.evaluate("document.activeElement !== document.body"), "the focus is not lost"
    await tab_to(shown.alice.root.get_by_role("button", name="Second device"))
    await keyboard.press("Space")
    await shown.phone("alice").is_in_state("live")
    await tab_to(shown.phone("alice").root.get_by_role("button", name="Cut for 5 s"))
    await keyboard.press("Enter")
    await shown.phone("alice").is_in_state("cut")
    await expect(shown.phone("alice").root.get_by_role("button", name="Cut for 5 s")).to_be_focused()


async def test_what_moves_stands_still_for_who_wants_that(demo: Service, open_device: OpenDevice) -> None:
    page = await open_demo(demo, await open_device(reduced_motion="no-preference"))
    await page.page.evaluate(
        """window.moved = 0;
        new MutationObserver(() => { window.moved += document.getAnimations().length; })
          .observe(document.querySelector("#users"), { subtree: true, childList: true });"""
    )
    await page.send.click()
    await page.passed("alice", "Bob commented on your photo", "saved", "sent", "received")
    assert await page.page.evaluate("window.moved") > 0
    await page.page.emulate_media(reduced_motion="reduce")
    await page.page.evaluate("window.moved = 0")
    await page.send.click()
    await page.passed("bob", "Alice answered you", "saved", "sent", "received")
    assert await page.page.evaluate("window.moved") == 0
    assert (
        await page.page.evaluate(
            """[...document.querySelectorAll("*")].filter((element) => {
          const { animationName, transitionDuration } = getComputedStyle(element);
          return animationName !== "none" || transitionDuration !== "0s";
        }).length"""
        )
        == 0
    )


async def test_the_sun_sets_while_the_server_is_away(open_device: OpenDevice) -> None:
    device = await open_device()
    device.expect(OUTAGE, "401")
    with Service(command=("demo",)) as service:
        service.start()
        page = await open_demo(service, device)
        daylight = page.page.locator("body")
        await expect(daylight).to_have_css("--daylight", "1")
        service.stop()
        for pane in (page.alice, page.bob):
            await expect(pane.root).to_have_attribute("data-state", re.compile("reconnecting|offline"))
        await expect(daylight).to_have_css("--daylight", "0")
        service.start()  # with another secret: the tokens of before are worth nothing
        for pane in (page.alice, page.bob):
            await pane.is_in_state("live")
        await expect(daylight).to_have_css("--daylight", "1")
        await page.send.click()
        await expect(page.alice.row("Bob commented")).to_have_count(1)
        await expect(page.page.locator("#notice")).to_be_hidden()


async def test_without_the_demo_there_is_the_bell(
    service: Service, user: str, device: Device, node_modules: None
) -> None:
    device.expect("404", "401")  # no demo.json, which is how the page knows; and a token that is none
    page = await device.open(f"{service.base_url}/client/")
    await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    await expect(page.locator("#demo")).to_be_hidden()
    await expect(page.locator("eventide-bell")).to_have_count(0)
    token = page.get_by_label("JSON Web Token")
    await token.fill("no token at all")
    await token.press("Enter")
    await expect(page.locator("#own-state")).to_have_text("Refused: The token is not valid on this server.")
    await token.fill(f"Bearer {service.token(user)}")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator("#own-state")).to_contain_text("Live")
    await expect(page.locator("#own-help")).to_contain_text(f"--user {user}")
    service.send(user, message="For the bell")
    bell = page.locator("eventide-bell")
    await expect(bell).to_have_js_property("unreadCount", 1)
    await bell.get_by_role("button", name=re.compile("Notifications")).click()
    await expect(bell.get_by_text("For the bell").first).to_be_visible()
    await no_violations(page)
    await screenshot(page, "own")
    await page.reload()
    await expect(page.locator("#own-state")).to_contain_text("Live")
    await expect(page.get_by_role("link", name="Notification centre").first).to_have_attribute("href", "inbox.html")
