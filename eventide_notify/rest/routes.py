"""The REST routes: parse, call the service, shape the answer.

Each route is a row of `operations`, which the OpenAPI document is made of too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from .. import answers, schemas, wire
from ..errors import (
    EventideError,
    FieldError,
    Forbidden,
    Internal,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    PayloadTooLarge,
    TokenMissing,
    UnsupportedMedia,
)
from ..metrics import Metrics
from ..models import USER_ID_MAX, Change, Principal, UserId
from ..schemas import Shape
from ..service import Inbox, NotificationService
from ..service.in_flight import InFlight
from .problems import PRIVATE, problem

logger = logging.getLogger(__name__)

SMALL_BODY = 64 * 1024
LARGE_BODY = 4 * 1024 * 1024
"""Bytes: 10,000 user ids of 128 characters and a message of 10,000, with room for escapes."""

Verify = Callable[[object], Awaitable[Principal]]
Endpoint = Callable[[Request, Principal], Awaitable[Response]]

_IDEMPOTENCY = [("Idempotency-Key", "The caller's own. A request repeated within 24 hours does nothing again.")]


class Once(TypedDict):
    """What makes a repeated request one."""

    idempotency_key: str | None
    caller: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the REST API."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answer: type[Shape] | None = None
    status: int = 200
    query: type[Shape] | None = None
    body: type[Shape] | None = None
    body_required: bool = True
    admin: bool = False
    may_miss: bool = False
    may_conflict: bool = False
    headers: Sequence[tuple[str, str]] = field(default=())


class NotificationRoutes:
    """`/v1`: a user's own notifications, and under `/v1/admin` what administrators may do."""

    def __init__(
        self, service: NotificationService, inbox: Inbox, verify: Verify, in_flight: InFlight, metrics: Metrics
    ) -> None:
        self._service = service
        self._inbox = inbox
        self._verify = verify
        self._in_flight = in_flight
        self._metrics = metrics

    def operations(self) -> list[Operation]:
        one = "/v1/notifications/{id}"
        return [
            Operation("GET", "/v1/notifications", self.list, "List your notifications, newest first",
                      answers.PageShape, query=schemas.PageQuery),
            Operation("GET", "/v1/notifications/unread-count", self.unread_count, "Count your unread notifications",
                      answers.UnreadCount),
            Operation("POST", "/v1/notifications/actions", self.change, "Change the state of several, or of all",
                      answers.UserActionResult, body=schemas.UserAction, may_miss=True),
            Operation("PUT", "/v1/notifications/read-all", self.read_all, "Mark all as read",
                      answers.ReadAllResult, body=schemas.ReadAll, body_required=False),
            Operation("GET", one, self.get, "Get a notification", answers.NotificationShape, may_miss=True),
            Operation("DELETE", one, self.delete, "Delete a notification", status=204, may_miss=True),
            Operation("PUT", f"{one}/read", self.read, "Mark a notification as read",
                      answers.NotificationShape, may_miss=True),
            Operation("PUT", f"{one}/action", self.press, "Choose one of a notification's actions",
                      answers.NotificationShape, body=schemas.Choice, may_miss=True,
                      may_conflict=True),
            Operation("GET", "/v1/admin/notifications/{id}", self.find, "Get a notification of any user",
                      answers.NotificationShape, admin=True, may_miss=True),
            Operation("POST", "/v1/admin/notifications", self.send, "Send a notification to users",
                      answers.CreatedNotifications, 201, body=schemas.NewNotification, admin=True,
                      headers=_IDEMPOTENCY, may_conflict=True),
            Operation("POST", "/v1/admin/announcements", self.announce, "Announce something to everybody",
                      answers.AnnouncementShape, 201, body=schemas.NewAnnouncement, admin=True, headers=_IDEMPOTENCY,
                      may_conflict=True),
            Operation("DELETE", "/v1/admin/announcements/{id}", self.retract, "Retract an announcement",
                      status=204, admin=True, may_miss=True),
            Operation("POST", "/v1/admin/events", self.publish, "Emit a custom event to connected users",
                      answers.EventAccepted, 202, body=schemas.NewEvent, admin=True),
            Operation("GET", "/v1/admin/online-users", self.online_users, "List connected users",
                      answers.OnlineUsers, query=schemas.OnlineQuery, admin=True),
            Operation("GET", "/v1/admin/users/{id:path}/online", self.user_online, "Get whether a user is connected",
                      answers.UserOnline, admin=True, may_miss=True),
        ]  # fmt: skip

    def routes(self) -> list[Route]:
        """One route per path: an answer 405 then says all methods that there are."""
        paths: dict[str, dict[str, Operation]] = {}
        for row in self.operations():
            paths.setdefault(row.path, {})[row.method] = row
        return [Route(path, self._guarded(rows), methods=list(rows)) for path, rows in paths.items()]

    def _guarded(self, rows: Mapping[str, Operation]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            row = rows["GET" if request.method == "HEAD" else request.method]
            started = time.perf_counter()
            response = await self._answer(row, request)
            labels = row.path, row.method, str(response.status_code)
            self._metrics.requests.labels(*labels).observe(time.perf_counter() - started)
            return response

        return endpoint

    async def _answer(self, row: Operation, request: Request) -> Response:
        try:
            principal = await self._verify(_bearer(request))
            if row.admin and not principal.admin:
                raise Forbidden
            if row.query is None and request.query_params:
                raise InvalidRequest(
                    "This takes no parameters.",
                    [FieldError(name, "there is no such parameter") for name in request.query_params],
                )
            if row.admin:  # a back end has one token for all that it sends
                return await row.endpoint(request, principal)
            async with self._in_flight.of(principal.user_id):
                return await row.endpoint(request, principal)
        except EventideError as error:
            return problem(error)
        except Exception:
            internal = Internal()
            logger.exception("%s: %s %s failed", internal.message, row.method, row.path)
            return problem(internal)

    # A user's own

    async def list(self, request: Request, principal: Principal) -> Response:
        query = schemas.parse(schemas.PageQuery, _query(request))
        return _json(wire.page(await self._inbox.page(principal.user_id, **query.model_dump(by_alias=False))))

    async def unread_count(self, request: Request, principal: Principal) -> Response:
        return _json(wire.counts(await self._inbox.counts(principal.user_id)))

    async def get(self, request: Request, principal: Principal) -> Response:
        return _json(wire.notification(await self._inbox.get(principal.user_id, request.path_params["id"])))

    async def read(self, request: Request, principal: Principal) -> Response:
        id = request.path_params["id"]
        return _json(wire.notification(await self._inbox.read(principal.user_id, id)))

    async def read_all(self, request: Request, principal: Principal) -> Response:
        asked = schemas.parse(schemas.ReadAll, await _body(request, SMALL_BODY, default={}))
        done = await self._inbox.change_all(principal.user_id, Change.READ, up_to=asked.up_to)
        return _json({"updated": len(done.changed), **wire.counts(done.counts)})

    async def change(self, request: Request, principal: Principal) -> Response:
        asked = schemas.parse(schemas.UserAction, await _body(request, SMALL_BODY))
        if asked.ids is None:
            done = await self._inbox.change_all(principal.user_id, asked.action, up_to=asked.up_to)
        else:
            done = await self._inbox.change(principal.user_id, asked.action, asked.ids)
        return _json(wire.changed(done.changed, done.counts))

    async def press(self, request: Request, principal: Principal) -> Response:
        chosen = schemas.parse(schemas.Choice, await _body(request, SMALL_BODY)).action_id
        item, _ = await self._inbox.press(principal.user_id, request.path_params["id"], chosen)
        return _json(wire.notification(item))

    async def delete(self, request: Request, principal: Principal) -> Response:
        await self._inbox.change(principal.user_id, Change.DELETE, [request.path_params["id"]])
        return Response(status_code=204, headers=PRIVATE)

    # Administrators'

    async def send(self, request: Request, principal: Principal) -> Response:
        asked = schemas.parse(schemas.NewNotification, await _body(request, LARGE_BODY))
        sent = await self._service.send(asked.recipients, asked.draft, **_once(request, principal))
        created = [{"id": item.id, "userId": item.user_id, "status": item.status} for item in sent]
        return _json({"notifications": created}, 201)

    async def find(self, request: Request, principal: Principal) -> Response:
        return _json(wire.notification(await self._service.find(request.path_params["id"])))

    async def announce(self, request: Request, principal: Principal) -> Response:
        asked = schemas.parse(schemas.NewAnnouncement, await _body(request, SMALL_BODY * 2))
        made = await self._service.announce(
            asked.draft, audience=asked.audience, expires_at=asked.expires_at, **_once(request, principal)
        )
        return _json(wire.announcement(made), 201)

    async def retract(self, request: Request, principal: Principal) -> Response:
        await self._service.retract(request.path_params["id"])
        return Response(status_code=204, headers=PRIVATE)

    async def publish(self, request: Request, principal: Principal) -> Response:
        _no_idempotency_key(request)
        asked = schemas.parse(schemas.NewEvent, await _body(request, LARGE_BODY))
        await self._service.publish(asked.event, asked.payload, asked.user_ids)
        return _json({"event": asked.event}, 202)

    async def online_users(self, request: Request, principal: Principal) -> Response:
        query = schemas.parse(schemas.OnlineQuery, _query(request))
        found = await self._service.online_users(limit=query.limit, after=query.cursor or "")
        following = {"nextCursor": found.users[-1]} if found.more else {}
        return _json({"userIds": list(found.users), "count": found.count, **following})

    async def user_online(self, request: Request, principal: Principal) -> Response:
        user = _user_in_path(request)
        sessions = await self._service.sessions(user)
        return _json({"userId": user, "online": sessions > 0, "connections": sessions})


def _json(payload: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(payload), status, PRIVATE, media_type="application/json")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing
    return token


def _query(request: Request) -> dict[str, str]:
    items = request.query_params.multi_items()
    if len(items) != len(request.query_params):
        raise InvalidRequest("Each parameter may be given only once.")
    return dict(items)


def _user_in_path(request: Request) -> UserId:
    user = str(request.path_params["id"])
    if len(user) > USER_ID_MAX:
        raise NotFound("There is no such user.")
    return user


def _once(request: Request, principal: Principal) -> Once:
    return {"idempotency_key": request.headers.get("idempotency-key"), "caller": principal.user_id}


def _no_idempotency_key(request: Request) -> None:
    if "idempotency-key" in request.headers:
        message = "is not supported for events: they are not saved, so a repetition cannot be recognised"
        raise InvalidRequest(f"Idempotency-Key {message}", [FieldError("Idempotency-Key", message)])


async def _body(request: Request, limit: int, *, default: Any = None) -> Any:
    """The JSON of the body; `default` where there is none and that is allowed."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise PayloadTooLarge(f"The body may have at most {limit} bytes.")
    except ClientDisconnect:
        raise MalformedRequest("The body ended too early.") from None
    if not body and default is not None:
        return default
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}.") from None
