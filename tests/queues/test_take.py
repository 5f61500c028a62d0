"""What messages ask for."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventide_notify import Draft, Settings, create_app
from eventide_notify.errors import Conflict, InvalidRequest
from eventide_notify.models import utc_now
from eventide_notify.queues.take import ANNOUNCE, SEND, SHAPES, take
from eventide_notify.wire import iso

from ..service import SECRET
from .events import structured


class Said(set[str]):
    id = "1"


class Recorder:
    """Stands for the service, and knows only by which names it was told something."""

    async def send(self, *_: object, **said: object) -> Said:
        return Said(said)

    announce = send


@pytest.mark.parametrize("type", [SEND, ANNOUNCE])
async def test_whatever_a_request_may_say_the_service_is_told(type: str) -> None:
    service: Any = Recorder()
    to = {"userId": "7"} if type == SEND else {}
    said = await take({}, structured(type=type, message="x", **to), service=service, caller="q").carry_out()
    beside = SHAPES[type].model_fields.keys() - Draft.model_fields.keys() - {"user_id", "user_ids"}
    assert said == beside | {"idempotency_key", "caller", "claim_lifetime"}


@pytest.mark.parametrize("type", SHAPES)
def test_the_shapes_are_those_of_rest(type: str) -> None:
    service: Any = None
    with pytest.raises(InvalidRequest) as caught:
        take({}, structured(type=type, mesage="x"), service=service, caller="q")
    assert "mesage" in {error.field for error in caught.value.errors}


def test_who_gets_it() -> None:
    service: Any = None

    def users(type: str, **data: Any) -> Any:
        return take({}, structured(type=type, **data), service=service, caller="q").users

    assert users("eventide.notification.send", userIds=[7, "8"], message="x") == ["7", "8"]
    assert users("eventide.announcement.create", message="x") is None
    assert users("eventide.event.publish", event="x", everyone=True) is None
    assert users("eventide.event.publish", event="x", userIds=["7"]) == ["7"]


async def test_a_message_is_known_again_for_eight_days(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings(jwt_secret=SECRET, database_url="sqlite://"))
    async with app.lifespan():
        service = app.notifications
        body = structured("1", userId="7", message="once")

        async def taken(body: bytes = body) -> None:
            await take({}, body, service=service, caller="queue rabbitmq:inbox").carry_out()

        async def has() -> int:
            return len((await app.inbox.page("7", limit=100)).notifications)

        await taken()
        monkeypatch.setattr(service, "_clock", lambda: utc_now() + timedelta(days=7.9))
        await service.purge()
        await taken()
        assert await has() == 1
        with pytest.raises(Conflict):
            await taken(structured("1", userId="7", message="another"))
        monkeypatch.setattr(service, "_clock", lambda: utc_now() + timedelta(days=8.1))
        await service.purge()
        await taken()
        assert await has() == 2


async def test_who_announces_is_in_the_audit_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "eventide_notify.audit")
    app = create_app(Settings(jwt_secret=SECRET, database_url="sqlite://"))
    later = iso(utc_now() + timedelta(days=1))
    caller = "queue rabbitmq:inbox".ljust(200)
    async with app.lifespan():
        for asked in ({"topic": "tides"}, {"sendAt": later}):
            body = structured(type=ANNOUNCE, message="x", **asked)
            await take({}, body, service=app.notifications, caller=caller).carry_out()
    noted: list[Any] = [vars(each) for each in caplog.records]
    assert [(each["actor"], each["action"], each["subject"].partition(":")[0], each["details"]) for each in noted] == [
        ("queue rabbitmq:inbox", "announce", "announcement", {"audience": "everyone", "topic": "tides"}),
        ("queue rabbitmq:inbox", "announce", "scheduled", {"audience": "everyone"}),
    ]


async def test_a_message_may_be_for_later() -> None:
    app = create_app(Settings(jwt_secret=SECRET, database_url="sqlite://"))
    async with app.lifespan():
        later = iso(datetime.now(UTC) + timedelta(days=1))
        body = structured("1", userId="7", message="tomorrow", sendAt=later)
        for _ in range(2):
            await take({}, body, service=app.notifications, caller="q").carry_out()
        assert (await app.inbox.page("7", limit=10)).notifications == []
