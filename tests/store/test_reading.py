"""Pages, in the order of ids, and counts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

import pytest

from eventide_notify.models import Announcement, Notification, NotificationId, Receipt
from eventide_notify.store import Store

from .calls import delete, mark_all_read, mark_read, unread_counts
from .samples import NOW, announcement, ids, read, receipts, sample, samples


@pytest.mark.smoke
async def test_pages_follow_each_other(store: Store) -> None:
    saved = samples(7)
    await store.add(random.Random(1).sample(saved, k=7))  # the order of ids, not that of arrival
    newest_first = saved[::-1]
    first = await store.page("42", limit=3, now=NOW)
    second = await store.page("42", limit=3, before=first[-1].id, now=NOW)
    third = await store.page("42", limit=3, before=second[-1].id, now=NOW)
    assert [*first, *second, *third] == newest_first
    assert await store.page("42", limit=3, before=third[-1].id, now=NOW) == []
    assert await store.page("42", limit=3, offset=2, now=NOW) == newest_first[2:5]
    assert await store.page("42", limit=3, offset=7, now=NOW) == []
    assert await store.page("42", limit=0, now=NOW) == []


async def test_every_combination_of_filters(store: Store) -> None:
    chance = random.Random(2)
    mine: list[Notification | Announcement] = []
    for _ in range(15):
        mine += [sample(type=chance.choice("AB")), announcement(type=chance.choice("AB"))]
    await store.add([each for each in mine if isinstance(each, Notification)] + samples(3, "43", type="A"))
    for each in mine:
        if isinstance(each, Announcement):
            await store.add_announcement(each)
    read, delivered = (set(ids(chance.sample(mine, k=10))) for _ in range(2))
    proven = [Receipt("42", id, broadcast) for id in delivered for broadcast in (False, True)]
    assert await store.mark_delivered(proven, now=NOW) == 10
    await mark_read(store, "42", read, now=NOW)
    deleted = mine.pop(15)
    await delete(store, "42", [deleted.id], now=NOW)

    cursors = [None, mine[0].id, mine[14].id, deleted.id, sample().id]
    for unread, type, before, offset, limit in product(
        [None, True, False], [None, "A", "C"], cursors, [0, 3], [1, 5, 50]
    ):
        expected = [
            n.id
            for n in reversed(mine)
            if unread in (None, n.id not in read)
            and type in (None, n.content.type)
            and (before is None or n.id < before)
        ]
        found = await store.page("42", limit=limit, before=before, offset=offset, unread=unread, type=type, now=NOW)
        assert ids(found) == expected[offset : offset + limit], (unread, type, before, offset, limit)


async def test_paging_misses_nothing_while_others_come_and_go(store: Store) -> None:
    chance = random.Random(3)
    saved = samples(40)
    await store.add(saved)
    gone: set[NotificationId] = set()
    seen: list[NotificationId] = []
    while page := await store.page("42", limit=7, before=seen[-1] if seen else None, now=NOW):
        seen += ids(page)
        await store.add(samples(3))
        leaving = {seen[-1], *chance.sample(ids(saved), k=4)}  # the cursor's own notification too
        await delete(store, "42", leaving, now=NOW)
        gone |= leaving
    assert seen == sorted(set(seen), reverse=True)
    assert set(ids(saved)) - gone <= set(seen) <= set(ids(saved))


async def test_pending_are_the_newest_of_them_oldest_first(store: Store) -> None:
    saved = samples(6)
    await store.add([*saved, *samples(2, "43")])
    await store.mark_delivered(receipts(saved[5:]), now=NOW)
    await mark_read(store, "42", [saved[3].id], now=NOW)
    assert await store.pending("42", limit=10, now=NOW) == [saved[0], saved[1], saved[2], saved[4]]
    assert await store.pending("42", limit=2, now=NOW) == [saved[2], saved[4]]
    assert await store.pending("42", limit=0, now=NOW) == []
    assert await store.pending("44", limit=10, now=NOW) == []


async def test_newer_are_the_newest_of_them_oldest_first(store: Store) -> None:
    saved = samples(6)
    await store.add([*saved, *samples(2, "43")])
    await mark_read(store, "42", [saved[4].id], now=NOW)
    saved[4] = read(saved[4])

    async def newer(than: NotificationId, limit: int) -> Sequence[Notification]:
        return await store.newer("42", than=than, limit=limit, now=NOW)

    assert await newer(saved[2].id, 10) == saved[3:]
    assert await newer(saved[2].id, 2) == saved[4:]
    assert await newer(saved[5].id, 10) == []
    assert await newer("", 10) == saved
    assert await newer(saved[2].id, 0) == []
    await delete(store, "42", [saved[2].id], now=NOW)
    assert await newer(saved[2].id, 10) == saved[3:]


async def test_unread_counts(store: Store) -> None:
    first, second = samples(3, "1"), samples(2, "2")
    await store.add([*first, *second, *samples(1, "3")])
    await store.mark_delivered(receipts([first[0], second[0]]), now=NOW)
    await mark_read(store, "1", [first[1].id], now=NOW)
    await mark_all_read(store, "2", up_to=None, now=NOW)
    assert await unread_counts(store, ["1", "2", "nobody"], now=NOW) == {"1": 2, "2": 0, "nobody": 0}
    assert await unread_counts(store, {"1": "keys are a collection too"}.keys(), now=NOW) == {"1": 2}
    assert await unread_counts(store, [], now=NOW) == {}
