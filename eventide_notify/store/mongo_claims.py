"""Idempotency keys in MongoDB.

Without transactions a claim is taken first, then what it stands for is saved, then the claim is complete. Whoever finds
one that is not complete saves the same, under the same ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..errors import EventideError
from .base import CLAIM_LIFETIME, Claim
from .mongo_client import Document, MongoClient, group
from .records import pack_items, unpack_items


class MongoClaims:
    """The part of `MongoStore` that is about claims."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._claims = client["claims"]
        self._inserts = group(self._insert_group, weigh=lambda _: 1)
        self._completions = group(self._complete_group, weigh=lambda _: 1)

    async def settle(self) -> None:
        """Wait for all that is under way."""
        await self._inserts.settle()
        await self._completions.settle()

    async def once(self, claim: Claim, save: Callable[[Claim], Awaitable[Any]]) -> Claim | None:
        """Save what the claim stands for if nobody else holds its key, see `Store.add`."""
        held = await self._take(claim)
        if held is not None and (held.complete or held.fingerprint != claim.fingerprint):
            return held
        await save(held or claim)
        await self._complete(claim.key)
        return held

    async def _take(self, claim: Claim) -> Claim | None:
        """The claim that holds, if it is an earlier one."""
        document = {
            "_id": claim.key,
            "fingerprint": claim.fingerprint,
            "items": pack_items(claim.items),
            "claimedAt": claim.claimed_at,
            "complete": False,
            "expiresAt": claim.expires_at,
        }
        expired = {"_id": claim.key, "$or": _expired(claim.claimed_at)}
        while True:
            if await self._inserts.do(document):
                return None
            if await self._client.write(self._claims.find_one_and_replace, expired, document):
                return None
            if held := await self._client.read(self._claims.find_one, {"_id": claim.key}):
                # Ours, if the answer that it was taken was lost: the ids in it are nobody else's.
                return None if held == document else _to_claim(held)
            # Purged between two of these commands: the key is free now.

    async def _insert_group(self, documents: Sequence[Document]) -> Sequence[bool]:
        """Whether each was inserted. Of those with the same key one is."""
        new = {(document["_id"], document["items"]) for document in await self._client.insert(self._claims, documents)}
        return [(document["_id"], document["items"]) in new for document in documents]

    async def _complete(self, key: str) -> None:
        with suppress(EventideError):  # it is saved, which is what was asked for; a repetition saves the same again
            await self._completions.do(key)

    async def _complete_group(self, keys: Sequence[str]) -> Sequence[None]:
        for part in self._client.limits.parts(keys):
            await self._client.update(self._claims, {"_id": {"$in": part}}, {"complete": True})
        return [None] * len(keys)

    async def holds(self, key: str, now: datetime) -> bool:
        """See `Store.is_claimed`."""
        return bool(await self._client.ids(self._claims, {"_id": key, "$nor": _expired(now)}))

    async def purge(self, claimed_before: datetime, now: datetime) -> None:
        """Forget the claims made before then, and of those that say when they expire the ones that have."""
        for old in ({"expiresAt": None, "claimedAt": {"$lt": claimed_before}}, {"expiresAt": {"$lt": now}}):
            await self._client.write(self._claims.delete_many, old, attempts=self._client.attempts(many=True))


def _expired(now: datetime) -> list[Document]:
    return [{"expiresAt": None, "claimedAt": {"$lt": now - CLAIM_LIFETIME}}, {"expiresAt": {"$lt": now}}]


def _to_claim(document: Document) -> Claim:
    return Claim(
        key=document["_id"],
        fingerprint=document["fingerprint"],
        items=unpack_items(document["items"]),
        claimed_at=document["claimedAt"],
        complete=document["complete"],
    )
