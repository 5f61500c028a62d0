"""Revocations in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..revocation import Revocation, RevocationId
from .base import LEEWAY
from .mongo_client import Document, MongoClient


class MongoRevocations:
    """The part of `MongoStore` that is about revocations."""

    def __init__(self, client: MongoClient) -> None:
        self._client = client
        self._revocations = client["revocations"]

    async def add(self, revocation: Revocation) -> None:
        document = {
            "_id": revocation.id,
            "createdAt": revocation.created_at,
            "expiresAt": revocation.expires_at,
            "userId": revocation.user_id,
            "issuedBefore": revocation.issued_before,
            "tokenId": revocation.token_id,
        }
        await self._client.insert(self._revocations, [document])

    async def remove(self, id: RevocationId) -> bool:
        if not await self._client.ids(self._revocations, {"_id": id}):
            return False
        return await self._client.remove(self._revocations, {"_id": id})

    async def after(self, id: RevocationId, limit: int) -> Sequence[Revocation]:
        found = await self._client.find(self._revocations, {"_id": {"$gt": id}}, limit, order=1)
        return [_from_document(document) for document in found]

    async def purge(self, now: datetime) -> None:
        """Forget those that expired long enough ago."""
        old = {"expiresAt": {"$lt": now - LEEWAY}}
        await self._client.write(self._revocations.delete_many, old, attempts=self._client.attempts(many=True))


def _from_document(document: Document) -> Revocation:
    return Revocation(
        id=document["_id"],
        created_at=document["createdAt"],
        expires_at=document["expiresAt"],
        user_id=document["userId"],
        issued_before=document["issuedBefore"],
        token_id=document["tokenId"],
    )
