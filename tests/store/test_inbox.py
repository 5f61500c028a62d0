"""What users do to notifications: seen, read, unread again, archived, pressed, deleted; and what they find then."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from eventide_notify.models import Action, Change, Counts, Notification, Pressed, Receipt, Status
from eventide_notify.store import Store, sql_changes

from .backends import SQL, Backend
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
ACTIONS = [Action(id="yes", label="Yes", style="primary", link="/yes"), Action(id="no", label="No")]


@pytest.fixture
async def both(store: Store) -> list[Notification]:
    """A notification and an announcement, which users cannot tell apart, as user 42 has them."""
    await store.add([own := sample(actions=ACTIONS)])
    await store.add_announcement(everyones := announcement(actions=ACTIONS))
    return [own, announced(everyones)]


async def all_of(store: Store, user: str = "42") -> list[Notification]:
    """Oldest first."""
    kinds = [await store.page(user, now=NOW, limit=100, archived=which) for which in (False, True)]
    return sorted([*kinds[0], *kinds[1]], key=lambda each: each.id)


async def change(store: Store, change: Change, some: Sequence[Notification], *, user: str = "42") -> list[str]:
    """The ids of those that changed."""
    return sorted((await store.change(user, change, ids(some), now=NOW)).changed)


async def counts(store: Store, user: str = "42") -> Counts:
    return (await store.counts([user], now=NOW))[user]


async def test_each_change_does_what_it_says(store: Store, both: list[Notification]) -> None:
    expected = list(both)

    async def make(change: Change, seconds: int, **fields: Any) -> None:
        nonlocal expected
        done = await store.change("42", change, ids(both), now=NOW + seconds * SECOND)
        assert sorted(done.owned) == sorted(done.changed) == ids(both)
        expected = [replace(each, **fields) for each in expected]
        assert await all_of(store) == expected
        again = await store.change("42", change, ids(both), now=NOW + 100 * SECOND)
        assert (sorted(again.owned), list(again.changed)) == (ids(both), [])
        assert await all_of(store) == expected

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
    assert await all_of(store) == []


async def test_what_is_read_has_been_received_and_seen(store: Store, both: list[Notification]) -> None:
    await change(store, Change.READ, both)
    assert await all_of(store) == [read(each) for each in both]
    await change(store, Change.UNREAD, both)
    assert await all_of(store) == [seen(delivered(each)) for each in both]


@pytest.mark.parametrize("what", [Change.SEEN, Change.ARCHIVE])
async def test_what_is_seen_or_archived_is_not_received_by_that(
    store: Store, both: list[Notification], what: Change
) -> None:
    await change(store, what, both)
    assert {each.status for each in await all_of(store)} == {Status.PENDING}
    proven = [Receipt("42", each.id, each.broadcast) for each in both]
    assert await store.mark_delivered([*proven, *proven], now=LATER) == 2
    assert await store.mark_delivered(proven, now=NOW) == 0
    done = {Change.SEEN: seen, Change.ARCHIVE: archived}[what]
    assert await all_of(store) == [done(delivered(each, LATER)) for each in both]


async def test_receipts_of_what_some_have_seen(store: Store) -> None:
    shown = announcements(3)
    for each in shown:
        await store.add_announcement(each)
    await store.change("1", Change.SEEN, ids(shown[:2]), now=NOW)
    await store.change("2", Change.READ, ids(shown[1:]), now=NOW)
    proven = [receipt(user, each) for user in "123" for each in shown]
    assert await store.mark_delivered(proven, now=LATER) == 3 + 1 + 3
    statuses = [[each.status for each in await all_of(store, user)] for user in "123"]
    received, was_read = Status.DELIVERED, Status.READ
    assert statuses == [[received] * 3, [received, was_read, was_read], [received] * 3]
    assert await store.mark_delivered(proven, now=LATER) == 0


async def test_nothing_to_go_back_from(store: Store, both: list[Notification]) -> None:
    await store.mark_delivered(receipts(both[:1]), now=NOW)
    before = await all_of(store)
    for what in BACK:
        done = await store.change("42", what, ids(both), now=LATER)
        assert (sorted(done.owned), list(done.changed)) == (ids(both), [])
    assert await all_of(store) == before


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
    assert await store.change("42", what, [], now=LATER) == ([], [])


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


async def test_every_combination_of_filters(store: Store) -> None:
    kinds = list(product(["A", "B"], ["red", "blue"], [False, True], [False, True], [False, True]))
    saved: list[Any] = []
    for type, colour, is_announced, is_read, is_archived in kinds:
        new: Any = (announcement if is_announced else sample)(type=type, message=f"a {colour} one")
        await (store.add_announcement(new) if is_announced else store.add([new]))
        saved.append((new.id, type, colour, is_read, is_archived))
    await store.change("42", Change.READ, [id for id, *_, is_read, _ in saved if is_read], now=NOW)
    await store.change("42", Change.ARCHIVE, [id for id, *_, is_archived in saved if is_archived], now=NOW)
    for unread, put_away, wanted, text, limit in product(
        [None, True, False], [False, True], [None, "A"], [None, "RED"], [3, 50]
    ):
        expected = [
            id
            for id, its_type, colour, is_read, is_archived in reversed(saved)
            if unread in (None, not is_read)
            and put_away == is_archived
            and wanted in (None, its_type)
            and (text is None or colour == "red")
        ]
        found = await store.page("42", now=NOW, limit=limit, unread=unread, archived=put_away, type=wanted, text=text)
        assert ids(found) == expected[:limit], (unread, put_away, wanted, text)


@pytest.mark.parametrize(
    ("content", "text", "other"),
    [
        ("Grüße aus KÖLN", "GRÜSSE"[:3], "gruße"),
        ("Grüße aus KÖLN", "köln", "koln"),
        ("ПРИВЕТ, мир", "привет, МИР", "мир привет"),
        ("Ήλιος και φως", "ΉΛΙΟ", "ήλιο ς"),
        ("100% of it", "0% OF", "0%it"),
        ("snake_case", "E_C", "a_c"),
        (r"C:\temp\new", r"\TEMP\N", r"c:temp"),
        ("cost: $5.00 (net) [a|b] {c}^*+?", "$5.00 (NET) [A|B] {C}^*+?", ".*"),
        ("two\nlines", "O\nL", "o.l"),
        ('it\'s "quoted"', "'S \"q", "' OR 1 = 1 --"),
        ("an \N{OWL} at night", "\N{OWL} AT", "\N{OWL}at"),
        ("***= (?i)abc", "***= (?I)A", "***=a"),
        ("tab\tand -dash- #1 & ~2", "\tAND -DASH- #1 & ~2", "tab and"),
    ],
)
async def test_text_is_found_as_it_is_in_any_case(store: Store, content: str, text: str, other: str) -> None:
    named, told = sample(title=content), sample(message=content)
    await store.add([named, told, sample(title="unlike", message="this"), sample("43", title=content)])
    await store.add_announcement(everyones := announcement(title="News", message=f"Read: {content}."))
    found = [everyones.id, told.id, named.id]
    for each in (content, content.upper()[:3], text):
        assert ids(await store.page("42", now=NOW, limit=9, text=each)) == found, each
    assert await store.page("42", now=NOW, limit=9, text=other) == []
    assert ids(await store.page("42", now=NOW, limit=1, offset=1, text=text)) == found[1:2]
    assert ids(await store.page("42", now=NOW, limit=9, before=everyones.id, text=text)) == found[1:]


async def test_the_longest_text(store: Store) -> None:
    content = "Ä\\" * 5_000
    await store.add([saved := sample(message=content)])
    assert await store.page("42", now=NOW, limit=1, text=content[:200].lower()) == [saved]
    assert await store.page("42", now=NOW, limit=1, text=content[:199] + "x") == []


async def test_a_press_is_one_choice(store: Store, both: list[Notification]) -> None:
    for each in both:
        assert await store.press("42", each.id, "yes", now=NOW)
        assert await store.press("42", each.id, "yes", now=LATER)
        assert not await store.press("42", each.id, "no", now=LATER)
    chosen = [replace(read(each), pressed=Pressed("yes", NOW)) for each in both]
    assert await all_of(store) == chosen
    assert await all_of(store, "43") == [replace(both[1], user_id="43")]
    assert await store.press("43", both[1].id, "no", now=NOW)
    await change(store, Change.UNREAD, both)
    for each in both:
        assert not await store.press("42", each.id, "no", now=LATER)
    assert {each.status for each in await all_of(store)} == {Status.DELIVERED}
    for each in both:
        assert await store.press("42", each.id, "yes", now=LATER)
    assert await all_of(store) == [replace(each, read_at=LATER) for each in chosen]


async def test_a_press_of_what_was_read_or_archived_before(store: Store, both: list[Notification]) -> None:
    await change(store, Change.READ, both[:1])
    await change(store, Change.ARCHIVE, both)
    assert [await store.press("42", each.id, "no", now=LATER) for each in both] == [True, True]
    pressed = [replace(archived(each), pressed=Pressed("no", LATER)) for each in both]
    assert await all_of(store) == [read(pressed[0]), read(pressed[1], LATER)]


async def test_a_press_of_what_the_user_does_not_have(backend: Backend, store: Store, both: list[Notification]) -> None:
    await store.add_announcement(expired := announcement(lifetime=SECOND))
    await change(store, Change.DELETE, both[1:])
    for user, id in (("43", both[0].id), ("42", both[1].id), ("42", expired.id), ("42", sample().id), ("42", "")):
        assert not await store.press(user, id, "yes", now=LATER), (user, id)
    assert await all_of(store) == [both[0], announced(expired)]
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
    before = {each.id: each for each in await all_of(store)}
    assert await store.change_all("42", what, up_to=saved[3].id, now=NOW) == [saved[3].id, saved[0].id]
    assert await store.change_all("42", what, up_to=saved[3].id, now=NOW) == []
    left = {each.id: each for each in await all_of(store)}
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
    monkeypatch.setattr(sql_changes, "AT_ONCE", 5)
    await store.add(before := samples(12))
    await store.add_announcement(shown := announcement())
    write = store._database.write

    async def add_one_of_each(*args: Any, **options: Any) -> object:
        done = await write(*args, **options)
        monkeypatch.undo()
        await store.add([new[0]])
        await store.add_announcement(new[1])
        monkeypatch.setattr(sql_changes, "AT_ONCE", 5)
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
    assert await store.change("42", Change.SEEN, ids(both), now=NOW) == ([], [])


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
        assert await store.change("2", what, [hers.id], now=NOW) == ([], [])
        assert await store.change_all("2", what, up_to=None, now=NOW) == []
    assert not await store.press("2", hers.id, "yes", now=NOW)
    assert await store.page("2", now=NOW, limit=9, text="hello") == []
    assert await all_of(store, "1") == [hers]


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


async def test_state_comes_back_as_it_was_saved(store: Store) -> None:
    [first, second] = samples(2, actions=ACTIONS)
    first = replace(archived(read(first), LATER), pressed=Pressed("yes", LATER))
    second = seen(delivered(second), LATER)
    await store.add([first, second])
    assert await all_of(store) == [first, second]
    [found] = await store.page("42", now=NOW, limit=1)
    assert found.content.actions == ACTIONS
    assert await store.add([replace(first, pressed=None, archived_at=None)]) is None
    assert await store.find(first.id) == first


async def test_one_is_found_whoever_has_it(store: Store, both: list[Notification]) -> None:
    await store.add([hers := sample("43")])
    assert await store.find(hers.id) == hers
    assert await store.find(both[0].id) == both[0]
    assert await store.find(both[1].id) is None
    assert await store.find(sample().id) is None
