"""Saves that come together are written together, and fail alone."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from eventide_notify.errors import Refused
from eventide_notify.models import Change, Draft, Notification
from eventide_notify.store import Claim, Store
from eventide_notify.store.group import Group
from eventide_notify.store.sql import SqlStore

from .backends import PERSISTENT, SQL, Backend
from .calls import mark_read, unread_counts
from .samples import LATER, NOW, announcement, archived, delivered, ids, read, receipts, sample, samples, seen


class Doing:
    """A group whose work waits to be let go, and fails where it is told to."""

    def __init__(self, most: int = 100, **options: Any) -> None:
        self.done: list[list[str]] = []
        self.bad = ""
        self.go = asyncio.Event()
        self.group = Group(
            self.work, weigh=len, most=most, may_be_of_one=lambda error: isinstance(error, ValueError), **options
        )

    async def work(self, items: Sequence[str]) -> Sequence[str]:
        self.done.append(list(items))
        await self.go.wait()
        if self.bad in items:
            raise ValueError(self.bad)
        return [item.upper() for item in items]

    def ask(self, *items: str) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.group.do(item)) for item in items]


async def let_run(*tasks: asyncio.Task[Any]) -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_who_comes_first_waits_for_nobody_and_the_others_go_together() -> None:
    doing = Doing()
    first = doing.ask("a")
    await let_run()
    others = doing.ask("b", "c", "d")
    await let_run()
    doing.go.set()
    assert await asyncio.gather(*first, *others) == ["A", "B", "C", "D"]
    assert doing.done == [["a"], ["b", "c", "d"]]


async def test_together_they_weigh_no_more_than_they_may() -> None:
    doing = Doing(most=4)
    doing.go.set()
    await asyncio.gather(*doing.ask("aa", "bb", "c", "dddddd", "e"))
    assert doing.done == [["aa", "bb"], ["c"], ["dddddd"], ["e"]]


async def test_what_does_different_things_to_the_same_is_done_one_after_the_other() -> None:
    doing = Doing(touches=lambda item: dict.fromkeys(item[:-1], item[-1]))
    doing.go.set()
    await asyncio.gather(*doing.ask("ab+", "c-", "b+", "bd-", "d+", "d-", "e+", "c-", "d-"))
    assert doing.done == [["ab+", "c-", "b+", "e+", "c-"], ["bd-"], ["d+"], ["d-", "d-"]]


async def test_what_waits_for_another_weighs_nothing_until_then() -> None:
    doing = Doing(most=6, touches=lambda item: {item[0]: item[-1]})
    doing.go.set()
    await asyncio.gather(*doing.ask("a+", "a----", "b+", "c+"))
    assert doing.done == [["a+", "b+", "c+"], ["a----"]]


async def test_one_that_fails_fails_alone() -> None:
    doing = Doing()
    doing.bad = "b"
    doing.go.set()
    results = await asyncio.gather(*doing.ask("a", "b", "c"), return_exceptions=True)
    assert [str(result) for result in results] == ["A", "b", "C"]


async def test_what_concerns_all_is_not_tried_again() -> None:
    doing = Doing()

    async def fail(items: Sequence[str]) -> Sequence[str]:
        doing.done.append(list(items))
        raise OSError("away")

    doing.group._work = fail
    results = await asyncio.gather(*doing.ask("a", "b", "c"), return_exceptions=True)
    assert [str(result) for result in results] == ["away"] * 3
    assert doing.done == [["a", "b", "c"]]


async def test_who_does_not_wait_any_more_is_served_all_the_same() -> None:
    doing = Doing()
    first, second, third = doing.ask("a", "b", "c")
    await let_run()
    first.cancel()
    second.cancel()
    doing.go.set()
    assert await third == "C"
    await doing.group.settle()
    assert doing.done == [["a", "b", "c"]]


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_what_comes_while_sqlite_writes_is_committed_together(store: SqlStore) -> None:
    begun, busy = threading.Event(), threading.Event()
    commits: list[sa.Connection] = []

    def wait(_: object) -> bool:
        begun.set()
        return busy.wait(30)

    def commit(connection: sa.Connection) -> None:
        commits.append(connection)

    sa.event.listen(sa.Engine, "commit", commit)
    first = asyncio.create_task(store._database.write(wait))
    assert await asyncio.to_thread(begun.wait, 30)  # or all of it would be together
    saved = samples(100)
    others = [store.add([each]) for each in saved]
    reads = [mark_read(store, "42", [each.id], now=NOW) for each in saved]  # of what is saved before them
    tasks = [asyncio.create_task(call) for call in (*others, *reads)]
    await let_run(*tasks)
    busy.set()
    assert await first
    await asyncio.gather(*tasks)
    sa.event.remove(sa.Engine, "commit", commit)
    assert len(commits) == 2
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 0}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_what_comes_while_postgresql_saves_is_saved_together(store: Any) -> None:
    saves = store._database._saves
    with patch.object(saves, "save", wraps=saves.save) as save:
        await asyncio.gather(*(store.add([each]) for each in samples(100)))
    assert [len(call.args[0]) for call in save.await_args_list] == [100]
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 100}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_what_is_read_at_the_same_moment_is_marked_together(store: Any) -> None:
    own, hers, announced = samples(10), samples(10, "43"), announcement()
    await store.add([*own, *hers])
    await store.add_announcement(announced)
    changes = store._database._changes
    with patch.object(changes, "make", wraps=changes.make) as make:
        done = await asyncio.gather(
            mark_read(store, "42", [own[0].id, hers[0].id, own[0].id], now=NOW),
            mark_read(store, "43", [hers[0].id, hers[1].id, "unknown"], now=LATER),
            mark_read(store, "42", [own[0].id, own[1].id, announced.id], now=LATER),
            mark_read(store, "44", [own[2].id], now=NOW),
        )
    assert [len(call.args[0]) for call in make.await_args_list] == [4]
    expected = [{own[0].id}, {hers[0].id, hers[1].id}, {own[0].id, own[1].id, announced.id}, set()]
    assert [set(each) for each in done] == expected
    assert [len(each) for each in done] == [1, 2, 3, 0]
    assert await unread_counts(store, ["42", "43"], now=LATER) == {"42": 8, "43": 9}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_changes_of_all_kinds_are_made_together_unless_they_are_of_the_same(store: Any) -> None:
    own, hers = samples(6), samples(2, "43")
    await store.add([*own, *hers])
    changes = store._database._changes
    with patch.object(changes, "make", wraps=changes.make) as make:
        first, gone, *_, again, undone = await asyncio.gather(
            store.change("42", Change.READ, ids(own[:2]), now=NOW),
            store.change("42", Change.DELETE, ids(own[4:]), now=NOW),
            store.change("42", Change.SEEN, ids(own[2:3]), now=NOW),
            store.change("43", Change.ARCHIVE, ids(hers[:1]), now=NOW),
            store.change("42", Change.READ, ids(own[:2]), now=LATER),
            store.change("42", Change.UNREAD, ids(own[1:3]), now=LATER),
        )
    assert [len(call.args[0]) for call in make.await_args_list] == [5, 1]
    assert (list(first.changed), list(gone.changed)) == (ids(own[:2]), ids(own[4:]))
    assert (list(again.owned), list(again.changed)) == (ids(own[:2]), [])
    assert (list(undone.owned), list(undone.changed)) == (ids(own[1:3]), [own[1].id])
    expected = [read(own[0]), seen(delivered(own[1])), seen(own[2]), own[3]]
    assert await store.page("42", limit=9, now=NOW) == expected[::-1]
    assert await store.page("43", limit=9, now=NOW, archived=True) == [archived(hers[0])]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_receipts_of_many_are_written_together_and_each_changes_its_user_s_once(store: Any) -> None:
    own, hers = samples(4), samples(4, 'a "b", c')
    await store.add([*own, *hers])
    crossed = [replace(own[3], user_id="43"), replace(own[3], id=f"{own[3].id},{hers[3].id}")]
    writer = store._database._receipts
    with patch.object(writer, "deliver", wraps=writer.deliver) as deliver:
        changed = await asyncio.gather(
            store.mark_delivered(receipts([own[0], own[0], hers[0]]), now=NOW),
            store.mark_delivered(receipts([own[0], own[1], *crossed]), now=LATER),
            store.mark_delivered(receipts(crossed), now=LATER),
            store.mark_delivered(receipts([hers[1]]), now=LATER),
        )
    assert [len(call.args[0]) for call in deliver.await_args_list] == [4]
    assert list(changed) == [2, 1, 0, 1]
    times = {each.id: each.delivered_at for each in await store.page("42", limit=10, now=NOW)}
    assert times == {own[0].id: NOW, own[1].id: LATER, own[2].id: None, own[3].id: None}
    assert ids(await store.pending('a "b", c', limit=10, now=NOW)) == ids(hers[2:])


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_of_many_saves_one_that_cannot_be_saved_fails_alone(store: Store) -> None:
    nothing: Any = None
    saved = samples(50)
    bad = replace(saved[20], content=Draft.model_construct(message=nothing, link=None, avatar=None, data=None))
    keyed = saved[21]
    claim = Claim("key", "a", [(keyed.id, "42")], NOW)
    calls = [store.add([bad if each is saved[20] else each], claim=claim if each is keyed else None) for each in saved]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [Refused]
    assert results[20] is not None
    expected = [each for each in saved if each is not saved[20]]
    assert ids(await store.page("42", limit=100, now=NOW)) == ids(reversed(expected))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_one_that_the_driver_cannot_send_fails_alone(store: Any) -> None:
    saved = samples(5)
    bad = replace(saved[2], user_id="\ud83d")
    calls = [store.add([bad if each is saved[2] else each]) for each in saved]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [Refused]
    connection = store._database._saves._connection
    await store.add([saved[2]])
    assert store._database._saves._connection is connection
    assert ids(await store.page("42", limit=100, now=NOW)) == ids(reversed(saved))


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_requests_with_the_same_key_and_others_at_once(store: Store) -> None:
    def request(key: str) -> tuple[list[Notification], Claim]:
        items = samples(2)
        return items, Claim(key, "a", [(item.id, item.user_id) for item in items], NOW)

    requests = [request(str(number % 10)) for number in range(60)]
    plain = samples(20)
    held = await asyncio.gather(
        *(store.add(items, claim=claim) for items, claim in requests), *(store.add([each]) for each in plain)
    )
    assert sum(claim is None for claim in held) == 10 + 20
    assert len(await store.page("42", limit=100, now=NOW)) == 10 * 2 + 20


SENDING = """
import asyncio, sys
from eventide_notify.store import create_store
from tests.store.samples import sample

async def send(store):
    while True:
        saved = sample()
        await store.add([saved])
        print(saved.id, flush=True)

async def main():
    store = create_store(sys.argv[1])
    await store.open()
    await asyncio.gather(*(send(store) for _ in range(32)))

asyncio.run(main())
"""


def said_until_killed(command: Sequence[str]) -> list[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(500)]
        process.send_signal(signal.SIGKILL)
        return [*said, *(line.strip() for line in process.stdout if line.endswith("\n"))]


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_killed_while_groups_are_saved_it_has_all_that_it_said(backend: Backend, store: Store) -> None:
    command = [sys.executable, "-c", SENDING, backend.url]
    said = await asyncio.to_thread(said_until_killed, command)
    saved = set(ids(await store.since("", limit=100_000)))
    assert len(said) >= 500
    assert set(said) <= saved


async def let_write(store: SqlStore, written: threading.Event) -> asyncio.Task[bool]:
    """Keep SQLite's writing thread busy until `written`."""
    busy = threading.Event()

    def work(_: sa.Connection) -> bool:
        busy.set()
        return written.wait(30)

    task = asyncio.create_task(store._database.write(work))
    assert await asyncio.to_thread(busy.wait, 30)
    return task


def test_sqlite_answers_an_event_loop_after_another_one_was_closed(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/notifications.db")
    written = threading.Event()

    async def leave() -> None:
        await store.open()
        await let_write(store, written)
        asyncio.create_task(store.add([sample()]))  # noqa: RUF006 - nobody waits for it
        await let_run()

    async def go_on() -> None:
        saving = asyncio.create_task(store.add([sample()]))
        await let_run()
        written.set()
        async with asyncio.timeout(30):
            await saving
        await store.close()

    asyncio.run(leave())
    asyncio.run(go_on())


@pytest.mark.parametrize("backend", ["sqlite-file"], indirect=True)
async def test_what_comes_while_sqlite_closes_is_done_and_does_not_keep_it_open(store: SqlStore) -> None:
    written = threading.Event()
    first = await let_write(store, written)
    closing = asyncio.create_task(store.close())
    await let_run()
    saving = asyncio.create_task(store.add([sample()]))
    await let_run()
    written.set()
    async with asyncio.timeout(30):
        await asyncio.gather(first, closing, saving)
    await store.close()
    assert "SQLite writes" not in {thread.name for thread in threading.enumerate()}
