"""Saving on PostgreSQL: all that arrives together in one statement, which is a transaction by itself.

That is one round trip and one commit for everybody. The statement goes to asyncpg as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .base import CLAIM_LIFETIME, Claim
from .postgresql_connection import OwnConnection, list_of, listed
from .records import pack_items
from .sql_errors import Progress
from .tables import (
    NEW,
    SHARED,
    Run,
    claims,
    columns_of,
    maybe_milliseconds,
    milliseconds,
    milliseconds_in,
    notifications,
)

_TYPES = {sa.Text: "text", sa.BigInteger: "bigint", sa.Boolean: "boolean"}


@dataclass(frozen=True, slots=True)
class Save:
    """Rows of `notifications`, and the claim that they are to be saved with."""

    runs: Sequence[Run]
    claim: Claim | None


def _arrays(columns: Sequence[sa.Column[Any]], first: int) -> str:
    types = [_TYPES[type(column.type)] for column in columns]
    return ", ".join(f"${number}::{type}[]" for number, type in enumerate(types, first))


def _names(columns: Iterable[sa.Column[Any]]) -> str:
    return ", ".join(column.name for column in columns)


def _rows(first: int, shared: Sequence[sa.Column[Any]]) -> str:
    """The rows to save: ids, users, the number of the run that each is of, and an array for each column that a run
    shares, and one of its claim's keys."""
    keys = f"{list_of(first)}, {list_of(first + 1)}, {list_of(first + 2)}::bigint[]"
    return f"""
        SELECT id, user_id, {_names(shared)}, claim
        FROM unnest({keys}) AS keys (id, user_id, run)
        JOIN unnest({_arrays(shared, first + 3)}, ${first + 3 + len(shared)}::text[])
            WITH ORDINALITY AS runs ({_names(shared)}, claim, number) ON number = run
    """  # noqa: S608 - nothing of this comes from outside


_CLAIM = _names(claims.columns)


# In the order of keys and ids: two instances with the same ones would otherwise wait for each other.
def _save(shared: Sequence[sa.Column[Any]]) -> str:
    return f"""
WITH taken AS (
    INSERT INTO claims ({_CLAIM})
    SELECT {_CLAIM} FROM unnest({_arrays(list(claims.columns), 1)}) AS wanted ({_CLAIM}) ORDER BY key
    ON CONFLICT (key) DO UPDATE
    SET fingerprint = excluded.fingerprint, items = excluded.items,
        claimed_at = excluded.claimed_at, complete = excluded.complete, expires_at = excluded.expires_at
    WHERE coalesce(claims.expires_at, claims.claimed_at + {milliseconds_in(CLAIM_LIFETIME)}) < excluded.claimed_at
    RETURNING key
), saved AS (
    INSERT INTO notifications (id, user_id, {_names(shared)})
    SELECT id, user_id, {_names(shared)} FROM ({_rows(len(claims.columns) + 1, shared)}) AS wanted
    WHERE claim IS NULL OR claim IN (SELECT key FROM taken)
    ORDER BY id
    ON CONFLICT (id) DO NOTHING
)
SELECT key FROM taken
"""  # noqa: S608


def _save_unclaimed(shared: Sequence[sa.Column[Any]]) -> str:
    return f"""
INSERT INTO notifications (id, user_id, {_names(shared)})
SELECT id, user_id, {_names(shared)} FROM ({_rows(1, shared)}) AS wanted ORDER BY id
ON CONFLICT (id) DO NOTHING
"""  # noqa: S608


_SHARED = {columns: list(notifications.columns)[2 : 2 + columns] for columns in (NEW, len(SHARED))}
_SAVE = {columns: _save(shared) for columns, shared in _SHARED.items()}
_SAVE_UNCLAIMED = {columns: _save_unclaimed(shared) for columns, shared in _SHARED.items()}


class PostgresqlSaves:
    """Saves groups over a connection of its own."""

    def __init__(self, connection: OwnConnection) -> None:
        self._connection = connection

    async def save(self, saves: Sequence[Save], progress: Progress) -> Sequence[bool]:
        """Whether each was saved. Those are not whose key somebody holds; and a few that cannot be saved together."""
        wanted: dict[str, Claim] = {}
        for save in saves:
            if save.claim is not None:
                wanted.setdefault(save.claim.key, save.claim)
        mine = [save.claim is None or wanted.get(save.claim.key) is save.claim for save in saves]
        some = [save for save, is_mine in zip(saves, mine, strict=True) if is_mine]
        columns = columns_of(run for save in some for run in save.runs)
        if not wanted:
            await self._connection.execute(progress, _SAVE_UNCLAIMED[columns], *_columns(some, columns))
            return mine
        claimed = [list(column) for column in zip(*map(_values, wanted.values()), strict=True)]
        found = await self._connection.execute(progress, _SAVE[columns], *claimed, *_columns(some, columns))
        taken = {row["key"] for row in found}
        return [
            is_mine and (save.claim is None or save.claim.key in taken)
            for save, is_mine in zip(saves, mine, strict=True)
        ]


def _values(claim: Claim) -> tuple[Any, ...]:
    expires_at = maybe_milliseconds(claim.expires_at)
    return claim.key, claim.fingerprint, pack_items(claim.items), milliseconds(claim.claimed_at), True, expires_at


def _columns(saves: Iterable[Save], columns: int) -> list[Any]:
    """The arguments that `_rows` takes for so many columns."""
    wanted = [(run, save.claim and save.claim.key) for save in saves for run in save.runs]
    keys = [key for run, _ in wanted for key in run.keys]
    numbers = [number for number, (run, _) in enumerate(wanted, 1) for _ in run.keys]
    shared = [(*run.shared[:columns], claim) for run, claim in wanted]
    ids, users = [id for id, _ in keys], [user for _, user in keys]
    return [listed(ids), listed(users), listed(numbers), *_turned(shared, columns + 1)]


def _turned(rows: Sequence[Sequence[Any]], columns: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * columns
