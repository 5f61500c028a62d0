"""The service as `eventide-notify serve` runs it, and beside it the requests by which the load generator makes it work.

All settings come from the environment. The work is done in process, through `Application.notifications`, so the
figures have nothing of REST in them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from eventide_notify import Application, Draft, Settings, create_app
from eventide_notify.logs import configure_logging
from eventide_notify.server import run_server

from .payload import PAYLOAD

Body = dict[str, Any]
DRAFT = Draft.model_validate({name: PAYLOAD[name] for name in ("type", "title", "message", "link")})


class Control:
    """`POST /bench/…`, as an ASGI application: without a framework, which would be part of the figures."""

    application: Application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        routes: dict[str, Callable[[Body], Awaitable[None]]] = {
            "/bench/broadcast": self._broadcast,
            "/bench/events": self._events,
            "/bench/sends": self._sends,
        }
        if scope["type"] != "http" or scope["path"] not in routes:
            raise NotImplementedError(f"there is no {scope['type']} {scope.get('path')}")
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await routes[scope["path"]](json.loads(body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _broadcast(self, body: Body) -> None:
        notifications = self.application.notifications
        if body["kind"] == "event":
            await notifications.publish(body["event"], PAYLOAD, None)
        else:
            await notifications.announce(DRAFT, audience=body["kind"])

    async def _events(self, body: Body) -> None:
        await _in_turns(body, lambda user: self.application.notifications.publish(body["event"], PAYLOAD, [user]))

    async def _sends(self, body: Body) -> None:
        await _in_turns(body, lambda user: self.application.notifications.send([user], DRAFT))


async def _in_turns(body: Body, act: Callable[[str], Awaitable[object]]) -> None:
    """Act `count` times, for one user after the other, with so many in flight; the event loop turns in between."""
    numbers = iter(range(body["first"], body["first"] + body["count"]))

    async def work() -> None:
        for number in numbers:
            await act(f"u{number % body['users']}")
            await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(body["in_flight"])))


def main() -> None:
    """Serve until SIGTERM; the first line of standard output is the address."""
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)
    control = Control()
    control.application = app = create_app(settings, inner_app=control)
    if not run_server(
        app, host=settings.host, port=settings.port, drain=0, listening=lambda url: print(url, flush=True)
    ):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
