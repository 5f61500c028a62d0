"""`/v1/admin`: what operators look at. Nothing here changes anything."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from .. import answers, schemas, wire
from ..models import Principal
from ..service import Inbox, NotificationService
from ..service.instances import Instances
from ..service.timeline import Timelines
from ..shapes import parse
from .operations import Operation, json_answer, query_of, user_in_path


class ObservingRoutes:
    """Instances, sessions, what a user has, and what became of a notification."""

    def __init__(self, inbox: Inbox, service: NotificationService, timelines: Timelines, instances: Instances) -> None:
        self._inbox = inbox
        self._service = service
        self._timelines = timelines
        self._instances = instances

    def operations(self) -> list[Operation]:
        user = "/v1/admin/users/{id:path}"
        return [
            Operation("GET", "/v1/admin/notifications/{id}/timeline", self.timeline,
                      "Get what became of a notification, or of an announcement", answers.TimelineShape, admin=True,
                      may_miss=True),
            Operation("GET", f"{user}/notifications", self.notifications_of_user, "List a user's notifications",
                      answers.PageShape, query=schemas.PageQuery, admin=True, may_miss=True),
            Operation("GET", f"{user}/sessions", self.sessions_of_user, "List a user's open sessions",
                      answers.Sessions, admin=True, may_miss=True),
            Operation("GET", "/v1/admin/announcements", self.announcements, "List current announcements",
                      answers.Announcements, query=schemas.AnnouncementsQuery, admin=True),
            Operation("GET", "/v1/admin/instances", self.instances, "List the instances, and how they are",
                      answers.Instances, admin=True),
            Operation("GET", "/v1/admin/warnings", self.warnings, "List the last warnings of all instances",
                      answers.Warnings, admin=True),
        ]  # fmt: skip

    async def timeline(self, request: Request, principal: Principal) -> Response:
        return json_answer({"events": await self._timelines.of(request.path_params["id"])})

    async def notifications_of_user(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.PageQuery, query_of(request))
        return json_answer(wire.page(await self._inbox.page(user_in_path(request), **query.model_dump(by_alias=False))))

    async def sessions_of_user(self, request: Request, principal: Principal) -> Response:
        user = user_in_path(request)
        return json_answer({"userId": user, "sessions": await self._instances.sessions_of(user)})

    async def announcements(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.AnnouncementsQuery, query_of(request))
        found = await self._service.announcements(limit=query.limit + 1, before=query.cursor)
        following = found[query.limit - 1].id if len(found) > query.limit else None
        listed = [wire.announcement(item) for item in found[: query.limit]]
        return json_answer({"announcements": listed, "nextCursor": following})

    async def instances(self, request: Request, principal: Principal) -> Response:
        return json_answer({"instances": await self._instances.all()})

    async def warnings(self, request: Request, principal: Principal) -> Response:
        return json_answer({"warnings": await self._instances.recent_warnings()})
