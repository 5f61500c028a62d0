"""The users there are: written down once, in the background, whatever becomes of the store."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import pytest

from eventide_notify.errors import Unavailable
from eventide_notify.models import UserId
from eventide_notify.service import known
from eventide_notify.service.known import FORGET_EVERY, KnownUsers
from eventide_notify.store import Store


class Written:
    """A store that only writes users down."""

    def __init__(self) -> None:
        self.calls: list[set[UserId]] = []
        self.fails = False

    async def add_users(self, users: Collection[UserId]) -> None:
        if self.fails:
            raise Unavailable
        self.calls.append(set(users))


@pytest.fixture
def store() -> Written:
    return Written()


@pytest.fixture
def users(store: Written) -> KnownUsers:
    return KnownUsers(cast(Store, store))


async def test_each_is_written_once_together_with_others(store: Written, users: KnownUsers) -> None:
    users.met_all(["1", "2", "1"])
    await users.round()
    users.met("2")
    users.met("3")
    await users.round()
    await users.round()
    assert store.calls == [{"1", "2"}, {"3"}]


async def test_while_the_store_is_away_they_wait(store: Written, users: KnownUsers) -> None:
    store.fails = True
    users.met("1")
    with pytest.raises(Unavailable):
        await users.round()
    store.fails = False
    await users.close()
    assert store.calls == [{"1"}]


async def test_a_stop_does_not_wait_for_a_store_that_is_away(store: Written, users: KnownUsers) -> None:
    store.fails = True
    users.met("1")
    await users.close()


async def test_who_was_erased_is_new_again(store: Written, users: KnownUsers) -> None:
    users.met("1")
    await users.round()
    users.forget("1")
    users.met("1")
    await users.round()
    users.met("2")
    users.forget("2")  # before it was written
    await users.round()
    assert store.calls == [{"1"}, {"1"}]


async def test_what_it_may_not_have_heard_of_it_finds_in_the_end(store: Written, users: KnownUsers) -> None:
    users.met("1")
    for _ in range(FORGET_EVERY):
        await users.round()
    users.met("1")
    await users.round()
    assert store.calls == [{"1"}, {"1"}]


async def test_what_it_remembers_is_bounded(store: Written, users: KnownUsers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "REMEMBERED", 100)
    monkeypatch.setattr(known, "AT_ONCE", 30)
    store.fails = True
    users.met_all(map(str, range(1_000)))
    assert len(users._new) == 100
    assert len(users._met) + len(users._met_before) <= 200
    store.fails = False
    await users.round()
    assert [len(call) for call in store.calls] == [30, 30, 30, 10]
