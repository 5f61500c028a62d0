"""What is saved comes back, exactly, to its user alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from eventide_notify.errors import Refused
from eventide_notify.models import Draft, Notification, Status
from eventide_notify.store import Store

from .backends import SQL
from .calls import delete, mark_all_read, mark_read, unread_counts
from .samples import LATER, NOW, ids, read, receipts, sample, samples

ODD_USERS = [
    *("42", " 42", "042", "a", "A", "a.b", "$", "$where", "{}", "null", "%", "_", "'; --", '"', "\\", "\n", "\x1f"),
    *(
        "Ä",
        "A\N{COMBINING DIAERESIS}",
        "\N{OWL}" * 128,
        "x" * 128,
        "\N{RIGHT-TO-LEFT OVERRIDE}",
        "\N{ZERO WIDTH SPACE}",
    ),
]

DATA: list[dict[str, Any]] = [
    {},
    {"": "", "$ref": 1, "a.b": {"$set": {".": "$"}}, "__proto__": None, "_id": 7},
    {"integers": [0, -1, 2**53 + 1, 2**63, 2**64 - 1, -(2**63)]},
    {"numbers": [0.1, -0.0, 1e308, 5e-324, 1.0, 1]},
    {"text": "\N{OWL} \N{LINE SEPARATOR} \ud7ff \uffff \\u0000 \x01 \r\n'\""},
    {"nested": [[[[]]], {"a": [{"b": [None, True, False]}]}]},
    {"z": 1, "a": 2, "m": 3},
]


@pytest.mark.smoke
async def test_a_notification_comes_back_as_it_was(store: Store) -> None:
    everything = sample(
        message=" multi\nline \N{OWL} ",
        title="t",
        type="COMMENT",
        link="/a?b=c#d",
        avatar="https://x/y.png",
        data={"k": 1},
    )
    least = sample()
    await store.add([everything, least])
    assert await store.get("42", everything.id, now=NOW) == everything
    assert await store.get("42", least.id, now=NOW) == least
    assert (await store.page("42", limit=10, now=NOW)) == [least, everything]


async def test_the_longest_of_everything(store: Store) -> None:
    longest = sample(
        message="\N{OWL}" * 10_000,
        title="\N{OWL}" * 255,
        type="\N{OWL}" * 50,
        link="/" + "\N{OWL}" * 1999,
        data={"k": "x" * 8_100},
    )
    await store.add([longest])
    assert await store.get("42", longest.id, now=NOW) == longest


@pytest.mark.parametrize("data", DATA)
async def test_data_is_exact(store: Store, data: dict[str, Any]) -> None:
    saved = sample(data=data)
    await store.add([saved])
    [found] = await store.page("42", limit=1, now=NOW)
    # repr: 1 and 1.0, 0.0 and -0.0 differ, and so does the order of the keys.
    assert repr(found.content.data) == repr(data)


async def test_deep_data(store: Store) -> None:
    deep: dict[str, Any] = {}
    for _ in range(250):
        deep = {"a": deep}
    await store.add([saved := sample(data=deep)])
    assert await store.get("42", saved.id, now=NOW) == saved


@pytest.mark.parametrize(
    "time",
    [
        NOW,
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC),
        datetime(2262, 4, 12, 1, 2, 3, 1000, UTC),
    ],
)
async def test_times_are_exact_and_in_utc(store: Store, time: datetime) -> None:
    saved = replace(sample(), created_at=time)
    await store.add([saved])
    await store.mark_delivered(receipts([saved]), now=time)
    await mark_read(store, "42", [saved.id], now=time)
    found = await store.get("42", saved.id, now=NOW)
    assert found == read(saved, time)
    assert found.created_at.utcoffset() == NOW.utcoffset()


async def test_a_notification_may_be_saved_in_any_status(store: Store) -> None:
    delivered = replace(sample(), status=Status.DELIVERED, delivered_at=NOW)
    old = replace(sample(), status=Status.READ, delivered_at=LATER, read_at=LATER, seen_at=LATER)
    await store.add([old, delivered])
    assert await store.page("42", limit=2, now=NOW) == [old, delivered]


async def test_what_was_valid_once_stays_readable(store: Store) -> None:
    content = Draft.model_construct(message="", title="x" * 1000, type="T", link="gopher://x", avatar=None, data=None)
    await store.add([saved := Notification(sample().id, "42", content, NOW)])
    assert await store.get("42", saved.id, now=NOW) == saved


async def test_adding_again_changes_nothing(store: Store) -> None:
    first, second, third = samples(3)
    await store.add([first, second])
    await mark_read(store, "42", [first.id], now=LATER)
    await store.add([replace(first, content=Draft(message="other")), second, third, third])
    assert await store.page("42", limit=10, now=NOW) == [
        third,
        second,
        read(first, LATER),
    ]


async def test_an_id_that_is_anothers_is_left_to_them(store: Store) -> None:
    await store.add([hers := sample("1")])
    await store.add([replace(hers, user_id="2")])
    assert await store.get("1", hers.id, now=NOW) == hers
    assert await store.get("2", hers.id, now=NOW) is None


async def test_adding_nothing(store: Store) -> None:
    await store.add([])
    assert await store.page("42", limit=10, now=NOW) == []


@pytest.mark.parametrize("backend", SQL, indirect=True)
async def test_a_failed_call_saves_nothing(store: Store) -> None:
    good, bad = samples(2)
    nothing: Any = None
    bad = replace(bad, content=Draft.model_construct(message=nothing, link=None, avatar=None, data=None))
    with pytest.raises(Refused):
        await store.add([good, bad])
    assert await store.page("42", limit=10, now=NOW) == []


async def test_every_user_id_is_a_user_of_its_own(store: Store) -> None:
    saved = {user: sample(user) for user in ODD_USERS}
    await store.add(list(saved.values()))
    assert await unread_counts(store, ODD_USERS, now=NOW) == dict.fromkeys(ODD_USERS, 1)
    for user, notification in saved.items():
        assert await store.page(user, limit=10, now=NOW) == [notification]
        assert await store.mark_delivered(receipts([notification]), now=NOW) == 1
        assert list(await mark_read(store, user, [notification.id], now=NOW)) == [notification.id]
        assert list(await delete(store, user, [notification.id], now=NOW)) == [notification.id]
    assert await unread_counts(store, ODD_USERS, now=NOW) == dict.fromkeys(ODD_USERS, 0)


@pytest.mark.smoke
async def test_anothers_notification_is_out_of_reach(store: Store) -> None:
    await store.add([hers := sample("1"), his := sample("2")])
    assert await store.get("2", hers.id, now=NOW) is None
    assert list(await mark_read(store, "2", [hers.id, his.id], now=NOW)) == [his.id]
    assert await mark_all_read(store, "2", up_to=None, now=NOW) == 0
    assert await store.mark_delivered(receipts([replace(hers, user_id="2")]), now=NOW) == 0
    assert list(await delete(store, "2", [hers.id], now=NOW)) == []
    assert await store.pending("2", limit=10, now=NOW) == []
    assert await store.get("1", hers.id, now=NOW) == hers


async def test_unknown_ids_are_passed_over(store: Store) -> None:
    await store.add([saved := sample()])
    unknown = [sample().id, "", "nonsense", "$", "é"]
    assert await store.get("42", unknown[0], now=NOW) is None
    assert list(await mark_read(store, "42", [*unknown, saved.id, saved.id], now=NOW)) == [saved.id]
    assert list(await delete(store, "42", [*unknown, saved.id, saved.id], now=NOW)) == [saved.id]
    assert ids(await store.page("42", limit=10, now=NOW)) == []
