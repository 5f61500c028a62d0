"""What a call costs does not grow with what others have: every search is by an index."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from eventide_notify.due import Work
from eventide_notify.models import Change, Status
from eventide_notify.store import Store

from .backends import SQL, Backend
from .roundtrips import commands
from .samples import NOW, SECOND, announcement, announcements, archived, new_id, receipt, sample


async def change_one(store: Store, id: str, *, change: Change) -> None:
    await store.change("42", change, [id], now=NOW)


async def change_all(store: Store, id: str, *, change: Change) -> None:
    await store.change_all("42", change, up_to=None, now=NOW)


CALLS: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "get": lambda store, id: store.get("42", id, now=NOW),
    "page": lambda store, id: store.page("42", now=NOW, limit=20),
    "page before": lambda store, id: store.page("42", now=NOW, limit=20, before=new_id(NOW)),
    "page unread": lambda store, id: store.page("42", now=NOW, limit=20, unread=True),
    "page read": lambda store, id: store.page("42", now=NOW, limit=20, unread=False, type="NEWS"),
    "pending": lambda store, id: store.pending("42", now=NOW, limit=20),
    "newer": lambda store, id: store.newer("42", than="", now=NOW, limit=20),
    "owned": lambda store, id: store.owned("42", [id], now=NOW),
    "page archived": lambda store, id: store.page("42", now=NOW, limit=20, archived=True),
    "page text": lambda store, id: store.page("42", now=NOW, limit=20, text="h"),
    "counts": lambda store, id: store.counts(["42", "43"], now=NOW),
    "mark_delivered": lambda store, id: store.mark_delivered([receipt("42", announcement())], now=NOW),
    **{f"{change} one": partial(change_one, change=change) for change in Change},
    **{f"{change} all": partial(change_all, change=change) for change in Change},
    "press": lambda store, id: store.press("42", id, "yes", now=NOW),
    "find": lambda store, id: store.find(id),
    "since": lambda store, id: store.since(new_id(NOW), limit=20),
    "overdue": lambda store, id: store.overdue(after="", before="z", limit=20),
}
SEARCHED_ALL = re.compile(
    r"Seq Scan on (notifications|announcement_receipts)\b"  # as PostgreSQL says it
    r"|^SCAN (notifications|announcement_receipts)\b|^SEARCH announcement_receipts (?!.*\buser_id=)"  # and SQLite
)


async def plan(store: Any, statement: str, parameters: Any) -> list[str]:
    def explain(connection: sa.Connection) -> list[str]:
        if connection.dialect.name == "sqlite":
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [step.detail for step in steps]
        return [line for [line] in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]

    plan: list[str] = await store._database.write(explain)
    return plan


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_every_search_is_by_an_index(store: Any) -> None:
    saved = announcements(3)
    await store.add([sample(str(number % 3000)) for number in range(6000)])
    for each in saved:
        await store.add_announcement(each)
    await store.mark_delivered([receipt(str(user), each) for each in saved for user in range(3000)], now=NOW)
    await store._database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))  # PostgreSQL does so later
    for name, call in CALLS.items():
        with commands() as sent:
            await call(store, saved[-1].id)
        assert sent
        for statement, parameters in sent:
            steps = await plan(store, statement, parameters)
            found = [step for step in steps if SEARCHED_ALL.search(step)]
            assert not found, (name, statement, steps)


INDEXES = {
    "page": "notifications_inbox",
    "page archived": "notifications_archive",
    "page unread": "notifications_unread",
    "counts": "notifications_unread",
    "pending": "notifications_pending",
    "overdue": "notifications_overdue",
    "seen all": "notifications_unread",
    "read all": "notifications_unread",
    "unread all": "notifications_inbox",
    "unarchive all": "notifications_archive",
}
"""What is rare has an index of its own."""


@pytest.mark.parametrize("backend", ["sqlite-memory"], indirect=True)
@pytest.mark.parametrize("name", INDEXES)
async def test_sqlite_takes_the_index_of_what_is_rare(store: Store, name: str) -> None:
    """Whatever there is in the tables."""
    with commands() as sent:
        await CALLS[name](store, "")
    assert any(INDEXES[name] in step for step in await plan(store, *sent[0]))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_takes_the_index_of_what_is_rare(store: Any) -> None:
    """Once there is something in the tables: of each user's thirty, some are unread and others are archived."""
    every = [sample(str(user)) for user in range(300) for _ in range(30)]
    done = [replace(each, status=Status.READ, delivered_at=NOW, read_at=NOW, seen_at=NOW) for each in every]
    put_away = [archived(each) for each in done]
    await store.add([*every[::15], *done[1::3], *put_away[2::3]])
    await store._database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
    for name, index in INDEXES.items():
        with commands() as sent:
            await CALLS[name](store, "")
        steps = await plan(store, *sent[0])
        assert any(index in step for step in steps), (name, steps)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_compares_no_ids_with_all_that_a_user_has(store: Any) -> None:
    """Also while it does not know how much that is."""
    await store.add([sample() for _ in range(3000)])
    saved = announcement()
    await store.add_announcement(saved)
    for name in ("owned", *(f"{change} {which}" for change in Change for which in ("one", "all"))):
        with commands() as sent:
            await CALLS[name](store, saved.id)
        for statement, parameters in sent:
            if statement.startswith("SELECT"):
                steps = await plan(store, statement, parameters)
                assert not any("Filter" in step and "id = ANY" in step for step in steps), (name, statement, steps)


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_of_much_that_is_due_at_the_same_time_no_more_is_read_than_claimed(store: Any) -> None:
    work = [Work(new_id(NOW), "send", NOW) for _ in range(2000)]
    await store._database.write(lambda connection: [store._due.insert(connection, each) for each in work])
    await store._database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
    with commands() as sent:
        claimed = await store.claim_due(kinds=["send"], now=NOW, lease="mine", until=NOW + SECOND, limit=10)
    assert [each.id for each in claimed] == [each.id for each in work[:10]]
    steps = await plan(store, *next(each for each in sent if "UPDATE due" in each[0]))
    assert any("due_by_time" in step for step in steps), steps
    assert not any("Sort" in step or "TEMP B-TREE" in step for step in steps), steps


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_postgresql_counts_in_the_index_alone(backend: Backend, store: Any) -> None:
    """Once its housekeeping has been there."""
    await store.add([sample(str(user)) for user in range(300) for _ in range(30)])
    other = await asyncpg.connect(backend.url)
    await other.execute("VACUUM ANALYZE notifications")
    await other.close()
    with commands() as sent:
        await CALLS["counts"](store, "")
    steps = await plan(store, *sent[0])
    assert any("Index Only Scan using notifications_unread" in step for step in steps), steps
