"""`/v1/admin/announcements/{id}/reach`: whom an announcement has reached. Nothing here changes anything."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from .. import answers, schemas, wire
from ..models import Principal
from ..service.reach import Reaches
from ..shapes import parse
from .operations import Operation, json_answer, query_of


class ReachRoutes:
    """Who received, read and acknowledged an announcement, and who has not."""

    def __init__(self, reaches: Reaches) -> None:
        self._reaches = reaches

    def operations(self) -> list[Operation]:
        reach = "/v1/admin/announcements/{id}/reach"
        return [
            Operation("GET", reach, self.of, "Count who received, read and acknowledged an announcement",
                      answers.ReachShape, admin=True, may_miss=True),
            Operation("GET", f"{reach}/missing", self.missing,
                      "List who has not acknowledged an announcement, or not read it", answers.Missing,
                      query=schemas.MissingQuery, admin=True, may_miss=True),
        ]  # fmt: skip

    async def of(self, request: Request, principal: Principal) -> Response:
        return json_answer(wire.reach(await self._reaches.of(request.path_params["id"])))

    async def missing(self, request: Request, principal: Principal) -> Response:
        query = parse(schemas.MissingQuery, query_of(request))
        found = await self._reaches.missing(request.path_params["id"], after=query.cursor or "", limit=query.limit + 1)
        following = {"nextCursor": found[query.limit - 1]} if len(found) > query.limit else {}
        return json_answer({"userIds": list(found[: query.limit]), **following})
