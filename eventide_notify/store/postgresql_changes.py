"""Changing notifications on PostgreSQL: what arrives together in one statement, for any number of users."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..models import Change, NotificationId, UserId
from .base import Changed
from .postgresql_connection import OwnConnection
from .sql_errors import Progress

Key = tuple[NotificationId, UserId]

# What `tables.is_touched` and `tables.touched` say, for rows that are changed in different ways. They are locked in the
# order of ids, so that two instances never wait for each other crosswise.
_CHANGE = """
WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS wanted (id, user_id, change, at)
), mine AS (
    SELECT wanted.*
    FROM notifications JOIN wanted ON wanted.id = notifications.id AND wanted.user_id = notifications.user_id
    WHERE expires_at IS NULL OR expires_at > at
    ORDER BY notifications.id FOR UPDATE OF notifications
), changed AS (
    UPDATE notifications SET
        status = CASE change WHEN 'read' THEN 'READ' WHEN 'unread' THEN 'DELIVERED' ELSE status END,
        delivered_at =
            CASE WHEN change IN ('read', 'unread') THEN coalesce(delivered_at, read_at, at) ELSE delivered_at END,
        read_at = CASE change WHEN 'read' THEN at WHEN 'unread' THEN NULL ELSE read_at END,
        seen_at =
            CASE WHEN change IN ('read', 'unread', 'seen') THEN coalesce(seen_at, read_at, at) ELSE seen_at END,
        archived_at = CASE change WHEN 'archive' THEN at WHEN 'unarchive' THEN NULL ELSE archived_at END
    FROM mine WHERE notifications.id = mine.id AND CASE change
        WHEN 'seen' THEN seen_at IS NULL
        WHEN 'read' THEN status <> 'READ'
        WHEN 'unread' THEN status = 'READ'
        WHEN 'archive' THEN archived_at IS NULL
        WHEN 'unarchive' THEN archived_at IS NOT NULL
        ELSE FALSE
    END
    RETURNING notifications.id
), deleted AS (
    DELETE FROM notifications USING mine
    WHERE notifications.id = mine.id AND change = 'delete'
    RETURNING notifications.id
)
SELECT id, user_id, id IN (SELECT id FROM changed UNION ALL SELECT id FROM deleted) AS changed FROM mine
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user changes, and when, in milliseconds."""

    user: UserId
    change: Change
    ids: Collection[NotificationId]
    at: int

    def rows(self) -> list[Key]:
        return [(id, self.user) for id in self.ids]

    def touches(self) -> dict[Key, Change]:
        """The rows, and what is to become of them."""
        return dict.fromkeys(self.rows(), self.change)


class PostgresqlChanges:
    """Makes groups of changes over a connection of its own."""

    def __init__(self, connection: OwnConnection) -> None:
        self._connection = connection

    async def make(self, group: Sequence[Wanted], progress: Progress) -> Sequence[Changed]:
        """What became of the notifications that are the users' own. No row is touched in two ways in one group."""
        rows: dict[Key, tuple[Change, int]] = {}
        for wanted in reversed(group):  # the first of several that want the same makes it
            rows |= dict.fromkeys(wanted.rows(), (wanted.change, wanted.at))
        columns = zip(*((*key, *how) for key, how in rows.items()), strict=True)
        found = await self._connection.execute(progress, _CHANGE, *columns)
        held = {(row["id"], row["user_id"]): bool(row["changed"]) for row in found}
        return [_taken(wanted, held) for wanted in group]


def _taken(wanted: Wanted, held: dict[Key, bool]) -> Changed:
    """What this one finds of the rows, and leaves to those that come after it."""
    keys = [key for key in wanted.rows() if key in held]
    changed = [key for key in keys if held[key]]
    for key in changed:
        if wanted.change is Change.DELETE:
            del held[key]
        else:
            held[key] = False
    return Changed([id for id, _ in keys], [id for id, _ in changed])
