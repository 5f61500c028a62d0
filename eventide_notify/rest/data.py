"""`/v1/admin/users/{id}`: all that is kept of one user. Each request is noted in the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .. import answers, audit, wire
from ..errors import NotFound
from ..models import Notification, Principal, UserId
from ..service.data import UserData
from .operations import Operation, json_answer, user_in_path
from .problems import PRIVATE

LINES = "application/x-ndjson"
_USERS = b"/v1/admin/users/"


class DataRoutes:
    """Exporting and erasing users."""

    def __init__(self, data: UserData) -> None:
        self._data = data

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", "/v1/admin/users/{id:path}/export", self.export,
                      "Get all notifications of a user, one a line, newest first, and then the subscriptions",
                      admin=True, may_miss=True, media_type=LINES),
            Operation("DELETE", "/v1/admin/users/{id:path}", self.erase, "Erase a user", answers.Erased, admin=True,
                      may_miss=True),
        ]  # fmt: skip

    async def export(self, request: Request, principal: Principal) -> Response:
        user = user_in_path(request)
        portions = self._data.export(user)
        first = await anext(portions)  # before the answer begins: what goes wrong here can still be said
        return StreamingResponse(self._lines(principal, user, first, portions), headers=PRIVATE, media_type=LINES)

    async def erase(self, request: Request, principal: Principal) -> Response:
        _check_address(request)
        user = user_in_path(request)
        erased, scheduled = await self._data.erase(user)
        numbers = {
            "notifications": erased.notifications,
            "receipts": erased.receipts,
            "claims": erased.claims,
        }
        audit.note(principal.actor, "erase", f"user:{user}", **numbers, scheduled=scheduled)
        return json_answer(numbers)

    async def _lines(
        self,
        principal: Principal,
        user: UserId,
        first: Sequence[Notification],
        rest: AsyncIterator[Sequence[Notification]],
    ) -> AsyncIterator[bytes]:
        """If something goes wrong on the way the connection is closed before the end, which the client notices."""
        number, complete = 0, False
        try:
            items: Sequence[Notification] | None = first
            while items is not None:
                number += len(items)
                yield _encoded(map(wire.notification, items))
                items = await anext(rest, None)
            topics = await self._data.topics(user)
            yield _encoded({"kind": "subscription", "topic": topic} for topic in topics)
            complete = True
        finally:
            audit.note(principal.actor, "export", f"user:{user}", notifications=number, complete=complete)


def _encoded(payloads: Iterable[wire.Payload]) -> bytes:
    return b"".join(orjson.dumps(payload, option=orjson.OPT_APPEND_NEWLINE) for payload in payloads)


def _check_address(request: Request) -> None:
    """A slash in a user's id comes as `%2F` here: nobody who mistypes `/online` is to erase another user."""
    address = request.scope.get("raw_path", b"").partition(b"?")[0]
    if b"/" in address.rpartition(_USERS)[2]:
        raise NotFound("There is nothing at this address. Write a slash in a user's id as %2F.")
