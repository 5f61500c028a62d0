"""Running the application on uvicorn, with what was measured to suit it."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from .app import Application
from .realtime.engine.carrier import FRAME_MAX
from .realtime.protocol import HttpProtocol, OtherWebSockets, limits

logger = logging.getLogger(__name__)

GRACE = 10
"""Seconds that open requests have at a stop."""
FILES = 65_536
"""Descriptors that the process asks the system for: a connection takes one, and few systems give so many unasked."""
GARBAGE = 50_000, 5, 5
"""Thresholds of the garbage collector. It goes through all that a connection holds again and again while connections
come: with Python's own (700, 10, 10) that was half the time of 10,000 connects (34 s of processor time; so: 18 s)."""


class _Http(HttpProtocol):
    """With limits of its own: they are made with the first connection, when the process has its descriptors."""


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, *, listening: Callable[[str], None], drain: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._listening = listening
        self._drain = drain
        self._interruption: asyncio.Future[None] | None = None

    def interrupt(self, seconds: float, resume: Callable[[], None]) -> None:
        """Stop as at the end, listen again at the same address after so many seconds, and call `resume`.

        While it lasts, nothing happens if this is called again.
        """
        if self._interruption is None or self._interruption.done():
            self._interruption = asyncio.ensure_future(self._interrupted(seconds, resume))

    async def _interrupted(self, seconds: float, resume: Callable[[], None]) -> None:
        port = self.servers[0].sockets[0].getsockname()[1]
        for server in self.servers:
            server.close()
        # First those for requests: what is asked while transports are closed is not to be answered any more.
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Http):
                connection.shutdown()
        await self._drain()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(seconds)
        resume()
        try:
            listener = await asyncio.get_running_loop().create_server(self._connection, self.config.host, port)
        except OSError as error:  # somebody else listens there now
            logger.error("cannot listen on port %s again: %s", port, error)
            self.should_exit = True
        else:
            self.servers = [listener]

    def _connection(self) -> asyncio.Protocol:
        return _Http(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._interruption:
            self._interruption.cancel()
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:  # a second Ctrl-C does not wait
            await asyncio.wait([draining], timeout=0.1)
        draining.cancel()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.freeze()  # what is there now stays
            gc.set_threshold(*GARBAGE)
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")


def run_server(app: Application, *, host: str, port: int, drain: float, listening: Callable[[str], None]) -> bool:
    """Serve until SIGINT or SIGTERM; `listening` is given the address. False when it could not start, which the log
    explains; raises `OSError` when it cannot listen there.

    At the end transports are closed one after the other within `drain` seconds, while the server still answers.

    WebSocket compression is off: it costs hundreds of KiB per connection and most of the time of a small message.
    Engine.IO has pings of its own, so WebSocket's are off too. (Both concern the WebSockets of an inner application;
    those of the service have a protocol class of their own.)
    """
    _allow_files()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        http=_Http,
        ws=OtherWebSockets,
        ws_max_size=FRAME_MAX + 1024,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=int(limits.IDLE_TIMEOUT),
        proxy_headers=False,  # the application knows whom to believe, and needs to know who really asked
    )
    server = _Server(config, listening=listening, drain=lambda: app.drain(drain))
    app.interrupt = lambda seconds: server.interrupt(seconds, app.resume)
    with _refusal_raised():
        server.run()
    return server.started


def _allow_files() -> None:
    """Raise the limit of descriptors as far as the system lets us, without asking for rights."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def _refusal_raised() -> Iterator[None]:
    """Raise what keeps uvicorn from listening; by itself it logs that, and ends the process with a code of its own."""
    refusals: list[OSError] = []

    def note(record: logging.LogRecord) -> bool:
        if isinstance(record.msg, OSError):
            refusals.append(record.msg)
        return not refusals

    refused = logging.getLogger("uvicorn.error")
    refused.addFilter(note)
    try:
        yield
    except SystemExit:
        if refusals:
            raise refusals[0] from None
    finally:
        refused.removeFilter(note)
