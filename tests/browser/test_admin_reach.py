"""The operators' page: what is scheduled, what has failed for good, topics, and whom announcements reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from eventide_notify.due import Work
from eventide_notify.models import IdGenerator, utc_now
from eventide_notify.store import create_store
from eventide_notify.wire import iso

from ..service import Service
from .admin import Admin
from .device import Device, no_violations, screenshot


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service of these tests' own, in which they know what is scheduled."""
    with Service() as service:
        service.start()
        yield service


@pytest_asyncio.fixture(loop_scope="session")
async def admin(device: Device, service: Service) -> Admin:
    """The page, signed in."""
    return await Admin.of(device, service)


def in_hours(hours: float) -> str:
    return iso(utc_now() + timedelta(hours=hours))


def scheduled(service: Service) -> list[dict[str, Any]]:
    with service.client(admin=True) as client:
        found: list[dict[str, Any]] = client.get("/v1/admin/scheduled").raise_for_status().json()["scheduled"]
    return found


def dead(service: Service) -> list[str]:
    with service.client(admin=True) as client:
        return [each["id"] for each in client.get("/v1/admin/dead").raise_for_status().json()["dead"]]


async def let_die(service: Service, *errors: str) -> None:
    """Work that has failed for good, for these reasons, straight in the database."""
    assert service.home
    store = create_store(f"sqlite:///{service.home.data / 'eventide.db'}")
    new_id, now, later = IdGenerator(), utc_now(), utc_now() + timedelta(days=1)
    await store.open()
    try:
        for error in errors:
            work = Work(new_id(now), "forecast", later)
            await store.add_due(work)
            await store.claim_due(kinds=["forecast"], now=later, lease=error, until=later, limit=100)
            assert await store.bury_due(work.id, error, error=error, now=now)
    finally:
        await store.close()


def row(admin: Admin, table: str, text: str) -> Locator:
    return admin.page.get_by_role("table", name=table).get_by_role("row").filter(has_text=text)


class TestScheduled:
    async def test_what_is_scheduled_is_listed_and_cancelled(self, admin: Admin, service: Service) -> None:
        with service.client(admin=True) as client:
            draft = {"userIds": ["1", "2"], "message": "The pier opens", "sendAt": in_hours(1)}
            client.post("/v1/admin/notifications", json=draft).raise_for_status()
            draft = {"message": "The pier closes", "sendAt": in_hours(9)}
            client.post("/v1/admin/announcements", json=draft).raise_for_status()
        await admin.go("Scheduled")
        await expect(row(admin, "Scheduled", "The pier opens")).to_contain_text("2 users")
        await expect(row(admin, "Scheduled", "The pier closes")).to_contain_text("everybody")
        for text in ("The pier opens", "The pier closes"):
            await row(admin, "Scheduled", text).get_by_role("button", name=f"Cancel: {text}").click()
            await admin.confirm("Cancel it")
            await expect(row(admin, "Scheduled", text)).to_have_count(0)
            await expect(admin.page.get_by_role("heading", name="Scheduled", level=2)).to_be_focused()
        assert scheduled(service) == []
        await expect(admin.page.get_by_text("Nothing is scheduled.")).to_be_visible()

    async def test_it_is_scheduled_by_the_form(self, admin: Admin, service: Service, user: str) -> None:
        await admin.go("Send")
        await admin.page.get_by_label("Users’ ids").fill(user)  # noqa: RUF001
        await admin.page.get_by_role("textbox", name="Message").fill("In a year")
        await admin.page.get_by_text("When and how").click()
        await admin.page.get_by_label("Send at").fill((utc_now() + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%S"))
        await admin.page.get_by_role("button", name="Send", exact=True).click()
        await expect(admin.page.locator("#send .said")).to_contain_text("Scheduled for")
        [found] = scheduled(service)
        assert (found["message"], found["users"]) == ("In a year", 1)
        with service.client(admin=True) as client:
            client.delete(f"/v1/admin/scheduled/{found['id']}").raise_for_status()

    async def test_a_time_that_is_too_late_is_named_at_its_field(self, admin: Admin, device: Device) -> None:
        device.expect("status of 4")
        await admin.go("Send")
        await admin.page.get_by_label("Users’ ids").fill("1")  # noqa: RUF001
        await admin.page.get_by_role("textbox", name="Message").fill("In ten years")
        await admin.page.get_by_text("When and how").click()
        await admin.page.get_by_label("Send at").fill("2099-01-01T00:00:00")
        await admin.page.get_by_role("button", name="Send", exact=True).click()
        await expect(admin.page.get_by_label("Send at")).to_be_focused()
        await expect(admin.page.get_by_label("Send at")).to_have_attribute("aria-invalid", "true")

    @pytest.mark.usefixtures("node_modules")
    async def test_what_has_failed_for_good_is_tried_again_or_deleted(self, admin: Admin, service: Service) -> None:
        await let_die(service, "the sky is too low", "the sea is too high")
        await admin.go("Scheduled")
        first = row(admin, "Failed for good", "the sky is too low")
        await expect(first).to_contain_text("forecast")
        await expect(first).to_contain_text("after 1 attempt")
        await no_violations(admin.page)
        await screenshot(admin.page, "admin-dead")
        await first.get_by_role("button", name="Try again").press("Enter")
        await expect(first).to_have_count(0)
        second = row(admin, "Failed for good", "the sea is too high")
        await second.get_by_role("button", name="Delete").click()
        await admin.confirm("Delete")
        await expect(admin.page.get_by_text("Nothing has failed for good.")).to_be_visible()
        assert dead(service) == []

    async def test_it_keeps_itself_up_to_date(self, admin: Admin, service: Service) -> None:
        await admin.go("Scheduled")
        await expect(admin.page.get_by_text("Nothing has failed for good.")).to_be_visible()
        await let_die(service, "while it is looked at")
        found = row(admin, "Failed for good", "while it is looked at")
        await expect(found).to_be_visible()
        with service.client(admin=True) as client:
            [id] = dead(service)
            client.delete(f"/v1/admin/dead/{id}").raise_for_status()
        await expect(found).to_have_count(0)


class TestTopics:
    async def test_subscribers_are_counted_and_changed(self, admin: Admin, service: Service) -> None:
        await admin.go("Topics")
        await admin.page.locator("#find-topic").fill("tides/low & high")
        await admin.page.keyboard.press("Enter")
        await expect(admin.page.get_by_text("Nobody is subscribed.")).to_be_visible()
        users = admin.page.get_by_label("Users’ ids")  # noqa: RUF001
        change = admin.page.get_by_role("button", name="Change")
        await users.fill("1, 2, 3")
        await change.click()
        await expect(admin.page.get_by_text("3 users are subscribed.")).to_be_visible()
        await admin.page.get_by_label("Remove").check()
        await users.fill("2,3")
        await change.click()
        await expect(admin.page.get_by_text("1 user is subscribed.")).to_be_visible()
        with service.client("1") as client:
            assert client.get("/v1/topics").json() == {"topics": ["tides/low & high"]}

    async def test_an_announcement_to_them(self, admin: Admin, service: Service, user: str) -> None:
        with service.client(user) as client:
            client.put("/v1/topics/piers").raise_for_status()
        await admin.page.goto(f"{service.base_url}/admin/#topics/piers")
        await admin.page.get_by_role("link", name="Announce to them").click()
        await expect(admin.page.locator("#draft-topic")).to_have_value("piers")
        await admin.page.get_by_role("textbox", name="Message").fill("The pier opens")
        await admin.page.get_by_text("When and how").click()
        await admin.page.get_by_label("Must be acknowledged").check()
        await admin.page.get_by_role("button", name="Send", exact=True).click()
        await admin.confirm("Announce")
        await expect(admin.page.locator("#send")).to_contain_text("topic piers, to be acknowledged")
        with service.client(user) as client:
            [item] = client.get("/v1/notifications").json()["notifications"]
        assert (item["topic"], item["requireAck"]) == ("piers", True)


async def test_whom_an_announcement_has_reached(admin: Admin, service: Service) -> None:
    readers = ["reads", "misses"]
    for reader in readers:
        with service.client(reader) as client:
            client.put("/v1/topics/gates").raise_for_status()
    with service.client(admin=True) as client:
        draft = {"message": "The gate is closed", "topic": "gates", "requireAck": True}
        id = client.post("/v1/admin/announcements", json=draft).raise_for_status().json()["id"]
    await admin.page.goto(f"{service.base_url}/admin/#notifications/{id}")
    reach = admin.page.get_by_role("region", name="Reach")
    await expect(reach.locator("dl")).to_have_text("Subscribers2Received0Read0Acknowledged0")
    with service.client(readers[0]) as client:
        client.post(f"/v1/notifications/{id}/acknowledge").raise_for_status()
    await expect(reach.locator("dl")).to_have_text("Subscribers2Received1Read1Acknowledged1")
    await reach.get_by_role("button", name="Show who has not acknowledged it").click()
    await expect(reach.get_by_role("list", name="Who has not acknowledged it")).to_have_text("misses")
    await screenshot(admin.page, "admin-reach")
