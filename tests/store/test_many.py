"""Ten thousand at once take a few round trips."""

from __future__ import annotations

import pytest

from eventide_notify.store import Store

from .backends import Backend
from .calls import delete, mark_all_read, mark_read, unread_counts
from .roundtrips import commands
from .samples import LATER, NOW, announcements, ids, receipt, receipts, sample, samples


async def test_ten_thousand_in_one_add(store: Store) -> None:
    saved = [sample(str(user), message="m" * 200, title="t", data={"k": user}) for user in range(10_000)]
    with commands() as sent:
        await store.add(saved)
    assert len(sent) <= 3, [what for what, _ in sent]
    assert await store.page("9999", limit=10, now=NOW) == [saved[-1]]


async def test_counts_of_many_users_in_one_call(backend: Backend, store: Store) -> None:
    users = [str(user) for user in range(backend.many)]
    await store.add([sample(user) for user in users])
    with commands() as sent:
        counts = await unread_counts(store, users, now=NOW)
    assert len(sent) <= 2, [what for what, _ in sent]
    assert counts == dict.fromkeys(users, 1)


async def test_many_receipts_in_one_call(backend: Backend, store: Store) -> None:
    saved = [sample(str(user)) for user in range(backend.many)]
    await store.add(saved)
    with commands() as sent:
        assert await store.mark_delivered(receipts(saved), now=NOW) == backend.many
    assert len(sent) <= 2, [what for what, _ in sent]


async def test_many_receipts_of_one_announcement(backend: Backend, store: Store) -> None:
    users = [str(user) for user in range(backend.many)]
    first, second = announcements(2)
    for each in (first, second):
        await store.add_announcement(each)
    with commands() as sent:
        assert await store.mark_delivered([receipt(user, first) for user in users], now=NOW) == backend.many
    assert len(sent) <= 4, [what for what, _ in sent]
    both = [receipt(user, each) for user in users[1:] for each in (first, second)]
    assert await store.mark_delivered(both, now=LATER) == backend.many - 1
    with commands() as sent:
        counts = await unread_counts(store, users, now=NOW)
    assert len(sent) <= 4, [what for what, _ in sent]
    assert counts == dict.fromkeys(users, 2)
    assert await store.remove_announcement(second.id)
    assert ids(await store.page("1", now=NOW, limit=10)) == [first.id]


async def test_many_announcements_of_one_user(store: Store) -> None:
    saved = announcements(150)  # more than MongoDB sends at once unless it is asked to
    for each in saved:
        await store.add_announcement(each)
    assert await store.mark_delivered([receipt("42", each) for each in saved[:140]], now=NOW) == 140
    with commands() as sent:
        assert ids(await store.page("42", now=NOW, limit=101)) == ids(saved[:48:-1])
        assert await mark_all_read(store, "42", up_to=saved[129].id, now=NOW) == 130
        assert set(await delete(store, "42", ids(saved[:20]), now=NOW)) == set(ids(saved[:20]))
    assert len(sent) <= 40, [what for what, _ in sent]
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 20}


async def test_many_ids_in_one_call(backend: Backend, store: Store) -> None:
    saved = samples(min(1_000, backend.many))
    await store.add(saved)
    with commands() as sent:
        assert set(await mark_read(store, "42", ids(saved), now=LATER)) == set(ids(saved))
    assert len(sent) <= 4, [what for what, _ in sent]
    assert set(await delete(store, "42", ids(saved), now=NOW)) == set(ids(saved))
    assert await store.page("42", limit=1, now=NOW) == []


@pytest.mark.parametrize("backend", ["sqlite-file", "postgresql"], indirect=True)
async def test_more_ids_than_a_statement_has_parameters(store: Store) -> None:
    saved = samples(3)
    await store.add(saved)
    many = [*ids(samples(40_000)), *ids(saved)]
    assert set(await mark_read(store, "42", many, now=NOW)) == set(ids(saved))
    assert set(await delete(store, "42", many, now=NOW)) == set(ids(saved))
    assert len(await unread_counts(store, many, now=NOW)) == len(many)
