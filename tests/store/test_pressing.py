"""Actions that users choose: once, and for good."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from eventide_notify.models import Change, Notification, Pressed, Status
from eventide_notify.store import Store

from .backends import Backend
from .calls import everything_of
from .samples import (
    LATER,
    NOW,
    SECOND,
    announced,
    announcement,
    archived,
    ids,
    read,
    sample,
)


async def test_a_press_is_one_choice(store: Store, both: list[Notification]) -> None:
    for each in both:
        assert await store.press("42", each.id, "yes", now=NOW)
        assert await store.press("42", each.id, "yes", now=LATER)
        assert not await store.press("42", each.id, "no", now=LATER)
    chosen = [replace(read(each), pressed=Pressed("yes", NOW)) for each in both]
    assert await everything_of(store) == chosen
    assert await everything_of(store, "43") == [replace(both[1], user_id="43")]
    assert await store.press("43", both[1].id, "no", now=NOW)
    await store.change("42", Change.UNREAD, ids(both), now=NOW)
    for each in both:
        assert not await store.press("42", each.id, "no", now=LATER)
    assert {each.status for each in await everything_of(store)} == {Status.DELIVERED}
    for each in both:
        assert await store.press("42", each.id, "yes", now=LATER)
    assert await everything_of(store) == [replace(each, read_at=LATER) for each in chosen]


async def test_a_press_of_what_was_read_or_archived_before(store: Store, both: list[Notification]) -> None:
    await store.change("42", Change.READ, ids(both[:1]), now=NOW)
    await store.change("42", Change.ARCHIVE, ids(both), now=NOW)
    assert [await store.press("42", each.id, "no", now=LATER) for each in both] == [True, True]
    pressed = [replace(archived(each), pressed=Pressed("no", LATER)) for each in both]
    assert await everything_of(store) == [read(pressed[0]), read(pressed[1], LATER)]


async def test_a_press_of_what_the_user_does_not_have(backend: Backend, store: Store, both: list[Notification]) -> None:
    await store.add_announcement(expired := announcement(lifetime=SECOND))
    await store.change("42", Change.DELETE, ids(both[1:]), now=NOW)
    for user, id in (("43", both[0].id), ("42", both[1].id), ("42", expired.id), ("42", sample().id), ("42", "")):
        assert not await store.press(user, id, "yes", now=LATER), (user, id)
    assert await everything_of(store) == [both[0], announced(expired)]
    assert await backend.rows(store, "announcement_receipts") == 1


async def test_of_presses_at_once_one_action_is_chosen(store: Store) -> None:
    for _ in range(5):
        await store.add([own := sample()])
        await store.add_announcement(everyones := announcement())
        for id in (own.id, everyones.id):
            pressed = await asyncio.gather(*(store.press("42", id, "ab"[turn % 2], now=NOW) for turn in range(8)))
            found = await store.get("42", id, now=NOW)
            assert found
            assert found.read
            assert found.pressed in (("a", NOW), ("b", NOW))
            assert pressed == [action == found.pressed.id for action in "abababab"]
