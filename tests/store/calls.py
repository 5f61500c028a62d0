"""Calls that most tests make, and what matters to them of the answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from eventide_notify.models import Change, Notification, NotificationId, UserId
from eventide_notify.store import Store

from .samples import NOW


async def mark_read(
    store: Store, user: UserId, ids: Collection[NotificationId], *, now: datetime
) -> Collection[NotificationId]:
    """Those of `ids` that the user has."""
    return (await store.change(user, Change.READ, ids, now=now)).owned


async def mark_all_read(store: Store, user: UserId, *, up_to: NotificationId | None, now: datetime) -> int:
    """How many changed."""
    return len(await store.change_all(user, Change.READ, up_to=up_to, now=now))


async def delete(
    store: Store, user: UserId, ids: Collection[NotificationId], *, now: datetime
) -> Collection[NotificationId]:
    """Those that this call has deleted."""
    return (await store.change(user, Change.DELETE, ids, now=now)).changed


async def unread_counts(store: Store, users: Collection[UserId], *, now: datetime) -> Mapping[UserId, int]:
    return {user: counts.unread for user, counts in (await store.counts(users, now=now)).items()}


async def everything_of(store: Store, user: UserId = "42") -> list[Notification]:
    """What is archived too, oldest first."""
    found = [await store.page(user, now=NOW, limit=100, archived=archived) for archived in (False, True)]
    return sorted([*found[0], *found[1]], key=lambda each: each.id)
