"""`/v1/admin/scheduled` and `/v1/admin/dead`: what is sent later, and what could not be done."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from .. import answers, audit, schemas, wire
from ..models import Principal
from ..service.due import DeadWork
from ..service.scheduling import Schedule, Scheduled
from ..shapes import parse
from .operations import Operation, json_answer, query_of
from .problems import PRIVATE


class SchedulingRoutes:
    """Listing and cancelling what is scheduled; listing, retrying and forgetting what is dead."""

    def __init__(self, schedule: Schedule, dead: DeadWork) -> None:
        self._schedule = schedule
        self._dead = dead

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", "/v1/admin/scheduled", self.scheduled, "List what is scheduled", answers.ScheduledList,
                      query=schemas.WorkQuery, admin=True),
            Operation("DELETE", "/v1/admin/scheduled/{id}", self.cancel, "Cancel what is scheduled", status=204,
                      admin=True, may_miss=True),
            Operation("GET", "/v1/admin/dead", self.dead, "List work that has failed for good", answers.DeadList,
                      query=schemas.WorkQuery, admin=True),
            Operation("POST", "/v1/admin/dead/{id}/retry", self.retry, "Have work done that has failed for good",
                      status=204, admin=True, may_miss=True),
            Operation("DELETE", "/v1/admin/dead/{id}", self.forget, "Forget work that has failed for good", status=204,
                      admin=True, may_miss=True),
        ]  # fmt: skip

    async def scheduled(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.WorkQuery, query_of(request))
        found = await self._schedule.page(after=query.cursor, limit=query.limit)
        following = found[-1].id if len(found) == query.limit else None
        return json_answer({"scheduled": [_described(each) for each in found], "nextCursor": following})

    async def cancel(self, request: Request, principal: Principal) -> Response:
        await self._schedule.cancel(id := request.path_params["id"])
        audit.note(principal.actor, "cancel", f"scheduled:{id}")
        return Response(status_code=204, headers=PRIVATE)

    async def dead(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.WorkQuery, query_of(request))
        found = await self._dead.page(after=query.cursor, limit=query.limit)
        described = [
            {
                "id": each.work.id,
                "kind": each.work.kind,
                "attempts": each.work.attempts,
                "error": each.error,
                "diedAt": wire.iso(each.died_at),
            }
            for each in found
        ]
        following = found[-1].work.id if len(found) == query.limit else None
        return json_answer({"dead": described, "nextCursor": following})

    async def retry(self, request: Request, principal: Principal) -> Response:
        work = await self._dead.retry(request.path_params["id"])
        audit.note(principal.actor, "retry", f"work:{work.id}", kind=work.kind)
        return Response(status_code=204, headers=PRIVATE)

    async def forget(self, request: Request, principal: Principal) -> Response:
        await self._dead.forget(id := request.path_params["id"])
        audit.note(principal.actor, "forget", f"work:{id}")
        return Response(status_code=204, headers=PRIVATE)


def told(scheduled: Scheduled) -> wire.Payload:
    """What whoever scheduled it is answered."""
    return {"id": scheduled.id, "sendAt": wire.iso(scheduled.send_at), "users": scheduled.users}


def _described(scheduled: Scheduled) -> wire.Payload:
    content = scheduled.content
    said = {"type": content.type, "title": content.title, "message": content.message}
    further = {
        "audience": scheduled.audience,
        "topic": scheduled.topic,
        "requireAck": scheduled.require_ack or None,
        "expiresAt": scheduled.expires_at and wire.iso(scheduled.expires_at),
    }
    about = {name: value for name, value in further.items() if value is not None}
    return told(scheduled) | {"kind": _KINDS[scheduled.kind]} | said | about


_KINDS = {"send": "notification", "announcement": "announcement"}
