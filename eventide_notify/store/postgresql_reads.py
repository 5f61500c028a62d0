"""Marking notifications as read on PostgreSQL: what arrives together in one statement, for any number of users."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..models import NotificationId, UserId
from .postgresql_connection import OwnConnection
from .sql_errors import Progress

# Locked in the order of ids, so that two instances never wait for each other crosswise.
_READ = """
WITH wanted AS (
    SELECT id, user_id, max(at) AS at
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS wanted (id, user_id, at) GROUP BY id, user_id
), mine AS (
    SELECT notifications.id, notifications.user_id, at
    FROM notifications JOIN wanted ON wanted.id = notifications.id AND wanted.user_id = notifications.user_id
    ORDER BY notifications.id FOR UPDATE OF notifications
), changed AS (
    UPDATE notifications SET status = 'READ', read_at = at, delivered_at = coalesce(delivered_at, at)
    FROM mine WHERE notifications.id = mine.id AND status <> 'READ'
)
SELECT id, user_id FROM mine
"""


@dataclass(frozen=True, slots=True)
class Read:
    """What a user has read, and when, in milliseconds."""

    user: UserId
    ids: Collection[NotificationId]
    at: int


class PostgresqlReads:
    """Marks groups over a connection of its own."""

    def __init__(self, connection: OwnConnection) -> None:
        self._connection = connection

    async def mark(self, reads: Sequence[Read], progress: Progress) -> Sequence[list[NotificationId]]:
        """For each, those of its ids that are notifications of its user's own."""
        wanted = [(id, read.user, read.at) for read in reads for id in read.ids]
        found = await self._connection.execute(progress, _READ, *zip(*wanted, strict=True))
        mine = {(row["id"], row["user_id"]) for row in found}
        return [[id for id in read.ids if (id, read.user) in mine] for read in reads]
