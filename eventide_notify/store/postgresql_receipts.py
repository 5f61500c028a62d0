"""Receipts on PostgreSQL: what arrives together in one statement, whose answer is a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..models import Receipt
from .postgresql_connection import OwnConnection, list_of, listed
from .sql_errors import Progress

# Locked in the order of ids, so that two instances never wait for each other crosswise.
_DELIVER = f"""
WITH proven AS (
    SELECT id, user_id, min(at) AS at, min(part) AS part
    FROM unnest({list_of(1)}, {list_of(2)}, {list_of(3)}::bigint[]) AS proven (id, user_id, part)
    JOIN unnest($4::bigint[]) WITH ORDINALITY AS parts (at, number) ON number = part
    GROUP BY id, user_id
), mine AS (
    SELECT notifications.id, at, part
    FROM notifications JOIN proven ON proven.id = notifications.id AND proven.user_id = notifications.user_id
    WHERE status = 'PENDING' AND (expires_at IS NULL OR expires_at > at)
    ORDER BY notifications.id FOR UPDATE OF notifications
), changed AS (
    UPDATE notifications SET status = 'DELIVERED', delivered_at = at
    FROM mine WHERE notifications.id = mine.id AND status = 'PENDING'
    RETURNING part
)
SELECT part, count(*) AS number FROM changed GROUP BY part
"""  # noqa: S608 - nothing of this comes from outside


@dataclass(frozen=True, slots=True)
class Received:
    """What clients have received, and when that was proven, in milliseconds."""

    receipts: Sequence[Receipt]
    at: int


class PostgresqlReceipts:
    """Writes groups of receipts, of notifications that are a user's own, over a connection of its own."""

    def __init__(self, connection: OwnConnection) -> None:
        self._connection = connection

    async def deliver(self, received: Sequence[Received], progress: Progress) -> Sequence[int]:
        """How many notifications each has changed."""
        proven = [receipt for some in received for receipt in some.receipts]
        ids = [receipt.notification_id for receipt in proven]
        users = [receipt.user_id for receipt in proven]
        parts = [part for part, some in enumerate(received, 1) for _ in some.receipts]
        times = [some.at for some in received]
        found = await self._connection.execute(progress, _DELIVER, listed(ids), listed(users), listed(parts), times)
        changed = {row["part"]: row["number"] for row in found}
        return [changed.get(part, 0) for part in range(1, len(received) + 1)]
