"""ASGI lifespans: our own, and within it that of an application beside which the service is mounted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import EventideError

logger = logging.getLogger(__name__)


async def serve_lifespan(
    running: Callable[[], AbstractAsyncContextManager[None]], scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer the server's lifespan events by entering and leaving `running()`.

    What goes wrong at start is told in one line where it is an error of ours.
    """
    await receive()
    started = False
    try:
        async with running():
            started = True
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as error:
        if not isinstance(error, EventideError):
            logger.exception("the service failed to %s", "stop" if started else "start")
        phase = "shutdown" if started else "startup"
        await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
        return
    await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def lifespan_of(app: ASGIApp, scope: Scope) -> AsyncIterator[None]:
    """Run `app`'s lifespan around the block, with the state of `scope`. An application without one is left alone.

    Raises `RuntimeError` when its start fails.
    """
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def run() -> None:
        try:
            await app(scope, to_app.get, from_app.put)
        except Exception as error:
            # By the specification an application that raises here does not support lifespans.
            logger.debug("the inner application has no lifespan: %r", error)
        await from_app.put({"type": "ended"})

    task = asyncio.create_task(run(), name="lifespan of the inner application")
    await to_app.put({"type": "lifespan.startup"})
    answer = await from_app.get()
    if answer["type"] == "lifespan.startup.failed":
        raise RuntimeError(f"the inner application did not start: {answer.get('message', '')}")
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await task
        while not from_app.empty():
            if (answer := from_app.get_nowait())["type"] == "lifespan.shutdown.failed":
                logger.error("the inner application did not stop in order: %s", answer.get("message", ""))
