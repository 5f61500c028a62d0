"""`/v1/admin`: whose tokens are no longer accepted, and whose transports are closed."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import answers, audit, schemas, wire
from ..models import Principal
from ..revocation import Revocation
from ..service.revocations import Revocations
from ..shapes import parse
from .operations import SMALL_BODY, Operation, body_of, json_answer, query_of, user_in_path
from .problems import PRIVATE


class AccessRoutes:
    """Disconnecting users, and revoking tokens. Each is noted in the audit log."""

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations

    def operations(self) -> list[Operation]:
        return [
            Operation("POST", "/v1/admin/users/{id:path}/disconnect", self.disconnect, "Disconnect a user",
                      answers.Disconnected, 202, admin=True, may_miss=True),
            Operation("POST", "/v1/admin/revocations", self.revoke, "Revoke tokens", answers.RevocationShape, 201,
                      body=schemas.NewRevocation, admin=True),
            Operation("GET", "/v1/admin/revocations", self.revocations, "List revocations", answers.RevocationsShape,
                      query=schemas.RevocationsQuery, admin=True),
            Operation("DELETE", "/v1/admin/revocations/{id}", self.unrevoke, "Accept revoked tokens again",
                      status=204, admin=True, may_miss=True),
        ]  # fmt: skip

    async def disconnect(self, request: Request, principal: Principal) -> Response:
        user = user_in_path(request)
        closed = await self._revocations.disconnect(user)
        audit.note(principal.actor, "disconnect", f"user:{user}", connections=closed)
        return json_answer({"userId": user, "connections": closed}, 202)

    async def revoke(self, request: Request, principal: Principal) -> Response:
        asked = parse(schemas.NewRevocation, await body_of(request, SMALL_BODY))
        if asked.user_id is None:
            made = await self._revocations.revoke_token(asked.jti or "", expires_at=asked.expires_at)
        else:
            made = await self._revocations.revoke_user(
                asked.user_id, issued_before=asked.issued_before, expires_at=asked.expires_at
            )
        _note(principal, "revoke", made)
        return json_answer(_shown(made), 201)

    async def revocations(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.RevocationsQuery, query_of(request))
        found = self._revocations.listed(limit=query.limit + 1, cursor=query.cursor)
        some = found[: query.limit]
        following = some[-1].id if len(found) > query.limit else None
        return json_answer({"revocations": list(map(_shown, some)), "nextCursor": following})

    async def unrevoke(self, request: Request, principal: Principal) -> Response:
        id = request.path_params["id"]
        found = await self._revocations.unrevoke(id)
        if found is None:  # not read yet
            audit.note(principal.actor, "unrevoke", f"revocation:{id}")
        else:
            _note(principal, "unrevoke", found)
        return Response(status_code=204, headers=PRIVATE)


def _note(principal: Principal, action: str, revocation: Revocation) -> None:
    subject = f"token:{revocation.token_id}" if revocation.user_id is None else f"user:{revocation.user_id}"
    before = {} if revocation.issued_before is None else {"issuedBefore": wire.iso(revocation.issued_before)}
    audit.note(principal.actor, action, subject, revocation=revocation.id, **before)


def _shown(revocation: Revocation) -> dict[str, Any]:
    fields = {
        "id": revocation.id,
        "userId": revocation.user_id,
        "jti": revocation.token_id,
        "issuedBefore": revocation.issued_before and wire.iso(revocation.issued_before),
        "createdAt": wire.iso(revocation.created_at),
        "expiresAt": wire.iso(revocation.expires_at),
    }
    return {name: value for name, value in fields.items() if value is not None}
