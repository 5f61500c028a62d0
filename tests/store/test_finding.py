"""What users find: by state, type and text, and as it was saved."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from eventide_notify.models import Change, Notification, Pressed
from eventide_notify.store import Store

from .calls import everything_of
from .samples import (
    ACTIONS,
    LATER,
    NOW,
    announcement,
    archived,
    delivered,
    ids,
    read,
    sample,
    samples,
    seen,
)


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


async def test_state_comes_back_as_it_was_saved(store: Store) -> None:
    [first, second] = samples(2, actions=ACTIONS)
    first = replace(archived(read(first), LATER), pressed=Pressed("yes", LATER))
    second = seen(delivered(second), LATER)
    await store.add([first, second])
    assert await everything_of(store) == [first, second]
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
