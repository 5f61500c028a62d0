"""What keeps a MongoDB database from being opened is said in one line, which says what to change."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.store import driver_note, readiness
from eventide_notify.store.mongo import MongoStore

from ..mongo_wire import HOST, Document, Fault, MongoWire, wire_to
from ..require import missing
from .backends import Mongodb
from .samples import NOW, samples

OLD = {"minWireVersion": 0, "maxWireVersion": 6}
SECRET = "a secret of thirty-two characters or more"


@pytest.fixture
async def wire(backend: Mongodb) -> AsyncIterator[MongoWire]:
    if backend.server is None or backend.server.home is None:
        missing("what is between a given server and its driver is not ours")
    async with wire_to(backend.server.home.port) as wire:
        yield wire


def refusing(code: int, message: str) -> Callable[[MongoWire], None]:
    def refuse(wire: MongoWire) -> None:
        answer = {"ok": 0.0, "errmsg": message, "code": code}
        wire.faults.append(Fault(("saslStart", "find", "insert", "createIndexes"), None, forward=False, answer=answer))

    return refuse


def old(wire: MongoWire) -> None:
    wire.greeting = lambda document: document | OLD


CASES = pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (refusing(18, "Authentication failed."), "refuses the user of EVENTIDE_DATABASE_URL: check its name, password"),
        (refusing(13, "not authorized on eventide"), "that it may read and write this database"),
        (refusing(8000, "bad auth"), "refuses the user of EVENTIDE_DATABASE_URL"),
        (refusing(301, "Retryable writes are not supported"), "add retryWrites=false to EVENTIDE_DATABASE_URL"),
        (old, "the server is too old, run a later one"),
    ],
    ids=["login", "rights", "Atlas", "retryWrites", "too old"],
)


@CASES
@pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)
async def test_it_says_what_to_change(
    backend: Mongodb, wire: MongoWire, arrange: Callable[[MongoWire], None], words: str
) -> None:
    arrange(wire)
    store = MongoStore(f"mongodb://{HOST}:{wire.port}/eventide", driver=backend.driver)
    with pytest.raises(Unavailable) as caught:
        await asyncio.wait_for(store.open(), 30)
    await store.close()
    assert words in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("backend", ["mongodb-pymongo"], indirect=True)
@pytest.mark.parametrize("command", ["serve", "check"])
async def test_on_the_command_line(backend: Mongodb, wire: MongoWire, tmp_path: Path, command: str) -> None:
    refusing(18, "Authentication failed.")(wire)
    ours = {
        "EVENTIDE_JWT_SECRET": SECRET,
        "EVENTIDE_DATABASE_URL": f"mongodb://{HOST}:{wire.port}/eventide",
        "EVENTIDE_MONGODB_DRIVER": backend.driver,
    }
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "eventide_notify", command], cwd=tmp_path,
        env=os.environ | ours, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    told = [line for line in (ended.stdout + ended.stderr).splitlines() if "refuses the user" in line]
    assert len(told) == 1
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("backend", ["mongodb-motor", "mongodb-pymongo"], indirect=True)
async def test_readiness_knows_what_became_of_writes(
    backend: Mongodb, wire: MongoWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = backend.url.rpartition("/")[2]
    store = MongoStore(f"mongodb://{HOST}:{wire.port}/{database}", driver=backend.driver)
    await store.open()
    await store.check_writable()
    full: Document = {"ok": 0.0, "errmsg": "no space left on device", "code": 14031}
    wire.faults.append(Fault(("insert", "update"), None, forward=False, answer=full))
    monkeypatch.setattr(readiness, "FAILED_LATELY", 60)
    with pytest.raises(Unavailable):
        await store.add(samples(1))
    sent = wire.sent("update")
    with pytest.raises(Unavailable, match="no space left on device"):
        await store.check_writable()
    assert wire.sent("update") == sent  # what became of the last write is enough
    assert await store.page("42", limit=1, now=NOW) == []
    wire.faults.clear()
    monkeypatch.setattr(readiness, "FAILED_LATELY", 0)
    monkeypatch.setattr(readiness, "SAVED_LATELY", 0)
    await store.check_writable()
    assert wire.sent("update") > sent
    await store.close()


def test_a_driver_past_its_end_of_life_is_named_with_its_successor() -> None:
    for url in ("mongodb://localhost/db", "mongodb+srv://cluster.example/db"):
        note = driver_note(url, mongodb_driver="motor")
        assert note is not None
        assert "2026-05-14" in note
        assert "EVENTIDE_MONGODB_DRIVER=pymongo" in note
        assert driver_note(url, mongodb_driver="pymongo") is None
    assert driver_note("sqlite://", mongodb_driver="motor") is None
