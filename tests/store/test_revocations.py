"""Revocations: kept until their tokens have expired."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from eventide_notify.revocation import Revocation
from eventide_notify.store import Store
from eventide_notify.store.base import LEEWAY

from .backends import PERSISTENT, Backend
from .samples import LATER, MILLISECOND, MONTH, NOW, new_id

persistent = pytest.mark.parametrize("backend", PERSISTENT, indirect=True)


def of_user(user: str = "42", *, lifetime: timedelta = MONTH) -> Revocation:
    return Revocation(new_id(NOW), NOW, NOW + lifetime, user, issued_before=LATER)


def of_token(token_id: str = "token") -> Revocation:
    return Revocation(new_id(NOW), NOW, NOW + MONTH, token_id=token_id)


async def saved(store: Store) -> list[Revocation]:
    return list(await store.revocations(after="", limit=100))


async def test_what_is_saved_is_read_oldest_first(store: Store) -> None:
    made = [of_user(), of_token("\N{OWL}\n'\".$"), of_user("x" * 128), of_token("y" * 255)]
    made.append(Revocation(new_id(NOW), NOW, LATER, "\N{OWL}.$"))  # a disconnect
    for each in reversed(made):
        await store.add_revocation(each)
    assert await saved(store) == made
    assert list(await store.revocations(after=made[1].id, limit=2)) == made[2:4]
    assert list(await store.revocations(after=made[-1].id, limit=2)) == []


async def test_one_that_is_there_stays_as_it_is(store: Store) -> None:
    await store.add_revocation(made := of_user())
    await store.add_revocation(replace(made, user_id="43"))
    assert await saved(store) == [made]


async def test_removing(store: Store) -> None:
    first, second = of_user(), of_user()
    for each in (first, second):
        await store.add_revocation(each)
    assert await store.remove_revocation(first.id) is True
    assert await store.remove_revocation(first.id) is False
    assert await saved(store) == [second]


async def test_they_are_kept_a_while_longer_than_their_tokens_last(store: Store) -> None:
    ended, others = of_user(lifetime=timedelta()), [of_user(lifetime=MILLISECOND), of_token()]
    for each in (ended, *others):
        await store.add_revocation(each)
    await store.purge(claimed_before=NOW, now=NOW + LEEWAY)
    assert await saved(store) == [ended, *others]
    await store.purge(claimed_before=NOW, now=NOW + LEEWAY + MILLISECOND)
    assert await saved(store) == others


@persistent
async def test_they_are_there_after_a_restart(backend: Backend) -> None:
    made = of_user()
    for found in ([], [made]):
        store = backend.store()
        await store.open()
        assert await saved(store) == found
        await store.add_revocation(made)
        await store.close()
