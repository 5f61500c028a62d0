"""Servers that break their promises, for `verify` to find out: each under a path of its own, at the given port.

* `/forgetful` marks a notification as DELIVERED when it emits it, and sends nothing again.
* `/nagging` sends everything again on each connect, newest first and unmarked, and never marks anything.
* `/full` never saves anything.
* `/shut` lets no client in.
* `/deaf` has no sockets at all.
* `/stuck` does not delete.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

NAMESPACE = "/notifications"


class Broken:
    def __init__(self, way: str) -> None:
        self.sockets = socketio.AsyncServer(async_mode="asgi")
        self.items: list[dict[str, Any]] = []
        self._way = way
        prefix = f"/{way}/v1"
        self._web = Starlette(
            routes=[
                Route(f"{prefix}/notifications/unread-count", self.count),
                Route(f"{prefix}/notifications", self.page),
                Route(f"{prefix}/notifications/{{id}}", self.delete, methods=["DELETE"]),
                Route(f"{prefix}/admin/notifications", self.send, methods=["POST"]),
            ]
        )
        self.app = socketio.ASGIApp(self.sockets, self._web, socketio_path=f"{way}/socket.io")
        if way == "deaf":
            self.app = self._web
        self.sockets.on("connect", self.connect, namespace=NAMESPACE)

    async def connect(self, sid: str, environ: dict[str, Any], auth: dict[str, str]) -> None:
        if self._way == "shut":
            raise socketio.exceptions.ConnectionRefusedError("No entry")
        user = user_of(auth["token"])
        await self.sockets.enter_room(sid, user, namespace=NAMESPACE)
        if self._way == "nagging":
            for item in reversed(self.of(user)):
                await self.emit(item, sid)

    async def emit(self, item: dict[str, Any], to: str) -> None:
        await self.sockets.emit("notification", item, to=to, namespace=NAMESPACE)

    async def count(self, request: Request) -> Response:
        return JSONResponse({"unreadCount": 0, "unseenCount": 0})

    async def send(self, request: Request) -> Response:
        if self._way == "full":
            return Response(status_code=503)
        now = datetime.now(UTC).isoformat()
        body = await request.json()
        item = {"id": f"{time.time_ns():032x}", **body, "status": "PENDING", "createdAt": now}
        self.items.append(item)
        await self.emit(item, body["userId"])
        if self._way == "forgetful":
            item |= {"status": "DELIVERED", "deliveredAt": now}
        return JSONResponse({"notifications": [{"id": item["id"]}]}, 201)

    async def page(self, request: Request) -> Response:
        user = user_of(request.headers["authorization"].removeprefix("Bearer "))
        return JSONResponse({"notifications": self.of(user)[::-1][:100], "nextCursor": None})

    async def delete(self, request: Request) -> Response:
        if self._way == "stuck":
            return Response(status_code=500)
        self.items = [item for item in self.items if item["id"] != request.path_params["id"]]
        return Response(status_code=204)

    def of(self, user: str) -> list[dict[str, Any]]:
        return [item for item in self.items if item["userId"] == user]


def user_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


def main(port: int) -> None:
    servers = {way: Broken(way).app for way in ("forgetful", "nagging", "full", "shut", "deaf", "stuck")}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            await servers[scope["path"].split("/")[1]](scope, receive, send)

    uvicorn.run(app, port=port, lifespan="off", log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
