"""A store that is easy to believe in: what `Store` promises, in as few words as possible."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from eventide_notify.models import (
    WITHHELD,
    Announcement,
    Change,
    Counts,
    Notification,
    NotificationId,
    Pressed,
    Receipt,
    Status,
    UserId,
)

from .samples import announced


class ModelStore:
    def __init__(self) -> None:
        self.own: dict[NotificationId, Notification] = {}
        self.announced: dict[NotificationId, Announcement] = {}
        self.touched: dict[tuple[UserId, NotificationId], Notification | None] = {}
        """What users made of announcements; None where they deleted them."""
        self.subscriptions: set[tuple[str, UserId]] = set()

    def all(self, user: UserId, now: datetime) -> list[Notification]:
        """All that the user has, oldest first."""
        has = [each for each in self.own.values() if each.user_id == user and not each.has_expired(now)]
        for id, saved in self.announced.items():
            notification = self.touched.get((user, id), announced(saved, user))
            if notification and saved.expires_at and saved.expires_at > now and self._is_for(user, saved, notification):
                has.append(notification)
        return sorted(has, key=lambda notification: notification.id)

    def _is_for(self, user: UserId, saved: Announcement, had: Notification) -> bool:
        return saved.topic is None or (saved.topic, user) in self.subscriptions or had.read

    def subscribe(self, topic: str, users: Collection[UserId], now: datetime) -> dict[UserId, set[NotificationId]]:
        return self._subscribe({(topic, user) for user in users} - self.subscriptions, now)

    def unsubscribe(self, topic: str, users: Collection[UserId], now: datetime) -> dict[UserId, set[NotificationId]]:
        return self._subscribe({(topic, user) for user in users} & self.subscriptions, now)

    def _subscribe(self, changed: set[tuple[str, UserId]], now: datetime) -> dict[UserId, set[NotificationId]]:
        before = {user: {each.id for each in self.all(user, now)} for _, user in changed}
        self.subscriptions ^= changed
        return {user: had ^ {each.id for each in self.all(user, now)} for user, had in before.items()}

    def some(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> list[Notification]:
        return [notification for notification in self.all(user, now) if notification.id in ids]

    def page(
        self,
        user: UserId,
        *,
        now: datetime,
        limit: int,
        before: NotificationId | None,
        offset: int,
        unread: bool | None,
        archived: bool,
        type: str | None,
        text: str | None,
        top: datetime | None,
        from_top: bool,
    ) -> list[Notification]:
        def place(notification: Notification) -> tuple[bool, NotificationId]:
            return top is not None and notification.on_top(top), notification.id

        wanted = [
            notification
            for notification in sorted(self.all(user, now), key=place, reverse=True)
            if (before is None or place(notification) < (from_top and top is not None, before))
            and unread in (None, not notification.read)
            and notification.archived == archived
            and type in (None, notification.content.type)
            and (text or "").casefold() in notification.content.message.casefold()
        ]
        return wanted[offset : offset + limit]

    def inbox(self, user: UserId, now: datetime) -> list[Notification]:
        return [each for each in self.all(user, now) if not each.archived]

    def counts(self, user: UserId, now: datetime) -> Counts:
        inbox = self.inbox(user, now)
        return Counts(sum(not each.read for each in inbox), sum(not each.seen for each in inbox))

    def add(self, notifications: Iterable[Notification]) -> None:
        self.own |= {notification.id: notification for notification in notifications}

    def add_collapsing(
        self, notifications: Iterable[Notification], now: datetime
    ) -> Mapping[NotificationId, Sequence[NotificationId]]:
        """The ids that each of them has replaced."""
        replaced: dict[NotificationId, Sequence[NotificationId]] = {}
        for new in notifications:
            inbox = [each for each in self.inbox(new.user_id, now) if not each.read and not each.broadcast]
            olds = [each for each in inbox if each.collapse_key == new.collapse_key]
            if olds:
                replaced[new.id] = [old.id for old in olds]
            for old in olds:
                del self.own[old.id]
            self.own[new.id] = replace(new, collapsed=sum(old.collapsed + 1 for old in olds))
        return replaced

    def expired(
        self, after: tuple[datetime, NotificationId], until: datetime
    ) -> list[tuple[NotificationId, UserId | None]]:
        own = [(each.expires_at, each.id, each.user_id) for each in self.own.values()]
        announced = [(each.expires_at, each.id, None) for each in self.announced.values()]
        found = [each for each in (*own, *announced) if each[0] is not None and after < each[:2] and each[0] <= until]
        return [(id, user) for _, id, user in sorted(found, key=lambda each: each[:2])]

    def remove_expired(self, before: datetime) -> int:
        gone = [id for id, each in self.own.items() if each.expires_at is not None and each.expires_at < before]
        for id in gone:
            del self.own[id]
        return len(gone)

    def add_announcement(self, announcement: Announcement) -> None:
        self.announced[announcement.id] = announcement

    def remove_announcement(self, id: NotificationId) -> bool:
        return self.announced.pop(id, None) is not None

    def purge(self, now: datetime) -> None:
        self.announced = {
            id: saved for id, saved in self.announced.items() if saved.expires_at and saved.expires_at > now
        }

    def mark_delivered(self, receipts: Collection[Receipt], now: datetime) -> int:
        named = [
            notification
            for receipt in set(receipts)
            for notification in self.some(receipt.user_id, [receipt.notification_id], now)
            if notification.broadcast == receipt.broadcast and notification.status is Status.PENDING
        ]
        return self._put(replace(each, status=Status.DELIVERED, delivered_at=now) for each in named)

    def change(
        self, user: UserId, change: Change, ids: Collection[NotificationId], now: datetime
    ) -> tuple[set[NotificationId], set[NotificationId], set[NotificationId]]:
        found = self.some(user, ids, now)
        withheld = {each.id for each in found if each.unacknowledged and change in WITHHELD}
        changed = {each.id for each in found if self._change(each, change, now)}
        return {each.id for each in found} - withheld, changed, withheld

    def change_all(
        self, user: UserId, change: Change, up_to: NotificationId | None, now: datetime
    ) -> list[NotificationId]:
        archived = change is Change.UNARCHIVE
        which = [each for each in self.all(user, now) if each.archived == archived]
        return [
            each.id
            for each in reversed(which)
            if (up_to is None or each.id <= up_to) and self._change(each, change, now)
        ]

    def _change(self, notification: Notification, change: Change, now: datetime) -> bool:
        """Whether it is otherwise now than before."""
        if notification.unacknowledged and change in WITHHELD:
            return False
        if change is Change.DELETE:
            if notification.broadcast:
                self.touched[notification.user_id, notification.id] = None
            else:
                del self.own[notification.id]
            return True
        changed = _changed(notification, change, now)
        self._put([changed])
        return changed != notification

    def acknowledge(
        self, user: UserId, id: NotificationId, now: datetime
    ) -> tuple[list[NotificationId], list[NotificationId]]:
        for found in self.some(user, [id], now):
            if found.require_ack:
                done = replace(_changed(found, Change.READ, now), acknowledged_at=found.acknowledged_at or now)
                self._put([done])
                return [id], [id] if done != found else []
        return [], []

    def press(self, user: UserId, id: NotificationId, action: str, now: datetime) -> bool:
        for found in self.some(user, [id], now):
            if found.unacknowledged:
                return False
            if found.pressed is None or found.pressed.id == action:
                read = _changed(found, Change.READ, now)
                self._put([replace(read, pressed=found.pressed or Pressed(action, now))])
                return True
        return False

    def overdue(self, after: NotificationId, before: NotificationId, limit: int) -> Sequence[Notification]:
        waiting = [each for each in self.own.values() if each.status is Status.PENDING and not each.archived]
        return sorted((each for each in waiting if after < each.id < before), key=lambda each: each.id)[:limit]

    def since(self, id: NotificationId, limit: int) -> Sequence[Notification]:
        return [self.own[each] for each in sorted(self.own) if each > id][:limit]

    def announcements(self, after: NotificationId, now: datetime) -> Sequence[Announcement]:
        valid = (saved for id, saved in sorted(self.announced.items()) if id > after)
        return [saved for saved in valid if saved.expires_at and saved.expires_at > now]

    def _put(self, changed: Iterable[Notification]) -> int:
        notifications = list(changed)
        self.own |= {each.id: each for each in notifications if not each.broadcast}
        self.touched |= {(each.user_id, each.id): each for each in notifications if each.broadcast}
        return len(notifications)


def _changed(notification: Notification, change: Change, now: datetime) -> Notification:
    match change:
        case Change.SEEN:
            return replace(notification, seen_at=notification.seen_at or now)
        case Change.READ if not notification.read:
            received, seen = notification.delivered_at or now, notification.seen_at or now
            return replace(notification, status=Status.READ, delivered_at=received, read_at=now, seen_at=seen)
        case Change.UNREAD if notification.read:
            return replace(notification, status=Status.DELIVERED, read_at=None)
        case Change.ARCHIVE:
            return replace(notification, archived_at=notification.archived_at or now)
        case Change.UNARCHIVE:
            return replace(notification, archived_at=None)
    return notification
