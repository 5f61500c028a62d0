"""Which notifications replace which, whatever the database.

A notification with a `collapse_key` takes the place of those of its user with the same key that are unread and not
archived. Several sends are decided together, in the order in which they came: what one of them saves, the next one may
replace before it was ever written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from zlib import crc32

from ..models import Notification, NotificationId, UserId
from .base import Claim, Collapsed

STRIPES = 128
"""How many locks there are for all keys of all users."""

Place = tuple[UserId, str | None]
"""Where one notification stays: a user, and a key."""


class Earlier(NamedTuple):
    """A notification that can be replaced."""

    id: NotificationId
    collapsed: int


@dataclass(frozen=True, slots=True)
class Save:
    """Notifications to be saved, which have keys, with their claim."""

    items: Sequence[Notification]
    claim: Claim | None
    now: datetime


@dataclass(slots=True)
class Decided:
    """What is to become of several sends."""

    outcomes: list[Collapsed] = field(default_factory=list)
    """Of each of them."""
    new: dict[Place, Notification] = field(default_factory=dict)
    """Those to save."""
    gone: dict[Place, list[Earlier]] = field(default_factory=dict)
    """Those that were there before, and are replaced."""
    superseded: dict[Place, list[NotificationId]] = field(default_factory=dict)
    """Those of these sends that are replaced before they are there."""


def place_of(item: Notification) -> Place:
    return item.user_id, item.collapse_key


def stripes(saves: Iterable[Save]) -> list[int]:
    """The locks to hold meanwhile, in the order in which everybody takes them."""
    return sorted({_stripe(place_of(item)) for save in saves for item in save.items})


def _stripe(place: Place) -> int:
    # Not `hash`, which is another one in each process; and a text of half a surrogate pair is the database's to refuse.
    return crc32(repr(place).encode("ascii", "backslashreplace")) % STRIPES


def decide(sends: Sequence[Sequence[Notification]], found: Mapping[Place, Sequence[Earlier]]) -> Decided:
    """What is to become of these sends, in this order. `found`: those that can be replaced."""
    decided = Decided()
    replaced: dict[Place, list[NotificationId]] = {}
    owner: dict[Place, int] = {}
    superseded: list[list[NotificationId]] = [[] for _ in sends]
    for number, items in enumerate(sends):
        for item in items:
            place = place_of(item)
            before = decided.new.get(place)
            if before is None:
                earlier = found.get(place, ())
                decided.gone[place] = list(earlier)
                replaced[place] = [each.id for each in earlier]
                collapsed = sum(each.collapsed + 1 for each in earlier)
            else:
                superseded[owner[place]].append(before.id)
                decided.superseded.setdefault(place, []).append(before.id)
                replaced[place].append(before.id)
                collapsed = before.collapsed + 1
            decided.new[place] = replace(item, collapsed=collapsed) if collapsed else item
            owner[place] = number
    for number, items in enumerate(sends):
        mine = [place for place in map(place_of, items) if owner[place] == number]
        saved = [decided.new[place] for place in dict.fromkeys(mine)]
        taken = {decided.new[place].id: replaced[place] for place in mine if replaced[place]}
        decided.outcomes.append(Collapsed(None, saved, taken, tuple(superseded[number])))
    return decided
