"""A store that is easy to believe in: what `Store` promises, in as few words as possible."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from eventide_notify.models import Announcement, Notification, NotificationId, Receipt, Status, UserId


class ModelStore:
    def __init__(self) -> None:
        self.own: dict[NotificationId, Notification] = {}
        self.announced: dict[NotificationId, Announcement] = {}
        self.touched: dict[tuple[UserId, NotificationId], Notification | None] = {}
        """What users made of announcements; None where they deleted them."""

    def all(self, user: UserId, now: datetime) -> list[Notification]:
        """All that the user has, oldest first."""
        has = [notification for notification in self.own.values() if notification.user_id == user]
        for id, saved in self.announced.items():
            new = Notification(id, user, saved.content, saved.created_at, broadcast=True)
            notification = self.touched.get((user, id), new)
            if notification and saved.expires_at and saved.expires_at > now:
                has.append(notification)
        return sorted(has, key=lambda notification: notification.id)

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
        type: str | None,
    ) -> list[Notification]:
        wanted = [
            notification
            for notification in reversed(self.all(user, now))
            if (before is None or notification.id < before)
            and unread in (None, not notification.read)
            and type in (None, notification.content.type)
        ]
        return wanted[offset : offset + limit]

    def unread_count(self, user: UserId, now: datetime) -> int:
        return sum(not notification.read for notification in self.all(user, now))

    def add(self, notifications: Iterable[Notification]) -> None:
        self.own |= {notification.id: notification for notification in notifications}

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

    def mark_read(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> set[NotificationId]:
        found = self.some(user, ids, now)
        self._put(_read(each, now) for each in found if not each.read)
        return {each.id for each in found}

    def mark_all_read(self, user: UserId, up_to: NotificationId | None, now: datetime) -> int:
        unread = [each for each in self.all(user, now) if not each.read and (up_to is None or each.id <= up_to)]
        return self._put(_read(each, now) for each in unread)

    def delete(self, user: UserId, ids: Collection[NotificationId], now: datetime) -> set[NotificationId]:
        found = self.some(user, ids, now)
        for each in found:
            if each.broadcast:
                self.touched[user, each.id] = None
            else:
                del self.own[each.id]
        return {each.id for each in found}

    def overdue(self, after: NotificationId, before: NotificationId, limit: int) -> Sequence[Notification]:
        return [
            each for each in self.since(after, len(self.own)) if each.id < before and each.status is Status.PENDING
        ][:limit]

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


def _read(notification: Notification, now: datetime) -> Notification:
    return replace(notification, status=Status.READ, delivered_at=notification.delivered_at or now, read_at=now)
