"""Announcements: kept once, and every user's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from eventide_notify.errors import OutcomeUnknown, Unavailable
from eventide_notify.models import Announcement, Notification, NotificationId, Receipt
from eventide_notify.store import Store, mongo_announcements, sql_announcements

from .backends import Backend
from .calls import delete, mark_all_read, mark_read, unread_counts
from .roundtrips import commands
from .samples import (
    LATER,
    MILLISECOND,
    MONTH,
    NOW,
    SECOND,
    announced,
    announcement,
    announcements,
    delivered,
    ids,
    read,
    receipt,
    receipts,
    sample,
    samples,
)


async def save(store: Store, *saved: Announcement) -> None:
    for each in saved:
        await store.add_announcement(each)


async def all_of(store: Store, user: str = "42") -> list[Notification]:
    return list(await store.page(user, now=NOW, limit=100))


async def test_every_user_has_it_from_the_beginning(store: Store) -> None:
    await save(store, saved := announcement(title="t", type="NEWS", link="/a", avatar="/b.png", data={"a.b": [1.0]}))
    for user in ("42", "who first appears later", "\N{OWL}.$ '"):
        mine = announced(saved, user)
        assert await all_of(store, user) == [mine]
        assert await store.get(user, saved.id, now=NOW) == mine
        assert await store.pending(user, now=NOW, limit=10) == [mine]
        assert await store.newer(user, than="", now=NOW, limit=10) == [mine]
        assert list(await store.owned(user, [saved.id, sample().id], now=NOW)) == [saved.id]
        assert await unread_counts(store, [user], now=NOW) == {user: 1}


async def test_it_is_in_order_with_the_others(store: Store) -> None:
    first, second, third = sample(), announcement(), sample()
    fourth, fifth = announcement(), announcement()
    await store.add([third, first])
    await save(store, fifth, second, fourth)
    in_order = [first, announced(second), third, announced(fourth), announced(fifth)]
    assert await all_of(store) == in_order[::-1]
    assert await store.pending("42", now=NOW, limit=10) == in_order
    assert await store.pending("42", now=NOW, limit=3) == in_order[2:]
    assert await store.newer("42", than=first.id, now=NOW, limit=10) == in_order[1:]
    assert await store.newer("42", than=second.id, now=NOW, limit=2) == in_order[3:]
    assert await store.page("42", now=NOW, limit=2, offset=2) == in_order[2:0:-1]
    assert await store.page("42", now=NOW, limit=10, before=fourth.id, offset=1) == [announced(second), first]
    assert await store.page("42", now=NOW, limit=0) == []


async def test_one_is_one_insert_and_no_row_for_anybody(backend: Backend, store: Store) -> None:
    await store.add([sample(str(user)) for user in range(100)])
    with commands() as sent:
        await save(store, announcement())
    assert len(sent) == 1, [what for what, _ in sent]
    for user in ("1", "2"):
        await all_of(store, user)
        await unread_counts(store, [user], now=NOW)
    assert await backend.rows(store, "announcements") == 1
    assert await backend.rows(store, "announcement_receipts") == 0


async def test_adding_again_changes_nothing(store: Store) -> None:
    await save(store, saved := announcement())
    await mark_read(store, "42", [saved.id], now=NOW)
    await save(store, saved, replace(saved, content=sample(message="other").content))
    assert await all_of(store) == [read(announced(saved))]


async def test_one_that_never_expires_is_not_kept(store: Store) -> None:
    with pytest.raises(ValueError, match="does not expire"):
        await save(store, replace(announcement(), expires_at=None))


async def test_what_a_user_does_is_that_users_own(store: Store) -> None:
    await save(store, saved := announcement())
    assert await store.mark_delivered([receipt("1", saved)], now=NOW) == 1
    assert list(await mark_read(store, "2", [saved.id], now=NOW)) == [saved.id]
    assert list(await delete(store, "3", [saved.id], now=NOW)) == [saved.id]
    assert await all_of(store, "1") == [delivered(announced(saved, "1"))]
    assert await all_of(store, "2") == [read(announced(saved, "2"))]
    assert await all_of(store, "3") == []
    assert await all_of(store, "4") == [announced(saved, "4")]
    assert await unread_counts(store, ["1", "2", "3", "4"], now=NOW) == {"1": 1, "2": 0, "3": 0, "4": 1}


async def test_statuses_move_forward_only(store: Store) -> None:
    await save(store, saved := announcement())
    assert await store.mark_delivered([receipt("42", saved)], now=NOW) == 1
    assert await store.mark_delivered([receipt("42", saved)], now=LATER) == 0
    assert list(await mark_read(store, "42", [saved.id], now=LATER)) == [saved.id]
    assert await store.mark_delivered([receipt("42", saved)], now=LATER) == 0
    assert list(await mark_read(store, "42", [saved.id], now=LATER + SECOND)) == [saved.id]
    both_times = read(delivered(announced(saved)), LATER)
    assert await store.get("42", saved.id, now=NOW) == both_times
    await mark_read(store, "43", [saved.id], now=NOW)
    assert await store.mark_delivered([receipt("43", saved)], now=LATER) == 0
    assert await all_of(store, "43") == [read(announced(saved, "43"))]


async def test_receipts_are_for_one_kind_each(store: Store) -> None:
    """Who does not know the kind passes both: one of them counts."""
    await store.add([mine := sample(), hers := sample("43")])
    await save(store, saved := announcement())
    wrong = [Receipt("42", mine.id, broadcast=True), Receipt("42", saved.id), Receipt("42", hers.id, broadcast=True)]
    assert await store.mark_delivered(wrong, now=NOW) == 0
    assert await all_of(store) == [announced(saved), mine]
    right = [Receipt("42", mine.id), receipt("42", saved), receipt("42", saved)]
    assert await store.mark_delivered([*wrong, *right], now=NOW) == 2
    assert await all_of(store) == [delivered(announced(saved)), delivered(mine)]


async def test_deleted_is_gone_for_that_user(store: Store) -> None:
    first, second, third = announcements(3)
    await save(store, first, second, third)
    await store.add([own := sample()])
    await mark_read(store, "42", [second.id], now=NOW)
    deleted = await delete(store, "42", [first.id, second.id, own.id, own.id, sample().id], now=NOW)
    assert sorted(deleted) == [first.id, second.id, own.id]
    for id in deleted:
        assert await store.get("42", id, now=NOW) is None
    assert list(await delete(store, "42", deleted, now=LATER)) == []
    assert list(await mark_read(store, "42", deleted, now=LATER)) == []
    assert list(await store.owned("42", deleted, now=LATER)) == []
    assert await store.mark_delivered([receipt("42", first), receipt("42", second)], now=LATER) == 0
    assert await store.pending("42", now=NOW, limit=10) == [announced(third)]
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 1}
    assert await mark_all_read(store, "42", up_to=None, now=NOW) == 1
    assert await all_of(store) == [read(announced(third))]
    assert await all_of(store, "43") == [announced(each, "43") for each in (third, second, first)]


async def test_all_read_counts_both_kinds(store: Store) -> None:
    first, second, third, fourth = announcement(), sample(), announcement(), announcement()
    await store.add([second])
    await save(store, first, third, fourth)
    await mark_read(store, "42", [first.id], now=NOW)
    await store.mark_delivered([receipt("42", third)], now=NOW)
    assert await mark_all_read(store, "42", up_to=third.id, now=NOW) == 2
    assert await mark_all_read(store, "42", up_to=third.id, now=LATER) == 0
    assert await all_of(store) == [
        announced(fourth),
        read(delivered(announced(third))),
        read(second),
        read(announced(first)),
    ]
    assert await mark_all_read(store, "42", up_to=None, now=LATER) == 1
    assert await unread_counts(store, ["42", "43"], now=NOW) == {"42": 0, "43": 3}


async def test_it_expires(store: Store) -> None:
    short, long = announcement(lifetime=SECOND), announcement()
    await save(store, short, long)
    await store.mark_delivered([receipt("1", short)], now=NOW)
    await mark_read(store, "2", [short.id], now=NOW)
    await delete(store, "3", [short.id, long.id], now=NOW)
    users = ["1", "2", "3", "4"]
    before, then = LATER - MILLISECOND, LATER
    assert await unread_counts(store, users, now=before) == {"1": 2, "2": 1, "3": 0, "4": 2}
    assert await unread_counts(store, users, now=then) == {"1": 1, "2": 1, "3": 0, "4": 1}
    assert ids(await store.page("4", now=before, limit=10)) == [long.id, short.id]
    for user in users[:2] + users[3:]:
        assert ids(await store.page(user, now=then, limit=10)) == [long.id]
        assert ids(await store.pending(user, now=then, limit=10)) == [long.id]
        assert ids(await store.newer(user, than="", now=then, limit=10)) == [long.id]
        assert await store.get(user, short.id, now=then) is None
        assert list(await store.owned(user, [short.id, long.id], now=then)) == [long.id]
        assert await store.mark_delivered([receipt(user, short)], now=then) == 0
        assert list(await mark_read(store, user, [short.id], now=then)) == []
        assert list(await delete(store, user, [short.id], now=then)) == []
        assert await mark_all_read(store, user, up_to=None, now=then) == 1
    assert await store.announcements(after="", now=before) == [short, long]
    assert await store.announcements(after="", now=then) == [long]


async def test_removed_is_gone_for_everybody(backend: Backend, store: Store) -> None:
    gone, stays = announcements(2)
    await save(store, gone, stays)
    for each in (gone, stays):
        await store.mark_delivered([receipt("1", each)], now=NOW)
        await mark_read(store, "2", [each.id], now=NOW)
        await delete(store, "3", [each.id], now=NOW)
    rows = await backend.rows(store, "announcement_receipts")
    assert await store.remove_announcement(gone.id) is True
    assert await store.remove_announcement(gone.id) is False
    assert await store.remove_announcement(sample().id) is False
    assert await backend.rows(store, "announcement_receipts") == rows // 2
    assert await backend.rows(store, "announcements") == 1
    assert [ids(await all_of(store, user)) for user in "1234"] == [[stays.id], [stays.id], [], [stays.id]]
    assert await unread_counts(store, list("1234"), now=NOW) == {"1": 1, "2": 0, "3": 0, "4": 1}
    assert await store.announcements(after="", now=NOW) == [stays]


async def test_nothing_is_written_about_what_is_not_there(backend: Backend, store: Store) -> None:
    await save(store, removed := announcement(), expired := announcement(lifetime=SECOND))
    await store.remove_announcement(removed.id)
    never = announcement()
    for each in (removed, expired, never):
        assert await store.mark_delivered([receipt(str(user), each) for user in range(5)], now=LATER) == 0
        assert list(await mark_read(store, "42", [each.id], now=LATER)) == []
        assert list(await delete(store, "42", [each.id], now=LATER)) == []
    assert await mark_all_read(store, "42", up_to=None, now=LATER) == 0
    assert await backend.rows(store, "announcement_receipts") == 0


async def test_expired_ones_are_purged_with_their_rows(backend: Backend, store: Store) -> None:
    await save(store, short := announcement(lifetime=SECOND), long := announcement())
    for each in (short, long):
        await store.mark_delivered([receipt(str(user), each) for user in range(5)], now=NOW)
    await store.purge(claimed_before=NOW, now=LATER - MILLISECOND)
    assert await backend.rows(store, "announcements") == 2
    await store.purge(claimed_before=NOW, now=LATER)
    assert await backend.rows(store, "announcements") == 1
    assert await backend.rows(store, "announcement_receipts") == 5
    assert await all_of(store, "4") == [delivered(announced(long, "4"))]
    await store.purge(claimed_before=NOW, now=NOW + MONTH)
    assert await backend.rows(store, "announcements") == 0
    assert await backend.rows(store, "announcement_receipts") == 0


async def test_rows_are_taken_away_in_portions(backend: Backend, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million at once would keep all others from writing until it is done, or time out."""
    monkeypatch.setattr(sql_announcements, "AT_ONCE", 10)
    monkeypatch.setattr(mongo_announcements, "AT_ONCE", 10)
    gone, stays = announcements(2)
    await save(store, gone, stays)
    for each in (gone, stays):
        await store.mark_delivered([receipt(str(user), each) for user in range(30)], now=NOW)
    with commands() as sent:
        assert await store.remove_announcement(gone.id)
    assert len([what for what, _ in sent if "delete" in what.lower()]) >= 4
    assert await backend.rows(store, "announcement_receipts") == 30


@pytest.mark.parametrize(
    ("complete", "again"),
    [
        (lambda store, id: store.remove_announcement(id), True),
        (lambda store, _: store.purge(claimed_before=NOW, now=NOW), None),
    ],
    ids=["by another removal", "by a purge"],
)
async def test_an_interrupted_removal_holds_and_is_completed(
    backend: Backend,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    complete: Callable[[Store, NotificationId], Awaitable[object]],
    again: object,
) -> None:
    async def fail(id: NotificationId) -> bool:
        raise Unavailable

    await save(store, saved := announcement())
    await store.mark_delivered([receipt("1", saved)], now=NOW)
    monkeypatch.setattr(store._announcements, "_clear", fail)  # type: ignore[attr-defined]
    with pytest.raises((Unavailable, OutcomeUnknown)):  # the latter where a part of it is done by then
        await store.remove_announcement(saved.id)
    monkeypatch.undo()
    assert await unread_counts(store, ["1", "2"], now=NOW) == {"1": 0, "2": 0}
    assert await all_of(store, "1") == []
    assert await store.mark_delivered([receipt("2", saved)], now=NOW) == 0
    assert await complete(store, saved.id) is again
    assert await backend.rows(store, "announcements") == await backend.rows(store, "announcement_receipts") == 0
    assert await store.remove_announcement(saved.id) is False


@pytest.mark.parametrize("backend", ["sqlite-memory", "mongodb-motor"], indirect=True)
async def test_a_removal_during_a_purge_was_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clear = store._announcements._clear  # type: ignore[attr-defined]

    async def late(id: NotificationId) -> object:
        monkeypatch.undo()
        await store.purge(claimed_before=NOW, now=NOW)
        return await clear(id)

    await save(store, saved := announcement())
    monkeypatch.setattr(store._announcements, "_clear", late)  # type: ignore[attr-defined]
    assert await store.remove_announcement(saved.id) is True


# What may have been missed, of all users


async def test_since(store: Store) -> None:
    first, second, third, fourth = saved = [sample(user) for user in ("1", "2", "1", "3")]
    await store.add(saved[::-1])
    await save(store, announcement())
    await store.mark_delivered(receipts([third]), now=NOW)
    await mark_read(store, "3", [fourth.id], now=NOW)
    assert await store.since(first.id, limit=10) == [second, delivered(third), read(fourth)]
    assert await store.since(first.id, limit=2) == [second, delivered(third)]
    assert await store.since(fourth.id, limit=2) == []
    assert await store.since("", limit=10) == [first, second, delivered(third), read(fourth)]
    assert await store.since("", limit=0) == []


async def test_overdue(store: Store) -> None:
    saved = [sample(str(number % 3)) for number in range(8)]
    await store.add(saved[::-1])
    await save(store, announcement())
    await store.mark_delivered(receipts(saved[2:3]), now=NOW)
    await mark_read(store, "0", [saved[3].id], now=NOW)
    await delete(store, "2", [saved[5].id], now=NOW)
    after, before = saved[0].id, saved[7].id
    pending = [saved[1], saved[4], saved[6]]
    assert await store.overdue(after=after, before=before, limit=10) == pending
    assert await store.overdue(after=after, before=before, limit=2) == pending[:2]
    assert await store.overdue(after=pending[1].id, before=before, limit=2) == pending[2:]
    assert await store.overdue(after=after, before=after, limit=2) == []
    assert await store.overdue(after="", before=announcement().id, limit=10) == [saved[0], *pending, saved[7]]
    assert await store.overdue(after=after, before=before, limit=0) == []


async def test_announcements_after_an_id(store: Store) -> None:
    first, second, third, short = *announcements(3), announcement(lifetime=SECOND)
    await save(store, third, short, first, second)
    await store.add(samples(2))
    await delete(store, "42", [second.id], now=NOW)
    assert await store.announcements(after=first.id, now=LATER) == [second, third]
    assert await store.announcements(after=first.id, now=NOW) == [second, third, short]
    assert await store.announcements(after=third.id, now=LATER) == []


async def test_the_newest_announcements_come_in_pages(store: Store) -> None:
    first, second, third, short = *announcements(3), announcement(lifetime=SECOND)
    await save(store, third, short, first, second)
    await store.add(samples(2))

    async def page(before: str | None, limit: int, now: datetime = LATER) -> Sequence[Announcement]:
        return await store.newest_announcements(before=before, now=now, limit=limit)

    assert await page(None, 10) == [third, second, first]
    assert await page(None, 2) == [third, second]
    assert await page(second.id, 2) == [first]
    assert await page(None, 1, NOW) == [short]
    assert await page(first.id, 2) == []
