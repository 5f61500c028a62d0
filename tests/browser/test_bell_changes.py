"""What a reader does to notifications, as the model of the bell does it: seen, read, archived, deleted, chosen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Request, expect

from ..service import Service
from ..waiting import until
from .bell import Application, Bell, save_many
from .conftest import OpenBell
from .device import Device

ACTIONS = "/v1/notifications/actions"
BUTTONS = [{"id": "yes", "label": "Yes", "style": "primary"}, {"id": "no", "label": "No", "style": "secondary"}]
SHOWN = "bell => bell.inbox.items.map(item => item.message)"
ALL = """async bell => {
  do await bell.inbox.loadOlder(); while (bell.inbox.hasOlder);
  return bell.inbox.items.length;
}"""
COUNT = """() => {
  const { fetch } = window;
  window.fetch = (address, options) => {
    if (address.endsWith("/actions")) localStorage.sent = Number(localStorage.sent ?? 0) + 1;
    return fetch(address, options);
  };
}"""
"""Playwright does not hear of what a page sends while it goes."""
GONE = """bell => {
  window.gone = [];
  bell.inbox.addEventListener("gone", ({ detail }) => gone.push([detail.reason, ...detail.ids]));
}"""


def act(service: Service, user: str, action: str, **fields: Any) -> dict[str, Any]:
    """By another device."""
    with service.client(user) as client:
        answer = client.post(ACTIONS, json={"action": action, **fields})
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def listed(service: Service, user: str, **query: Any) -> list[dict[str, Any]]:
    with service.client(user) as client:
        found: list[dict[str, Any]] = client.get("/v1/notifications", params=query).json()["notifications"]
    return found


async def shows(bell: Bell, *messages: str) -> None:
    """Wait until the model has these, newest first."""
    script = f"messages => JSON.stringify(({SHOWN})(document.querySelector('eventide-bell'))) === messages"
    await bell.page.wait_for_function(script, arg="[" + ",".join(f'"{each}"' for each in messages) + "]")


@pytest.mark.parametrize("leave", ["close", "reload", "follow"])
async def test_three_hundred_are_deleted_and_the_page_is_left_at_once(
    service: Service, application: Application, device: Device, open_bell: OpenBell, leave: str
) -> None:
    """The application is at another origin than the service: the browser asks first whether it may."""
    other = await device.open(application.origin)
    user = f"three-hundred-{leave}"
    await save_many(service, user, 301)
    bell = await open_bell(user)
    await bell.state("live")
    assert await bell.call(ALL) == 301
    await bell.page.evaluate(COUNT)
    await bell.call("bell => { bell.inbox.later('remove', bell.inbox.items.slice(1).map(item => item.id)); }")
    await shows(bell, "number 300")
    if leave == "close":
        await bell.page.close()
    elif leave == "reload":
        await bell.page.reload()
        await shows(bell, "number 300")
    else:
        await bell.page.goto(application.origin)
    await until(lambda: len(listed(service, user, limit=100)) == 1)
    await other.wait_for_function("localStorage.sent")  # what another tab stored comes a moment later
    assert await other.evaluate("localStorage.sent") == "1"


async def test_a_thousand_are_kept_alive(service: Service, open_bell: OpenBell) -> None:
    await save_many(service, "a-thousand", 1000)
    bell = await open_bell("a-thousand")
    await bell.state("live")
    assert await bell.call(ALL) == 1000
    await bell.call("bell => { bell.inbox.later('archive', bell.inbox.items.map(item => item.id)); }")
    await bell.page.close()
    await until(lambda: not listed(service, "a-thousand"))


async def test_what_is_done_is_done_by_the_service_and_shows_in_all_tabs(
    service: Service, user: str, open_bell: OpenBell
) -> None:
    for message in ("one", "two", "three"):
        service.send(user, message=message, actions=BUTTONS)
    first, second = await open_bell(user), await open_bell(user)
    for bell in (first, second):
        await bell.state("live")
        await shows(bell, "three", "two", "one")

    async def do(call: str) -> None:
        assert await first.call(f"bell => {{ const ids = bell.inbox.items.map(each => each.id); return {call}; }}")

    async def counts(unread: int, unseen: int) -> None:
        for bell in (first, second):
            await bell.page.wait_for_function(
                "wanted => { const { unreadCount, unseenCount } = document.querySelector('eventide-bell').inbox;"
                " return `${[unreadCount, unseenCount]}` === `${wanted}`; }",
                arg=[unread, unseen],
            )

    def state(name: str) -> list[Any]:
        return [item[name] for item in listed(service, user)]

    await do("bell.inbox.seenAll()")
    await counts(3, 0)
    assert state("seen") == [True] * 3
    await do("bell.inbox.read(ids.slice(0, 2))")
    await counts(1, 0)
    await do("bell.inbox.unread([ids[0]])")
    await counts(2, 0)
    assert state("read") == [False, True, False]
    await do("bell.inbox.choose(ids[0], 'yes')")
    await counts(1, 0)
    assert listed(service, user)[0]["action"]["id"] == "yes"
    await second.page.wait_for_function("() => document.querySelector('eventide-bell').inbox.items[0].action")
    await do("bell.inbox.archive([ids[2]])")
    await counts(0, 0)
    for bell in (first, second):
        await shows(bell, "three", "two")
    await second.call("bell => bell.inbox.setFilter({ archived: true })")
    await shows(second, "one")
    await second.call("bell => bell.inbox.unarchive(bell.inbox.items.map(each => each.id))")
    await shows(second)
    await shows(first, "three", "two", "one")
    await counts(1, 0)
    await second.call("bell => bell.inbox.setFilter({ q: 'TW' })")
    await shows(second, "two")


async def test_undo_in_one_tab_shows_in_the_others(service: Service, user: str, open_bell: OpenBell) -> None:
    for message in ("one", "two", "three"):
        service.send(user, message=message)
    first, second = await open_bell(user), await open_bell(user)
    for bell in (first, second):
        await bell.state("live")
        await shows(bell, "three", "two", "one")
    await first.call("bell => { window.later = bell.inbox.later('remove', [bell.inbox.items[0].id], 3e5); }")
    await first.call("bell => { bell.inbox.later('archive', [bell.inbox.items[0].id], 3e5); }")
    await shows(second, "one")
    third = await open_bell(user)
    await third.state("live")
    await shows(third, "one")
    assert len(listed(service, user)) == 3
    await first.call("() => { later.undo(); }")
    for bell in (first, second, third):
        await shows(bell, "three", "one")
    await first.page.close()
    await until(lambda: [item["message"] for item in listed(service, user)] == ["three", "one"])
    for bell in (second, third):
        await shows(bell, "three", "one")


async def test_toasts_go_when_their_notification_needs_no_attention(
    service: Service, user: str, open_bell: OpenBell
) -> None:
    bell = await open_bell(user, 'toasts="5"')
    await bell.state("live")
    await bell.call(GONE)
    with service.client(admin=True) as admin:
        announced = admin.post("/v1/admin/announcements", json={"message": "announced"}).json()["id"]
        ids = [service.send(user, message=message)[0] for message in ("read", "deleted", "archived", "kept")]
        await expect(bell.toasts).to_have_count(5)
        admin.delete(f"/v1/admin/announcements/{announced}")
    for action, id in zip(("read", "delete", "archive", "seen"), ids, strict=True):
        act(service, user, action, ids=[id])
    await expect(bell.toasts).to_have_count(1)
    await expect(bell.toasts).to_contain_text("kept")
    told = [["deleted", announced], ["read", ids[0]], ["deleted", ids[1]], ["archived", ids[2]]]
    assert await bell.page.evaluate("gone") == told


async def test_an_announcement_is_one_after_a_reload_and_its_list_is_not_read_for_it(
    service: Service, user: str, open_bell: OpenBell
) -> None:
    bells = [await open_bell(user) for _ in range(2)]
    for bell in bells:
        await bell.state("live")
    # Who has this, and has read the list after it, has been told that nothing was missed, which reads the list, too.
    service.send(user, message="before")
    for bell in bells:
        await shows(bell, "before")
        await bell.call("bell => bell.inbox.refresh()")
    lists: list[str] = []

    def note(request: Request) -> None:
        if "?limit" in request.url:
            lists.append(request.url)

    bells[0].page.context.on("request", note)
    with service.client(admin=True) as admin:
        id = admin.post("/v1/admin/announcements", json={"message": "to all"}).json()["id"]
        try:
            for bell in bells:
                await shows(bell, "to all", "before")
            assert lists == []
            await bells[0].page.reload()
            await shows(bells[0], "to all", "before")
            await bells[0].open()
            await expect(bells[0].row("to all").locator("[part=meta]")).to_contain_text("Announcement")
            await expect(bells[0].row("to all").locator("[data-shade=announcement]")).to_have_count(1)
        finally:
            admin.delete(f"/v1/admin/announcements/{id}")


async def test_a_list_that_failed_is_not_hidden_by_what_arrives(
    service: Service, user: str, device: Device, open_bell: OpenBell
) -> None:
    device.expect("500")
    service.send(user, message="one")
    failing = True

    async def answer(route: Any) -> None:
        await (route.fulfill(status=500, json={}) if failing else route.continue_())

    await device.context.route("**/v1/notifications?*", answer)
    bell = await open_bell(user)
    await bell.state("live")
    await bell.page.wait_for_function("() => document.querySelector('eventide-bell').inbox.problem")
    service.send(user, message="two")
    await bell.page.wait_for_function("() => document.querySelector('eventide-bell').inbox.items.length")
    assert await bell.call("bell => [bell.inbox.problem.status, bell.inbox.loaded]") == [500, False]
    failing = False
    await bell.call("bell => bell.inbox.retry()")
    await shows(bell, "two", "one")
    assert await bell.call("bell => bell.inbox.problem") is None
