"""What users do to notifications: seen, read, unread again, archived, deleted; and what is left then."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from eventide_notify.models import Change, Counts, Notification, Receipt, Status
from eventide_notify.store import Store, sql_changes

from .backends import SQL, Backend
from .calls import everything_of
from .roundtrips import commands
from .samples import (
    LATER,
    NOW,
    SECOND,
    announced,
    announcement,
    announcements,
    archived,
    delivered,
    ids,
    read,
    receipt,
    receipts,
    sample,
    samples,
    seen,
)

BACK = {Change.UNREAD: Change.READ, Change.UNARCHIVE: Change.ARCHIVE}
"""What must have happened before, for these to change something."""


async def change(store: Store, change: Change, some: Sequence[Notification]) -> list[str]:
    """The ids of those that changed."""
    return sorted((await store.change("42", change, ids(some), now=NOW)).changed)


async def counts(store: Store) -> Counts:
    return (await store.counts(["42"], now=NOW))["42"]


async def test_each_change_does_what_it_says(store: Store, both: list[Notification]) -> None:
    expected = list(both)

    async def make(change: Change, seconds: int, **fields: Any) -> None:
        nonlocal expected
        done = await store.change("42", change, ids(both), now=NOW + seconds * SECOND)
        assert sorted(done.owned) == sorted(done.changed) == ids(both)
        expected = [replace(each, **fields) for each in expected]
        assert await everything_of(store) == expected
        again = await store.change("42", change, ids(both), now=NOW + 100 * SECOND)
        assert (sorted(again.owned), list(again.changed)) == (ids(both), [])
        assert await everything_of(store) == expected

    first, second = NOW + SECOND, NOW + 2 * SECOND
    await make(Change.SEEN, 1, seen_at=first)
    await make(Change.READ, 2, status=Status.READ, delivered_at=second, read_at=second)
    await make(Change.ARCHIVE, 3, archived_at=NOW + 3 * SECOND)
    await make(Change.UNREAD, 4, status=Status.DELIVERED, read_at=None)
    await make(Change.UNARCHIVE, 5, archived_at=None)
    await make(Change.READ, 6, status=Status.READ, read_at=NOW + 6 * SECOND)
    done = await store.change("42", Change.DELETE, ids(both), now=NOW)
    assert sorted(done.owned) == sorted(done.changed) == ids(both)
    for what in Change:
        done = await store.change("42", what, ids(both), now=NOW)
        assert (list(done.owned), list(done.changed)) == ([], [])
    assert await everything_of(store) == []


async def test_what_is_read_has_been_received_and_seen(store: Store, both: list[Notification]) -> None:
    await change(store, Change.READ, both)
    assert await everything_of(store) == [read(each) for each in both]
    await change(store, Change.UNREAD, both)
    assert await everything_of(store) == [seen(delivered(each)) for each in both]


@pytest.mark.parametrize("what", [Change.SEEN, Change.ARCHIVE])
async def test_what_is_seen_or_archived_is_not_received_by_that(
    store: Store, both: list[Notification], what: Change
) -> None:
    await change(store, what, both)
    assert {each.status for each in await everything_of(store)} == {Status.PENDING}
    proven = [Receipt("42", each.id, each.broadcast) for each in both]
    assert await store.mark_delivered([*proven, *proven], now=LATER) == 2
    assert await store.mark_delivered(proven, now=NOW) == 0
    done = {Change.SEEN: seen, Change.ARCHIVE: archived}[what]
    assert await everything_of(store) == [done(delivered(each, LATER)) for each in both]


async def test_receipts_of_what_some_have_seen(store: Store) -> None:
    shown = announcements(3)
    for each in shown:
        await store.add_announcement(each)
    await store.change("1", Change.SEEN, ids(shown[:2]), now=NOW)
    await store.change("2", Change.READ, ids(shown[1:]), now=NOW)
    proven = [receipt(user, each) for user in "123" for each in shown]
    assert await store.mark_delivered(proven, now=LATER) == 3 + 1 + 3
    statuses = [[each.status for each in await everything_of(store, user)] for user in "123"]
    received, was_read = Status.DELIVERED, Status.READ
    assert statuses == [[received] * 3, [received, was_read, was_read], [received] * 3]
    assert await store.mark_delivered(proven, now=LATER) == 0


async def test_nothing_to_go_back_from(store: Store, both: list[Notification]) -> None:
    await store.mark_delivered(receipts(both[:1]), now=NOW)
    before = await everything_of(store)
    for what in BACK:
        done = await store.change("42", what, ids(both), now=LATER)
        assert (sorted(done.owned), list(done.changed)) == (ids(both), [])
    assert await everything_of(store) == before


@pytest.mark.parametrize("what", Change)
async def test_what_changed_and_what_is_the_users(store: Store, what: Change) -> None:
    mine, hers, shown = samples(4), samples(2, "43"), announcements(4)
    await store.add([*mine, *hers])
    for each in shown:
        await store.add_announcement(each)
    expired = announcement(lifetime=SECOND)
    await store.add_announcement(expired)
    await store.change("42", Change.DELETE, [shown[3].id, mine[3].id], now=NOW)
    for before in filter(None, [BACK.get(what)]):
        await store.change("42", before, ids([*mine, *shown]), now=NOW)
    if what is not Change.DELETE:
        await store.change("42", what, [mine[0].id, shown[0].id], now=NOW)
    asked = [*ids([*mine, *hers, *shown, expired]), mine[1].id, sample().id, "", "nonsense", "é"]
    done = await store.change("42", what, asked, now=LATER)
    had = [*mine[:3], *shown[:3]]
    unchanged = [] if what is Change.DELETE else [mine[0].id, shown[0].id]
    assert sorted(done.owned) == sorted(ids(had))
    assert sorted(done.changed) == sorted(set(ids(had)) - set(unchanged))
    assert await store.page("43", now=LATER, limit=9) == [*(announced(each, "43") for each in shown[::-1]), *hers[::-1]]
    assert not any(await store.change("42", what, [], now=LATER))


async def test_counts(store: Store) -> None:
    """Archived ones are in neither; what is read is not unseen."""
    both_kinds: list[Any] = [*samples(5), *announcements(5)]
    await store.add(both_kinds[:5])
    for each in both_kinds[5:]:
        await store.add_announcement(each)
    pairs = [[own, shown] for own, shown in zip(both_kinds[:5], both_kinds[5:], strict=True)]
    assert await counts(store) == (10, 10)
    await change(store, Change.SEEN, pairs[0])
    assert await counts(store) == (10, 8)
    await change(store, Change.READ, pairs[1])
    assert await counts(store) == (8, 6)
    await change(store, Change.ARCHIVE, pairs[2])
    assert await counts(store) == (6, 4)
    await change(store, Change.ARCHIVE, pairs[0] + pairs[1])
    assert await counts(store) == (4, 4)
    await change(store, Change.DELETE, pairs[3] + pairs[2])
    assert await counts(store) == (2, 2)
    await change(store, Change.UNARCHIVE, pairs[0] + pairs[1])
    assert await counts(store) == (4, 2)
    await change(store, Change.UNREAD, pairs[1])
    assert await counts(store) == (6, 2)
    await change(store, Change.READ, pairs[4])
    await change(store, Change.UNREAD, pairs[4])
    assert await counts(store) == (6, 0)
    assert await store.counts(["42", "43"], now=NOW) == {"42": (6, 0), "43": (5, 5)}
    assert await store.counts([], now=NOW) == {}


async def test_what_is_archived_is_out_of_the_way(store: Store, both: list[Notification]) -> None:
    await store.add([other := sample()])
    assert await change(store, Change.ARCHIVE, both) == ids(both)
    put_away = [archived(each) for each in both]
    assert await store.page("42", now=NOW, limit=9) == [other]
    assert await store.page("42", now=NOW, limit=9, archived=True) == put_away[::-1]
    assert await store.page("43", now=NOW, limit=9, archived=True) == []
    assert await store.pending("42", now=NOW, limit=9) == [other]
    assert await store.newer("42", than="", now=NOW, limit=9) == [other]
    assert await store.overdue(after="", before="z", limit=9) == [other]
    assert await store.since("", limit=9) == [put_away[0], other]
    assert [await store.get("42", each.id, now=NOW) for each in both] == put_away
    assert sorted(await store.owned("42", ids(both), now=NOW)) == ids(both)
    await change(store, Change.UNARCHIVE, both)
    assert await store.pending("42", now=NOW, limit=9) == [*both, other]
    assert await store.newer("42", than="", now=NOW, limit=9) == [*both, other]
    assert await store.overdue(after="", before="z", limit=9) == [both[0], other]


@pytest.mark.parametrize("what", Change)
async def test_a_change_of_all(store: Store, what: Change) -> None:
    saved: list[Any] = [sample(), announcement(), sample(), announcement(), sample(), announcement()]
    for each in saved:
        await (store.add([each]) if isinstance(each, Notification) else store.add_announcement(each))
    await store.add(hers := samples(2, "43"))
    is_back = what in BACK
    if is_back:
        await store.change_all("42", BACK[what], up_to=None, now=NOW)
    elsewhere = saved[1:3]  # where it is not made
    await store.change("42", Change.ARCHIVE if what is not Change.UNARCHIVE else what, ids(elsewhere), now=NOW)
    before = {each.id: each for each in await everything_of(store)}
    assert await store.change_all("42", what, up_to=saved[3].id, now=NOW) == [saved[3].id, saved[0].id]
    assert await store.change_all("42", what, up_to=saved[3].id, now=NOW) == []
    left = {each.id: each for each in await everything_of(store)}
    assert all(left[each.id] == before[each.id] for each in [*elsewhere, *saved[4:]])
    assert await store.change_all("42", what, up_to=None, now=NOW) == [saved[5].id, saved[4].id]
    assert await store.change_all("42", what, up_to=None, now=NOW) == []
    assert ids(await store.page("43", now=NOW, limit=9, unread=True)) == ids([*hers[::-1], *saved[5::-2]])


async def test_a_change_of_all_leaves_what_comes_meanwhile(store: Store) -> None:
    """What came before is changed, what came after is not; of what comes at the same time each is one or the other."""
    for what in (Change.SEEN, Change.READ, Change.ARCHIVE, Change.DELETE):
        await store.add(before := samples(30))
        calls = [asyncio.create_task(store.add(samples(2))) for _ in range(5)]
        changing = asyncio.create_task(store.change_all("42", what, up_to=None, now=NOW))
        await asyncio.gather(*calls, *(store.add(samples(2)) for _ in range(5)))
        changed = await changing
        assert set(ids(before)) <= set(changed)
        inbox = await store.page("42", now=NOW, limit=100)
        touched = {each.id for each in inbox if each.seen}
        assert touched == (set(changed) if what in (Change.SEEN, Change.READ) else set())
        await store.change_all("42", Change.DELETE, up_to=None, now=NOW)


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_a_change_of_all_in_parts_leaves_what_comes_meanwhile(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_changes, "ALL_AT_ONCE", 5)
    await store.add(before := samples(12))
    await store.add_announcement(shown := announcement())
    write = store._database.write

    async def add_one_of_each(*args: Any, **options: Any) -> object:
        done = await write(*args, **options)
        monkeypatch.undo()
        await store.add([new[0]])
        await store.add_announcement(new[1])
        monkeypatch.setattr(sql_changes, "ALL_AT_ONCE", 5)
        return done

    new: list[Any] = [sample(), announcement()]
    monkeypatch.setattr(store._database, "write", add_one_of_each)
    assert await store.change_all("42", Change.READ, up_to=None, now=NOW) == ids([shown, *before[::-1]])
    assert await store.page("42", now=NOW, limit=9, unread=True) == [announced(new[1]), new[0]]


async def test_changes_are_made_in_the_order_in_which_they_come(store: Store, both: list[Notification]) -> None:
    """Also when nobody waits for one before asking for the next."""
    others = samples(5)
    await store.add(others)

    async def make(*changes: Change) -> None:
        calls = [
            store.change("42", what, some, now=NOW)
            for number, each in enumerate(changes)
            for what, some in ((each, ids(both)), (Change.READ, [others[number].id]))
        ]
        done = await asyncio.gather(*calls)
        assert [sorted(each.changed) for each in done[::2]] == [ids(both)] * len(changes)

    await make(Change.READ, Change.UNREAD, Change.READ, Change.UNREAD)
    await make(Change.ARCHIVE, Change.UNARCHIVE, Change.READ, Change.ARCHIVE, Change.UNREAD)
    assert await store.page("42", now=NOW, limit=9) == [read(each) for each in others[::-1]]
    await make(Change.UNARCHIVE, Change.READ, Change.DELETE)
    assert not any(await store.change("42", Change.SEEN, ids(both), now=NOW))


@pytest.mark.parametrize("what", Change)
async def test_of_changes_at_once_one_has_each(store: Store, what: Change) -> None:
    own, shown = samples(8), announcements(3)
    await store.add(own)
    for each in shown:
        await store.add_announcement(each)
    saved = [*ids(own), *ids(shown)]
    if what in BACK:
        await store.change("42", BACK[what], saved, now=NOW)
    done = await asyncio.gather(
        *(store.change("42", what, saved[turn:] + saved[:turn], now=NOW) for turn in range(6)),
    )
    assert Counter(id for each in done for id in each.changed) == dict.fromkeys(saved, 1)


async def test_another_user_is_not_reached(store: Store) -> None:
    await store.add([hers := sample("1")])
    for what in Change:
        assert not any(await store.change("2", what, [hers.id], now=NOW))
        assert await store.change_all("2", what, up_to=None, now=NOW) == []
    assert not await store.press("2", hers.id, "yes", now=NOW)
    assert await store.page("2", now=NOW, limit=9, text="hello") == []
    assert await everything_of(store, "1") == [hers]


@pytest.mark.parametrize("what", Change)
async def test_a_thousand_in_one_call(backend: Backend, store: Store, what: Change) -> None:
    saved = samples(min(1_000, backend.many))
    await store.add(saved)
    if what in BACK:
        await store.change("42", BACK[what], ids(saved), now=NOW)
    with commands() as sent:
        done = await store.change("42", what, ids(saved), now=LATER)
    assert sorted(done.owned) == sorted(done.changed) == ids(saved)
    assert len(sent) <= 5, [name for name, _ in sent]
