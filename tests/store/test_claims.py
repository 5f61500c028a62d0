"""Idempotency keys: of all who come with one, one saves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.models import Draft, IdGenerator, Notification
from eventide_notify.store import Claim, Store

from .samples import NOW, announcement, sample

DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
new_id = IdGenerator()
USERS = ["42", "\N{OWL}.$"]


def request(fingerprint: str, at: datetime = NOW, key: str = "key") -> tuple[list[Notification], Claim]:
    """What a request wants to save, and its claim on the key."""
    items = [Notification(new_id(at), user, Draft(message="hello"), at) for user in USERS]
    return items, Claim(key, fingerprint, [(item.id, item.user_id) for item in items], at)


async def saved(store: Store) -> Sequence[Notification]:
    return await store.since("", limit=1_000)


@pytest.mark.smoke
async def test_who_comes_first_saves(store: Store) -> None:
    items, claim = request("a")
    assert await store.add(items, claim=claim) is None
    for fingerprint in "ab":
        others, other = request(fingerprint)
        assert await store.add(others, claim=other) == replace(claim, complete=True)
    assert await store.add(items, claim=claim) == replace(claim, complete=True)
    assert await saved(store) == items


async def test_keys_are_told_apart_by_every_character(store: Store) -> None:
    for key in ("key", "Key", "key ", "1\nkey"):
        items, claim = request("a", key=key)
        assert await store.add(items, claim=claim) is None
    assert len(await saved(store)) == 4 * len(USERS)


async def test_an_expired_claim_is_replaced(store: Store) -> None:
    items, first = request("a")
    await store.add(items, claim=first)
    items, at_the_limit = request("b", NOW + DAY)
    assert await store.add(items, claim=at_the_limit) == replace(first, complete=True)
    items, later = request("c", NOW + DAY + MILLISECOND)
    assert await store.add(items, claim=later) is None
    items, again = request("d", NOW + DAY + MILLISECOND)
    assert await store.add(items, claim=again) == replace(later, complete=True)


@pytest.mark.smoke
async def test_of_concurrent_requests_one_saves(store: Store) -> None:
    await one_of(store, [request("same") for _ in range(20)])


async def test_of_concurrent_requests_with_an_expired_key_one_saves(store: Store) -> None:
    items, claim = request("same", NOW - 2 * DAY)
    await store.add(items, claim=claim)
    await one_of(store, [request("same") for _ in range(20)], before=items)


async def one_of(
    store: Store, requests: Sequence[tuple[list[Notification], Claim]], before: Sequence[Notification] = ()
) -> None:
    held = await asyncio.gather(*(store.add(items, claim=claim) for items, claim in requests))
    [winner] = {claim.items[0][0] for claim in held if claim is not None}
    [items] = [items for items, _ in requests if items[0].id == winner]
    # Without transactions the winner may have been found before it had saved: then the others have saved the same.
    assert [each.id for each in await saved(store)] == [each.id for each in [*before, *items]]
    assert sum(claim is None for claim in held) == 1


async def test_what_was_interrupted_is_saved_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise Unavailable

    first, claim = request("a")
    with monkeypatch.context() as patch:
        patch.setattr(store, "_insert", interrupted)
        if hasattr(store, "_database"):
            patch.setattr(store._database, "save_together", interrupted)
        with pytest.raises(Unavailable):
            await store.add(first, claim=claim)
    assert await saved(store) == []
    second, other = request("a")
    held = await store.add(second, claim=other)
    # Without transactions the claim is there. Whoever made it may save after all, so its ids hold.
    assert held in (None, claim)
    assert await saved(store) == (second if held is None else first)
    third, last = request("a")
    assert await store.add(third, claim=last) == replace(held or other, complete=True)


async def test_purging(store: Store) -> None:
    for at, key in ((NOW - DAY, "old"), (NOW, "young")):
        items, claim = request("a", at, key)
        await store.add(items, claim=claim)
    await store.purge(claimed_before=NOW, now=NOW)
    items, claim = request("b", key="old")
    assert await store.add(items, claim=claim) is None
    items, claim = request("b", key="young")
    held = await store.add(items, claim=claim)
    assert held is not None
    assert held.fingerprint == "a"


async def test_a_claim_says_how_long_it_holds(store: Store) -> None:
    lifetimes = {"long": 8 * DAY, "most": DAY, "short": timedelta(seconds=1)}
    for key, lifetime in lifetimes.items():
        items, claim = request("a", key=key)
        await store.add(items, claim=replace(claim, lifetime=lifetime))
    for key, lifetime in lifetimes.items():  # which those of who comes later do not decide
        items, claim = request("b", NOW + lifetime, key=key)
        assert await store.add(items, claim=claim) is not None
        assert await store.is_claimed(key, now=NOW + lifetime)
        assert not await store.is_claimed(key, now=NOW + lifetime + MILLISECOND)
        assert not await store.is_claimed(f"{key} ", now=NOW)
        items, claim = request("c", NOW + lifetime + MILLISECOND, key=key)
        assert await store.add(items, claim=replace(claim, lifetime=8 * DAY)) is None


async def test_purging_spares_what_holds_longer_than_most(store: Store) -> None:
    for key, lifetime in {"long": 8 * DAY, "short": timedelta(seconds=1)}.items():
        items, claim = request("a", key=key)
        await store.add(items, claim=replace(claim, lifetime=lifetime))
    await store.purge(claimed_before=NOW + 7 * DAY, now=NOW + 8 * DAY)
    items, claim = request("b", NOW - DAY, key="short")
    assert await store.add(items, claim=claim) is None
    items, claim = request("b", NOW - DAY, key="long")
    assert await store.add(items, claim=claim) is not None
    await store.purge(claimed_before=NOW, now=NOW + 8 * DAY + MILLISECOND)
    items, claim = request("c", NOW - DAY, key="long")
    assert await store.add(items, claim=claim) is None


async def test_claims_and_purges_at_once(store: Store) -> None:
    """A claim that is purged while another is made stands in nobody's way."""
    for _ in range(10):
        await asyncio.gather(
            *(store.add(items, claim=claim) for items, claim in (request(str(number)) for number in range(5))),
            store.purge(claimed_before=NOW + DAY, now=NOW),
            *(store.add(items, claim=claim) for items, claim in (request(str(number)) for number in range(5))),
            store.purge(claimed_before=NOW + DAY, now=NOW),
        )


async def test_a_claim_on_ten_thousand_notifications(store: Store) -> None:
    items = [sample("\N{OWL}" * 123 + f"{number:05}") for number in range(10_000)]
    claim = Claim("key", "a", [(item.id, item.user_id) for item in items], NOW)
    assert await store.add(items, claim=claim) is None
    others, other = request("b")
    assert await store.add(others, claim=other) == replace(claim, complete=True)


async def test_an_announcement(store: Store) -> None:
    first, second = announcement(), announcement()
    claim, other = (Claim("key", "a", [(each.id, "")], NOW) for each in (first, second))
    assert await store.add_announcement(first, claim=claim) is None
    assert await store.add_announcement(second, claim=other) == replace(claim, complete=True)
    assert [each.id for each in await store.announcements(after="", now=NOW)] == [first.id]


async def test_of_what_is_not_stored_there_is_the_claim_alone(store: Store) -> None:
    claim, other = (Claim("key", "a", [(new_id(NOW), "")], NOW) for _ in range(2))
    assert await store.add([], claim=claim) is None
    assert await store.add([], claim=other) == replace(claim, complete=True)
    assert await saved(store) == []
