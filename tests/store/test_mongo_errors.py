"""Whatever a MongoDB server or a driver says is an error of ours: which one, and what is said of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from bson.errors import InvalidBSON
from pymongo import errors

from eventide_notify.errors import EventideError, OutcomeUnknown, Refused, Unavailable
from eventide_notify.models import Receipt
from eventide_notify.store import mongo, mongo_client, mongo_errors
from eventide_notify.store.mongo import MongoStore
from eventide_notify.store.mongo_limits import Limits

from .backends import Mongodb
from .calls import delete, mark_read, unread_counts
from .roundtrips import commands
from .samples import NOW, announcements, ids, new_id, receipt, receipts, sample, samples

PYMONGO = pytest.mark.parametrize("backend", ["mongodb-pymongo"], indirect=True)


def answered(code: int, *labels: str) -> errors.OperationFailure:
    return errors.OperationFailure("so it says", code, {"ok": 0.0, "code": code, "errorLabels": list(labels)})


def name(value: object) -> str:
    return f"{type(value).__name__} {getattr(value, 'code', None) or ''}" if isinstance(value, Exception) else ""


def bulk(*codes: int, inserted: int = 0, replicated: bool = True) -> errors.BulkWriteError:
    failed = [{"index": 0, "code": code} for code in codes]
    not_replicated = [] if replicated else [{"code": 64}]
    return errors.BulkWriteError({"writeErrors": failed, "writeConcernErrors": not_replicated, "nInserted": inserted})


CODES = (
    1, 6, 7, 13, 18, 43, 50, 64, 89, 91, 100, 112, 133, 134, 189, 262, 301, 462, 8000, 9001, 10107, 11600, 11601, 11602,
    13435, 14031, 16500,
)  # fmt: skip
FORESEEN: list[Exception] = [
    *map(answered, CODES),
    errors.AutoReconnect("connection closed"),
    errors.NotPrimaryError("not primary"),
    errors.WaitQueueTimeoutError("no connection"),
    errors.ConfigurationError("server reports wire version 6, but this version of PyMongo requires at least 8"),
    errors.ExecutionTimeout("operation exceeded time limit", 50),
    bulk(14031),
    OSError("broken pipe"),
]
NEW: list[Exception] = [
    answered(2),
    answered(59),
    answered(99_999),
    bulk(99_999),
    InvalidBSON("bad eoo"),
    errors.DocumentTooLarge("too large"),
    errors.InvalidOperation("Cannot use MongoClient after close"),
]


@pytest.fixture(autouse=True)
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "store" in request.fixturenames:
        request.getfixturevalue("store")  # which may take longer to open
    monkeypatch.setattr(mongo_client, "SECONDS", 0.2)


def failing(monkeypatch: pytest.MonkeyPatch, store: MongoStore, error: Exception) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    for name in ("insert_many", "find_one", "update_many"):
        monkeypatch.setattr(type(store._notifications), name, fail)


@PYMONGO
@pytest.mark.parametrize("error", [*FORESEEN, *NEW], ids=name)
async def test_it_is_unavailable_and_the_new_is_logged_once(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    failing(monkeypatch, store, error)
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await store.add([sample()])
        assert isinstance(caught.value, Refused) == (error in NEW)
    told = [record for record in caplog.records if record.name == mongo_errors.__name__]
    assert len(told) == (error in NEW)
    assert all(record.exc_info for record in told)


@PYMONGO
@pytest.mark.parametrize(
    "error",
    [
        errors.WTimeoutError("waiting for replication timed out", 64),
        errors.WriteConcernError("not enough data-bearing nodes", 100),
        bulk(replicated=False),
        bulk(11000, replicated=False),
        bulk(14031, inserted=1),
        bulk(99_999, inserted=1),
        answered(1),
        answered(99_999),
    ],
    ids=name,
)
async def test_a_part_of_it_may_be_saved(store: MongoStore, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    failing(monkeypatch, store, error)
    with pytest.raises(OutcomeUnknown):
        await store.add(samples(2))


@PYMONGO
async def test_of_several_none_was_saved(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (answered(10107), answered(18), answered(1, "NoWritesPerformed"), bulk(14031), answered(2)):
        with monkeypatch.context() as patch:
            failing(patch, store, error)
            with pytest.raises(Unavailable):
                await store.add(samples(2))


@PYMONGO
@pytest.mark.parametrize(
    "error",
    [
        answered(99_999, "RetryableWriteError"),
        answered(99_999, "TransientTransactionError"),
        *map(answered, (6, 7, 43, 89, 91, 112, 133, 134, 189, 262, 462, 9001, 10107, 11600, 11602, 13435, 16500)),
        errors.AutoReconnect("connection closed"),
        errors.WTimeoutError("waiting for replication timed out", 64),
        bulk(10107),
    ],
    ids=name,
)
async def test_a_label_or_a_code_that_says_so_is_tried_again(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(mongo_client, "SECONDS", 30)
    failed: list[object] = []
    insert_many = type(store._notifications).insert_many

    async def fail_once(*args: Any, **options: Any) -> object:
        failed.append(args)
        if len(failed) == 1:
            raise error
        return await insert_many(*args, **options)

    monkeypatch.setattr(type(store._notifications), "insert_many", fail_once)
    await store.add([saved := sample()])
    assert await store.page("42", limit=9, now=NOW) == [saved]
    assert len(failed) == 2


@PYMONGO
async def test_a_mistake_of_ours_is_refused_and_logged(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mongo_client, "SECONDS", 30)
    await store.add(saved := samples(2))
    monkeypatch.setattr(mongo, "_UNREAD", {"$nonsense": 1})
    with pytest.raises(EventideError):
        await unread_counts(store, ["42"], now=NOW)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "$nonsense" in record.getMessage()
    assert ids(await store.page("42", limit=9, now=NOW)) == ids(saved)[::-1]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answered(18), "the server refuses the user of EVENTIDE_DATABASE_URL: check its name, password and authSource"),
        (answered(13), "the server refuses the user"),
        (answered(8000), "the server refuses the user"),
        (
            errors.ConfigurationError(
                "Server at db:27017 reports wire version 6, but this version of PyMongo requires"
            ),
            "the server is too old, run a later one",
        ),
        (
            errors.OperationFailure("Retryable writes are not supported", 301),
            "add retryWrites=false to EVENTIDE_DATABASE_URL",
        ),
        (
            errors.OperationFailure("Transaction numbers are only allowed on a replica set; … retryWrites=false", 20),
            "add retryWrites=false to EVENTIDE_DATABASE_URL",
        ),
    ],
    ids=name,
)
def test_what_to_change(error: Exception, words: str) -> None:
    said = mongo_errors.advice(error)
    assert said is not None
    assert words in said
    assert "\n" not in said


def test_nothing_to_change() -> None:
    for error in (None, answered(1), answered(20), errors.AutoReconnect("closed"), TimeoutError()):
        assert mongo_errors.advice(error) is None


def test_parts_are_in_order_and_as_large_as_one_command() -> None:
    keys = [f"{number:04}" for number in range(25)]
    assert list(Limits(10, 10_000).parts([*keys[::-1], *keys])) == [keys[:10], keys[10:20], keys[20:]]
    assert [len(part) for part in Limits(10, 100).parts(keys)] == [5] * 5
    assert list(Limits(10, 1).parts(["a", "b"])) == [["a"], ["b"]]
    assert list(Limits().parts([])) == []


def test_the_server_says_what_it_can_take() -> None:
    usual = Limits.of(
        {"maxBsonObjectSize": 16 * 1024**2, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000}
    )
    assert usual == Limits(10_000, 8 * 1024**2)
    small = Limits.of({"maxBsonObjectSize": 2 * 1024**2, "maxMessageSizeBytes": 4 * 1024**2, "maxWriteBatchSize": 1000})
    assert small == Limits(1000, 1024**2)
    assert Limits.of({}) == usual


@pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)
async def test_all_batches_are_in_order_and_in_parts(
    backend: Mongodb, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_client, "SECONDS", 60)
    assert store._client.limits.documents > 100
    store._client.limits = Limits(7, 7 * 100)
    saved = [sample(str(user)) for user in range(20)]
    mine = samples(20)
    shown = announcements(3)
    for each in shown:
        await store.add_announcement(each)
    users = [str(user) for user in range(20)]
    with commands() as sent:
        await store.add([*saved[::-1], *mine[::-1]])
        proven = [*receipts(saved[::-1]), *(receipt(user, each) for user in users for each in shown)]
        assert await store.mark_delivered(proven, now=NOW) == 80
        assert set(await store.owned("42", ids(saved + mine), now=NOW)) == set(ids(mine))
        wanted = [*ids(mine[:15]), *ids(shown), *ids(saved)][::-1]
        assert set(await mark_read(store, "42", wanted, now=NOW)) == set(ids(mine[:15]) + ids(shown))
        assert await unread_counts(store, ["42", *users], now=NOW) == {"42": 5} | dict.fromkeys(users, 4)
        assert set(await delete(store, "42", wanted, now=NOW)) == set(ids(mine[:15]) + ids(shown))
    assert len(sent) > 50
    for _, command in sent:
        for batch in named(command):
            assert batch == sorted(batch)
            assert len(batch) <= 7


def named(command: Any) -> list[list[str]]:
    """The ids and users that a command names together."""
    written = [document["_id"] for document in command.get("documents", [])]
    filters = [command.get("filter", {}), *(each["q"] for each in command.get("updates", []))]
    filters += [step["$match"] for step in command.get("pipeline", []) if "$match" in step]
    lists = [
        condition["$in"]
        for each in filters
        for field, condition in each.items()
        if isinstance(condition, dict) and "$in" in condition and field in ("_id", "userId")
    ]
    return [written, *lists]


@PYMONGO
async def test_four_hundred_thousand_receipts(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than any message may hold; what they are of is gone meanwhile."""
    monkeypatch.setattr(mongo_client, "SECONDS", 60)
    id = new_id(NOW)[:-6]
    assert await store.mark_delivered([Receipt("42", f"{id}{number:06}") for number in range(400_000)], now=NOW) == 0
