"""`/v1/topics`: a user's own subscriptions; `/v1/admin/topics`: those of all."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from .. import answers, audit, schemas
from ..errors import NotFound
from ..models import Principal
from ..service.topics import Topics
from ..shapes import parse
from .operations import LARGE_BODY, Operation, body_of, json_answer
from .problems import PRIVATE

_TOPICS, _SUBSCRIBERS = b"/v1/admin/topics/", b"/subscribers"


class TopicRoutes:
    """Subscribing and unsubscribing: oneself, and others. A slash in a topic may come as it is, or as `%2F`."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def operations(self) -> list[Operation]:
        own, one = "/v1/topics/{topic:path}", "/v1/admin/topics/{topic:path}"
        return [
            Operation("GET", "/v1/topics", self.own_topics, "List the topics you are subscribed to", answers.OwnTopics),
            Operation("PUT", own, self.follow_topic, "Subscribe to a topic", status=204, may_miss=True,
                      may_conflict=True),
            Operation("DELETE", own, self.leave_topic, "Unsubscribe from a topic", status=204,
                      may_miss=True),
            Operation("PUT", f"{one}/subscribers", self.subscribe, "Subscribe users to a topic",
                      answers.SubscribersChanged, body=schemas.Subscribers, admin=True, may_miss=True),
            Operation("DELETE", f"{one}/subscribers", self.unsubscribe, "Unsubscribe users from a topic",
                      answers.SubscribersChanged, body=schemas.Subscribers, admin=True, may_miss=True),
            Operation("GET", one, self.topic, "Count the subscribers of a topic", answers.TopicShape, admin=True,
                      may_miss=True),
        ]  # fmt: skip

    async def own_topics(self, request: Request, principal: Principal) -> Response:
        return json_answer({"topics": list(await self._topics.of(principal.user_id))})

    async def follow_topic(self, request: Request, principal: Principal) -> Response:
        await self._topics.follow(principal.user_id, _topic_of(request))
        return Response(status_code=204, headers=PRIVATE)

    async def leave_topic(self, request: Request, principal: Principal) -> Response:
        await self._topics.unsubscribe(_topic_of(request), [principal.user_id])
        return Response(status_code=204, headers=PRIVATE)

    async def subscribe(self, request: Request, principal: Principal) -> Response:
        topic, users = _topic_of(request), parse(schemas.Subscribers, await body_of(request, LARGE_BODY))
        changed = await self._topics.subscribe(topic, users.user_ids)
        audit.note(principal.actor, "subscribe", f"topic:{topic}", users=changed)
        return json_answer({"topic": topic, "changed": changed})

    async def unsubscribe(self, request: Request, principal: Principal) -> Response:
        topic, users = _topic_of(request), parse(schemas.Subscribers, await body_of(request, LARGE_BODY))
        changed = await self._topics.unsubscribe(topic, users.user_ids)
        audit.note(principal.actor, "unsubscribe", f"topic:{topic}", users=changed)
        return json_answer({"topic": topic, "changed": changed})

    async def topic(self, request: Request, principal: Principal) -> Response:
        if request.scope.get("raw_path", b"").rpartition(_TOPICS)[2].endswith(_SUBSCRIBERS):
            raise NotFound("There is nothing to get at this address. Write a slash in a topic as %2F.")
        topic = _topic_of(request)
        return json_answer({"topic": topic, "subscribers": await self._topics.subscribers(topic)})


def _topic_of(request: Request) -> str:
    return parse(schemas.TopicOf, {"topic": request.path_params["topic"]}).topic
