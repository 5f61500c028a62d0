"""Revocations in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from ..revocation import Revocation, RevocationId
from .base import LEEWAY
from .engines import Database
from .tables import maybe_milliseconds, maybe_time, milliseconds, revocations, to_time

_r = revocations.c


class SqlRevocations:
    """The part of `SqlStore` that is about revocations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, revocation: Revocation) -> None:
        row = {
            "id": revocation.id,
            "created_at": milliseconds(revocation.created_at),
            "expires_at": milliseconds(revocation.expires_at),
            "user_id": revocation.user_id,
            "issued_before": maybe_milliseconds(revocation.issued_before),
            "token_id": revocation.token_id,
        }
        insert = self._database.insert(revocations).values(row).on_conflict_do_nothing(index_elements=[_r.id])
        await self._database.write(lambda connection: connection.execute(insert))

    async def remove(self, id: RevocationId) -> bool:
        delete = sa.delete(revocations).where(_r.id == id)
        return await self._database.write(lambda connection: connection.execute(delete).rowcount > 0)

    async def after(self, id: RevocationId, limit: int) -> Sequence[Revocation]:
        query = sa.select(revocations).where(_r.id > id).order_by(_r.id).limit(limit)
        return [_from_row(row) for row in await self._database.read(query)]

    async def purge(self, now: datetime) -> None:
        """Forget those that expired long enough ago."""
        delete = sa.delete(revocations).where(_r.expires_at < milliseconds(now - LEEWAY))
        await self._database.write(lambda connection: connection.execute(delete))


def _from_row(row: sa.Row[tuple[object, ...]]) -> Revocation:
    return Revocation(
        id=row.id,
        created_at=to_time(row.created_at),
        expires_at=to_time(row.expires_at),
        user_id=row.user_id,
        issued_before=maybe_time(row.issued_before),
        token_id=row.token_id,
    )
