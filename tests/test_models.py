"""Drafts, ids, users and times."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from eventide_notify.models import (
    DATA_MAX_BYTES,
    Draft,
    IdGenerator,
    Notification,
    Status,
    cut_to_milliseconds,
    id_at,
    is_notification_id,
    time_of,
    user_key,
    utc_now,
)

NOW = datetime(2026, 11, 20, 9, 0, 0, 123_456, tzinfo=UTC)


# Drafts (what they refuse over HTTP is in rest/test_sending.py)


def test_a_draft_needs_a_message_and_nothing_else() -> None:
    draft = Draft(message="Hello")
    assert (draft.type, draft.title, draft.link, draft.avatar, draft.data) == ("SYSTEM", "", None, None, None)


def test_python_callers_are_told_every_wrong_field() -> None:
    wrong: dict[str, Any] = {
        "message": "",
        "title": 1,
        "type": "x" * 51,
        "link": "javascript:x",
        "data": [],
        "titel": "x",
    }
    with pytest.raises(ValidationError) as caught:
        Draft(**wrong)
    assert isinstance(caught.value, ValueError)
    assert {error["loc"] for error in caught.value.errors()} == {(name,) for name in wrong}


@pytest.mark.parametrize(
    "data",
    [{"a": float("nan")}, {"a": float("inf")}, {"a": (1, 2)}, {"a": {1, 2}}, {"a": ...}, {1: "a"}, {"a": b"x"},
     {"a": 2**64}, {"a": "\ud800"}, {"\udfff": 1}, {"a": datetime(2026, 1, 1, tzinfo=UTC)}],
    ids=repr,
)  # fmt: skip
def test_data_is_what_json_can_say(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="data"):
        Draft(message="Hello", data=data)


def test_data_that_contains_itself_is_refused() -> None:
    data: dict[str, Any] = {}
    data["a"] = data
    with pytest.raises(ValidationError, match="data"):
        Draft(message="Hello", data=data)


@pytest.mark.parametrize(("length", "fits"), [(DATA_MAX_BYTES - 7, True), (DATA_MAX_BYTES - 6, False)])
def test_the_size_of_data_is_that_of_its_json(length: int, fits: bool) -> None:
    data = {"": "x" * length}  # {"":"…"}
    if fits:
        assert Draft(message="Hello", data=data).data == data
    else:
        with pytest.raises(ValidationError, match=f"not {DATA_MAX_BYTES + 1}"):
            Draft(message="Hello", data=data)


@pytest.mark.parametrize("name", ["message", "title", "type", "link"])
@pytest.mark.parametrize("wrong", ["a\x00", "\x00", "\ud800", "a\udfffb"], ids=ascii)
def test_what_no_database_can_hold_is_refused(name: str, wrong: str) -> None:
    fields: dict[str, Any] = {"message": "Hello", name: wrong}
    with pytest.raises(ValidationError, match=name):
        Draft(**fields)


def test_a_draft_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Draft(message="Hello").message = "Other"  # type: ignore[misc]


# Links, as a browser reads them

_SEEN_THROUGH = str.maketrans("", "", "\t\n\r")


def scheme_in_a_browser(link: str) -> str | None:
    """The scheme that the URL standard finds: it drops control characters around a link, and line ends within."""
    text = link.strip("".join(map(chr, range(0x21)))).translate(_SEEN_THROUGH)
    found = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*):", text)
    return found[1].lower() if found else None


_SIGNS = st.sampled_from([*map(chr, range(0x21)), *"/\\:?#@.%a\x7f\x85\N{NO-BREAK SPACE}\N{ZERO WIDTH SPACE}"])


@st.composite
def _disguised(draw: st.DrawFn) -> str:
    link = draw(
        st.sampled_from(["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "https://x", "http:x", "/x"])
    )
    for sign in draw(st.lists(_SIGNS, max_size=3)):
        place = draw(st.integers(0, len(link)))
        link = link[:place] + sign + link[place:]
    return link


@settings(deadline=None, max_examples=500)
@given(_disguised())
def test_no_link_is_a_script_to_a_browser(link: str) -> None:
    try:
        Draft(message="Hello", link=link)
    except ValidationError:
        return
    assert scheme_in_a_browser(link) in (None, "http", "https")


# Ids


def test_ids_are_version_7_and_carry_their_time() -> None:
    id = IdGenerator()(NOW)
    parsed = uuid.UUID(id)
    assert (str(parsed), parsed.version, parsed.variant) == (id, 7, uuid.RFC_4122)
    assert parsed.int >> 80 == int(NOW.timestamp() * 1000)


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=50))
def test_ids_grow_whatever_the_clock_does(steps: list[int]) -> None:
    generate, time, made = IdGenerator(), NOW, []
    for step in steps:
        time += timedelta(milliseconds=step)
        made.append(generate(time))
    assert made == sorted(set(made))
    assert all(map(is_notification_id, made))


def test_two_processes_do_not_make_the_same_ids() -> None:
    made = [generate(NOW) for generate in (IdGenerator(), IdGenerator()) for _ in range(1_000)]
    assert len(set(made)) == len(made)


def test_many_ids_of_one_moment_stay_near_it() -> None:
    generate = IdGenerator()
    last = [generate(NOW) for _ in range(100_000)][-1]
    assert uuid.UUID(last).int >> 80 <= int(NOW.timestamp() * 1000) + 1


RANDOM_ID = "1f0a5c0e-6d0b-4f5e-9a53-0d2c3a1b4c5d"  # of version 4; always the same, for all test processes must agree


@pytest.mark.parametrize("wrong", [None, 1, "", "x", RANDOM_ID, uuid.UUID(int=0), b"x", [], {}, "\n", "x" * 36])
def test_what_is_no_id(wrong: object) -> None:
    assert not is_notification_id(wrong)


def test_an_id_of_no_calendar_is_none() -> None:
    last = id_at(datetime(9999, 12, 31, tzinfo=UTC))
    assert is_notification_id(last)
    assert time_of(last).year == 9999
    for later in ("e677d21f-dc00-7000-8000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff"):
        assert not is_notification_id(later)


def test_ids_do_not_begin_before_1970() -> None:
    assert is_notification_id(id_at(datetime(1969, 12, 31, tzinfo=UTC)))


def test_an_id_is_written_in_one_way() -> None:
    id = IdGenerator()(NOW)
    for other in (id.upper(), f" {id}", f"{id}\n", f"{{{id}}}", id.replace("-", ""), f"{id}0"):
        assert not is_notification_id(other) or other == id


# Users, times, statuses


@pytest.mark.parametrize(("value", "key"), [(42, "42"), ("42", "42"), (-1, "-1"), ("042", "042"), (2**63, str(2**63))])
def test_a_number_is_the_user_of_its_decimal_string(value: str | int, key: str) -> None:
    assert user_key(value) == key


def test_time_is_utc_in_milliseconds() -> None:
    now = utc_now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1_000 == 0
    assert cut_to_milliseconds(NOW) == NOW.replace(microsecond=123_000)


@pytest.mark.parametrize("status", Status)
def test_read_is_the_last_status(status: Status) -> None:
    notification = Notification("id", "42", Draft(message="Hello"), NOW, status)
    assert notification.read == (status == "READ")
