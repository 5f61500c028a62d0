"""What a reader sees and does: the badge, the list, toasts, and what each click leads to."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from ..service import Service
from ..waiting import asked_until, until
from .bell import DEADLINE, Bell, save_many, shown_in_steps
from .conftest import OpenBell, OpenDevice
from .device import Device, no_violations, screenshot

FEW = 40
"""Rows that are in the page at most, of however many."""
LIST = re.compile(r"/v1/notifications\?")
RECORD = """bell => {
  window.seen = [];
  for (const type of ["notification", "unread", "state", "open"])
    bell.addEventListener(type, event => seen.push([type, JSON.parse(JSON.stringify(event.detail))]));
}"""


def sample(service: Service, user: str) -> None:
    """One of each kind."""
    service.send(
        user,
        message="October closed 4 % above September, and the full report waits for you to read all of it, "
        "with its tables and its appendix.",
        type="REPORT",
        title="Your report is ready",
        link="/reports/10",
    )
    service.send(user, message="Low tide at 19:42: the path to the island is open for two hours", type="REMINDER")
    service.send(user, message="Invoice 4711 was paid", type="PAYMENT", title="Payment received")
    service.send(
        user, message="Carol follows you now. You follow each other.", type="NEW_FOLLOWER", title="Carol follows you"
    )
    service.send(user, message="“That green light is the pier, is it not?”", type="NEW_COMMENT",
                 title="Bob commented on your photo", link="https://example.com/posts/1")  # fmt: skip


async def remaining(service: Service, user: str) -> list[str]:
    with service.client(user) as client:
        return [item["message"] for item in client.get("/v1/notifications").json()["notifications"]]


# The list


async def test_what_was_missed_is_in_the_list_and_no_toast(service: Service, user: str, open_bell: OpenBell) -> None:
    sample(service, user)
    bell = await open_bell(user)
    await bell.state("live")
    await expect(bell.badge).to_have_text("5")
    await expect(bell.button).to_have_accessible_name("Notifications, 5 unread")
    await bell.open()
    await expect(bell.rows).to_have_count(5)
    await expect(bell.rows.first).to_contain_text("Bob commented on your photo")
    await expect(bell.rows.first).to_contain_text("New comment")
    await expect(bell.rows.first.get_by_role("link")).to_have_attribute("href", "https://example.com/posts/1")
    await expect(bell.rows.first.get_by_role("link")).to_have_accessible_name(re.compile("^Unread"))
    assert await bell.toasts.count() == 0


async def test_what_arrives_is_in_the_badge_the_title_the_list_and_a_toast(
    service: Service, user: str, bell: Bell
) -> None:
    await bell.call(RECORD)
    [id] = service.send(user, message="It is on its way", title="Shipped", type="ORDER")
    await expect(bell.badge).to_have_text("1")
    await expect(bell.page).to_have_title("(1) Orders")
    await expect(bell.toasts).to_have_count(1)
    await expect(bell.toasts).to_contain_text("It is on its way")
    await expect(bell.host.locator("[aria-live=polite]")).to_have_text(re.compile("New notification: Shipped"))
    await bell.open()
    await expect(bell.rows).to_have_count(1)
    await expect(bell.toasts).to_have_count(0)
    seen = await bell.page.evaluate("seen")
    [arrived] = [detail for type, detail in seen if type == "notification"]
    assert arrived["notification"]["id"] == id
    assert arrived["replayed"] is False
    assert next(detail for type, detail in seen if type == "unread") == {"unreadCount": 1, "unseenCount": 1}


async def test_times_go_on(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="now")
    await bell.page.clock.install()
    await bell.open()
    time = bell.rows.locator("time")
    await expect(time).to_have_text(re.compile(r"^now$|^1?\ds ago$"))
    await bell.page.clock.run_for(20_000)
    await expect(time).to_have_text(re.compile(r"^([2-5]\ds|\dm) ago$"))


async def test_following_a_link_marks_as_read(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="with a link", link="/reports/10")
    await bell.open()
    await bell.row("with a link").click()
    await expect(bell.page).to_have_url(re.compile("/reports/10$"))
    await until_read(service, user, [True])


async def until_read(service: Service, user: str, wanted: list[bool]) -> None:
    with service.client(user) as client:
        await until(
            lambda: [item["read"] for item in client.get("/v1/notifications").json()["notifications"]] == wanted,
            within=DEADLINE,
        )


async def test_a_page_can_route_by_itself(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="with a link", link="/reports/10")
    await bell.call(
        "bell => bell.addEventListener('open', event => (event.preventDefault(), window.routed = event.detail.url))"
    )
    before = bell.page.url
    await bell.open()
    await bell.row("with a link").click()
    await expect(bell.badge).to_be_hidden()
    assert (await bell.page.evaluate("routed")).endswith("/reports/10")
    assert bell.page.url == before
    await expect(bell.panel).to_be_hidden()


@pytest.mark.parametrize("how", [{"modifiers": ["Control"]}, {"button": "middle"}], ids=str)
async def test_a_link_that_is_opened_in_another_tab_is_not_routed(
    service: Service, user: str, bell: Bell, how: dict[str, Any]
) -> None:
    service.send(user, message="with a link", link="/reports/10")
    await bell.call("bell => bell.addEventListener('open', event => event.preventDefault())")
    await bell.open()
    async with bell.page.context.expect_page() as opened:
        await bell.row("with a link").click(**how)
    await expect(await opened.value).to_have_url(re.compile("/reports/10$"))
    await until_read(service, user, [True])
    await expect(bell.panel).to_be_visible()


async def test_a_notification_without_a_link_unfolds(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="A long story. " * 60)
    await bell.open()
    row = bell.rows.first
    folded = await row.bounding_box()
    await row.get_by_role("button", name="A long story").first.click(position={"x": 5, "y": 5})
    await expect(row.locator("[part=link]")).to_have_attribute("aria-expanded", "true")
    unfolded = await row.bounding_box()
    assert folded
    assert unfolded
    assert unfolded["height"] > 2 * folded["height"]
    await expect(bell.badge).to_be_hidden()


async def test_marking_one_and_all_as_read(service: Service, user: str, bell: Bell) -> None:
    for number in range(3):
        service.send(user, message=f"number {number}")
    await bell.open()
    await bell.row("number 1").hover()
    await bell.row("number 1").get_by_role("button", name="Mark as read").click()
    await expect(bell.button).to_have_accessible_name("Notifications, 2 unread")
    await expect(bell.host.locator("[part~=item-unread]")).to_have_count(2)
    await bell.host.get_by_role("button", name="Mark all read").click()
    await expect(bell.badge).to_be_hidden()
    await expect(bell.host.locator("[part~=item-unread]")).to_have_count(0)
    await expect(bell.page).to_have_title("Orders")
    await expect(bell.button).to_have_accessible_name("Notifications")
    await until_read(service, user, [True, True, True])


async def test_a_burst_is_shown_in_steps(service: Service, user: str, bell: Bell) -> None:
    await bell.open()
    await shown_in_steps(service, user, bell.rows, bell.host.locator("[part=list]"))


async def test_deleting_can_be_undone(service: Service, user: str, bell: Bell) -> None:
    for number in range(3):
        service.send(user, message=f"number {number}")
    await bell.open()
    await bell.row("number 1").hover()
    await bell.row("number 1").get_by_role("button", name="Delete").click()
    await expect(bell.rows).to_have_count(2)
    assert len(await remaining(service, user)) == 3
    await bell.host.get_by_role("button", name="Undo").click()
    await expect(bell.rows).to_have_count(3)
    await bell.row("number 1").hover()
    await bell.row("number 1").get_by_role("button", name="Delete").click()
    await bell.page.keyboard.press("Escape")
    await expect(bell.button).to_have_accessible_name("Notifications, 2 unread")
    left = await asked_until(lambda: remaining(service, user), lambda left: len(left) < 3)
    assert left == ["number 2", "number 0"]


async def test_what_was_deleted_is_so_when_the_page_is_left(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="goes")
    await bell.open()
    await bell.row("goes").hover()
    await bell.row("goes").get_by_role("button", name="Delete").click()
    await bell.page.goto("about:blank")
    with service.client(user) as client:
        await until(lambda: client.get("/v1/notifications").json()["notifications"] == [], within=DEADLINE)


async def test_nothing_is_there(bell: Bell) -> None:
    await bell.open()
    await expect(bell.panel).to_contain_text("All quiet")
    await expect(bell.badge).to_be_hidden()
    await screenshot(bell.page, "bell-empty")


async def test_view_all(bell: Bell) -> None:
    await bell.open()
    await expect(bell.host.get_by_role("link", name="View all")).to_have_attribute("href", re.compile("/all$"))
    await bell.call("bell => bell.setAttribute('view-all', 'javascript:alert(1)')")
    await expect(bell.host.get_by_role("link", name="View all")).to_be_hidden()


async def test_a_list_that_cannot_be_loaded_says_so(
    service: Service, user: str, device: Device, open_bell: OpenBell
) -> None:
    service.send(user, message="there all the same")
    device.expect("503")

    async def unavailable(route: Route) -> None:
        problem = {"code": "unavailable", "detail": "The database is away."}
        headers = {"access-control-allow-origin": "*"}
        await route.fulfill(status=503, json=problem, headers=headers)

    await device.context.route(LIST, unavailable)
    bell = await open_bell(user)
    await bell.call("bell => bell.inbox.addEventListener('notification', () => {})")
    await bell.page.wait_for_function("() => document.querySelector('eventide-bell').inbox.problem")
    await bell.open()
    if not await bell.rows.count():  # what was replayed by the socket is shown
        await expect(bell.panel).to_contain_text("The database is away.")
        await screenshot(bell.page, "bell-problem")
    await device.context.unroute(LIST)
    await expect(bell.row("there all the same")).to_be_visible()
    # It tries again by itself, the later the more often it could not.
    await bell.page.wait_for_function("() => !document.querySelector('eventide-bell').inbox.problem", timeout=60_000)


async def test_a_thousand_notifications(service: Service, open_bell: OpenBell) -> None:
    await save_many(service, "reader-of-many", 1000)
    await save_many(service, "reader-of-few", 30)
    few, many = await open_bell("reader-of-few", "no-title-badge"), await open_bell("reader-of-many", "no-title-badge")
    for bell in (few, many):
        await bell.state("live")
    await expect(many.badge).to_have_text("99+")
    await many.open()
    await expect(many.rows.first).to_contain_text("number 999")
    seen = await many.call(
        """async bell => {
          const scroll = bell.shadowRoot.querySelector("[part=scroll]");
          const seen = new Set();
          let most = 0;
          while (!seen.has("number 0")) {
            const rows = [...scroll.querySelectorAll("li")];
            for (const row of rows) seen.add(row.querySelector("[part=message]").textContent);
            most = Math.max(most, rows.length);
            scroll.scrollBy(0, scroll.clientHeight);
            await new Promise(requestAnimationFrame);
          }
          return [[...seen], most];
        }"""
    )
    assert seen[0] == [f"number {number}" for number in reversed(range(1000))]
    assert seen[1] <= FEW, "only what can be seen and a margin is in the page"
    await expect(many.rows.last).to_have_attribute("aria-posinset", "1000")
    await expect(many.rows.last).to_have_attribute("aria-setsize", "1000")
    await many.page.keyboard.press("Escape")
    await few.open()
    await few.page.keyboard.press("Escape")
    # How long it takes to open with all of them loaded, compared with a list that has but one page of them.
    quickest = """bell => Math.min(...Array.from({ length: 15 }, () => {
      const before = performance.now();
      bell.open();
      bell.shadowRoot.querySelector("[part=list]").getBoundingClientRect();
      const took = performance.now() - before;
      bell.close();
      return took;
    }))"""
    assert await many.call(quickest) < 5 * await few.call(quickest)
    await many.open()
    service.send("reader-of-many", message="one more")
    await expect(many.rows.first).to_contain_text("one more")
    assert await many.rows.count() <= FEW


# Toasts


async def test_at_most_a_few_toasts(service: Service, user: str, open_bell: OpenBell) -> None:
    bell = await open_bell(user, 'toasts="2"')
    await bell.state("live")
    for number in range(4):
        service.send(user, message=f"number {number}")
    await expect(bell.badge).to_have_text("4")
    await expect(bell.toasts.filter(has_text="number 3")).to_have_count(1)
    await expect(bell.toasts).to_have_count(2)


async def test_no_toasts(service: Service, user: str, open_bell: OpenBell) -> None:
    bell = await open_bell(user, 'toasts="0"')
    await bell.state("live")
    service.send(user, message="silent")
    await expect(bell.host.locator("[aria-live=polite]")).to_have_text(re.compile("silent"))
    assert await bell.toasts.count() == 0


async def test_a_toast_goes_by_itself_unless_it_is_looked_at(service: Service, user: str, bell: Bell) -> None:
    await bell.page.clock.install()
    await bell.page.clock.pause_at(time.time() + 2)  # it is looked at in time, however slow the machine is
    for way in ("hover", "focus"):
        service.send(user, message=f"toast to {way}")
        toast = bell.toasts.filter(has_text=f"toast to {way}")
        await expect(toast).to_have_count(1)
        await (toast.hover() if way == "hover" else toast.get_by_role("button", name="Dismiss").focus())
        await bell.page.clock.run_for(8_000)
        await expect(toast).to_have_count(1)
        await bell.page.mouse.move(5, 300)
        await bell.page.evaluate("document.querySelector('eventide-bell').shadowRoot.activeElement?.blur()")
        await bell.page.clock.run_for(8_000)
        await expect(toast).to_have_count(0)


async def test_toasts_can_be_followed_and_dismissed(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="the first")
    await bell.toasts.get_by_role("button", name="Dismiss").click()
    await expect(bell.toasts).to_have_count(0)
    service.send(user, message="for the keyboard")
    await bell.toasts.get_by_role("button", name="Dismiss").focus()
    await bell.page.keyboard.press("Escape")
    await expect(bell.toasts).to_have_count(0)
    service.send(user, message="the second", link="/reports/10")
    await bell.toasts.get_by_role("link").click()
    await expect(bell.page).to_have_url(re.compile("/reports/10$"))
    await until_read(service, user, [True, False, False])


# Announcements


async def test_announcements(service: Service, user: str, bell: Bell) -> None:
    with service.client(admin=True) as admin:
        kept = admin.post("/v1/admin/announcements", json={"message": "Maintenance at noon"}).json()["id"]
        await expect(bell.toasts).to_contain_text(["Maintenance at noon"])
        await expect(bell.badge).to_have_text("1")
        admin.post("/v1/admin/announcements", json={"message": "Who is there?", "audience": "connected"})
        await bell.open()
        await expect(bell.rows).to_have_count(2)
        await expect(bell.rows.first).to_contain_text("Announcement")
        await expect(bell.button).to_have_accessible_name("Notifications, 1 unread")
        await expect(bell.host.locator("[part~=item-unread]")).to_have_count(1)
        admin.delete(f"/v1/admin/announcements/{kept}").raise_for_status()
    await expect(bell.rows).to_have_count(1)
    await expect(bell.button).to_have_accessible_name("Notifications")


# The page around it


async def test_the_title_stays_the_pages(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="one")
    await expect(bell.page).to_have_title("(1) Orders")
    await bell.page.evaluate("document.title = 'Order 4711'")
    await expect(bell.page).to_have_title("(1) Order 4711")
    await bell.page.evaluate("document.querySelector('title').textContent = 'Order 4712'")
    await expect(bell.page).to_have_title("(1) Order 4712")
    await bell.call("bell => bell.remove()")
    await expect(bell.page).to_have_title("Order 4712")


async def test_texts_can_be_replaced(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message="Hallo")
    await bell.call(
        """bell => (bell.strings = { locale: "de", title: "Mitteilungen", live: "Verbunden",
           label: count => `Mitteilungen, ${count} ungelesen`, unread: "Ungelesen" })"""
    )
    await expect(bell.badge).to_have_text("1")
    await expect(bell.button).to_have_accessible_name("Mitteilungen, 1 ungelesen")
    await bell.open()
    await expect(bell.panel).to_have_accessible_name("Mitteilungen")
    await expect(bell.connection).to_have_text("Verbunden")
    await expect(bell.rows.locator("time")).to_have_text(re.compile("^(jetzt|vor )"))
    await expect(bell.host.get_by_role("button", name="Mark all read")).to_be_visible()


async def test_the_texts_are_in_the_pages_language(user: str, device: Device, open_bell: OpenBell) -> None:
    loaded: list[str] = []
    device.context.on("request", lambda request: loaded.append(request.url))

    def languages() -> list[str]:
        return [url.rpartition("/")[2] for url in loaded if "/bell/strings/" in url]

    bell = await open_bell(user)
    await bell.state("live")
    await expect(bell.button).to_have_accessible_name("Notifications")
    assert languages() == [], "English is built in"
    await bell.page.evaluate("document.documentElement.lang = 'de-AT'")
    await expect(bell.button).to_have_accessible_name("Benachrichtigungen")
    await bell.open()
    await expect(bell.panel).to_contain_text("Keine Benachrichtigungen")
    await bell.call("bell => { bell.strings = { title: 'Postfach' }; }")
    await bell.open()
    await expect(bell.panel).to_have_accessible_name("Postfach")
    await bell.call("bell => { bell.strings = {}; bell.lang = 'ar'; }")
    await expect(bell.button).to_have_accessible_name("الإشعارات")
    await bell.call("bell => { bell.lang = 'it'; }")  # which it does not speak
    await expect(bell.button).to_have_accessible_name("Notifications")
    assert languages() == ["de.js", "ar.js"]


@pytest.mark.parametrize(
    ("html", "attributes", "direction"),
    [
        ("", 'lang="ar"', "rtl"),
        ('dir="ltr"', 'lang="ar"', "rtl"),
        ('dir="rtl"', 'lang="de"', "ltr"),
        ('dir="rtl"', "", "rtl"),
        ("", 'lang="ar" dir="ltr"', "ltr"),
    ],
)
async def test_the_direction_is_that_of_the_language(
    user: str, open_bell: OpenBell, html: str, attributes: str, direction: str
) -> None:
    bell = await open_bell(user, attributes, html=html)
    await bell.state("live")
    if "lang" in attributes:
        await in_its_language(bell)
    for part in ("toasts", "bell"):
        await expect(bell.host.locator(f"[part={part}]")).to_have_css("direction", direction)
    await bell.open()
    await expect(bell.panel).to_have_css("direction", direction)
    assert await inside(bell.page, bell.panel)


@pytest.mark.parametrize("language", ["de", "fr", "ar"])
async def test_long_texts_have_room_in_the_header(user: str, open_bell: OpenBell, language: str) -> None:
    bell = await open_bell(user, f'lang="{language}"')
    await bell.state("live")
    await in_its_language(bell)
    await bell.call("bell => { bell.strings = { live: 'Verbindung wird wiederhergestellt' }; }")
    for width in (1280, 232):
        await bell.page.set_viewport_size({"width": width, "height": 640})
        await bell.open()
        texts = await bell.panel.locator("[part=header]").evaluate(
            """header => {
              const [heading, button] = [".heading", "[part=mark-all]"].map(
                (name) => header.querySelector(name).getBoundingClientRect());
              const state = header.querySelector(".state");
              const isBeside = button.top < heading.bottom && button.bottom > heading.top
                && (button.left >= heading.right || button.right <= heading.left);
              return [isBeside, header.scrollWidth <= header.clientWidth, state.scrollWidth <= state.clientWidth];
            }"""
        )
        assert texts == [True, True, True]
        await screenshot(bell.page, f"bell-header-{language}-{width}")
        await bell.page.keyboard.press("Escape")


async def in_its_language(bell: Bell) -> None:
    """Wait until the texts are not English any more; whatever is open is closed when they come."""
    await expect(bell.host.locator("[part=mark-all]")).not_to_have_attribute("title", "Mark all read")


async def test_a_page_can_add_a_language(service: Service, user: str, open_bell: OpenBell) -> None:
    bell = await open_bell(None)
    await bell.page.evaluate(
        """async url => {
          const { languages } = await import(url);
          languages.it = async () => ({ title: "Notifiche", label: count => `Notifiche (${count ?? 0})` });
        }""",
        f"{service.base_url}/client/eventide-bell.js",
    )
    await bell.call("bell => { bell.lang = 'it'; }")
    await expect(bell.button).to_have_accessible_name("Notifiche (0)")


async def test_colours_and_parts_are_the_pages(bell: Bell) -> None:
    await bell.open()
    await bell.page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(`eventide-bell { --eventide-surface: rgb(1, 2, 3); --eventide-panel-width: 300px }
                             eventide-bell::part(header) { text-transform: uppercase }`);
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    await expect(bell.panel).to_have_css("background-color", "rgb(1, 2, 3)")
    await expect(bell.panel).to_have_css("width", "300px")
    await expect(bell.host.locator("[part=header]")).to_have_css("text-transform", "uppercase")


async def test_the_pages_own_client_is_used(service: Service, user: str, device: Device, open_bell: OpenBell) -> None:
    loaded: list[str] = []
    device.context.on("request", lambda request: loaded.append(request.url))
    bell = await open_bell(None)
    await bell.page.evaluate(
        """async ([url, token]) => {
          const { io } = await import(`${url}/socket.io/socket.io.esm.min.js`);
          const bell = document.querySelector("eventide-bell");
          bell.io = (...options) => (window.connected = true, io(...options));
          bell.token = token;
          bell.setAttribute("token", token);
        }""",
        [service.base_url, service.token(user)],
    )
    await bell.state("live")
    assert await bell.page.evaluate("connected")
    assert not any(url.endswith("socket.io.min.js") for url in loaded)
    other = await open_bell(user, "no-sharing")
    await other.state("live")
    assert any(url.endswith("socket.io.min.js") for url in loaded)
    assert await other.page.evaluate("'io' in window") is False, "the page's globals are its own"


@pytest.mark.parametrize("kind", ["set", "declared", "set meanwhile"])
async def test_the_pages_older_client_stays(
    service: Service, user: str, device: Device, open_bell: OpenBell, kind: str
) -> None:
    """It speaks another protocol, so the bell loads its own."""
    bell = await open_bell(None)

    async def meanwhile(route: Route) -> None:
        if kind == "set meanwhile":
            await bell.page.evaluate("window.io = { protocol: 4 }")
        await route.continue_()

    await device.context.route("**/socket.io.min.js", meanwhile)
    if kind == "set":
        await bell.page.evaluate("window.io = { protocol: 4 }")
    elif kind == "declared":  # as `var io` in a script of the page: it cannot be deleted
        await bell.page.evaluate(
            "Object.defineProperty(window, 'io', { value: { protocol: 4 }, writable: true, enumerable: true })"
        )
    await bell.call("(bell, token) => bell.setAttribute('token', token)", service.token(user))
    await bell.state("live")
    assert await bell.page.evaluate("io.protocol") == 4


async def test_properties_set_before_the_element_is_known(service: Service, user: str, device: Device) -> None:
    device.expect("favicon.ico")  # the address is a text, whose page is empty
    page = await device.open(f"{service.base_url}/client/theme.css")
    await page.evaluate(
        """async token => {
          const bell = document.createElement("eventide-bell");
          bell.getToken = async () => token;
          bell.strings = { title: "Early" };
          document.body.append(bell);
          await import("/client/eventide-bell.js");
        }""",
        service.token(user),
    )
    bell = Bell(page)
    await bell.state("live")
    await bell.open()
    await expect(bell.panel).to_have_accessible_name("Early")
    # And afterwards: a constructor may add neither attributes nor children.
    assert await page.evaluate("document.createElement('eventide-bell').state") == "closed"


async def test_moving_the_element_keeps_the_connection(bell: Bell) -> None:
    await bell.call(RECORD)
    await bell.call("bell => document.querySelector('main').append(bell)")
    await bell.open()
    await expect(bell.panel).to_contain_text("All quiet")
    assert [detail for type, detail in await bell.page.evaluate("seen") if type == "state"] == []


# Text is text

XSS = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


async def test_no_field_is_parsed(service: Service, user: str, device: Device, open_bell: OpenBell) -> None:
    """The server refuses such links; a bell must not rely on that, so the list is changed on its way."""
    service.send(user, message="x")
    device.expect("ERR_|404|Content Security Policy")  # the avatars
    hostile: list[dict[str, Any]] = [
        {"title": XSS, "message": XSS, "type": XSS[:50], "data": {"html": XSS}, "link": "javascript:window.hacked=1"},
        {"title": "link", "message": "data", "link": "data:text/html,<script>opener.hacked=1</script>"},
        {"title": "link", "message": "spaces", "link": " \tjava\nscript:window.hacked=1"},
        *(
            {"title": "link", "message": "host", "link": f"{start}evil.example/"}
            for start in ("//", "/\\", "/\t/", " //")
        ),
        {"title": "link", "message": "blob", "link": "blob:http://127.0.0.1/1"},
        {"title": "link", "message": "quote", "link": 'https://example.com/" onclick="window.hacked=1'},
        {"title": "avatar", "message": "script", "avatar": "javascript:window.hacked=1"},
        {"title": "avatar", "message": "svg", "avatar": "data:image/svg+xml,<svg onload='window.hacked=1'/>"},
        {"title": "avatar", "message": "quote", "avatar": '/x.png" onerror="window.hacked=1'},
    ]

    async def change(route: Route) -> None:
        answer = await route.fetch()
        page = await answer.json()
        [item] = page["notifications"]
        ids = [item["id"][:-2] + f"{number:02x}" for number in range(len(hostile))]
        page["notifications"] = [item | fields | {"id": id} for id, fields in zip(ids, hostile, strict=True)]
        await route.fulfill(response=answer, json=page)

    await device.context.route(LIST, change)
    bell = await open_bell(user)
    await bell.state("live")
    await bell.open()
    await expect(bell.rows.filter(has_text="quote")).to_have_count(2)
    await expect(bell.row("<img src=x").locator("[part=title]")).to_have_text(XSS)
    await expect(bell.row("<img src=x").locator("[part=message]")).to_have_text(XSS)
    assert (
        await bell.host.evaluate("bell => bell.shadowRoot.querySelectorAll('script, [onerror], [onclick]').length") == 0
    )
    links = await bell.rows.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert links == ["https://example.com/%22%20onclick=%22window.hacked=1"]
    images = await bell.rows.locator("img").evaluate_all("images => images.map(image => new URL(image.src).protocol)")
    assert set(images) <= {"http:"}
    await bell.rows.locator("button[part=link]").evaluate_all("buttons => buttons.forEach(button => button.click())")
    assert await bell.page.evaluate("typeof hacked") == "undefined"


async def test_what_arrives_live_is_not_parsed(service: Service, user: str, bell: Bell) -> None:
    service.send(user, message=XSS, title=XSS, type=XSS[:50], data={"html": XSS})
    await expect(bell.toasts.locator("[part=message]")).to_have_text(XSS)
    await bell.open()
    await expect(bell.rows.locator("[part=message]")).to_have_text(XSS)
    assert await bell.page.evaluate("typeof hacked") == "undefined"


# Keyboard, screen readers, screens


async def focused(page: Page) -> str:
    """What has the focus, by its part and text."""
    return str(
        await page.evaluate(
            """() => {
              const inner = document.activeElement.shadowRoot?.activeElement ?? document.activeElement;
              return `${inner.part?.value ?? ""} ${inner.getAttribute("aria-label") ?? inner.textContent}`.trim();
            }"""
        )
    )


async def test_the_keyboard_alone(service: Service, user: str, open_bell: OpenBell) -> None:
    for number in range(4):
        service.send(user, message=f"number {number}")
    bell = await open_bell(user, 'view-all="/all"')
    await expect(bell.badge).to_have_text("4")
    page, press = bell.page, bell.page.keyboard.press
    await page.get_by_role("link", name="Before").focus()
    await press("Tab")
    assert await focused(page) == "bell Notifications, 4 unread"
    await press("Enter")
    await expect(bell.button).to_have_attribute("aria-expanded", "true")
    await expect(bell.rows).to_have_count(4)
    await press("Tab")
    assert "Mark all read" in await focused(page)
    await press("Tab")
    assert "All" in await focused(page)
    await press("ArrowDown")
    assert "number 3" in await focused(page)
    await press("Tab")
    assert await focused(page) == "action Mark as read: number 3"
    await press("Enter")
    await expect(bell.button).to_have_accessible_name("Notifications, 3 unread")
    assert await focused(page) == "action Mark as unread: number 3", "it is the opposite now"
    await press("ArrowDown")
    await press("Delete")
    await expect(bell.rows).to_have_count(3)
    assert "number 1" in await focused(page), "the next row has it"
    await press("End")
    assert "number 0" in await focused(page)
    await press("Delete")
    await expect(bell.rows).to_have_count(2)
    assert "number 1" in await focused(page), "there is none after it"
    await bell.host.get_by_role("button", name="Undo").focus()
    await press("Enter")
    await expect(bell.rows).to_have_count(3)
    await press("Escape")
    await expect(bell.panel).to_be_hidden()
    await expect(bell.button).to_have_attribute("aria-expanded", "false")
    assert (await focused(page)).startswith("bell Notifications")
    await press("Space")
    await expect(bell.panel).to_be_visible()
    await bell.host.get_by_role("link", name="View all").focus()
    await press("Tab")
    assert await focused(page) == "After"
    await expect(bell.panel).to_be_hidden()


async def test_a_row_that_is_deleted_elsewhere_leaves_the_focus_in_the_list(
    service: Service, user: str, bell: Bell
) -> None:
    [first], [second] = (service.send(user, message=message) for message in ("first", "second"))
    await bell.open()
    await bell.row("second").locator("[part=link]").focus()
    with service.client(user) as client:
        client.delete(f"/v1/notifications/{second}").raise_for_status()
        await expect(bell.rows).to_have_count(1)
        assert "first" in await focused(bell.page)
        client.delete(f"/v1/notifications/{first}").raise_for_status()
    await expect(bell.rows).to_have_count(0)
    assert await bell.page.evaluate("document.activeElement.localName") == "eventide-bell"


async def test_a_click_elsewhere_closes(bell: Bell) -> None:
    await bell.open()
    await bell.page.mouse.click(20, 300)
    await expect(bell.panel).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("node_modules")
async def test_nobody_is_kept_out(
    service: Service, user: str, open_device: OpenDevice, open_bell: OpenBell, scheme: str
) -> None:
    bell = await open_bell(user, 'view-all="/all"', on=await open_device(color_scheme=scheme))
    await bell.state("live")
    await no_violations(bell.page)
    await bell.open()
    await no_violations(bell.page)
    await bell.page.keyboard.press("Escape")
    sample(service, user)
    await expect(bell.toasts).to_have_count(3)
    await expect(bell.badge).to_have_text("5")
    await no_violations(bell.page)
    await screenshot(bell.page, f"bell-toasts-{scheme}")
    await bell.open()
    await bell.row("Invoice").hover()
    await bell.row("Invoice").get_by_role("button", name="Mark as read").click()
    await expect(bell.button).to_have_accessible_name("Notifications, 4 unread")
    await bell.row("Low tide").get_by_role("button", name="Delete").focus()
    await bell.page.keyboard.press("Enter")
    await expect(bell.host.get_by_role("button", name="Undo")).to_be_visible()
    await no_violations(bell.page)
    await screenshot(bell.page, f"bell-open-{scheme}")


async def inside(page: Page, shown: Locator) -> bool:
    box, size = await shown.bounding_box(), page.viewport_size
    assert box
    assert size
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= size["width"]
        and box["y"] + box["height"] <= size["height"]
    )


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_it_stays_within_the_window(
    service: Service, user: str, open_device: OpenDevice, open_bell: OpenBell, direction: str
) -> None:
    device = await open_device(viewport={"width": 360, "height": 640}, has_touch=True)
    bell = await open_bell(user, 'view-all="/all"', on=device, html=f'dir="{direction}"')
    await bell.state("live")
    service.send(user, message="مرحبا بكم في الخدمة الجديدة", title="أهلا", type="WELCOME")
    sample(service, user)
    await expect(bell.toasts).to_have_count(3)
    assert await inside(bell.page, bell.host.locator("[part=toasts]"))
    await bell.open()
    await expect(bell.rows).to_have_count(6)
    for width in (360, 1280):
        await bell.page.set_viewport_size({"width": width, "height": 640})
        await screenshot(bell.page, f"bell-{direction}-{width}")
        assert await inside(bell.page, bell.panel)
        assert not await bell.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    glyph, text = bell.rows.first.locator("[part=glyph]"), bell.rows.first.locator("[part=link]")
    glyph_box, text_box = await glyph.bounding_box(), await text.bounding_box()
    assert glyph_box
    assert text_box
    assert (glyph_box["x"] < text_box["x"]) == (direction == "ltr")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
async def test_motion_is_for_those_who_like_it(
    user: str, open_device: OpenDevice, open_bell: OpenBell, motion: str
) -> None:
    bell = await open_bell(user, on=await open_device(reduced_motion=motion))
    await bell.state("live")
    await bell.open()
    names = await bell.panel.evaluate("panel => getComputedStyle(panel).animationName")
    assert (names == "none") == (motion == "reduce")


async def test_the_colours_follow_the_page(user: str, open_device: OpenDevice, open_bell: OpenBell) -> None:
    bell = await open_bell(user, on=await open_device(color_scheme="dark"))
    await bell.state("live")
    await bell.open()
    background = "panel => getComputedStyle(panel).backgroundColor"
    dark = await bell.panel.evaluate(background)
    await bell.page.evaluate("document.documentElement.style.colorScheme = 'light'")
    light = await bell.panel.evaluate(background)
    assert dark != light
    await bell.call("bell => bell.setAttribute('theme', 'dark')")
    assert await bell.panel.evaluate(background) == dark
