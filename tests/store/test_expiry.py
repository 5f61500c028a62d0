"""What has expired is gone, from this moment on and for everybody, and is found and removed by an index."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from eventide_notify.models import Change, Counts, Notification, NotificationId
from eventide_notify.store import Store

from .backends import SQL, Backend
from .samples import LATER, MILLISECOND, NOW, SECOND, announcement, ids, receipts, sample

BEFORE = LATER - MILLISECOND
START = NOW, "z"


def expiring(at: datetime = LATER, user: str = "42", **fields: Any) -> Notification:
    return replace(sample(user, **fields), expires_at=at)


async def test_it_is_there_until_it_expires(store: Store) -> None:
    await store.add([item := expiring()])
    assert await store.get("42", item.id, now=BEFORE) == item
    assert await store.page("42", now=BEFORE, limit=10) == [item]
    assert await store.pending("42", now=BEFORE, limit=10) == [item]
    assert await store.newer("42", than="", now=BEFORE, limit=10) == [item]
    assert list(await store.owned("42", [item.id], now=BEFORE)) == [item.id]
    assert await store.counts(["42"], now=BEFORE) == {"42": Counts(1, 1)}
    assert await store.since("", limit=10) == [item]


async def test_afterwards_nobody_has_it(store: Store) -> None:
    await store.add([item := expiring()])
    assert await store.get("42", item.id, now=LATER) is None
    for archived in (False, True, None):
        assert await store.page("42", now=LATER, limit=10, archived=archived) == []
    assert await store.page("42", now=LATER, limit=10, unread=True, text="h") == []
    assert await store.pending("42", now=LATER, limit=10) == []
    assert await store.newer("42", than="", now=LATER, limit=10) == []
    assert list(await store.owned("42", [item.id], now=LATER)) == []
    assert await store.counts(["42"], now=LATER) == {"42": Counts(0, 0)}


@pytest.mark.parametrize("change", Change)
async def test_nothing_can_be_done_with_it(store: Store, change: Change) -> None:
    await store.add([item := expiring()])
    assert await store.mark_delivered(receipts([item]), now=LATER) == 0
    done = await store.change("42", change, [item.id], now=LATER)
    assert (list(done.owned), list(done.changed)) == ([], [])
    assert list(await store.change_all("42", change, up_to=None, now=LATER)) == []
    assert not await store.press("42", item.id, "yes", now=LATER)
    assert await store.get("42", item.id, now=NOW) == item


async def test_what_is_archived_expires_too(store: Store) -> None:
    await store.add([item := expiring()])
    await store.change("42", Change.ARCHIVE, [item.id], now=NOW)
    assert ids(await store.page("42", now=NOW, limit=10, archived=True)) == [item.id]
    assert await store.page("42", now=LATER, limit=10, archived=True) == []
    assert list(await store.change_all("42", Change.UNARCHIVE, up_to=None, now=LATER)) == []


async def test_others_are_there(store: Store) -> None:
    items = [sample(), expiring(LATER + MILLISECOND), expiring(), expiring(NOW)]
    await store.add(items)
    assert await store.page("42", now=LATER, limit=10) == items[1::-1]
    assert await store.counts(["42"], now=LATER) == {"42": Counts(2, 2)}
    assert await store.mark_delivered(receipts(items), now=LATER) == 2


# What has expired


async def expired(
    store: Store, until: datetime, limit: int, after: tuple[datetime, NotificationId] = START
) -> tuple[list[tuple[str, str | None]], int]:
    """All that has, and how many looks that took."""
    found: list[tuple[str, str | None]] = []
    looks = 0
    position: tuple[datetime, NotificationId] | None = after
    while position is not None:
        some = await store.expired(after=position, until=until, limit=limit)
        found, looks, position = [*found, *some.items], looks + 1, some.position
    return found, looks


async def test_it_is_found_in_the_order_of_time(store: Store) -> None:
    last, first = expiring(NOW + 2 * SECOND, "1"), expiring(LATER, "2")
    both = [expiring(BEFORE + SECOND, "3"), expiring(BEFORE + SECOND, "4")]
    everyones = announcement(lifetime=SECOND)
    await store.add([last, first, *both, sample(), expiring(NOW)])
    await store.add_announcement(everyones)
    await store.add_announcement(announcement())
    wanted = [(first.id, "2"), (everyones.id, None), *((each.id, each.user_id) for each in both), (last.id, "1")]
    assert await expired(store, BEFORE, 10) == ([], 1)
    for limit in (1, 2, 3, 10):
        assert (await expired(store, NOW + 2 * SECOND, limit))[0] == wanted
    assert (await expired(store, NOW + 3 * SECOND, 2, (BEFORE + SECOND, both[0].id)))[0] == wanted[3:]


async def test_what_is_deleted_or_retracted_is_not_found(store: Store) -> None:
    await store.add([gone := expiring(), kept := expiring()])
    await store.add_announcement(everyones := announcement(lifetime=SECOND))
    await store.change("42", Change.DELETE, [gone.id], now=NOW)
    await store.remove_announcement(everyones.id)
    assert await expired(store, LATER, 10) == ([(kept.id, "42")], 1)


async def test_it_is_removed_in_parts(backend: Backend, store: Store) -> None:
    kept = [expiring(LATER + SECOND), sample()]
    await store.add([*kept, *(expiring() for _ in range(5))])
    assert await store.remove_expired(before=LATER, limit=10) == 0
    assert await store.remove_expired(before=LATER + MILLISECOND, limit=3) == 3
    assert await store.remove_expired(before=LATER + MILLISECOND, limit=3) == 2
    assert ids(await store.since("", limit=10)) == ids(kept)
    assert await backend.rows(store, "notifications") == 2


async def test_erasing_takes_it_along(store: Store) -> None:
    await store.add([expiring()])
    assert (await store.erase("42")).notifications == 1
    assert await expired(store, LATER, 10) == ([], 1)
    await store.remove_expired(before=LATER + SECOND, limit=10)


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_it_is_found_and_removed_by_an_index(store: Any) -> None:
    from .roundtrips import commands
    from .test_cost import plan

    await store.add([sample(str(number)) for number in range(3_000)])
    await store.add([expiring(NOW + timedelta(seconds=number), str(number)) for number in range(100)])
    await store.add_announcement(announcement())
    await store._database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
    with commands() as sent:
        await store.expired(after=START, until=LATER, limit=10)
        await store.remove_expired(before=NOW - SECOND, limit=10)
    for statement, parameters in sent[:2]:
        steps = await plan(store, statement, parameters)
        assert any("notifications_by_expiry" in step for step in steps), (statement, steps)
