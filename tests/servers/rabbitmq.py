"""RabbitMQ for tests: one node, apart from any other on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import aio_pika

from .base import Server, ServerError, finished
from .process import HOST, Home


class PortMapper(Server):
    """Erlang's epmd, in which a node registers. A node would start one of its own, which nobody ends."""

    def ping(self) -> None:
        assert self.home
        self.home.knock()


class RabbitServer(Server):
    """A server with the user `guest`. What it has confirmed in durable queues outlives `stop` and `kill`."""

    def __init__(self, mapper: PortMapper, home: Home, program: str) -> None:
        assert mapper.home
        environment = _environment(home, mapper.home.port)
        super().__init__("rabbitmq", f"amqp://guest:guest@{HOST}:{home.port}/", home, [program], environment)
        self._mapper = mapper

    def start(self, timeout: float = 60) -> None:
        if not self._mapper.running:
            self._mapper.start()
        super().start(timeout)

    def close(self) -> None:
        super().close()
        self._mapper.close()

    def ping(self) -> None:
        async def ask() -> None:
            async with await aio_pika.connect(self.base_url, timeout=5) as connection:
                await connection.channel()

        assert self.home
        self.home.knock()
        finished(ask)


def start_rabbitmq_server() -> RabbitServer:
    """Start one; ServerError says why there is none."""
    program, mapper = _program(), shutil.which("epmd")
    if program is None or mapper is None:
        raise ServerError("rabbitmq-server and epmd are neither on PATH nor where Debian puts them")
    register = Home.new("epmd")
    listen = "-port", str(register.port), "-address", HOST
    server = RabbitServer(PortMapper("epmd", HOST, register, [mapper, *listen]), Home.new("rabbitmq"), program)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _program() -> str | None:
    """The script that runs the server as whoever calls it; Debian's own on PATH changes to the user `rabbitmq`."""
    debian = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return str(debian[-1]) if debian else shutil.which("rabbitmq-server")


def _environment(home: Home, epmd: int) -> dict[str, str]:
    configuration = home.directory / "rabbitmq.conf"
    configuration.write_text(f"listeners.tcp.default = {HOST}:{home.port}\nlog.console.level = warning\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home.directory),  # where Erlang keeps its cookie
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": HOST,
        "RABBITMQ_NODENAME": f"test-{home.port}@localhost",
        "RABBITMQ_DIST_PORT": str(home.another_port()),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(configuration),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home.directory / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home.data),
        "RABBITMQ_LOG_BASE": str(home.directory),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the server, instead of watching over it
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
    }
