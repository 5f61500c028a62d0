"""HAProxy for tests: the configuration that is shipped, in front of instances on this machine."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from .balancer import DEPLOY, LoadBalancer, fitted
from .base import ServerError
from .process import HOST, Home

SHIPPED = DEPLOY / "haproxy.cfg"
_NAMES = ("one", "two")


class HaproxyServer(LoadBalancer):
    """HAProxy as in `deploy/haproxy.cfg`."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    reload_signal: ClassVar[signal.Signals] = signal.SIGUSR2

    @property
    def without_instances(self) -> int:
        return 503


def start_haproxy_server(instances: Sequence[str]) -> HaproxyServer:
    """Start HAProxy in front of the two instances with these addresses; ServerError if there is no HAProxy."""
    # Debian keeps it where only root's PATH leads.
    program = shutil.which("haproxy", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        raise ServerError("haproxy is neither on PATH nor in /usr/sbin")
    home = Home.new("haproxy")
    configuration = home.directory / "haproxy.cfg"
    configuration.write_text(_configuration(home, dict(zip(_NAMES, instances, strict=True))))
    # With a master, as packages and images start it, in the foreground.
    command = [program, "-W", "-db", "-f", str(configuration)]
    server = HaproxyServer("haproxy", f"http://{HOST}:{home.port}", home, command)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _configuration(home: Home, instances: dict[str, str]) -> str:
    return fitted(
        SHIPPED,
        [
            (r"^    (user|group) haproxy\n", "", 2),  # the tests' own user can do what is needed here
            (r"^    maxconn \d+$", "    maxconn 1000", 1),  # it takes two descriptors for each
            (r"^    bind :80$", f"    bind {HOST}:{home.port}", 1),
            (r"^    #(http-request set-src .*) if \{ src \S+ \}$", rf"    \g<1> if {{ src {HOST} }}", 1),
            *(
                (rf"^(    server {name}) \S+:\d+ ", rf"\g<1> {urlsplit(instance).netloc} ", 4)
                for name, instance in instances.items()
            ),
        ],
    )
