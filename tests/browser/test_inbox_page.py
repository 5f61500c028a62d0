"""The notification centre, `/client/inbox.html`: what a reader sees in it and does by mouse."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from ..service import Service
from ..waiting import until
from .bell import DEADLINE, Application, save_many, shown_in_steps
from .centre import Centre, bulk_requests, count_of, left
from .conftest import OpenDevice
from .device import Device

KINDS = ("NEW_COMMENT", "REPORT", "NEW_COMMENT", "PAYMENT")


async def test_in_the_demo_one_is_anybody(demo: Service, device: Device) -> None:
    with demo.client() as client:
        token = client.get("/client/demo.json").json()["adminToken"]
        headers = {"Authorization": f"Bearer {token}"}
        centre = Centre(await device.open(f"{demo.base_url}/client/inbox.html#bob"))
        page = centre.page
        await expect(page.get_by_role("button", name="Bob")).to_have_attribute("aria-pressed", "true")
        await centre.live()
        draft = {"userIds": ["bob", "carol"], "message": "for Bob and Carol", "title": "Both"}
        client.post("/v1/admin/notifications", json=draft, headers=headers).raise_for_status()
    await expect(centre.rows).to_have_count(1)
    await expect(page).to_have_title("(1) Notifications")
    await page.get_by_role("button", name="Alice").click()
    await expect(centre.note).to_contain_text("No notifications")
    await page.get_by_role("button", name="Carol").click()
    await expect(centre.rows).to_contain_text(["for Bob and Carol"])
    assert page.url.endswith("#carol")
    await centre.press("j")
    await centre.has_focus("for Bob and Carol")
    alice = page.get_by_role("button", name="Alice")
    below = await page.locator("#inbox").evaluate(
        "(inbox, button) => inbox.getBoundingClientRect().top - button.getBoundingClientRect().bottom",
        await alice.element_handle(),
    )
    assert below >= 4, "its focus ring is not cut off"


async def test_a_burst_is_shown_in_steps(service: Service, user: str, device: Device) -> None:
    centre = await Centre.open(device, service, user)
    await shown_in_steps(service, user, centre.rows, centre.page.locator(".list"))


async def test_a_row_leads_into_the_application(
    service: Service, user: str, device: Device, application: Application
) -> None:
    service.send(user, message="an order", link="orders/7?from=inbox")
    service.send(user, message="elsewhere", link="https://elsewhere.invalid/x")
    app = f"{application.origin}/shop/"
    centre = await Centre.open(device, service, user, app_url=app, app_name="The Shop")
    await expect(centre.page).to_have_title("(2) Notifications · The Shop")
    await expect(centre.page.get_by_role("link", name="The Shop")).to_have_attribute("href", app)
    await expect(centre.row("elsewhere")).to_contain_text("elsewhere.invalid")
    await expect(centre.main("elsewhere")).to_have_attribute("target", "_blank")
    box = await centre.row("an order").bounding_box()
    assert box
    await centre.page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] - 4)  # not on the text
    await centre.page.wait_for_url(f"{app}orders/7?from=inbox")
    await until(lambda: left(service, user) == [("elsewhere", False), ("an order", True)], within=DEADLINE)
    await centre.page.go_back()
    await centre.live()
    await expect(centre.rows).to_have_count(2)
    await centre.press("j", "j", "Enter")
    await centre.page.wait_for_url(f"{app}orders/7?from=inbox")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "//evil.invalid/x", "data:text/html,x", r"/\evil.invalid"])
async def test_a_link_that_leads_nowhere_good(service: Service, user: str, device: Device, link: str) -> None:
    with service.client(admin=True) as client:
        draft = {"userIds": [user], "message": "Look", "link": link}
        if client.post("/v1/admin/notifications", json=draft).status_code == 422:
            return  # the service has refused it already
    centre = await Centre.open(device, service, user, app_url="https://app.invalid/")
    await expect(centre.row("Look").get_by_role("link")).to_have_count(0)
    await centre.main("Look").click()
    await expect(centre.main("Look")).to_have_attribute("aria-expanded", "true")
    assert centre.page.url.startswith(service.base_url)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "nonsense"])
async def test_an_application_is_on_the_web(service: Service, user: str, device: Device, address: str) -> None:
    service.send(user, message="an order", link="/orders/7")
    centre = await Centre.open(device, service, user, app_url=address, app_name="Evil")
    await expect(centre.main("an order")).to_have_attribute("href", f"{service.base_url}/orders/7")
    await expect(centre.page.locator("#app")).to_be_hidden()


async def test_the_buttons_of_a_row(service: Service, user: str, open_device: OpenDevice) -> None:
    await save_many(service, user, 3)
    centre = await Centre.open(await open_device(), service, user)
    other = await Centre.open(await open_device(), service, user)
    await centre.row("number 1").hover()
    await centre.page.get_by_role("button", name="Mark as read: number 1").click()
    await expect(other.count).to_have_text("2 unread")
    await centre.page.get_by_role("button", name="Mark as unread: number 1").click()
    await expect(other.count).to_have_text("3 unread")
    await centre.row("number 2").hover()
    await centre.page.get_by_role("button", name="Archive: number 2").click()
    await expect(centre.rows).to_have_count(2)
    await centre.row("number 0").hover()
    await centre.page.get_by_role("button", name="Delete: number 0").click()
    await expect(centre.rows).to_have_count(1)
    await centre.page.goto("about:blank")
    await expect(other.rows).to_have_count(1)
    await other.view("Archived")
    await expect(other.rows).to_have_count(1)
    await other.row("number 2").hover()
    await other.page.get_by_role("button", name="Move to inbox: number 2").click()
    await expect(other.note).to_contain_text("The archive is empty")
    await other.undo.click()
    await expect(other.rows).to_have_count(1)
    await until(lambda: left(service, user, archived=True) == [("number 2", False)], within=DEADLINE)


async def test_a_question_and_its_answer(service: Service, user: str, open_device: OpenDevice) -> None:
    actions = [
        {"id": "yes", "label": "Accept", "style": "primary"},
        {"id": "no", "label": "Decline", "style": "secondary", "link": "/declined"},
    ]
    service.send(user, message="Join us?", actions=actions)
    centre = await Centre.open(await open_device(), service, user, app_url="https://app.invalid/")
    other = await Centre.open(await open_device(), service, user)
    declines = centre.row("Join us?").get_by_role("link", name="Decline")
    await expect(declines).to_have_attribute("href", "https://app.invalid/declined")
    await centre.row("Join us?").get_by_role("button", name="Accept").click()
    for each in (centre, other):
        await expect(each.row("Join us?")).to_contain_text("You chose: Accept")
        await expect(each.row("Join us?").get_by_role("button", name="Accept")).to_have_count(0)
    await expect(other.page).to_have_title("Notifications")


async def test_what_is_open_has_been_seen(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 3)
    assert count_of(service, user, "unseenCount") == 3
    await Centre.open(device, service, user)
    await until(lambda: count_of(service, user, "unseenCount") == 0, within=DEADLINE)
    service.send(user, message="another")
    await until(lambda: count_of(service, user, "unseenCount") == 0, within=DEADLINE)
    assert count_of(service, user) == 4, "seen is not read"


async def test_filters(service: Service, user: str, device: Device) -> None:
    for number, kind in enumerate(KINDS):
        service.send(user, message=f"number {number}", type=kind)
    centre = await Centre.open(device, service, user)
    types = centre.page.get_by_label("Type")
    await expect(centre.rows).to_have_count(4)
    await centre.box("number 0").check()
    await centre.do("Mark as read").click()
    await expect(centre.count).to_have_text("3 unread")
    await centre.view("Unread")
    await expect(centre.rows).to_have_count(3)
    await types.select_option("New comment")
    await expect(centre.rows).to_have_count(1)
    service.send(user, message="another comment", type="NEW_COMMENT")
    service.send(user, message="another report", type="REPORT")
    await expect(centre.count).to_have_text("5 unread")
    await expect(centre.rows).to_have_count(2)
    await centre.view("All")
    await expect(centre.rows).to_have_count(3)
    await types.select_option("Payment")
    await expect(centre.rows).to_have_count(1)
    await centre.box("number 3").check()
    await centre.do("Delete").click()
    await expect(centre.note).to_contain_text("No notifications of this type")
    await centre.page.get_by_role("button", name="Clear filters").click()
    await expect(centre.rows).to_have_count(5)


async def test_searching(service: Service, user: str, device: Device) -> None:
    service.send(user, message="The Harbour (north) is closed", title="Notice")
    service.send(user, message="nothing to see", title="harbour master")
    service.send(user, message="something else")
    centre = await Centre.open(device, service, user)
    asked: list[str] = []
    centre.page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
    await centre.page.clock.install()
    await centre.page.clock.pause_at(await centre.page.evaluate("Date.now() / 1000 + 0.1"))  # however slowly keys come
    await centre.search.press_sequentially("HARBOUR")
    await centre.page.clock.resume()
    await expect(centre.rows).to_have_count(2)
    assert len(asked) == 1, "the server is asked when the reader pauses"
    assert await centre.page.locator("mark").all_text_contents() == ["harbour", "Harbour"]
    await centre.search.fill("(north)")
    await expect(centre.rows).to_have_count(1)
    assert await centre.page.locator("mark").all_text_contents() == ["(north)"]
    await centre.search.fill("south")
    await expect(centre.note).to_contain_text("Nothing found for “south”")
    service.send(user, message="Harbour again")
    await centre.search.press("Escape")  # empties it
    await expect(centre.rows).to_have_count(4)
    await expect(centre.page.locator("mark")).to_have_count(0)


async def test_selecting_many_with_the_mouse(service: Service, user: str, device: Device) -> None:
    await save_many(service, user, 6)
    before = bulk_requests(service)
    centre = await Centre.open(device, service, user)
    await until(lambda: bulk_requests(service) == before + 1, within=DEADLINE)  # that it was seen
    await centre.box("number 4").click()
    await centre.main("number 2").click(modifiers=["Shift"])
    await expect(centre.selected).to_have_text("3 selected")
    await centre.do("Mark as read").click()
    await expect(centre.count).to_have_text("3 unread")
    await until(lambda: count_of(service, user) == 3, within=DEADLINE)
    await until(lambda: bulk_requests(service) > before + 1, within=DEADLINE)
    assert bulk_requests(service) == before + 2
    await centre.do("Delete").click()
    await expect(centre.rows).to_have_count(3)
    await centre.undo.click()
    await expect(centre.rows).to_have_count(6)
    await centre.page.get_by_label("Select all").check()
    await expect(centre.selected).to_have_text("6 selected")
    await centre.do("Archive").click()
    await expect(centre.note).to_contain_text("No notifications")
    await centre.page.goto("about:blank")
    await until(lambda: left(service, user) == [], within=DEADLINE)
    assert len(left(service, user, archived=True)) == 6


async def test_an_error_stays_above_what_is_there(service: Service, user: str, device: Device) -> None:
    device.expect("500")
    await save_many(service, user, 3)
    broken = True

    pressed = asyncio.Event()

    async def list_(route: Route) -> None:
        if broken:
            await route.fulfill(status=500, json={"detail": "Broken."})
            return
        await pressed.wait()  # the page tries again by itself, too, and would take the button away
        await route.continue_()

    await device.context.route(re.compile(r"/v1/notifications\?"), list_)
    centre = await Centre.open(device, service, user)
    await expect(centre.problem).to_contain_text("The notifications could not be loaded. Broken.")
    service.send(user, message="arrived meanwhile")
    await expect(centre.rows).to_have_count(1)
    await expect(centre.problem).to_be_visible()
    broken = False
    await centre.problem.get_by_role("button", name="Try again").click()
    pressed.set()
    await expect(centre.rows).to_have_count(4)
    await expect(centre.problem).to_be_hidden()


async def test_what_could_not_be_saved_can_be_tried_again(service: Service, user: str, device: Device) -> None:
    device.expect("500")
    await save_many(service, user, 3)
    broken = True

    async def act(route: Route) -> None:
        await (route.fulfill(status=500, json={"detail": "Broken."}) if broken else route.continue_())

    centre = await Centre.open(device, service, user)
    await until(lambda: count_of(service, user, "unseenCount") == 0, within=DEADLINE)
    await device.context.route("**/v1/notifications/actions", act)
    await centre.box("number 1").check()
    await centre.do("Mark as read").click()
    await expect(centre.problem).to_contain_text("The change could not be saved. Broken.")
    await expect(centre.page.get_by_role("button", name="Unread: number 1", exact=True)).to_be_visible()
    broken = False
    await centre.problem.get_by_role("button", name="Try again").click()
    await expect(centre.problem).to_be_hidden()
    await until(lambda: left(service, user)[1] == ("number 1", True), within=DEADLINE)


async def test_what_could_not_be_deleted_comes_back(service: Service, user: str, device: Device) -> None:
    device.expect("500")
    await save_many(service, user, 3)
    broken = True

    async def act(route: Route) -> None:
        await (route.fulfill(status=500, json={"detail": "Broken."}) if broken else route.continue_())

    await device.context.clock.install()
    centre = await Centre.open(device, service, user)
    await until(lambda: count_of(service, user, "unseenCount") == 0, within=DEADLINE)
    await device.context.route("**/v1/notifications/actions", act)
    await centre.press("j", "#")
    await expect(centre.rows).to_have_count(2)
    await centre.page.clock.fast_forward(10_000)
    await expect(centre.problem).to_contain_text("The change could not be saved. Broken.")
    await expect(centre.rows).to_have_count(3)
    broken = False
    await centre.problem.get_by_role("button", name="Try again").click()
    await expect(centre.rows).to_have_count(2)
    await until(lambda: len(left(service, user)) == 2, within=DEADLINE)


async def test_a_token_that_is_refused(service: Service, user: str, device: Device) -> None:
    device.expect("demo.json", "401")
    page = await device.open(f"{service.base_url}/client/inbox.html")
    await page.get_by_label("JSON Web Token").fill("nonsense")
    await page.get_by_role("button", name="Use it").click()
    centre = Centre(page)
    await expect(centre.problem).to_contain_text("Your session is not valid here.")
    await page.get_by_label("JSON Web Token").fill(service.token(user))
    await page.get_by_role("button", name="Use it").click()
    await centre.live()
    await expect(centre.problem).to_be_hidden()
    await page.reload()
    await centre.live()


async def test_text_is_text(service: Service, user: str, device: Device) -> None:
    hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    service.send(user, message=hostile, title=hostile, type=hostile[:50], link="https://example.com/?<script>")
    centre = await Centre.open(device, service, user, app_name=hostile, app_url="https://app.invalid/")
    await centre.search.fill("<script>")
    await expect(centre.rows.locator("mark").first).to_have_text("<script>")
    await expect(centre.rows.locator(".message")).to_have_text(hostile)
    await expect(centre.rows.locator(".title")).to_have_text(hostile)
    assert await centre.page.evaluate("typeof hacked") == "undefined"


SHOW = """async ([service, token]) => {
  const { showInbox } = await import(`${service}/client/inbox/centre.js`);
  const root = document.querySelector("#inbox");
  root.addEventListener("open", (event) => (event.preventDefault(), (document.title = event.detail.url)));
  const strings = { title: "Post", keys: { next: "Ahead" } };
  window.centre = showInbox(root, { url: service, getToken: () => token, strings });
}"""


async def test_in_a_page_of_the_application_itself(
    service: Service, user: str, page: Page, application: Application
) -> None:
    service.send(user, message="an order", link="/orders/7")
    await page.goto(application.page(service, bells='<div id="inbox"></div>'))
    await page.evaluate(SHOW, [service.base_url, service.token(user)])
    centre = Centre(page)
    await expect(page.get_by_role("heading", name="Post")).to_be_visible()
    await centre.main("an order").click()
    await expect(page).to_have_title(f"{application.origin}/orders/7")
    assert page.url.startswith(application.origin)
    await until(lambda: left(service, user) == [("an order", True)], within=DEADLINE)
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(centre.help).to_contain_text("Ahead")
    await expect(centre.help).to_contain_text("Previous notification")
    await centre.help.get_by_role("button", name="Close").click()
    await page.evaluate("window.centre.close()")
    await expect(page.locator("#inbox > *")).to_have_count(0)
