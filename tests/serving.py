"""ASGI applications on a real uvicorn, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import uvicorn

from .servers.process import HOST
from .waiting import until


@asynccontextmanager
async def serving(app: Any, *, lifespan: Literal["on", "off"] = "on", http: Any = "auto") -> AsyncIterator[str]:
    """The application on a free port; yields its address. `http`: a protocol class of our own, or plain ASGI."""
    config = uvicorn.Config(
        app, host=HOST, port=0, lifespan=lifespan, http=http, ws="websockets-sansio", ws_per_message_deflate=False,
        log_config=None,
    )  # fmt: skip
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    await until(lambda: running.started or task.done())
    try:
        yield f"http://{HOST}:{running.servers[0].sockets[0].getsockname()[1]}"
    finally:
        running.should_exit = True
        await task
