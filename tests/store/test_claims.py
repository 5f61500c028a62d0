"""Idempotency keys: one claim holds at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from eventide_notify.store import Claim, Store

from .samples import NOW, new_id

DAY = timedelta(days=1)
FRESH = NOW - DAY
"""Nothing that is claimed now was claimed before this."""


def claim_of(fingerprint: str, at: datetime = NOW, key: str = "key") -> Claim:
    return Claim(key, fingerprint, [(new_id(NOW), "42"), (new_id(NOW), "\N{OWL}.$")], at)


@pytest.mark.smoke
async def test_the_first_claim_holds(store: Store) -> None:
    first, second = claim_of("a"), claim_of("b")
    assert await store.claim(first, expired_before=FRESH) == first
    assert await store.claim(second, expired_before=FRESH) == first
    assert await store.claim(first, expired_before=FRESH) == first
    other = claim_of("b", key="Key")
    assert await store.claim(other, expired_before=FRESH) == other


async def test_complete_is_kept(store: Store) -> None:
    await store.claim(first := claim_of("a"), expired_before=FRESH)
    await store.complete("key")
    await store.complete("unknown")
    assert await store.claim(claim_of("b"), expired_before=FRESH) == replace(first, complete=True)


async def test_an_expired_claim_is_replaced(store: Store) -> None:
    await store.claim(claim_of("a"), expired_before=FRESH)
    await store.complete("key")
    at_the_limit, second, third = (claim_of(name, NOW + DAY) for name in "bcd")
    assert (await store.claim(at_the_limit, expired_before=NOW)).fingerprint == "a"
    millisecond = timedelta(milliseconds=1)
    assert await store.claim(second, expired_before=NOW + millisecond) == second
    assert await store.claim(third, expired_before=NOW + millisecond) == second


@pytest.mark.smoke
async def test_of_concurrent_claims_one_wins(store: Store) -> None:
    claims = [claim_of(str(number)) for number in range(20)]
    held = await asyncio.gather(*(store.claim(claim, expired_before=FRESH) for claim in claims))
    [winner] = {claim.fingerprint for claim in held}
    assert all(claim == claims[int(winner)] for claim in held)


async def test_of_concurrent_claims_of_an_expired_key_one_wins(store: Store) -> None:
    await store.claim(claim_of("old", NOW - DAY), expired_before=FRESH - DAY)
    claims = [claim_of(str(number)) for number in range(20)]
    held = await asyncio.gather(*(store.claim(claim, expired_before=NOW) for claim in claims))
    [winner] = {claim.fingerprint for claim in held}
    assert winner != "old"
    assert all(claim == claims[int(winner)] for claim in held)


async def test_purging(store: Store) -> None:
    old, young = claim_of("a", NOW - DAY, "old"), claim_of("b", NOW, "young")
    for claim in (old, young):
        await store.claim(claim, expired_before=FRESH - DAY)
    await store.purge(claimed_before=NOW, now=NOW)
    again = claim_of("c", key="old")
    assert await store.claim(again, expired_before=FRESH) == again
    assert await store.claim(claim_of("c", key="young"), expired_before=FRESH) == young


async def test_claims_and_purges_at_once(store: Store) -> None:
    """A claim that is purged while another is made stands in nobody's way."""

    async def claim(number: int) -> Claim:
        return await store.claim(claim_of(str(number)), expired_before=FRESH)

    for _ in range(10):
        held = await asyncio.gather(
            *(claim(number) for number in range(5)),
            store.purge(claimed_before=NOW + DAY, now=NOW),
            *(claim(number) for number in range(5, 10)),
            store.purge(claimed_before=NOW + DAY, now=NOW),
        )
        assert {claim.key for claim in held if claim} == {"key"}


async def test_a_claim_on_ten_thousand_notifications(store: Store) -> None:
    items = [(new_id(NOW), "\N{OWL}" * 123 + f"{number:05}") for number in range(10_000)]
    await store.claim(large := Claim("key", "a", items, NOW), expired_before=FRESH)
    assert await store.claim(claim_of("b"), expired_before=FRESH) == large
