"""Topics: who is subscribed, and who has what is announced to their subscribers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from eventide_notify.models import Announcement, Change, Notification
from eventide_notify.store import Store
from eventide_notify.store.tables import announcements, from_announcement

from .backends import PERSISTENT, SQL, Backend
from .calls import delete, mark_all_read, mark_read, unread_counts
from .roundtrips import commands
from .samples import (
    ACTIONS,
    LATER,
    NOW,
    SECOND,
    announced,
    announcement,
    delivered,
    ids,
    read,
    receipt,
    sample,
)
from .test_cost import plan

NEWS = "news"
ODD = ["a/b", "ä \N{OWL}", "it's", '"', "$", "a.b", "[1]", "%", "NULL", "x" * 128, " "]


async def save(store: Store, topic: str | None = NEWS, **fields: Any) -> Announcement:
    made = replace(announcement(**fields), topic=topic)
    await store.add_announcement(made)
    return made


async def all_of(store: Store, user: str = "42") -> list[Notification]:
    return list(await store.page(user, now=NOW, limit=100))


async def test_subscribing(store: Store) -> None:
    assert await store.subscribe(NEWS, ["42", "43", "42"], now=NOW) == {"42": (), "43": ()}
    assert await store.subscribe(NEWS, ["43", "44"], now=NOW) == {"44": ()}
    assert await store.subscribe("another", ["42"], now=NOW) == {"42": ()}
    assert await store.topics("42") == ["another", NEWS]
    assert await store.topics("nobody") == []
    assert await store.subscribers(NEWS) == 3
    assert sorted(await store.subscribed(NEWS, ["42", "44", "45"])) == ["42", "44"]
    assert await store.unsubscribe(NEWS, ["42", "45"], now=NOW) == {"42": ()}
    assert await store.unsubscribe(NEWS, ["42"], now=NOW) == {}
    assert await store.topics("42") == ["another"]
    assert await store.subscribers(NEWS) == 2
    for nobody in (store.subscribe(NEWS, [], now=NOW), store.unsubscribe(NEWS, [], now=NOW)):
        assert await nobody == {}
    assert list(await store.subscribed(NEWS, [])) == []


@pytest.mark.smoke
async def test_topics_of_any_name(store: Store) -> None:
    for topic in ODD:
        for user in (topic, "42"):
            await store.subscribe(topic, [user], now=NOW)
        await save(store, topic)
    assert await store.topics("42") == sorted(ODD)
    for topic in ODD:
        assert sorted(await store.subscribed(topic, ["42", "43", *ODD])) == sorted(["42", topic])
        assert [each.topic for each in await all_of(store, topic)] == [topic]
    await store.unsubscribe("%", ["42"], now=NOW)
    assert await store.topics("42") == sorted({*ODD} - {"%"})


async def test_its_subscribers_have_it_and_nobody_else(store: Store) -> None:
    await store.subscribe(NEWS, ["42"], now=NOW)
    await store.subscribe("another", ["43"], now=NOW)
    saved, everyones = await save(store), await save(store, None)
    await store.add([own := sample()])
    mine = announced(saved)
    assert mine.topic == NEWS
    assert await all_of(store) == [own, announced(everyones), mine]
    assert await store.get("42", saved.id, now=NOW) == mine
    assert await store.pending("42", now=NOW, limit=10) == [mine, announced(everyones), own]
    assert await store.newer("42", than="", now=NOW, limit=10) == [mine, announced(everyones), own]
    assert await store.newer("42", than=saved.id, now=NOW, limit=10) == [announced(everyones), own]
    assert await store.page("42", now=NOW, limit=1, before=everyones.id) == [mine]
    assert list(await store.owned("42", [saved.id], now=NOW)) == [saved.id]
    assert await unread_counts(store, ["42", "43", "44"], now=NOW) == {"42": 3, "43": 1, "44": 1}
    for stranger in ("43", "44"):
        assert await all_of(store, stranger) == [announced(everyones, stranger)]
        assert await store.get(stranger, saved.id, now=NOW) is None
        assert await store.pending(stranger, now=NOW, limit=10) == [announced(everyones, stranger)]
        assert list(await store.owned(stranger, [saved.id], now=NOW)) == []
    assert await store.announcements(after="", now=NOW) == [saved, everyones]


@pytest.mark.parametrize("change", Change)
async def test_strangers_can_do_nothing_to_it(backend: Backend, store: Store, change: Change) -> None:
    await store.subscribe("another", ["43"], now=NOW)
    saved = await save(store, actions=ACTIONS)
    done = await store.change("43", change, [saved.id], now=NOW)
    assert (list(done.owned), list(done.changed)) == ([], [])
    assert await store.change_all("43", change, up_to=None, now=NOW) == []
    assert await store.press("43", saved.id, "yes", now=NOW) is False
    assert await store.mark_delivered([receipt("43", saved)], now=NOW) == 0
    assert await backend.rows(store, "announcement_receipts") == 0


async def test_who_subscribes_later_has_it_too_until_it_expires(store: Store) -> None:
    short, long = await save(store, lifetime=SECOND), await save(store)
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 0}
    assert await store.subscribe(NEWS, ["42"], now=NOW) == {"42": [short.id, long.id]}
    assert ids(await all_of(store)) == [long.id, short.id]
    assert await unread_counts(store, ["42"], now=NOW) == {"42": 2}
    assert await store.subscribe(NEWS, ["43"], now=LATER) == {"43": [long.id]}
    assert ids(await store.page("42", now=LATER, limit=10)) == [long.id]
    assert await unread_counts(store, ["42", "43"], now=LATER) == {"42": 1, "43": 1}


async def test_unsubscribing_hides_what_is_unread_of_it(store: Store) -> None:
    await store.subscribe(NEWS, ["42", "43"], now=NOW)
    known, put_away, deleted, received, untouched = [await save(store) for _ in range(5)]
    everyones = await save(store, None)
    await mark_read(store, "42", [known.id], now=NOW)
    await store.change("42", Change.ARCHIVE, [put_away.id], now=NOW)
    await delete(store, "42", [deleted.id], now=NOW)
    await store.mark_delivered([receipt("42", received)], now=NOW)
    assert await store.counts(["42"], now=NOW) == {"42": (3, 3)}
    lost = await store.unsubscribe(NEWS, ["42"], now=NOW)
    assert lost == {"42": [put_away.id, received.id, untouched.id]}
    assert await all_of(store) == [announced(everyones), read(announced(known))]
    assert await store.page("42", now=NOW, limit=10, archived=True) == []
    assert await store.pending("42", now=NOW, limit=10) == [announced(everyones)]
    assert await store.newer("42", than="", now=NOW, limit=10) == [read(announced(known)), announced(everyones)]
    assert await store.counts(["42", "43"], now=NOW) == {"42": (1, 1), "43": (6, 6)}
    assert list(await store.owned("42", [known.id, put_away.id, received.id], now=NOW)) == [known.id]
    assert await mark_all_read(store, "42", up_to=None, now=NOW) == 1
    # What is read can be put away; and what is made unread again is hidden like the others.
    assert list((await store.change("42", Change.ARCHIVE, [known.id], now=NOW)).changed) == [known.id]
    assert list((await store.change("42", Change.UNARCHIVE, [known.id], now=NOW)).changed) == [known.id]
    assert list((await store.change("42", Change.UNREAD, [known.id], now=NOW)).changed) == [known.id]
    assert await all_of(store) == [read(announced(everyones))]
    # Everything is as it was left.
    gained = await store.subscribe(NEWS, ["42"], now=NOW)
    assert gained == {"42": [known.id, put_away.id, received.id, untouched.id]}
    assert ids(await all_of(store)) == [everyones.id, untouched.id, received.id, known.id]
    assert ids(await store.page("42", now=NOW, limit=10, archived=True)) == [put_away.id]
    assert await store.counts(["42"], now=NOW) == {"42": (3, 2)}


async def test_all_of_several_topics_is_changed(store: Store) -> None:
    for topic in ("a", "b", "left"):
        await store.subscribe(topic, ["42"], now=NOW)
    first, second, third, fourth = [await save(store, topic) for topic in ("a", "left", "b", None)]
    other = await save(store, "not mine")
    await mark_read(store, "42", [second.id], now=NOW)
    await store.unsubscribe("left", ["42"], now=NOW)
    assert await store.change_all("42", Change.SEEN, up_to=first.id, now=NOW) == [first.id]
    assert await store.change_all("42", Change.READ, up_to=third.id, now=NOW) == [third.id, first.id]
    archived = await store.change_all("42", Change.ARCHIVE, up_to=None, now=NOW)
    assert archived == [fourth.id, third.id, second.id, first.id]
    assert await store.change_all("42", Change.UNARCHIVE, up_to=second.id, now=NOW) == [second.id, first.id]
    assert await store.change_all("42", Change.DELETE, up_to=None, now=NOW) == [second.id, first.id]
    assert other.id not in ids(await store.page("42", now=NOW, limit=10, archived=None))


async def test_erased_is_the_user_and_the_subscriptions(backend: Backend, store: Store) -> None:
    await store.subscribe(NEWS, ["42", "43"], now=NOW)
    await store.subscribe("another", ["42"], now=NOW)
    saved = await save(store)
    await mark_read(store, "42", [saved.id], now=NOW)
    erased = await store.erase("42")
    assert (erased.receipts > 0, erased.subscriptions) == (True, 2)
    assert await store.topics("42") == []
    assert await all_of(store) == []
    assert await store.subscribers(NEWS) == await backend.rows(store, "subscriptions") == 1


async def test_one_is_one_insert_whoever_is_subscribed(backend: Backend, store: Store) -> None:
    await store.subscribe(NEWS, [str(number) for number in range(1_000)], now=NOW)
    with commands() as sent:
        await save(store)
    assert len(sent) == 1, [what for what, _ in sent]
    assert await backend.rows(store, "announcement_receipts") == 0
    assert set((await store.counts([str(number) for number in range(1_000)], now=NOW)).values()) == {(1, 1)}


async def test_many_are_subscribed_in_a_few_round_trips(backend: Backend, store: Store) -> None:
    users = [f"user {number}" for number in range(backend.many)]
    saved = await save(store)
    with commands() as sent:
        gained = await store.subscribe(NEWS, users, now=NOW)
        assert len(gained) == len(users)
        assert set(map(tuple, gained.values())) == {(saved.id,)}
        assert len(await store.subscribed(NEWS, users)) == len(users)
        assert len(await store.unsubscribe(NEWS, users[1:], now=NOW)) == len(users) - 1
    assert len(sent) <= 15, [what for what, _ in sent]
    assert await store.subscribers(NEWS) == 1


async def test_many_who_subscribe_the_same_at_once_do_not_wait_for_each_other_for_ever(
    backend: Backend, store: Store
) -> None:
    """In whatever order each names them; of those who make one change one has it in the answer."""
    users = [f"user {number}" for number in range(backend.many // 10)]
    chance = random.Random(1)
    stores = [store]
    if backend.url != "sqlite://":
        stores.append(backend.store())
        await stores[1].open()

    def mixed() -> list[str]:
        return chance.sample(users, k=len(users))

    gained = await asyncio.gather(*(each.subscribe(NEWS, mixed(), now=NOW) for each in stores for _ in range(4)))
    assert sorted(user for each in gained for user in each) == sorted(users)
    calls = [call for each in stores for call in (each.subscribe, each.unsubscribe) for _ in range(4)]
    chance.shuffle(calls)
    await asyncio.gather(*(call(NEWS, mixed(), now=NOW) for call in calls))
    assert await store.subscribers(NEWS) == len(await store.subscribed(NEWS, users))
    for each in stores[1:]:
        await each.close()


@pytest.mark.parametrize("backend", PERSISTENT, indirect=True)
async def test_instances_see_each_others(backend: Backend, store: Store) -> None:
    other = backend.store()
    await other.open()
    await other.subscribe(NEWS, ["42"], now=NOW)
    saved = await save(store)
    await other.mark_delivered([receipt("42", saved)], now=NOW)
    assert await all_of(store) == [delivered(announced(saved))]
    await other.close()


# What it costs

READS: dict[str, Callable[[Store, str], Awaitable[object]]] = {
    "page": lambda store, id: store.page("42", now=NOW, limit=20),
    "page before": lambda store, id: store.page("42", now=NOW, limit=20, before=id),
    "page unread": lambda store, id: store.page("42", now=NOW, limit=20, unread=True),
    "page archived": lambda store, id: store.page("42", now=NOW, limit=20, archived=True),
    "get": lambda store, id: store.get("42", id, now=NOW),
    "pending": lambda store, id: store.pending("42", now=NOW, limit=20),
    "newer": lambda store, id: store.newer("42", than=id, now=NOW, limit=20),
    "owned": lambda store, id: store.owned("42", [id], now=NOW),
    "counts": lambda store, id: store.counts(["42", "43"], now=NOW),
    "change": lambda store, id: store.change("42", Change.SEEN, [id], now=NOW),
    "change all": lambda store, id: store.change_all("42", Change.READ, up_to=None, now=NOW),
    "press": lambda store, id: store.press("42", id, "yes", now=NOW),
    "mark_delivered": lambda store, id: store.mark_delivered([receipt("42", announcement())], now=NOW),
    "topics": lambda store, id: store.topics("42"),
    "subscribed": lambda store, id: store.subscribed(NEWS, ["42", "43"]),
    "subscribers": lambda store, id: store.subscribers("topic 3"),
    "subscribe": lambda store, id: store.subscribe("topic 3", ["42", "43"], now=NOW),
    "unsubscribe": lambda store, id: store.unsubscribe("topic 3", ["42", "43"], now=NOW),
}
TABLES = ("announcements", "announcement_receipts", "subscriptions", "notifications")


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_every_search_is_by_an_index(backend: Backend, store: Any) -> None:
    """However many announcements to others' topics, subscribers and subscriptions there are."""
    await store.add([sample(str(number % 3_000)) for number in range(6_000)])
    await store.subscribe(NEWS, [str(user) for user in range(10_000)], now=NOW)
    for number in range(100):
        await store.subscribe(f"topic {number}", [str(user) for user in range(number, 10_000, 100)], now=NOW)
    every = [from_announcement(replace(announcement(), topic=f"topic {number % 500}")) for number in range(20_000)]
    await store._database.write(lambda connection: connection.execute(sa.insert(announcements), every))
    saved = await save(store)
    await save(store, None)
    await store.mark_delivered([receipt(str(user), saved) for user in range(3_000)], now=NOW)
    await mark_read(store, "42", [saved.id], now=NOW)
    if backend.url.startswith("postgresql"):  # which does so later by itself, and SQLite never
        other = await asyncpg.connect(backend.url)
        await other.execute("VACUUM ANALYZE")
        await other.close()
    for name, call in READS.items():
        with commands() as sent:
            await call(store, saved.id)
        assert sent
        for statement, parameters in sent:
            steps = await plan(store, statement, parameters)
            found = [step for step in steps for table in TABLES if is_walk(step, table)]
            assert not found, (name, statement, steps)


def is_walk(step: str, table: str) -> bool:
    """Whether it looks at all rows of the table, as PostgreSQL or SQLite says it."""
    if "announcements_by_expiry" in step:  # which has those of all topics
        return True
    if step.startswith(("SCAN", "SEARCH")):
        return step.startswith(f"SCAN {table}") and "announcements_of_all" not in step
    return f"Seq Scan on {table}" in step


async def test_counts_where_there_are_many_announcements(store: Store) -> None:
    for topic in (None, "tides", "trains"):
        for _ in range(40):
            await save(store, topic)
    await store.subscribe("tides", ["1", "2"], now=NOW)
    await store.subscribe("trains", ["2"], now=NOW)
    assert await unread_counts(store, ["1", "2", "3"], now=NOW) == {"1": 80, "2": 120, "3": 40}
