"""`/v1/notifications`: a user's own notifications."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from .. import answers, schemas, wire
from ..models import Change, Principal
from ..service import Inbox
from ..shapes import parse
from .operations import SMALL_BODY, Operation, body_of, json_answer, query_of
from .problems import PRIVATE


class InboxRoutes:
    """What users may do."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def operations(self) -> list[Operation]:
        one = "/v1/notifications/{id}"
        return [
            Operation("GET", "/v1/notifications", self.list, "List your notifications",
                      answers.PageShape, query=schemas.PageQuery),
            Operation("GET", "/v1/notifications/unread-count", self.unread_count, "Count your unread notifications",
                      answers.UnreadCount),
            Operation("POST", "/v1/notifications/actions", self.change, "Change the state of several, or of all",
                      answers.UserActionResult, body=schemas.UserAction, may_miss=True, may_conflict=True),
            Operation("PUT", "/v1/notifications/read-all", self.read_all, "Mark all as read",
                      answers.ReadAllResult, body=schemas.ReadAll, body_required=False),
            Operation("GET", one, self.get, "Get a notification", answers.NotificationShape, may_miss=True),
            Operation("DELETE", one, self.delete, "Delete a notification", status=204, may_miss=True,
                      may_conflict=True),
            Operation("PUT", f"{one}/read", self.read, "Mark a notification as read",
                      answers.NotificationShape, may_miss=True, may_conflict=True),
            Operation("PUT", f"{one}/action", self.press, "Choose one of a notification's actions",
                      answers.NotificationShape, body=schemas.Choice, may_miss=True,
                      may_conflict=True),
            Operation("POST", f"{one}/acknowledge", self.acknowledge, "Acknowledge an announcement",
                      answers.NotificationShape, may_miss=True, may_conflict=True),
        ]  # fmt: skip

    async def list(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.PageQuery, query_of(request))
        return json_answer(wire.page(await self._inbox.page(principal.user_id, **query.model_dump(by_alias=False))))

    async def unread_count(self, request: Request, principal: Principal) -> Response:
        return json_answer(wire.counts(await self._inbox.counts(principal.user_id)))

    async def get(self, request: Request, principal: Principal) -> Response:
        return json_answer(wire.notification(await self._inbox.get(principal.user_id, request.path_params["id"])))

    async def read(self, request: Request, principal: Principal) -> Response:
        id = request.path_params["id"]
        return json_answer(wire.notification(await self._inbox.read(principal.user_id, id)))

    async def read_all(self, request: Request, principal: Principal) -> Response:
        asked = parse(schemas.ReadAll, await body_of(request, SMALL_BODY, default={}))
        done = await self._inbox.change_all(principal.user_id, Change.READ, up_to=asked.up_to)
        return json_answer({"updated": len(done.changed), **wire.counts(done.counts)})

    async def change(self, request: Request, principal: Principal) -> Response:
        asked = parse(schemas.UserAction, await body_of(request, SMALL_BODY))
        if asked.ids is None:
            done = await self._inbox.change_all(principal.user_id, asked.action, up_to=asked.up_to)
        else:
            done = await self._inbox.change(principal.user_id, asked.action, asked.ids)
        return json_answer(wire.changed(done.changed, done.counts))

    async def press(self, request: Request, principal: Principal) -> Response:
        chosen = parse(schemas.Choice, await body_of(request, SMALL_BODY)).action_id
        item, _ = await self._inbox.press(principal.user_id, request.path_params["id"], chosen)
        return json_answer(wire.notification(item))

    async def acknowledge(self, request: Request, principal: Principal) -> Response:
        item, _ = await self._inbox.acknowledge(principal.user_id, request.path_params["id"])
        return json_answer(wire.notification(item))

    async def delete(self, request: Request, principal: Principal) -> Response:
        await self._inbox.change(principal.user_id, Change.DELETE, [request.path_params["id"]])
        return Response(status_code=204, headers=PRIVATE)
