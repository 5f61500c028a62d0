"""For a server to import: the service, beside an application of its user's."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket

from eventide_notify import create_app

api = FastAPI(title="Inner")
app = create_app(inner_app=api)


@api.get("/hello")
async def hello() -> str:
    return "hello"


@api.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()
