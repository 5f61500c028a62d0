"""EVENTIDE_QUEUES: what is accepted, and that nothing secret of it is ever shown."""

from __future__ import annotations

import pytest

from eventide_notify.models import USER_ID_MAX
from eventide_notify.queues.address import parse_address, parse_addresses


def test_each_broker_has_its_form() -> None:
    found = parse_addresses(
        "amqp://user:pass@rabbit:5672/vhost?queue=inbox, amqps://rabbit/?queue=other&heartbeat=20,"
        "kafka://one:9092%2Ctwo:9092?topic=inbox&group=notify,nats://nats:4222?stream=INBOX&subject=inbox.new,"
        "redis://:pass@redis:6379/3?stream=inbox&group=notify,,"
    )
    assert [each.label for each in found] == [
        "rabbitmq:inbox", "rabbitmq:other", "kafka:inbox", "nats:inbox.new", "redis:inbox",
    ]  # fmt: skip
    assert [each.url for each in found] == [
        "amqp://user:pass@rabbit:5672/vhost", "amqps://rabbit/", "kafka://one:9092%2Ctwo:9092", "nats://nats:4222",
        "redis://:pass@redis:6379/3",
    ]  # fmt: skip
    assert [each.group for each in found[-2:]] == ["eventide-notify", "notify"]
    assert found[0].dead == "inbox.dead"
    assert found[1].options["heartbeat"] == "20"


@pytest.mark.parametrize(
    "wrong",
    [
        "http://hunter2@host", "hunter2", "amqp://host", "amqp://host?queue=", "amqp://host?queue=hunter2%20",
        "amqp://hunter2@?queue=a", "amqp://:hun/hunter2@host?queue=a", "amqp://u:[hunter2@h?queue=a",
        "amqp://u:hunter2\N{ACCOUNT OF}@h?queue=a", "amqp://host?queue=a&quue=hunter2", "amqp://host?queue=a&queue=b",
        "redis://host:hunter2?stream=a", "nats://host?stream=a", "kafka://host?group=hunter2",
        "amqp://u:p,hunter2@host?queue=a", "amqp://host?queue=" + "hunter2" * 50, "redis://host?stream=a%00hunter2",
        "nats://hunter2@host?stream=a&subject=inbox.*", "nats://hunter2@host?stream=a&subject=>",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_and_not_shown(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^queue 2 ") as caught:
        parse_addresses(f"amqp://host?queue=first,{wrong}")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_queue_may_be_there_once() -> None:
    with pytest.raises(ValueError, match=r"^queue 2 is there twice: rabbitmq:a$"):
        parse_addresses("amqp://:hunter2@one?queue=a,amqp://:hunter2@two?queue=a")
    assert len(parse_addresses("amqp://one?queue=a,redis://one?stream=a")) == 2


@pytest.mark.parametrize("known", ["user:hunter%2F2", ":hunter%2F2", "hunter%2F2"])
def test_nothing_secret_is_shown(known: str) -> None:
    address = parse_address(f"amqp://{known}@host/vhost?queue=a")
    said = f"cannot log in to {address.url} with 'hunter/2' or hunter%2F2"
    for shown in (address.shown, repr(address), str([address]), address.label, address.without_secrets(said)):
        assert "hunter" not in shown
    assert address.shown == "amqp://********@host/vhost?queue=a"


def test_nobody_can_have_the_keys_of_a_queue() -> None:
    assert len(parse_address("amqp://host?queue=a").caller) > USER_ID_MAX
