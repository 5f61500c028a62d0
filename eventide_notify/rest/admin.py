"""`/v1/admin`: what back ends may do."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response

from .. import answers, audit, schemas, wire
from ..errors import FieldError, InvalidRequest
from ..models import Principal
from ..service import NotificationService
from ..service.scheduling import Scheduled
from ..shapes import parse
from .operations import LARGE_BODY, SMALL_BODY, Operation, body_of, json_answer, query_of, user_in_path
from .problems import PRIVATE
from .scheduling import told

_IDEMPOTENCY = [("Idempotency-Key", "The caller's own. A request repeated within 24 hours does nothing again.")]


class Once(TypedDict):
    """What makes a repeated request one."""

    idempotency_key: str | None
    caller: str


class AdminRoutes:
    """Sending, announcing, and seeing who is connected."""

    def __init__(self, service: NotificationService) -> None:
        self._service = service

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", "/v1/admin/notifications/{id}", self.find, "Get a notification of any user",
                      answers.NotificationShape, admin=True, may_miss=True),
            Operation("POST", "/v1/admin/notifications", self.send, "Send a notification to users",
                      answers.CreatedNotifications, 201, body=schemas.NewNotification, admin=True,
                      headers=_IDEMPOTENCY, may_conflict=True, later=answers.ScheduledAnswer),
            Operation("POST", "/v1/admin/announcements", self.announce,
                      "Announce something to everybody, or to the subscribers of a topic", answers.AnnouncementShape,
                      201, body=schemas.NewAnnouncement, admin=True, headers=_IDEMPOTENCY, may_conflict=True,
                      later=answers.ScheduledAnswer),
            Operation("DELETE", "/v1/admin/announcements/{id}", self.retract, "Retract an announcement",
                      status=204, admin=True, may_miss=True),
            Operation("POST", "/v1/admin/events", self.publish, "Emit a custom event to connected users",
                      answers.EventAccepted, 202, body=schemas.NewEvent, admin=True),
            Operation("GET", "/v1/admin/online-users", self.online_users, "List connected users",
                      answers.OnlineUsers, query=schemas.OnlineQuery, admin=True),
            Operation("GET", "/v1/admin/users/{id:path}/online", self.user_online, "Get whether a user is connected",
                      answers.UserOnline, admin=True, may_miss=True),
        ]  # fmt: skip

    async def send(self, request: Request, principal: Principal) -> Response:
        asked = parse(schemas.NewNotification, await body_of(request, LARGE_BODY))
        sent = await self._service.send(
            asked.recipients,
            asked.draft,
            expires_at=asked.expires_at,
            collapse_key=asked.collapse_key,
            send_at=asked.send_at,
            **_once(request, principal),
        )
        if isinstance(sent, Scheduled):
            return json_answer({"scheduled": told(sent)}, 202)
        created = [{"id": item.id, "userId": item.user_id, "status": item.status} for item in sent]
        return json_answer({"notifications": created}, 201)

    async def find(self, request: Request, principal: Principal) -> Response:
        return json_answer(wire.notification(await self._service.find(request.path_params["id"])))

    async def announce(self, request: Request, principal: Principal) -> Response:
        asked = parse(schemas.NewAnnouncement, await body_of(request, SMALL_BODY * 2))
        made = await self._service.announce(
            asked.draft,
            audience=asked.audience,
            topic=asked.topic,
            expires_at=asked.expires_at,
            require_ack=asked.require_ack,
            remind_after=asked.remind_after,
            send_at=asked.send_at,
            **_once(request, principal),
        )
        later = isinstance(made, Scheduled)
        audit.announced(principal.actor, made.id, scheduled=later, audience=asked.audience, topic=asked.topic)
        if isinstance(made, Scheduled):
            return json_answer({"scheduled": told(made)}, 202)
        return json_answer(wire.announcement(made), 201)

    async def retract(self, request: Request, principal: Principal) -> Response:
        id = request.path_params["id"]
        await self._service.retract(id, caller=principal.caller)
        audit.note(principal.actor, "retract", f"announcement:{id}")
        return Response(status_code=204, headers=PRIVATE)

    async def publish(self, request: Request, principal: Principal) -> Response:
        _no_idempotency_key(request)
        asked = parse(schemas.NewEvent, await body_of(request, LARGE_BODY))
        await self._service.publish(asked.event, asked.payload, asked.user_ids)
        return json_answer({"event": asked.event}, 202)

    async def online_users(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.OnlineQuery, query_of(request))
        found = await self._service.online_users(limit=query.limit, after=query.cursor or "")
        following = {"nextCursor": found.users[-1]} if found.more else {}
        return json_answer({"userIds": list(found.users), "count": found.count, **following})

    async def user_online(self, request: Request, principal: Principal) -> Response:
        user = user_in_path(request)
        sessions = await self._service.sessions(user)
        return json_answer({"userId": user, "online": sessions > 0, "connections": sessions})


def _once(request: Request, principal: Principal) -> Once:
    return {"idempotency_key": request.headers.get("idempotency-key"), "caller": principal.caller}


def _no_idempotency_key(request: Request) -> None:
    if "idempotency-key" in request.headers:
        message = "is not supported for events: they are not saved, so a repetition cannot be recognised"
        raise InvalidRequest(f"Idempotency-Key {message}", [FieldError("Idempotency-Key", message)])
