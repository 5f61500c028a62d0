"""For a server to import: the service under a prefix, within an application of its user's."""

from __future__ import annotations

from fastapi import FastAPI

from eventide_notify import create_app

service = create_app()
app = FastAPI(title="Outer", lifespan=service.lifespan)
app.mount("/notify", service)


@app.get("/hello")
async def hello() -> str:
    return "hello"
