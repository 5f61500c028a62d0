"""What the stores have in common: how contents and claims are written down, which schema is too new, unhurried work."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import orjson

from ..due import Work
from ..errors import SchemaTooNew
from ..models import Action, Announcement, Draft, Notification, NotificationId, UserId
from .base import Claim

T = TypeVar("T")
Items = Sequence[tuple[NotificationId, UserId]]

DELETED = "DELETED"
"""What follows `READ` when a user deletes an announcement: that it is not theirs any more must be written down."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When an announcement expires that is being removed: from then on nobody has it, however long the rest takes."""
AT_ONCE = 10_000
"""How many rows are read or changed at once. Others can write in between."""


def pack_content(content: Draft) -> dict[str, str | None]:
    """The columns or fields of a content. What is JSON is text, so that no database has an opinion about its keys."""
    return {
        "message": content.message,
        "title": content.title,
        "type": content.type,
        "link": content.link,
        "avatar": content.avatar,
        "data": None if content.data is None else orjson.dumps(content.data).decode(),
        "actions": None if content.actions is None else _pack_actions(content.actions),
    }


def unpack_content(fields: Mapping[str, Any]) -> Draft:
    """The content again. It was valid when it was saved: a rule that came later must not make it unreadable."""
    data, actions = fields["data"], fields.get("actions")
    return Draft.model_construct(
        message=fields["message"],
        title=fields["title"],
        type=fields["type"],
        link=fields["link"],
        avatar=fields["avatar"],
        data=None if data is None else orjson.loads(data),
        actions=None if actions is None else [Action.model_construct(**action) for action in orjson.loads(actions)],
    )


def _pack_actions(actions: Sequence[Action]) -> str:
    return orjson.dumps([action.model_dump() for action in actions]).decode()


def in_any_case(text: str) -> str:
    """A regular expression for this text in capital letters or small ones.

    It names both of each letter: what a database takes for one is a matter of its settings (PostgreSQL) and may end
    with ASCII (SQLite).
    """
    return "".join(map(_in_any_case, text))


def _in_any_case(character: str) -> str:
    forms = {character, character.lower(), character.upper(), character.casefold()}
    forms |= {each.upper() for each in forms} | {each.lower() for each in forms}
    same = sorted(form for form in forms if len(form) == 1)
    return re.escape(character) if len(same) == 1 else f"[{''.join(same)}]"


def expiry(announcement: Announcement) -> datetime:
    """When it expires, which those that are saved do."""
    if announcement.expires_at is None:
        raise ValueError(f"the announcement {announcement.id} does not expire")
    return announcement.expires_at


def pack_items(items: Items) -> str:
    return orjson.dumps(items).decode()


def unpack_items(text: str) -> Items:
    return [(id, user) for id, user in orjson.loads(text)]


def names_user(user: UserId) -> str:
    """What packed items contain if one of them is for this user."""
    return f",{orjson.dumps(user).decode()}]"


def without_user(text: str, user: UserId) -> str | None:
    """Packed items, in which nobody is named in this user's place; None if the user is in none of them.

    Each keeps its place: what an interrupted claim stands for is put together with its ids by that.
    """
    items = unpack_items(text)
    if not user or all(named != user for _, named in items):
        return None
    return pack_items([(id, "" if named == user else named) for id, named in items])


def resume(notifications: Sequence[Notification], held: Claim) -> list[Notification]:
    """What an interrupted claim stands for: these notifications, under its ids and of its time."""
    items = zip(notifications, held.items, strict=False)  # of what is not stored there are none
    return [replace(notification, id=id, created_at=held.claimed_at) for notification, (id, _) in items]


def resume_announcement(announcement: Announcement, held: Claim) -> Announcement:
    """Likewise for an announcement."""
    [(id, _)] = held.items
    return replace(announcement, id=id, created_at=held.claimed_at)


def resume_work(work: Work, held: Claim) -> Work:
    """Likewise for due work."""
    [(id, _)] = held.items
    return replace(work, id=id)


def newest_of(*lists: Sequence[Notification]) -> list[Notification]:
    """All of them, the newest first."""
    return sorted((each for some in lists for each in some), key=lambda each: each.id, reverse=True)


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """The values, up to `AT_ONCE` at a time."""
    rest = iter(values)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def check_version(found: int, known: int) -> None:
    """Raises SchemaTooNew for a database of a later version, which this one might harm."""
    if found > known:
        raise SchemaTooNew(
            f"the database has schema version {found}, but this version of the service knows only {known}: "
            "run the version that wrote it, or a later one"
        )


class Tasks:
    """Work that goes on to its end, also when its caller is cancelled (a client closes it, a request times out).

    Interrupted halfway, a connection could only be thrown away; and that of a memory database *is* the database.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    async def finish(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait for all that still goes on."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # asyncio logs those that nobody has looked at, as after a caller was cancelled
