"""The service as `eventide-notify serve` runs it, and beside it a port by which the load generator makes it work.

All settings come from the environment. The work is done in process, through `Application.notifications`, so that the
figures have nothing of REST in them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from eventide_notify import Application, Draft, Settings, create_app
from eventide_notify.logs import configure_logging
from eventide_notify.server import run_server

from .payload import CONTENT, PAYLOAD

Body = dict[str, Any]
DRAFT = Draft.model_validate(CONTENT)


class Control:
    """The inner application: it has only a lifespan, in which it listens on a port of its own.

    A line there is one piece of work, and is answered by a line when that is done. It costs little, unlike a request.
    """

    application: Application
    port: int
    watch: Watch

    def __init__(self) -> None:
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    async def rest(self, seconds: float) -> None:
        """The pause of retention between two batches, which may be made longer from outside."""
        await asyncio.sleep(seconds)
        await self._goes_on.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            raise NotImplementedError(scope["type"])
        await receive()
        server = await asyncio.get_running_loop().create_server(lambda: Lines(self.work), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        server.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def work(self, body: Body) -> Body:
        """Do what is asked; when this returns, the service has been told everything."""
        notifications = self.application.notifications
        match body["work"]:
            case "event":
                await notifications.publish(body["event"], PAYLOAD, None)
            case "connected" | "everyone" as audience:
                await notifications.announce(DRAFT, audience=audience)
            case "events":
                await _in_turn(body, lambda user: notifications.publish(body["event"], PAYLOAD, [user]))
            case "sends":
                await _in_turn(body, lambda user: notifications.send([user], DRAFT))
            case "hold":
                self._goes_on.clear()
            case "go on":
                self._goes_on.set()
            case "watch":
                self.watch = Watch()
            case "watched":
                return self.watch.end()
        return {}


class Watch:
    """For how long the event loop is held at most: a timer that is due every millisecond comes later by that.

    On a machine that others use too that is also when this process had to wait for a processor. So the processor time
    of the loop's thread between two calls is told as well, which has nothing of that.
    """

    PERIOD = 0.001

    def __init__(self) -> None:
        self._longest = self._held = 0.0
        self._last, self._worked = time.monotonic(), time.thread_time()
        self._tick()

    def _tick(self) -> None:
        now, worked = time.monotonic(), time.thread_time()
        self._longest = max(self._longest, now - self._last - self.PERIOD)
        self._held = max(self._held, worked - self._worked)
        self._last, self._worked = now, worked
        self._timer = asyncio.get_running_loop().call_later(self.PERIOD, self._tick)

    def end(self) -> dict[str, float]:
        """The longest time, and the longest processor time, in milliseconds."""
        self._timer.cancel()
        return {"longest": self._longest * 1_000, "held": self._held * 1_000}


async def _in_turn(body: Body, act: Callable[[str], Awaitable[object]]) -> None:
    """Act for one user after the other, `count` times; by so many callers at a time."""
    users = iter([f"u{number % body['users']}" for number in range(body["first"], body["first"] + body["count"])])

    async def call() -> None:
        for user in users:
            await act(user)

    if body["callers"] == 1:
        await call()
    else:
        await asyncio.gather(*(call() for _ in range(body["callers"])))


class Lines(asyncio.Protocol):
    """A connection whose lines are pieces of work, one at a time."""

    def __init__(self, work: Callable[[Body], Awaitable[Body]]) -> None:
        self._work = work
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._data.endswith(b"\n"):
            body, self._data = json.loads(self._data), b""
            self._task = asyncio.ensure_future(self._do(body))

    async def _do(self, body: Body) -> None:
        answer = await self._work(body)
        self._transport.write(json.dumps(answer).encode() + b"\n")


def main() -> None:
    """Serve until SIGTERM; the first line of standard output is the address and the port for work."""
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)
    control = Control()
    control.application = app = create_app(settings, inner_app=control)
    app._parts.retention._sleep = app._parts.due._sleep = control.rest

    def listening(url: str) -> None:
        print(url, control.port, flush=True)

    if not run_server(app, host=settings.host, port=settings.port, drain=0, listening=listening):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
