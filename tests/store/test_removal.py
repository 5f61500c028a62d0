"""What is removed because it is old, and all that a user has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from eventide_notify.models import Change, Counts, Draft, IdGenerator, Notification, Status, id_at
from eventide_notify.store import Claim, Store, mongo_removal, sql_removal
from eventide_notify.store.base import Erased, Removed

from .backends import SERVERS, Backend
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
    sample,
    samples,
)

DAY = timedelta(days=1)
OLD = NOW - 40 * DAY


def made(at: datetime, user: str = "42", **fields: Any) -> Notification:
    """A notification that was made then."""
    return Notification(IdGenerator()(at), user, Draft(message="hello"), at, **fields)


def in_order(*notifications: Notification) -> list[Notification]:
    return sorted(notifications, key=lambda each: each.id)


async def walk(
    store: Store, *, older: str = "", read_before: datetime | None = None, look: int = 3, limit: int = 2
) -> list[Removed]:
    """All batches of one walk."""
    batches: list[Removed] = []
    position: str | None = ""
    while position is not None:
        batches.append(
            await store.remove_old(older=older, read_before=read_before, after=position, look=look, limit=limit)
        )
        assert batches[-1].number <= limit
        following = batches[-1].position
        assert following is None or following > position
        position = following
    return batches


def number(batches: Sequence[Removed]) -> int:
    return sum(batch.number for batch in batches)


def users(batches: Sequence[Removed]) -> set[str]:
    return {user for batch in batches for user in batch.users}


async def everything(store: Store, *of: str) -> list[str]:
    return [each.id for user in of for each in await store.page(user, now=NOW, limit=1_000, archived=None)]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
async def test_what_is_old_is_removed_and_nothing_else(store: Store, limit: int) -> None:
    old = [
        made(OLD),
        made(OLD, "43", status=Status.DELIVERED, delivered_at=OLD),
        archived(made(OLD, "44"), OLD),
        read(made(OLD, "45"), OLD),
        made(NOW - 30 * DAY - SECOND, "46", seen_at=OLD),
    ]
    new = [made(NOW - 30 * DAY), *samples(2), read(sample(), NOW)]
    await store.add([*old, *new])
    await store.add_announcement(everyones := replace(announcement(), id=IdGenerator()(OLD), created_at=OLD))
    batches = await walk(store, older=id_at(NOW - 30 * DAY), limit=limit)
    assert number(batches) == 5
    assert len(batches) >= 5 / limit
    assert users(batches) == {"42", "43", "46"}  # what is read or archived is in nobody's counts
    assert await everything(store, "43", "44", "45", "46") == [everyones.id] * 4
    assert await everything(store, "42") == [*ids(in_order(*new))[::-1], everyones.id]
    assert number(await walk(store, older=id_at(NOW - 30 * DAY), limit=limit)) == 0


@pytest.mark.parametrize(("look", "limit"), [(1, 1), (2, 1), (3, 2), (100, 3), (100, 100)])
async def test_what_was_read_long_ago_is_removed_and_nothing_else(store: Store, look: int, limit: int) -> None:
    gone = [read(made(OLD - n * DAY), OLD) for n in range(4)] + [archived(read(made(OLD, "43"), OLD), NOW)]
    kept = [
        made(OLD),
        delivered(made(OLD), OLD),
        read(made(OLD), NOW),
        read(made(OLD, "43"), NOW - 7 * DAY),
        *samples(3),
        read(sample()),
    ]
    await store.add([*gone, *kept])
    batches = await walk(store, read_before=NOW - 7 * DAY, look=look, limit=limit)
    assert number(batches) == 5
    assert users(batches) == set()
    assert await everything(store, "42", "43") == ids(
        [*in_order(*(each for each in kept if each.user_id == "42"))[::-1], kept[3]]
    )


async def test_both_in_one_walk(store: Store) -> None:
    old, was_read, kept = made(OLD), read(made(NOW - 20 * DAY), NOW - 19 * DAY), made(NOW - 20 * DAY)
    await store.add([old, was_read, kept, new := sample()])
    assert number(await walk(store, older=id_at(NOW - 30 * DAY), read_before=NOW - 10 * DAY)) == 2
    assert await everything(store, "42") == [new.id, kept.id]


async def test_nothing_to_remove(store: Store) -> None:
    assert await walk(store) == [Removed(0, (), None)]
    await store.add(samples(1))
    assert number(await walk(store, older=id_at(OLD), read_before=OLD)) == 0


async def test_what_is_unread_again_stays(store: Store) -> None:
    await store.add([was := read(made(OLD), OLD)])
    await store.change("42", Change.UNREAD, [was.id], now=NOW)
    assert number(await walk(store, read_before=NOW)) == 0
    assert await everything(store, "42") == [was.id]


@pytest.mark.parametrize("backend", SERVERS, indirect=True)
async def test_two_instances_remove_each_once(backend: Backend, store: Store) -> None:
    other = backend.store()
    await other.open()
    await store.add([made(OLD, str(n % 7)) for n in range(60)])
    walks = await asyncio.gather(*(walk(each, older=id_at(NOW - DAY), limit=10) for each in (store, other)))
    walks.append(await walk(store, older=id_at(NOW - DAY), limit=10))  # what one has left to the other
    assert sum(map(number, walks)) == 60
    assert await backend.rows(store, "notifications") == 0
    await other.close()


# All that a user has


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sql_removal, mongo_removal):
        monkeypatch.setattr(module, "ERASED_AT_ONCE", 2)
        monkeypatch.setattr(module, "CLAIMS_AT_ONCE", 2)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("user", ["42", 'of "quotes" \\ % _ / ä\N{OWL}'])
async def test_all_of_a_user_is_erased_and_nothing_of_others(backend: Backend, store: Store, user: str) -> None:
    own = [*samples(3, user), *(archived(each) for each in samples(3, user)), read(sample(user))]
    others = samples(2, "43")
    everyones = announcements(3)
    await store.add([*own, *others])
    for each in everyones:
        await store.add_announcement(each)
    await store.mark_delivered([receipt(each, one) for each in (user, "43") for one in everyones], now=NOW)
    await store.change(user, Change.READ, ids(everyones[:1]), now=NOW)
    await store.change(user, Change.DELETE, ids(everyones[1:2]), now=NOW)
    receipts = await backend.rows(store, "announcement_receipts")
    erased = await store.erase(user)
    assert (erased.notifications, erased.claims) == (7, 0)
    assert erased.receipts == receipts - 3 >= 3
    pending = [announced(each, user) for each in everyones[::-1]]
    assert await store.page(user, now=NOW, limit=10, archived=None) == pending  # as somebody has them who is new here
    assert await store.counts([user], now=NOW) == {user: Counts(3, 3)}
    assert len(await store.page("43", now=NOW, limit=10)) == 5
    assert (await store.page("43", now=NOW, limit=1))[0].status is Status.DELIVERED
    assert await store.erase(user) == Erased(0, 0, 0)


async def test_nobody_is_erased(store: Store) -> None:
    assert await store.erase("nobody") == Erased(0, 0, 0)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("user", ["42", "Ann", 'of "quotes" \\ % _ / ä\N{OWL}', "a.*[b"])
async def test_claims_do_not_name_who_is_erased(store: Store, user: str) -> None:
    """They hold all the same, each item in its place."""
    claims = {
        "alone": [("a", user)],
        "many": [("b", "43"), ("c", user), ("d", "44")],
        "others": [("e", "43"), ("f", f"{user}0"), ("g", user.swapcase() + "0")],
        "announcement": [("h", "")],
        "none": [],
        "first": [("i", user), ("j", "43")],
    }
    for key, items in claims.items():
        assert await store.add([], claim=Claim(key, "same", items, NOW)) is None
    assert await store.erase(user) == Erased(0, 0, 3)
    for key, items in claims.items():
        held = await store.add([], claim=Claim(key, "same", [], LATER))
        assert held is not None
        assert [tuple(item) for item in held.items] == [(id, "" if named == user else named) for id, named in items]
    assert await store.erase(user) == Erased(0, 0, 0)


async def test_a_claim_names_none_of_those_who_are_erased_at_the_same_time(store: Store, user: str) -> None:
    users = [f"{user}-{number}" for number in range(8)]
    items = [(f"id-{number}", each) for number, each in enumerate(users)]
    assert await store.add([], claim=Claim(f"key of {user}", "same", items, NOW)) is None
    erased = await asyncio.gather(*map(store.erase, users))
    assert [each.claims for each in erased] == [1] * 8
    held = await store.add([], claim=Claim(f"key of {user}", "same", [], LATER))
    assert held is not None
    assert [named for _, named in held.items] == [""] * 8


async def test_others_of_the_same_letters_keep_their_claims(store: Store) -> None:
    assert await store.add([], claim=Claim("key", "same", [("a", "ANN")], NOW)) is None
    assert (await store.erase("ann")).claims == 0


async def test_pages_of_all_that_is_archived_and_is_not(store: Store) -> None:
    all = in_order(*samples(3), *(archived(each) for each in samples(3)), *samples(2))
    await store.add([*all, sample("43")])
    await store.add_announcement(everyones := announcement())
    await store.change("42", Change.ARCHIVE, [everyones.id], now=NOW)
    expected = [everyones.id, *ids(all)[::-1]]
    pages = [await store.page("42", now=NOW, limit=4, archived=None)]
    while pages[-1]:
        pages.append(await store.page("42", now=NOW, limit=4, archived=None, before=pages[-1][-1].id))
    assert [each.id for page in pages for each in page] == expected
    assert ids(await store.page("42", now=NOW, limit=3, archived=None, offset=2)) == expected[2:5]
