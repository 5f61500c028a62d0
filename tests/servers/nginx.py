"""nginx for tests: the configuration that is shipped, in front of instances on this machine."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from .balancer import DEPLOY, LoadBalancer, fitted
from .base import ServerError
from .process import HOST, Home

SHIPPED = DEPLOY / "nginx.conf"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

Change = tuple[str, str, int]
"""A pattern, what replaces it, and how often it must be there."""


class NginxServer(LoadBalancer):
    """nginx as in `deploy/nginx.conf`."""

    reload_signal: ClassVar[signal.Signals] = signal.SIGHUP

    @property
    def without_instances(self) -> int:
        return 502


def start_nginx_server(instances: Sequence[str], changes: Iterable[Change] = ()) -> NginxServer:
    """Start nginx in front of the instances with these addresses; ServerError if there is no nginx.

    `changes` spoil the shipped configuration, for tests of what is said about that.
    """
    # Debian keeps it where only root's PATH leads.
    program = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"]))
    if program is None:
        raise ServerError("nginx is neither on PATH nor in /usr/sbin")
    home = Home.new("nginx")
    configuration = home.directory / "nginx.conf"
    configuration.write_text(_configuration(home, [urlsplit(instance).netloc for instance in instances], changes))
    command = [program, "-e", "stderr", "-p", str(home.directory), "-c", str(configuration), "-g", "daemon off;"]
    server = NginxServer("nginx", f"http://{HOST}:{home.port}", home, command)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _configuration(home: Home, instances: Sequence[str], changes: Iterable[Change]) -> str:
    files = "".join(f"    {name}_temp_path {home.data / name};\n" for name in _TEMPORARY)
    text = fitted(
        SHIPPED,
        [
            (r"^pid .*;", f"pid {home.directory / 'nginx.pid'};", 1),
            (r"^worker_processes auto;", "worker_processes 2;", 1),  # more than one, so that they have to agree
            (r"^http \{\n", rf"\g<0>{files}", 1),
            (r"listen 80;", f"listen {HOST}:{home.port};", 1),
            (r"^( +server )\S+:\d+( .*;\n)(?: +server \S+:.*;\n)*", _each(instances), 3),
            (r"#set_real_ip_from .*;", f"set_real_ip_from {HOST};", 1),
            (r"#(real_ip_\w+ .*;)", r"\g<1>", 2),
            *changes,
        ],
    )
    # Workers of root's nginx would be nobody, who may not enter this home.
    return f"user root;\n{text}" if os.geteuid() == 0 else text


def _each(instances: Sequence[str]) -> str:
    return "".join(rf"\g<1>{instance}\g<2>" for instance in instances)
