"""Idempotency keys in SQL: a claim and what it stands for are saved in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from .base import CLAIM_LIFETIME, Claim
from .engines import Database
from .records import pack_items, unpack_items
from .tables import claims, maybe_milliseconds, milliseconds, milliseconds_in, to_time

_c = claims.c
_EXPIRES_AT = sa.func.coalesce(_c.expires_at, _c.claimed_at + milliseconds_in(CLAIM_LIFETIME))

PURGED_AT_ONCE = 1_000
"""How many claims are forgotten at once, each of which may name thousands of notifications."""

Save = Callable[[sa.Connection, Claim], Any]
"""Saves what a claim stands for."""


class SqlClaims:
    """The part of `SqlStore` that is about claims."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Built once: to put such a statement together takes longer than to carry it out.
        insert = database.insert(claims)
        wanted = {column.name: insert.excluded[column.name] for column in claims.columns if column is not _c.key}
        expired = insert.excluded.claimed_at > _EXPIRES_AT
        self._insert = insert.on_conflict_do_update(index_elements=[_c.key], set_=wanted, where=expired)

    async def once(self, claim: Claim | None, save: Callable[[sa.Connection], Any], resume: Save) -> Claim | None:
        """Save in one transaction; with a claim only if nobody else holds its key, see `Store.add`."""

        def work(connection: sa.Connection) -> Claim | None:
            held = None if claim is None else self.take(connection, claim)
            if held is None:
                save(connection)
            elif claim is not None and held.fingerprint == claim.fingerprint and not held.complete:
                # Made by a version of this service that saved the claim first, and what it stands for afterwards.
                resume(connection, held)
                connection.execute(sa.update(claims).where(_c.key == held.key).values(complete=True))
            return held

        return await self._database.write(work)

    def take(self, connection: sa.Connection, claim: Claim) -> Claim | None:
        """The claim that holds, if it is an earlier one."""
        wanted = {
            "key": claim.key,
            "fingerprint": claim.fingerprint,
            "items": pack_items(claim.items),
            "claimed_at": milliseconds(claim.claimed_at),
            "complete": True,
            "expires_at": maybe_milliseconds(claim.expires_at),
        }
        if connection.execute(self._insert, wanted).rowcount:
            return None
        # On PostgreSQL the conflict has locked the row: it is there, and is the one that was in the way.
        row = connection.execute(sa.select(claims).where(_c.key == claim.key)).one()
        return Claim(row.key, row.fingerprint, unpack_items(row.items), to_time(row.claimed_at), row.complete)

    async def holds(self, key: str, now: datetime) -> bool:
        """See `Store.is_claimed`."""
        held = sa.select(_c.key).where(_c.key == key, milliseconds(now) <= _EXPIRES_AT)
        return bool(await self._database.read(held))

    async def purge(self, claimed_before: datetime, now: datetime) -> None:
        """Forget the claims made before then, and of those that say when they expire the ones that have."""
        await self._forget(_c.expires_at.is_(None) & (_c.claimed_at < milliseconds(claimed_before)), _c.claimed_at)
        await self._forget(_c.expires_at < milliseconds(now), _c.expires_at)

    async def _forget(self, wanted: sa.ColumnElement[bool], age: sa.ColumnElement[int]) -> None:
        old = sa.select(_c.key).where(wanted).order_by(age, _c.key)
        some = old.limit(PURGED_AT_ONCE).with_for_update(skip_locked=True)  # another instance may be purging too

        def work(connection: sa.Connection) -> int:
            keys = connection.execute(some).scalars().all()
            if keys:
                connection.execute(sa.delete(claims).where(self._database.among(_c.key, keys)))
            return len(keys)

        while await self._database.write(work) == PURGED_AT_ONCE:
            pass
